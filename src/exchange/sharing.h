/* SPDX-License-Identifier: Apache-2.0 */
/* sharing: identical calls in flight share one upstream call. The first runs; the others wait for its answer, holding
 * nothing of any budget, and have it as a hit. Where it brings none for others, they go on by themselves (store/flight.h).
 * The call that is shared is its last waiter's: it goes on when its own agent leaves. */
#pragma once
#include "exchange/caching.h"
#include "weir/policy.h"

/* After a miss: a seat among those that ask for the same. The call runs, waits, or goes alone. */
void sharing_join(struct caching *k);
/* Waits for p's call, if somebody else is asking already; heed says what the news mean once they are there. */
enum verdict sharing_wait(struct policy *p, enum verdict (*heed)(struct policy *p));
/* Nobody waits for the news any more. */
void sharing_cancel(struct call *c);
/* What the call brings is known: e is for all, NULL: nothing is for others. Once; later calls do nothing. */
void sharing_end(struct caching *k, struct cache_entry *e);
/* Whether the agent of x has more to take than it reads: others wait for that a little while only. */
void sharing_stalls(struct exchange *x, bool full);
/* Its agent has left: whether x goes on for others. */
bool sharing_goes_on(struct exchange *x);

static inline bool sharing_waits(const struct call *c)
{
	return c->caching && c->caching->waits;
}
