/* SPDX-License-Identifier: Apache-2.0 */
/* remote_core: what the remote_*.c files share. */
#pragma once
#include "crypto/seal.h"
#include "base/id.h"
#include "base/map.h"
#include "store/remote.h"
#include "store/remote_lease.h"
#include "store/times.h"

#define REMOTE_DEMANDS_MAX 64u
/* Of those that waited, put at once; then as many as are answered in time. */
#define REMOTE_AGAIN_FIRST 32u

/* What counters.lua is asked. */
enum counters_op {
	COUNTERS_ADMIT = 1,
	COUNTERS_SETTLE,
	COUNTERS_HOLD,
	COUNTERS_LOOK,
	COUNTERS_OWED
};

enum hold_state {
	HOLD_ASKING, /* an admission, or a look, that was not answered yet */
	HOLD_HELD,   /* granted */
	HOLD_HELD_ASSERTING,
	HOLD_SETTLING, /* or cancelling, until every part has been answered */
	HOLD_SETTLED,  /* remembered for a fail-over */
};

/* The demands of one group, in order: one script's. */
struct hold_part {
	unsigned demands[REMOTE_DEMANDS_MAX];
	unsigned n;
	uint64_t cost, tokens; /* reserved */
};

/* Between the scripts and us: its lease has no room. */
#define DEMAND_LACKS ((enum demand_state)6)

/* What a demand's lease was granted, as the pool said it. */
struct hold_lease {
	struct lease_state seen;                /* by its part's script */
	uint64_t granted, granted_tokens, born; /* born 0: nothing was asked */
	bool is_last;                           /* more than that is not to be had */
	bool is_asked;                          /* in this round */
	enum demand_state state;                /* what the pool said; soft ones go on */
};

/* One admission, from asked to forgotten; or one look. */
struct hold {
	struct list link;      /* of the list of its state */
	struct list wait;      /* in remote->waiting */
	struct remote *remote; /* borrowed */
	struct redis_ask ask;
	struct admission
	        *admission;     /* borrowed until granted, refused or cancelled; NULL: a look */
	struct demand *out;     /* borrowed, as admission: where answers go; NULL then */
	struct ticket *ticket;  /* borrowed */
	struct demand *demands; /* in this memory: with names of their own */
	unsigned n;
	struct hold_part *parts;   /* in this memory */
	struct hold_lease *leases; /* in this memory: by demand; NULL: none is leased */
	unsigned rounds;           /* in which leases were asked for */
	unsigned leasing;          /* the demand that is asked for now */
	unsigned n_parts, part;    /* part: whose turn it is */
	struct slice cached;       /* its key among words; empty: this part has none */
	struct slice id;           /* in this memory */
	struct reservation reservation;
	uint64_t asked_at; /* loop time */
	uint64_t expires;  /* loop time */
	struct settlement used;
	uint64_t settled_at; /* loop time */
	uint64_t told_at; /* loop time: when its settlement was first under way; 0: it never was */
	enum hold_state state;
	bool is_doubtful;    /* whether it holds anything there is not known */
	bool is_again;       /* one of remote->n_again */
	bool is_answered;    /* it was settled once; a fail-over may have lost that */
	bool is_owed;        /* of a process before: what is not known there is over */
	struct slice *words; /* owned: of the ask, and what they stand in; NULL: none */
};

struct redis_link;

/* What is asked and said of values: of struct errand. */
struct errands {
	struct list asking, owned, ending, ended;
	struct list waiting; /* of owned and ending: those that are to be put, by errand->wait */
	struct deadline again;
	unsigned n_owned, n_ending, n_ended;
	size_t bytes;    /* of ending and ended */
	unsigned n_left; /* of what nobody waits for, under way */
	size_t left;     /* its bytes, and VALUE_AROUND a piece */
};

/* By which it is told that a server has forgotten all. */
struct remote_mark {
	struct redis_ask ask;
	struct slice words[4];
	struct deadline again;
	char own[ID_LEN + 1], seen[ID_LEN];
	size_t seen_len; /* 0: nothing was seen yet */
};

/* What is known here of leases. */
struct leases {
	struct list all;  /* by lease->link, the one that was used longest ago first */
	struct map named; /* by lease->name: borrows all of them */
	struct deadline tick;
	uint64_t tick_ns, idle_ns;
	unsigned n;
	unsigned n_doubtful; /* to be said again: until then nothing is settled */
};

struct remote {
	struct store store;
	struct loop *loop;   /* borrowed */
	struct redis *redis; /* owned */
	struct list asking, held, settling, settled;
	struct list waiting; /* of held and settling: those that are to be put, by hold->wait */
	struct deadline again;
	unsigned n_again, again_max; /* of those that waited: under way now; at most at once */
	struct deadline fence;
	unsigned n_held, n_settling, n_settled;
	unsigned n_asserting; /* of what a fail-over made doubtful, not said again yet */
	bool fenced;
	uint64_t dropped;
	struct store_times times;
	struct errands errands;
	struct seal seals[REMOTE_KEYS_MAX]; /* of values: the first seals */
	unsigned n_seals;
	uint32_t ids_max; /* counters of budgets a group */
	struct leases leases;
	struct remote_mark mark;
};

/* remote_hold. 0, -ENOMEM, -EMSGSIZE. Demands may be of several groups. */
int hold_new(struct remote *r, struct slice id, const struct demand *demands, unsigned n,
        bool leases, struct hold **ret_hold);
/* The group whose part a demand is in. */
struct slice demand_home(const struct demand *d);
void hold_free(struct hold *h);
void hold_time(struct hold *h, enum store_op op, int result); /* since asked_at */
void hold_unword(struct hold *h);

/* remote_words. Puts the words of op for the part whose turn it is. PENDING or a negative errno, as
 * redis_ask; on: as redis_ask_on, or NULL. */
int hold_ask(struct hold *h, enum counters_op op, struct redis_link *on,
        void (*done)(struct redis_ask *a, int result, const struct redis_reply *reply));

/* remote_answer. What the part's script said, into out and reservation. -EPROTO, -EBADMSG, -ENOMEM,
 * or its code: 1, 0, 2 (then ret_found answers the call; with 1 it may be there beside), 3 (what
 * out lacks has to be leased), -1 is -ECANCELED. */
int hold_read(struct hold *h, const struct redis_reply *reply, unsigned *ret_refused,
        struct blob **ret_found);
/* After a settlement: what its leases are now. */
void hold_read_settled(struct hold *h, const struct redis_reply *reply);

/* remote.c: an admission's answers. */
void hold_on_answer(struct redis_ask *ask, int result, const struct redis_reply *reply);
void hold_refuse(struct hold *h, unsigned by);
void hold_fail(struct hold *h, int result, const struct redis_reply *reply);

/* Says what it used; none: gives back, and its id is used up. */
void hold_settle(struct hold *h, const struct settlement *used);
void remote_failed_over(struct remote *r);
void remote_mend(struct remote *r, struct redis_link *l);
void remote_doubt(
        struct remote *r, bool *is_doubtful); /* to be said again before the fence opens */
void remote_sure(struct remote *r, bool *is_doubtful);
void remote_note_up(struct remote *r); /* for whoever reads times: up or fenced has changed */
void remote_push_on(struct remote *r);
void remote_on_again(struct deadline *d);
void remote_on_fence(struct deadline *d);

/* remote_mark: looked for when a server can be asked, and every few seconds. */
void remote_mark_init(struct remote *r);
void remote_mark_look(struct remote *r);
void remote_mark_finish(struct remote *r);

/* remote_value: the part of store_ops that is about values, and what is left of them. */
int remote_claim(struct store *s, struct value_claim *c);
void remote_finish(struct store *s, struct value_claim *c, enum claim_end how, struct slice bytes);
int remote_get(struct store *s, struct value *v);
int remote_put(struct store *s, struct value *v);
void remote_leave(struct store *s, const struct value *v);
void errands_init(struct remote *r);
void errands_finish(struct remote *r);
void errands_failed_over(struct remote *r);
void errands_push(struct remote *r, struct redis_link *on);
