/* SPDX-License-Identifier: Apache-2.0 */
/* slice: comparing, trimming and reading borrowed bytes. */
#include "base/slice.h"
#include <errno.h>

static inline unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? u | 0x20 : u;
}

/* Eight at once: a byte of A to Z, and no other, gets a bit that makes it small. */
static inline uint64_t word_lower(const char *at)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t w, ascii, upper;

	memcpy(&w, at, sizeof(w));
	ascii = w & 0x7f * ones;
	upper = (ascii + (0x80 - 'A') * ones) & ~(ascii + (0x7f - 'Z') * ones) & ~w & 0x80 * ones;
	return w | upper >> 2;
}

/* The last word may overlap the one before. */
bool bytes_equal_nocase(const char *a, const char *b, size_t len)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8)
		if (word_lower(a + i) != word_lower(b + i))
			return false;
	if (i < len && len >= 8)
		return word_lower(a + len - 8) == word_lower(b + len - 8);
	for (; i < len; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
	while (s.len && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

int slice_to_u64(struct slice s, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;
	bool is_large = false;

	if (!s.len)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned char)s.at[i] - '0';

		if (digit > 9)
			return -EINVAL;
		is_large = is_large || __builtin_mul_overflow(n, 10, &n) ||
		           __builtin_add_overflow(n, digit, &n);
	}
	if (is_large || n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

/* Where the text does not go on as the pattern does, the last star takes one byte more and
 * everything behind it is tried again. Stars before that one need no second thought: whatever they
 * could take, the last one can. */
bool slice_matches_glob(struct slice s, struct slice pattern)
{
	size_t i = 0, p = 0, star = SIZE_MAX, resume = 0;

	while (i < s.len) {
		if (p < pattern.len && pattern.at[p] == '*') {
			star = p++;
			resume = i;
		} else if (p < pattern.len && pattern.at[p] == s.at[i]) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*')
		p++;
	return p == pattern.len;
}
