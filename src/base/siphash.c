/* SPDX-License-Identifier: Apache-2.0 */
/* siphash: one round a word, three at the end. */
#include "base/siphash.h"
#include <endian.h>

static inline uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

static inline uint64_t word_at(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return le64toh(word);
}

static inline uint64_t half_at(const char *at)
{
	uint32_t half;

	memcpy(&half, at, sizeof(half));
	return le32toh(half);
}

/* The last word: up to seven bytes, and the length modulo 256 on top. Where eight bytes end there,
 * they are read together; four or more are read as two halves, which may overlap. */
static inline uint64_t last_word(const char *at, size_t n, size_t len)
{
	uint64_t word = 0;

	if (n && len >= 8)
		word = word_at(at + n - 8) >> (64 - 8 * n);
	else if (n >= 4)
		word = half_at(at) | half_at(at + n - 4) << 8 * (n - 4);
	else
		for (size_t i = 0; i < n; i++)
			word |= (uint64_t)(unsigned char)at[i] << 8 * i;
	return word | (uint64_t)len << 56;
}

uint64_t siphash(struct siphash_key key, struct slice s)
{
	uint64_t v[4] = {
	        key.k0 ^ 0x736f6d6570736575ull,
	        key.k1 ^ 0x646f72616e646f6dull,
	        key.k0 ^ 0x6c7967656e657261ull,
	        key.k1 ^ 0x7465646279746573ull,
	};
	size_t left = s.len;
	const char *at = s.at;

	for (; left >= 8; left -= 8, at += 8)
		sip_word(v, word_at(at));
	sip_word(v, last_word(at, left, s.len));
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
