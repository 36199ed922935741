/* SPDX-License-Identifier: Apache-2.0 */
/* ticket: one asynchronous operation in flight. Three promises:
 * 1. done is never called inside the call that armed the ticket;
 * 2. done is called at most once;
 * 3. after ticket_cancel returns, done is never called.
 * What can finish at once says so by its return value (READY) and arms nothing. */
#pragma once
#include <stdint.h>
#include "base/list.h"

enum progress { READY = 0, PENDING = 1 }; /* or a negative errno */

struct turn;
struct ticket {
	struct list link;  /* in turn->ready once complete */
	struct turn *turn; /* NULL while idle */
	void (*done)(struct ticket *t, int result);
	void (*drop)(struct ticket *t); /* the provider forgets this ticket; NULL once complete */
	void *provider;                 /* borrowed: whoever works on it */
	int result;
};

void ticket_init(struct ticket *t, void (*done)(struct ticket *t, int result));
void ticket_arm(struct ticket *t, struct turn *turn, void (*drop)(struct ticket *t), void *provider);
void ticket_complete(struct ticket *t, int result); /* by the provider; done follows in this or the next turn */
void ticket_cancel(struct ticket *t);               /* idle tickets may be cancelled too */

static inline bool ticket_is_armed(const struct ticket *t)
{
	return t->turn != NULL;
}

/* The provider has said its result, and done has not heard of it yet: who cancels now gives back what was granted. */
static inline bool ticket_is_complete(const struct ticket *t)
{
	return t->turn && !t->drop;
}

/* turn: what a loop does between two polls: completed tickets, then (by the loop) journal, socket writes, log, then the
 * dead are freed. Nothing is freed inside a callback. */
struct turn {
	struct list ready;
	struct list reap;
	uint64_t number; /* turns that have ended: what was lent until a turn's end is free once it has grown */
};

struct reapable {
	struct list link;
	void (*free)(struct reapable *r);
};

void turn_init(struct turn *t);
bool turn_run_ready(struct turn *t); /* true if any ticket was done */
void turn_reap(struct turn *t);
void turn_bury(struct turn *t, struct reapable *r); /* r->free is called at the turn's end, once; burying twice is allowed */
