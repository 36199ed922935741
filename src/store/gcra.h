/* SPDX-License-Identifier: Apache-2.0 */
/* gcra: the generic cell rate algorithm (ITU-T I.371) in integers. A rate is one instant, the
 * theoretical arrival time: how far it lies ahead is how much of the burst is in use. Nothing here
 * reads a clock, allocates or overflows, whatever it is given.
 *
 * Instants are nanoseconds with 32 bits behind the point, and what a unit costs is rounded up once:
 * never more than count * time / period + burst is granted, and less by 2^-32 of a nanosecond a
 * unit. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef unsigned __int128 gcra_time; /* ns * 2^32 */

struct gcra {
	gcra_time full;  /* the theoretical arrival time */
	gcra_time moved; /* by how much it was moved back in all: what was taken before has moved
	                    too */
};

struct gcra_limit {            /* so many a period, and so many at once */
	gcra_time unit, burst; /* what one unit takes; how far ahead the rate may be */
	uint64_t units_max;
};

enum gcra_says { GCRA_GRANTS, GCRA_WAITS, GCRA_NEVER };

/* gcra_limit_of in two steps: what a unit takes, which is half of the work, can be kept. */
gcra_time gcra_unit_of(uint64_t count, uint64_t period_ns);
struct gcra_limit gcra_limit_with(gcra_time unit, uint64_t count, uint64_t burst);
/* Of a count of 0 it never grants; a period of 0 has no limit but burst at once. */
struct gcra_limit gcra_limit_of(uint64_t count, uint64_t period_ns, uint64_t burst);
/* May units be taken now? Takes nothing. *ret_wait_ns: how long until they may, to the nanosecond,
 * if nothing else is taken meanwhile; 0 unless it waits. */
enum gcra_says gcra_ask(const struct gcra *g, const struct gcra_limit *l, uint64_t now,
        uint64_t units, uint64_t *ret_wait_ns);
/* Takes them, whether it has them or not. Returns the mark by which they are given back. */
uint64_t gcra_take(struct gcra *g, const struct gcra_limit *l, uint64_t now, uint64_t units);
/* Gives back units of those that mark stands for, but for what time has refilled since: given back
 * twice, that would be granted twice. */
void gcra_give(
        struct gcra *g, const struct gcra_limit *l, uint64_t now, uint64_t mark, uint64_t units);
/* Of taken it was used that were needed: the rest goes back, or what is missing is taken, on credit
 * if need be. */
void gcra_correct(struct gcra *g, const struct gcra_limit *l, uint64_t now, uint64_t mark,
        uint64_t taken, uint64_t used);
/* *ret_left: units that would be granted now. *ret_reset_ns: until all of the burst would be. */
void gcra_tell(const struct gcra *g, const struct gcra_limit *l, uint64_t now, uint64_t *ret_left,
        uint64_t *ret_reset_ns);

static inline bool gcra_is_full(const struct gcra *g, uint64_t now)
{
	return g->full <= (gcra_time)now << 32;
}
