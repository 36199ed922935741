/* SPDX-License-Identifier: Apache-2.0 */
/* slice: comparing, trimming and reading borrowed bytes. */
#include "base/slice.h"
#include <errno.h>

static inline unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? u | 0x20 : u;
}

bool slice_equals_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.at[i]) != lower(b.at[i]))
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
