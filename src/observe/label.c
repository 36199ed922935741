/* SPDX-License-Identifier: Apache-2.0 */
/* label: taking keys apart, cleaning and writing their values. */
#include "observe/label.h"
#include <assert.h>
#include "base/utf8.h"

struct slice label_next(struct slice *key)
{
	struct slice value;

	assert(key->len && (unsigned char)key->at[0] < key->len);
	value = slice_from(key->at + 1, (unsigned char)key->at[0]);
	*key = slice_skip(*key, 1 + value.len);
	return value;
}

static void label_clean(char *at, size_t len)
{
	char *end = at + len;

	while (at < end) {
		struct utf8 c = utf8_next(at, end);

		if (!c.valid || utf8_is_hidden(c.point))
			memset(at, '?', c.len);
		at += c.len;
	}
}

void label_key_clean(struct slice key, struct label_key *ret)
{
	ret->len = 0;
	while (key.len) {
		struct slice value = label_next(&key);
		char *at = ret->at + ret->len + 1;

		label_add(ret, value, value);
		label_clean(at, value.len);
	}
}

int label_write(struct slice value, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < value.len && !r; i++) {
		char c = value.at[i];

		if (c == '"' || c == '\\' || c == '\n')
			r = buf_put_char(out, '\\');
		if (!r)
			r = buf_put_char(out, c == '\n' ? 'n' : c);
	}
	return r;
}
