/* SPDX-License-Identifier: Apache-2.0 */
/* gcra: see gcra.h. Spans never pass SPAN_MAX, instants never twice that, so sums of them fit. */
#include "store/gcra.h"

#define POINT 32
#define SPAN_MAX ((gcra_time)1 << 120)

static gcra_time least(gcra_time a, gcra_time b)
{
	return a < b ? a : b;
}

static gcra_time span_of(const struct gcra_limit *l, uint64_t units)
{
	gcra_time span;

	return __builtin_mul_overflow(l->unit, (gcra_time)units, &span) ? SPAN_MAX
	                                                                : least(span, SPAN_MAX);
}

static uint64_t whole_ns(gcra_time t)
{
	return (uint64_t)least(t >> POINT, UINT64_MAX);
}

static uint64_t whole_ns_up(gcra_time t)
{
	return whole_ns(t + ((gcra_time)1 << POINT) - 1);
}

/* How far ahead of now it is. */
static gcra_time ahead(const struct gcra *g, uint64_t now)
{
	gcra_time at = (gcra_time)now << POINT;

	return g->full > at ? g->full - at : 0;
}

/* period / count, rounded up; in two steps, so that the usual numbers need no 128 bits to divide.
 */
static gcra_time unit_of(uint64_t count, uint64_t period_ns)
{
	uint64_t rest = period_ns % count;
	gcra_time whole = (gcra_time)(period_ns / count) << POINT;

	if (rest <= UINT32_MAX)
		return whole + (rest << POINT) / count + ((rest << POINT) % count != 0);
	return whole + (((gcra_time)rest << POINT) + count - 1) / count;
}

gcra_time gcra_unit_of(uint64_t count, uint64_t period_ns)
{
	return count ? unit_of(count, period_ns) : SPAN_MAX;
}

struct gcra_limit gcra_limit_with(gcra_time unit, uint64_t count, uint64_t burst)
{
	struct gcra_limit l = {.unit = unit, .units_max = count ? burst : 0};

	l.burst = span_of(&l, l.units_max);
	return l;
}

struct gcra_limit gcra_limit_of(uint64_t count, uint64_t period_ns, uint64_t burst)
{
	return gcra_limit_with(gcra_unit_of(count, period_ns), count, burst);
}

enum gcra_says gcra_ask(const struct gcra *g, const struct gcra_limit *l, uint64_t now,
        uint64_t units, uint64_t *ret_wait_ns)
{
	gcra_time would = ahead(g, now) + span_of(l, units);

	*ret_wait_ns = 0;
	if (units > l->units_max)
		return GCRA_NEVER;
	if (would <= l->burst)
		return GCRA_GRANTS;
	*ret_wait_ns = whole_ns_up(would - l->burst);
	return GCRA_WAITS;
}

uint64_t gcra_take(struct gcra *g, const struct gcra_limit *l, uint64_t now, uint64_t units)
{
	gcra_time span = least(ahead(g, now) + span_of(l, units), SPAN_MAX);

	g->full = ((gcra_time)now << POINT) + span;
	return whole_ns(g->full + g->moved);
}

/* What was taken stands in a queue and ends at its mark, less what the queue was moved since. Of it
 * only the part that lies ahead of now has not been served; without it the queue would be shorter
 * by no less. */
void gcra_give(
        struct gcra *g, const struct gcra_limit *l, uint64_t now, uint64_t mark, uint64_t units)
{
	gcra_time end = (gcra_time)mark << POINT;
	gcra_time served = ((gcra_time)now << POINT) + g->moved;
	gcra_time back = least(span_of(l, units), end > served ? end - served : 0);

	back = least(back, ahead(g, now));
	g->full -= back;
	g->moved = least(g->moved + back, SPAN_MAX);
}

void gcra_correct(struct gcra *g, const struct gcra_limit *l, uint64_t now, uint64_t mark,
        uint64_t taken, uint64_t used)
{
	if (used < taken)
		gcra_give(g, l, now, mark, taken - used);
	else if (used > taken)
		gcra_take(g, l, now, used - taken);
}

void gcra_tell(const struct gcra *g, const struct gcra_limit *l, uint64_t now, uint64_t *ret_left,
        uint64_t *ret_reset_ns)
{
	gcra_time in_use = ahead(g, now);

	*ret_reset_ns = whole_ns_up(in_use);
	if (in_use > l->burst)
		*ret_left = 0;
	else if (!in_use || !l->unit)
		*ret_left = l->units_max;
	else
		*ret_left = (uint64_t)least((l->burst - in_use) / l->unit, l->units_max);
}
