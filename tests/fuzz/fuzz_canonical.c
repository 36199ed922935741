/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_canonical: the canonical text of a document is JSON with as many values, and its own
 * canonical text. */
#include <assert.h>
#include <stdlib.h>
#include "json/canonical.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* How many values; 0: it is no document. */
static size_t canonical_of(struct slice text, struct buf *out)
{
	struct json_doc doc;
	struct arena arena;
	size_t n;
	int r = json_read(json_scratch_mine(), text, &json_limits_default, &doc, NULL);

	if (r)
		return 0;
	arena_init(&arena, 1 << 26);
	buf_init(out, 1 << 26);
	r = json_canonical(&doc, &arena, out);
	assert(!r);
	n = doc.n_values;
	json_done(&doc);
	arena_finish(&arena);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct buf once, twice;
	size_t n = canonical_of(slice_from((const char *)at, len), &once);

	if (!n)
		return 0;
	size_t again = canonical_of(buf_slice(&once), &twice);
	assert(n == again && slice_equals(buf_slice(&once), buf_slice(&twice)));
	buf_finish(&once);
	buf_finish(&twice);
	return 0;
}
