/* SPDX-License-Identifier: Apache-2.0 */
/* plain: runs of bytes that a JSON string holds as they are: ASCII that is printable and neither
 * quote nor backslash. Sixteen are looked at together. */
#pragma once
#include <endian.h>
#include "base/slice.h"

typedef uint8_t plain_block __attribute__((vector_size(16)));

static inline bool byte_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Bytes that come before the first one that is not plain; 16: all are. */
static inline unsigned block_plain(const char *at)
{
	plain_block b;

	memcpy(&b, at, sizeof(b));
	/* c - 0x20 wraps round, so that one comparison finds both ends of the range. */
	b = (plain_block)((b - 0x20 >= 0x5f) | (b == '"') | (b == '\\'));
#ifdef __SSE2__
	typedef char signed_block __attribute__((vector_size(16)));
	unsigned odd = (unsigned)__builtin_ia32_pmovmskb128((signed_block)b);

	return odd ? (unsigned)__builtin_ctz(odd) : 16;
#else
	uint64_t half[2];

	memcpy(half, &b, sizeof(half));
	if (half[0])
		return (unsigned)__builtin_ctzll(le64toh(half[0])) / 8;
	return half[1] ? 8 + (unsigned)__builtin_ctzll(le64toh(half[1])) / 8 : 16;
#endif
}

/* The first byte from at on that is not plain, or end. */
static inline const char *plain_skip(const char *at, const char *end)
{
	while (end - at >= 16) {
		unsigned n = block_plain(at);

		at += n;
		if (n < 16)
			return at;
	}
	while (at < end && byte_is_plain((unsigned char)*at))
		at++;
	return at;
}

/* Whether all of it is plain. The last block may overlap the one before; what is shorter than one
 * is looked at as two halves that may overlap. */
static inline bool bytes_are_plain(struct slice s)
{
	char few[16];
	size_t i = 0;

	if (s.len >= 16) {
		for (; i + 16 < s.len; i += 16)
			if (block_plain(s.at + i) < 16)
				return false;
		return block_plain(s.at + s.len - 16) == 16;
	}
	if (s.len >= 8) {
		memcpy(few, s.at, 8);
		memcpy(few + 8, s.at + s.len - 8, 8);
		return block_plain(few) == 16;
	}
	if (s.len >= 4) {
		memcpy(few, s.at, 4);
		memcpy(few + 4, s.at + s.len - 4, 4);
		memcpy(few + 8, few, 8);
		return block_plain(few) == 16;
	}
	while (i < s.len && byte_is_plain((unsigned char)s.at[i]))
		i++;
	return i == s.len;
}

/* Of eight bytes, the highest bit of those that are capital letters or beyond ASCII. */
static inline uint64_t word_odd(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t ascii = w & 0x7f * ones;

	return (w | ((ascii + (0x80 - 'A') * ones) & ~(ascii + (0x7f - 'Z') * ones))) & 0x80 * ones;
}

/* Whether there is neither a capital letter nor anything beyond ASCII. The last word may overlap
 * the one before. */
static inline bool bytes_are_small(struct slice s)
{
	uint64_t w = 0, odd = 0;
	size_t i = 0;

	for (; i + 8 <= s.len; i += 8) {
		memcpy(&w, s.at + i, 8);
		odd |= word_odd(w);
	}
	if (i == s.len)
		return !odd;
	if (s.len >= 8) {
		memcpy(&w, s.at + s.len - 8, 8);
		return !(odd | word_odd(w));
	}
	if (s.len >= 4) {
		uint32_t first, last;

		memcpy(&first, s.at, 4);
		memcpy(&last, s.at + s.len - 4, 4);
		return !word_odd((uint64_t)last << 32 | first);
	}
	for (w = 0; i < s.len; i++)
		w = w << 8 | (unsigned char)s.at[i];
	return !word_odd(w);
}
