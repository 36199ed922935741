/* SPDX-License-Identifier: Apache-2.0 */
/* budget: see budget.h. */
#include "store/budget.h"
#include <assert.h>

#define PICO_A_NANO 1000u

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t add_cost(uint64_t a, uint64_t b)
{
	return least(add(a, b), INT64_MAX);
}

static uint64_t amount(nanousd cost)
{
	assert(cost >= 0);
	return (uint64_t)cost;
}

/* Tokens of output that cost may buy. Rounded up to a nano-dollar, their cost is still within it.
 */
static uint64_t bought(uint64_t cost, picousd price)
{
	if (!price)
		return UINT64_MAX;
	if (cost <= UINT64_MAX / PICO_A_NANO)
		return cost * PICO_A_NANO / price;
	picosum out = (picosum)cost * PICO_A_NANO / price;
	return out > UINT64_MAX ? UINT64_MAX : (uint64_t)out;
}

/* The output that fits beside what is used already; false if not even what is fixed does. */
static bool room(const struct demand *d, const struct reservation *r, uint64_t cost,
        uint64_t tokens, uint64_t *ret_out)
{
	uint64_t out = UINT64_MAX;

	if (d->budget.limit_cost != BUDGET_NO_COST) {
		uint64_t limit = amount(d->budget.limit_cost);

		if (add(cost, amount(r->fixed_cost)) > limit)
			return false;
		out = bought(limit - cost - amount(r->fixed_cost), r->out_price);
	}
	if (d->budget.limit_tokens != BUDGET_NO_TOKENS) {
		uint64_t limit = d->budget.limit_tokens;

		if (add(tokens, r->fixed_tokens) > limit)
			return false;
		if (r->out_tokens_each)
			out = least(out, (limit - tokens - r->fixed_tokens) / r->out_tokens_each);
	}
	*ret_out = out;
	return true;
}

enum demand_state budget_judge(
        const struct budget *b, const struct demand *d, const struct reservation *r, uint64_t *out)
{
	uint64_t want = least(r->out_min, r->out_wanted), fits;

	if (room(d, r, add(b->spent_cost, budget_sum(b->reserved_cost, UINT64_MAX)),
	            add(b->spent_tokens, budget_sum(b->reserved_tokens, UINT64_MAX)), &fits) &&
	        fits >= want) {
		*out = least(*out, fits);
		return DEMAND_GRANTED;
	}
	return room(d, r, b->spent_cost, b->spent_tokens, &fits) && fits >= want ? DEMAND_RESERVED
	                                                                         : DEMAND_REFUSED;
}

void reservation_price(struct reservation *r)
{
	picosum out = 0;
	uint64_t tokens;

	money_add(&out, r->out_granted, r->out_price); /* 64 by 64 bits: it fits */
	r->cost = (nanousd)add_cost(amount(r->fixed_cost), amount(money_round_up(out)));
	if (__builtin_mul_overflow(r->out_granted, r->out_tokens_each, &tokens))
		tokens = UINT64_MAX;
	r->tokens = add(r->fixed_tokens, tokens);
}

void budget_reserve(struct budget *b, const struct reservation *r, uint64_t expires, unsigned n)
{
	b->reserved_cost += amount(r->cost);
	b->reserved_tokens += r->tokens;
	b->next = n ? least(b->next, expires) : expires;
	b->last = n && b->last > expires ? b->last : expires;
}

/* Of the reservations there are only sums. Once the first to expire has gone, the next one is not
 * known, but that it is due with the last at the latest. */
void budget_settle(struct budget *b, const struct reservation *r, const struct settlement *used,
        uint64_t expires, unsigned n)
{
	b->reserved_cost -= budget_sum(b->reserved_cost, amount(r->cost));
	b->reserved_tokens -= budget_sum(b->reserved_tokens, r->tokens);
	if (!n)
		b->next = b->last = 0;
	else if (b->next == expires)
		b->next = b->last;
	if (used->ran)
		budget_spend(b, amount(used->cost), used->tokens);
}

void budget_spend(struct budget *b, uint64_t cost, uint64_t tokens)
{
	b->spent_cost = add_cost(b->spent_cost, cost);
	b->spent_tokens = add(b->spent_tokens, tokens);
}

void budget_tell(const struct budget *b, struct demand *d, uint64_t now_wall_ns)
{
	d->spent_cost = (nanousd)b->spent_cost;
	d->reserved_cost = (nanousd)budget_sum(b->reserved_cost, INT64_MAX);
	d->spent_tokens = b->spent_tokens;
	d->reserved_tokens = budget_sum(b->reserved_tokens, UINT64_MAX);
	d->wait_ns =
	        d->state == DEMAND_RESERVED && b->next > now_wall_ns ? b->next - now_wall_ns : 0;
}
