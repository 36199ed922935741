/* SPDX-License-Identifier: Apache-2.0 */
/* loop: one a worker. It polls, calls back, and ends each turn in the same order: tickets and
 * steps, journal, socket writes, log, reap. Everything here but mailbox_post (mailbox.h) and
 * loop_stop belongs to the loop's own thread. */
#pragma once
#include "base/clock.h"
#include "base/stock.h"
#include "net/deadline.h"
#include "net/slab.h"
#include "weir/ticket.h"

/* What others do at the end of a turn. Any may be NULL. Called only in turns in which something
 * happened. */
struct loop_hooks {
	void *owner;                  /* borrowed: handed to each */
	bool (*steps)(void *owner);   /* runs what was woken; true: something was, so ask again */
	bool (*journal)(void *owner); /* before the first byte of this turn leaves; true: something
	                                 ended because of it, so steps have to run again */
	void (*log)(void *owner);     /* after the socket writes */
};

struct mailbox;
struct loop_core; /* libuv's part, net/loop_uv.h */

struct loop {
	struct turn turn;
	struct wheel wheel;  /* set deadlines through loop_deadline_set: it alone knows when the
	                        timer must move */
	struct clock *clock; /* borrowed */
	uint64_t now; /* monotonic ns, read once a wake-up: right within every callback of the loop
	               */
	struct loop_hooks hooks;
	struct slab slab;
	struct stock stock;      /* for what wires write, and whoever else lives in this loop */
	struct list dirty;       /* wires with something to write in this turn */
	struct mailbox *mailbox; /* owned */
	struct loop_core *core;  /* owned */
	struct list soon;        /* deadlines that are near, the first one first */
	uint64_t timer_at;       /* when the one timer rings; UINT64_MAX: never */
	uint64_t wanted_at;      /* the earliest deadline set since the timer was looked at */
	struct list resumed;     /* wires that hold input which nobody could be told of */
	struct list leaving; /* wires that were closed and are still there: they send, or linger */
	char *cipher; /* owned: SLAB_READ_MAX bytes for what TLS wires read; NULL while there was
	                 none */
	bool entered; /* something has called back since the last turn ended */
	bool now_is_stale;
	bool told; /* a socket write ended in a call of somebody, who may have woken somebody */
	uint64_t turns; /* that had something to do */
	unsigned wires; /* open or not yet reaped */
};

/* clock NULL: the system's. 0 or a negative errno. */
int loop_new(struct loop **ret_loop, struct clock *clock);
/* Runs until loop_stop. */
void loop_run(struct loop *l);
/* One poll; wait: until something happens, else not at all. For tests. */
void loop_run_once(struct loop *l, bool wait);
/* From any thread, and from a signal handler. */
void loop_stop(struct loop *l);
/* Every wire, listener and dial must have been closed before; letters that wait are delivered,
 * buried things reaped. Returns the number of handles that somebody forgot, 0 when all is well. */
int loop_free(struct loop *l);

void loop_set_hooks(struct loop *l, const struct loop_hooks *hooks);

/* Sets d, or moves it. at: monotonic ns. */
void loop_deadline_set(struct loop *l, struct deadline *d, uint64_t at);
static inline void loop_deadline_after(struct loop *l, struct deadline *d, uint64_t ns)
{
	loop_deadline_set(l, d, l->now + ns);
}
static inline void loop_deadline_clear(struct loop *l, struct deadline *d)
{
	deadline_clear(&l->wheel, d);
}

/* For a moment so near that the wheel is too coarse: to the millisecond, and dearer. Those of one
 * length cost the same however many are set. What is set for now from within due comes after the
 * next poll. */
void loop_soon_set(struct loop *l, struct deadline *d, uint64_t at);
static inline void loop_soon_clear(struct deadline *d)
{
	list_unlink(&d->link);
	d->at = 0;
}

/* Reads the clock anew if this is the first thing to happen since the last poll. Every callback
 * from outside does it. */
void loop_enter(struct loop *l);
/* Ends a turn here and now: never from within a step. Used when the slab is full. */
void loop_turn(struct loop *l);
/* At least SLAB_READ_MIN bytes at the slab's tail, if need be by ending the turn early. Not from
 * within a step. */
void loop_make_room(struct loop *l);
