/* SPDX-License-Identifier: Apache-2.0 */
/* budget: the sums of one budget and what a call may still take of them. Pure; amounts saturate.
 * Two things hold of what was admitted: cost so far <= spent + reserved, and spent + reserved <=
 * limit unless a call used more than it had reserved. */
#pragma once
#include <stdbool.h>
#include "weir/store.h"

struct budget {
	uint64_t spent_cost, spent_tokens; /* nano-dollars, at most INT64_MAX; what is too much for
	                                      that stays so */
	/* These go down again, so that one which stopped at a largest number would forget
	 * somebody's. */
	picosum reserved_cost, reserved_tokens; /* nano-dollars, tokens */
	uint64_t next,
	        last;  /* wall ns: when the first and the last of those that are reserved expire */
	uint64_t ends; /* wall seconds: it may be forgotten then */
};

/* The sum, or the most that there may be of it. */
static inline uint64_t budget_sum(picosum sum, uint64_t most)
{
	return sum < most ? (uint64_t)sum : most;
}

/* Whether a call fits: RESERVED or REFUSED if not. *out is lowered to the tokens of output that
 * fit, but not below the least that the call wants. */
enum demand_state budget_judge(
        const struct budget *b, const struct demand *d, const struct reservation *r, uint64_t *out);
/* Works out cost and tokens of a reservation whose output is known. */
void reservation_price(struct reservation *r);
/* n: how many there are in reserve before, or after. */
void budget_reserve(struct budget *b, const struct reservation *r, uint64_t expires, unsigned n);
void budget_settle(struct budget *b, const struct reservation *r, const struct settlement *used,
        uint64_t expires, unsigned n);
void budget_spend(struct budget *b, uint64_t cost, uint64_t tokens);
void budget_tell(const struct budget *b, struct demand *d, uint64_t now_wall_ns);
