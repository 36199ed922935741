/* SPDX-License-Identifier: Apache-2.0 */
/* script_words: how keys and numbers are written for the scripts. Each writes at *at, moves it on,
 * and returns what it wrote. */
#pragma once
#include <endian.h>
#include <string.h>
#include "base/decimal.h"
#include "base/slice.h"

#define EXACT_MAX 9007199254740991ull /* Lua's numbers tell integers up to this one apart */
#define KEY_AROUND 16u                /* what a key has besides group and name */

static inline struct slice script_text(char **at, struct slice s)
{
	struct slice copy = slice_from(*at, s.len);

	bytes_copy(*at, s.at, s.len);
	*at += s.len;
	return copy;
}

/* What is greater than EXACT_MAX becomes that. */
static inline struct slice script_number(char **at, uint64_t number)
{
	char *from = *at;

	*at += decimal_put(number < EXACT_MAX ? number : EXACT_MAX, *at);
	return slice_from(from, (size_t)(*at - from));
}

/* As a double, for scripts that take many numbers in one word. */
static inline void script_double(char **at, uint64_t number)
{
	double d = (double)(number < EXACT_MAX ? number : EXACT_MAX);
	uint64_t bits;

	memcpy(&bits, &d, sizeof(bits));
	bits = htole64(bits);
	memcpy(*at, &bits, sizeof(bits));
	*at += sizeof(bits);
}

/* -1 stands for none. Sums saturate above every limit. */
static inline void script_limit(char **at, uint64_t number, uint64_t none)
{
	const uint64_t minus_one = htole64(0xBFF0000000000000);

	if (number != none) {
		script_double(at, number < EXACT_MAX ? number : EXACT_MAX - 1);
		return;
	}
	memcpy(*at, &minus_one, sizeof(minus_one));
	*at += sizeof(minus_one);
}

/* The double at that place of a word; -1 at least, and what is no number is 0. */
static inline int64_t script_signed_at(struct slice numbers, unsigned i)
{
	uint64_t bits;
	double d;

	memcpy(&bits, numbers.at + i * sizeof(bits), sizeof(bits));
	bits = le64toh(bits);
	memcpy(&d, &bits, sizeof(d));
	if (d > (double)EXACT_MAX)
		return EXACT_MAX;
	return d > -2 ? (int64_t)d : 0;
}

static inline uint64_t script_number_at(struct slice numbers, unsigned i)
{
	int64_t number = script_signed_at(numbers, i);

	return number > 0 ? (uint64_t)number : 0;
}

/* Keys of a group lie on one node of a cluster: its name is their hash tag. kind: "}:v:" and such.
 */
static inline struct slice script_key(
        char **at, struct slice group, struct slice kind, struct slice name)
{
	char *from = *at;

	script_text(at, SLICE("weir:{"));
	script_text(at, group);
	script_text(at, kind);
	script_text(at, name);
	return slice_from(from, (size_t)(*at - from));
}
