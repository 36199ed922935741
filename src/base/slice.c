/* SPDX-License-Identifier: Apache-2.0 */
/* slice: comparing, trimming and reading borrowed bytes. */
#include "base/slice.h"
#include <errno.h>

/* A byte of A to Z, and no other, gets a bit that makes it small. */
static inline uint64_t word_lower(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t ascii = w & 0x7f * ones, upper;

	upper = (ascii + (0x80 - 'A') * ones) & ~(ascii + (0x7f - 'Z') * ones) & ~w & 0x80 * ones;
	return w | upper >> 2;
}

/* Most words that differ do so in another bit than that of letters' case. */
static inline bool words_equal_nocase(uint64_t a, uint64_t b)
{
	uint64_t differs = a ^ b;

	if (differs & ~UINT64_C(0x2020202020202020))
		return false;
	return !differs || word_lower(a) == word_lower(b);
}

static inline uint64_t word_at(const char *at)
{
	uint64_t w;

	memcpy(&w, at, sizeof(w));
	return w;
}

/* One to seven bytes, some of them twice: which ones depends on len alone. */
static inline uint64_t word_short(const char *at, size_t len)
{
	uint32_t head, tail;

	if (len < 4)
		return (uint64_t)(uint8_t)at[0] << 16 | (uint64_t)(uint8_t)at[len / 2] << 8 |
		       (uint8_t)at[len - 1];
	memcpy(&head, at, sizeof(head));
	memcpy(&tail, at + len - sizeof(tail), sizeof(tail));
	return (uint64_t)head << 32 | tail;
}

/* The last word may overlap the one before. */
bool bytes_equal_nocase(const char *a, const char *b, size_t len)
{
	size_t i = 0;

	if (len < 8)
		return !len || words_equal_nocase(word_short(a, len), word_short(b, len));
	for (; i + 8 <= len; i += 8)
		if (!words_equal_nocase(word_at(a + i), word_at(b + i)))
			return false;
	return i == len || words_equal_nocase(word_at(a + len - 8), word_at(b + len - 8));
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

#define DIGITS_SAFE 19 /* so many always fit */

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
		if (i < DIGITS_SAFE)
			n = n * 10 + digit;
		else
			is_large = is_large || __builtin_mul_overflow(n, 10, &n) ||
			           __builtin_add_overflow(n, digit, &n);
	}
	if (is_large || n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

#define PLACES 64u /* looked at together */

typedef uint8_t byte_block __attribute__((vector_size(16)));

static inline byte_block block_at(const char *at)
{
	byte_block b;

	memcpy(&b, at, sizeof(b));
	return b;
}

/* Whether what may stand at one of the places from at on: its middle byte does, and its last. */
static inline bool places_may_hold(const char *at, struct slice what)
{
	const char *middle = at + what.len / 2, *last = at + what.len - 1;
	byte_block any = {0};
	uint64_t half[2];

#pragma GCC unroll 4
	for (unsigned i = 0; i < PLACES; i += sizeof(any))
		any |= (byte_block)((block_at(middle + i) == (uint8_t)what.at[what.len / 2]) &
		                    (block_at(last + i) == (uint8_t)what.at[what.len - 1]));
	memcpy(half, &any, sizeof(half));
	return half[0] | half[1];
}

/* memmem takes each byte by itself: it sees only what may hold it, and the end. */
static bool blocks_hold(struct slice s, struct slice what)
{
	size_t i = 0;

	if (s.len < what.len)
		return false;
	for (; s.len - what.len >= i + PLACES - 1; i += PLACES)
		if (places_may_hold(s.at + i, what) &&
		        memmem(s.at + i, PLACES - 1 + what.len, what.at, what.len))
			return true;
	return memmem(s.at + i, s.len - i, what.at, what.len);
}

#define FINDS_BORNE 8u /* in vain, besides one for every PLACES */

/* One byte of what is looked for at a time, the quickest search there is, and after each that was
 * found in vain the byte before it: sooner or later one that s has seldom or never. In a text that
 * has all of them often that is no gain, and the rest of it is searched in blocks. */
bool slice_holds(struct slice s, struct slice what)
{
	size_t from = 0, pick = what.len - 1;

	if (!what.len || s.len < what.len)
		return !what.len;
	for (size_t vain = 0; vain <= FINDS_BORNE + from / PLACES; vain++) {
		const char *at = s.at + from + pick;

		at = memchr(at, what.at[pick], s.len - what.len - from + 1);
		if (!at)
			return false;
		from = (size_t)(at - s.at) - pick;
		if (!memcmp(s.at + from, what.at, what.len))
			return true;
		if (from++ == s.len - what.len)
			return false;
		pick = pick ? pick - 1 : what.len - 1;
	}
	return blocks_hold(slice_skip(s, from), what);
}

/* Where the text does not go on as the pattern does, the last star takes one byte more and
 * everything behind it is tried again. Stars before that one need no second thought: whatever they
 * could take, the last one can. */
bool slice_matches_glob(struct slice s, struct slice pattern)
{
	size_t i = 0, p = 0, star = SIZE_MAX, resume = 0;

	if (pattern.len == 1 && pattern.at[0] == '*')
		return true;
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
