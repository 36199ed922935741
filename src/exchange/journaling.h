/* SPDX-License-Identifier: Apache-2.0 */
/* journaling: what of a call is written down before its first byte goes upstream, and what when it is over. A call has one
 * decision and one outcome, whatever happens to it; what it takes of budgets stands between them. */
#pragma once
#include "weir/exchange.h"
#include "weir/record.h"
#include "weir/ticket.h"

struct admitted;
struct journaling_hold { /* zeroed: it holds nothing */
	struct list link; /* in env->holding or env->holding_disk */
	struct ticket ticket;
	uint64_t written_at; /* bytes of the journal when it was in the file */
	bool strict;
	bool written;        /* it is in the file */
};

/* Whether anything can be written down now; where it cannot, no call goes on. */
bool journaling_is_ready(const struct exchange *x);
/* The decision to let a call go upstream, and what its budgets hold for it. 0 or a negative errno: it may not go. */
int journaling_allow(struct exchange *x, struct call *c);
/* What a call that goes on holds of budgets from now on; a NULL: nothing. 0 or a negative errno: it may not hold it. */
int journaling_reserve(struct exchange *x, struct admitted *a);
/* What was put down in this turn is to be in the file before something of x goes on, or on the disk, where the policy is strict:
 * done hears 0 then, or a negative errno: it may not go on. Cancelling the ticket ends it. */
void journaling_hold(struct exchange *x, struct journaling_hold *h, void (*done)(struct ticket *t, int result));
/* What a has used of what was written down as held: once. 0, or a negative errno: then the next start charges what was held. */
int journaling_settle(struct exchange *x, const struct call *c, const struct admitted *a);
/* The outcome, and the decision before it if there was none: the call was refused, or answered here. */
void journaling_close(struct exchange *x, struct call *c, const struct record *r);
void journaling_forget(struct exchange *x); /* it waits for nothing any more */

/* The turn's records are in the file (0), or not: then the calls that were decided in it end before a byte of them leaves, and
 * steps have to run once more (true). */
bool journaling_turn_ended(struct exchange_env *env, int result);
/* Where decisions have to be on the disk: so many bytes of the journal are, or (a negative errno) no more may come. */
void journaling_synced(struct exchange_env *env, uint64_t bytes, int result);
