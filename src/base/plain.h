/* SPDX-License-Identifier: Apache-2.0 */
/* plain: runs of bytes that a JSON string holds as they are: ASCII that is printable and neither
 * quote nor backslash. Sixteen are looked at together. */
#pragma once
#include "base/slice.h"

typedef uint8_t byte_lanes __attribute__((vector_size(16)));

static inline byte_lanes lanes_load(const char *at)
{
	byte_lanes v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* Of a text of one to fifteen bytes; some come more than once. */
static inline byte_lanes lanes_of_few(struct slice s)
{
	typedef uint64_t pair __attribute__((vector_size(16)));
	uint64_t first, last;

	if (s.len >= 8) {
		memcpy(&first, s.at, 8);
		memcpy(&last, s.at + s.len - 8, 8);
	} else {
		uint32_t head, tail;

		if (s.len >= 4) {
			memcpy(&head, s.at, 4);
			memcpy(&tail, s.at + s.len - 4, 4);
		} else {
			head = tail = ((uint8_t)s.at[0] * 0x10001u) |
			              (uint32_t)(uint8_t)s.at[s.len / 2] << 8 |
			              (uint32_t)(uint8_t)s.at[s.len - 1] << 24;
		}
		first = last = (uint64_t)tail << 32 | head;
	}
	return (byte_lanes)(pair){first, last};
}

/* The highest bit of each lane. */
static inline unsigned lanes_bits(byte_lanes v)
{
#ifdef __SSE2__
	typedef char signed_lanes __attribute__((vector_size(16)));

	return (unsigned)__builtin_ia32_pmovmskb128((signed_lanes)v);
#else
	unsigned bits = 0;

	for (unsigned i = 0; i < sizeof(v); i++)
		bits |= (unsigned)(v[i] >> 7) << i;
	return bits;
#endif
}

/* Whether a test finds no byte odd: it makes lanes of bytes into lanes whose highest bit says so.
 * The last block may overlap the one before. Compiled anew for each test. */
static inline __attribute__((always_inline)) bool bytes_pass(
        struct slice s, byte_lanes (*odd)(byte_lanes v))
{
	if (s.len < sizeof(byte_lanes))
		return !s.len || !lanes_bits(odd(lanes_of_few(s)));
	for (size_t i = 0; i + sizeof(byte_lanes) < s.len; i += sizeof(byte_lanes))
		if (lanes_bits(odd(lanes_load(s.at + i))))
			return false;
	return !lanes_bits(odd(lanes_load(s.at + s.len - sizeof(byte_lanes))));
}

static inline bool byte_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* c - 0x20 wraps round, so that one comparison finds both ends of the range. */
static inline byte_lanes lanes_not_plain(byte_lanes v)
{
	return (byte_lanes)((v - 0x20 >= 0x5f) | (v == '"') | (v == '\\'));
}

/* Bytes that come before the first one that is not plain; 16: all are. */
static inline unsigned block_plain(const char *at)
{
	unsigned odd = lanes_bits(lanes_not_plain(lanes_load(at)));

	return odd ? (unsigned)__builtin_ctz(odd) : 16;
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

/* Whether all of it is plain. */
static inline bool bytes_are_plain(struct slice s)
{
	return bytes_pass(s, lanes_not_plain);
}

static inline byte_lanes lanes_not_small(byte_lanes v)
{
	return (byte_lanes)(v - 'A' < 26) | v;
}

/* Whether there is neither a capital letter nor anything beyond ASCII. */
static inline bool bytes_are_small(struct slice s)
{
	return bytes_pass(s, lanes_not_small);
}
