/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_glob: slice_matches_glob against a table of which prefixes match. The input is a pattern, a
 * newline and text. */
#include <assert.h>
#include "base/mem.h"
#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* row[i]: the pattern so far matches the first i bytes. One row is turned into the next, from its
 * end to its front where a byte has to match, from its front to its end where a star lets a match
 * go on. */
static bool matches_by_table(struct slice s, struct slice pattern)
{
	bool *row = mem_zalloc(s.len + 1);
	bool whole;

	assert(row);
	row[0] = true;
	for (size_t p = 0; p < pattern.len; p++) {
		if (pattern.at[p] == '*') {
			for (size_t i = 1; i <= s.len; i++)
				row[i] = row[i] || row[i - 1];
			continue;
		}
		for (size_t i = s.len; i; i--)
			row[i] = row[i - 1] && s.at[i - 1] == pattern.at[p];
		row[0] = false;
	}
	whole = row[s.len];
	mem_free(row);
	return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const char *text = (const char *)at;
	const char *newline = len ? memchr(text, '\n', len) : NULL;
	struct slice pattern, s;

	if (!newline || len > 4096)
		return 0;
	pattern = slice_from(text, (size_t)(newline - text));
	s = slice_skip(slice_from(text, len), pattern.len + 1);
	assert(slice_matches_glob(s, pattern) == matches_by_table(s, pattern));
	return 0;
}
