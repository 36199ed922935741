/* SPDX-License-Identifier: Apache-2.0 */
/* decimal: an integer as digits, for buf, money and the log; printf is ten times slower. */
#pragma once
#include <stdint.h>
#include <string.h>

#define DECIMAL_MAX 20u /* digits of UINT64_MAX */

extern const char decimal_pairs[201];             /* "00" to "99" */
extern const uint64_t decimal_bounds[DECIMAL_MAX]; /* powers of ten, but 0 for the first */

/* Writes the last two digits of n at text and returns what is left of n. */
static inline uint64_t decimal_put_pair(uint64_t n, char text[2])
{
	memcpy(text, decimal_pairs + n % 100 * 2, 2);
	return n / 100;
}

static inline unsigned decimal_len(uint64_t n)
{
	/* A bit is 1233 / 4096 of a digit: so many digits or one more. */
	unsigned len = (unsigned)(64 - __builtin_clzll(n | 1)) * 1233 >> 12;

	return len + (n >= decimal_bounds[len]);
}

/* Writes n at text, which has room for DECIMAL_MAX, and returns how many digits it has. */
static inline unsigned decimal_put(uint64_t n, char *text)
{
	unsigned len = decimal_len(n), at = len;

	for (; at > 1; at -= 2)
		n = decimal_put_pair(n, text + at - 2);
	if (at)
		text[0] = (char)('0' + n);
	return len;
}
