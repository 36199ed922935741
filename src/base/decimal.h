/* SPDX-License-Identifier: Apache-2.0 */
/* decimal: an integer as digits, for buf and money; printf is ten times slower. */
#pragma once
#include <stdint.h>

#define DECIMAL_MAX 20u /* digits of UINT64_MAX */

/* Writes n so that it ends at text + DECIMAL_MAX; returns the index of its first digit. */
static inline unsigned decimal_write(uint64_t n, char text[DECIMAL_MAX])
{
	unsigned at = DECIMAL_MAX;

	do {
		text[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	return at;
}
