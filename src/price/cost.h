/* SPDX-License-Identifier: Apache-2.0 */
/* cost: usage times price. Exact in 128 bits, rounded up to a nano-dollar once a call; never a
 * float. */
#pragma once
#include "price/price.h"
#include "price/usage.h"

/* In pico-dollars before rounding; saturates. The request price counts once. ret_unpriced (may be
 * NULL) gets a bit for each class that was used and has no price of its own where another's would
 * be too low: the sum then leaves it out, or takes the nearest price that there is, and is a lower
 * bound. Such a call's cost is not known and must not pass as 0. An unknown usage costs the request
 * price only; whoever settles it must know that. */
picosum cost_picousd(const struct price *p, const struct usage *u, uint32_t *ret_unpriced);
nanousd cost_of(const struct price *p, const struct usage *u, uint32_t *ret_unpriced);

/* The classes that text with or without a prompt cache can end in. */
#define COST_TEXT                                                                                  \
	(USAGE_BIT(in_uncached) | USAGE_BIT(in_cache_read) | USAGE_BIT(in_cache_write_5m) |        \
	        USAGE_BIT(in_tool) | USAGE_BIT(out_text) | USAGE_BIT(out_reasoning) |              \
	        USAGE_BIT(out_citation))
/* What a call can cost at most that uses no more than input and output tokens, each in the dearest
 * of the classes: what is to be reserved. Tiers that so much input can reach are looked at, all of
 * them. */
nanousd cost_bound(const struct price *p, uint64_t input, uint64_t output, uint32_t classes,
        uint32_t *ret_unpriced);
/* The same in two parts, for who wants to know how much output a sum of money is good for: what is due
 * whatever is written, and what a token of output costs at most. */
void cost_bound_parts(const struct price *p, uint64_t input, uint32_t classes, nanousd *ret_fixed,
        picousd *ret_output, uint32_t *ret_unpriced);
