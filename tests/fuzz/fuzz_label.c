/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: whatever a caller names a tool or a model, its label is UTF-8 that shows all it holds, cleaning it again
 * changes nothing, and it cannot leave its quotes. */
#include <stdlib.h>
#include "base/utf8.h"
#include "observe/label.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_shown(struct slice value)
{
	const char *at = value.at, *end = value.at + value.len;

	while (at < end) {
		struct utf8 c = utf8_next(at, end);

		require(c.valid && !utf8_is_hidden(c.point));
		at += c.len;
	}
}

static void check_quoted(struct slice value)
{
	struct buf out = BUF_INIT(4 * LABEL_MAX);
	struct slice text;

	if (label_write(value, &out) == 0) {
		text = buf_slice(&out);
		for (size_t i = 0; i < text.len; i++) {
			require(text.at[i] != '"' && text.at[i] != '\n');
			if (text.at[i] == '\\')
				require(++i < text.len);
		}
	}
	buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct label_key key = {0}, once, twice;
	struct slice in = slice_from(data, size), rest;

	label_add(&key, in, SLICE("none"));
	label_add(&key, slice_skip(in, size / 2), SLICE("none"));
	label_key_clean(label_key_slice(&key), &once);
	label_key_clean(label_key_slice(&once), &twice);
	require(once.len == key.len);
	require(slice_equals(label_key_slice(&once), label_key_slice(&twice)));
	for (rest = label_key_slice(&once); rest.len;) {
		struct slice value = label_next(&rest);

		check_shown(value);
		check_quoted(value);
	}
	return 0;
}
