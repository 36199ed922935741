/* SPDX-License-Identifier: Apache-2.0 */
/* money: prices are pico-dollars a unit, amounts are nano-dollars; integers only (see policies/README.md, Units). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/slice.h"

typedef int64_t nanousd;   /* an amount; 1e-9 USD */
typedef uint64_t picousd;  /* a price a unit; 1e-12 USD */
typedef unsigned __int128 picosum; /* units times prices, before rounding */

#define MONEY_TEXT 40 /* room for any amount as text */

/* units * price added to *sum; false if it would not fit (the sum is untouched). */
bool money_add(picosum *sum, uint64_t units, picousd price);
/* Rounded up to a whole nano-dollar; saturates at INT64_MAX. */
nanousd money_round_up(picosum sum);
/* Decimal text of an amount: "0.0045", "12", "-0.000000001"; no exponent, no trailing zeros. Returns the length. */
size_t money_format(nanousd amount, char ret[MONEY_TEXT]);
/* Decimal text ("0.10", "5", "1e-3" is refused) times 10^scale as an integer, exactly: scale 9 reads USD as nano-dollars,
 * scale 6 reads USD a million tokens as pico-dollars a token. 0, -EINVAL, -ERANGE (too large, or finer than one unit). */
int money_parse(struct slice text, unsigned scale, uint64_t *ret);
