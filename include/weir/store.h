/* SPDX-License-Identifier: Apache-2.0 */
/* store: what calls take that outlives them and that all workers share, with Redis all instances: rates, concurrency,
 * budgets. One question admits a call (or a later attempt of it): everything that it needs, all or nothing, in one step.
 * What was admitted is settled exactly once, with what was really used. Beside them it keeps values by name, some of which
 * only one may make (weir/value.h). */
#pragma once
#include "base/money.h"
#include "base/slice.h"
#include "weir/ticket.h"
#include "weir/value.h"

enum demand_kind {
	DEMAND_RATE,   /* units in a sliding window (GCRA): requests, or tokens that are corrected once they are known */
	DEMAND_SLOT,   /* one of so many at once; given back when the call is settled */
	DEMAND_BUDGET, /* money and tokens in a window of the calendar, or in all: reserved, then spent */
};

enum demand_state {
	DEMAND_NOT_ASKED, /* one before it refused */
	DEMAND_GRANTED,
	DEMAND_REFUSED,   /* RATE, SLOT: not now. BUDGET: what is spent alone leaves no room */
	DEMAND_RESERVED,  /* BUDGET: it would fit, but for what other calls hold in reserve */
	DEMAND_NEVER,     /* RATE: more units than the limit admits at once: waiting does not help */
	DEMAND_CROWDED,   /* its group has as many live counters as one may have */
};

#define BUDGET_NO_COST INT64_MAX   /* limit_cost of a budget that counts no money */
#define BUDGET_NO_TOKENS UINT64_MAX
#define WINDOW_NEVER_ENDS UINT64_MAX

struct demand {
	enum demand_kind kind;
	bool soft;          /* asked and counted, but never a reason to refuse: its policy is in shadow */
	bool by_tokens;     /* RATE: its units are tokens */
	bool of_id;         /* BUDGET: one of as many as there are ids; a store of several instances has a ceiling for these */
	struct slice group; /* whose it is: "t:TEAM", "a:AGENT", "tool:NAME", "g"; borrowed until settled */
	struct slice name;  /* the counter within its group, at most 160 bytes; borrowed until settled */
	struct slice lessee; /* BUDGET of a group that many share: the group of the caller's other counters, to which a store of
	                      * several instances may lease some of it; empty: none. Borrowed until settled */
	union {
		struct {
			uint64_t count, period_ns; /* so many a period */
			uint64_t burst;            /* so many at once, at least 1 */
			uint64_t units;            /* wanted now */
		} rate;
		struct {
			uint32_t limit;
		} slot;
		struct {
			nanousd limit_cost;    /* BUDGET_NO_COST: none */
			uint64_t limit_tokens; /* BUDGET_NO_TOKENS: none */
			uint64_t window;       /* its start, wall seconds; 0: of counters that have no window */
			uint64_t ends;         /* wall seconds when the counter may be forgotten; WINDOW_NEVER_ENDS. A counter without
			                        * window that ends is kept as long as it is used: each call moves its end */
		} budget;
	};
	/* the answer */
	enum demand_state state;
	uint64_t wait_ns;   /* RATE, refused: until it would be granted. BUDGET, reserved: until the next reservation expires */
	union {
		struct {
			uint64_t left, reset_ns; /* RATE: units that would be granted now; until all of burst would be. After this call */
		};
		struct {
			nanousd spent_cost, reserved_cost; /* BUDGET: as they stand with this call's reservation in them */
			uint64_t spent_tokens, reserved_tokens;
		};
	};
	void *held;         /* the store's own, and own too */
	uint64_t own;
};

/* What one attempt may use at worst. A budget that cannot hold all of it lowers the output. */
struct reservation {
	nanousd fixed_cost;     /* whatever the output: input, the request's price */
	uint64_t fixed_tokens;
	picousd out_price;      /* a token of output; times n where several answers are wanted */
	uint64_t out_tokens_each; /* tokens that one of out stands for: n */
	uint64_t out_wanted, out_min; /* tokens of output an answer; less than out_min is refused */
	/* the answer */
	uint64_t out_granted;
	nanousd cost;           /* reserved in every budget */
	uint64_t tokens;
};

struct admission {
	struct ticket ticket;   /* done with 1 (granted), 0 (refused), or a negative errno: the store cannot say */
	struct slice id;        /* of the attempt, unique over all instances; borrowed until settled */
	uint64_t now_wall_ns;
	uint64_t expires;       /* wall ns: whoever has not settled by then has died, and is charged all of it */
	struct demand *demands; /* in the order in which they are asked; borrowed until settled */
	unsigned n;
	struct reservation reservation; /* for every DEMAND_BUDGET in demands */
	/* A value (weir/value.h) that would answer the call: where it stands, and no rate or slot refuses, no budget is asked
	 * and found is what it holds; the admission is granted all the same, and settled as one that ran and cost nothing. It is
	 * looked at together with the demands of its group: if there are none, or cached is empty, or the store is the embedded
	 * one (whose process has store/cache.h), it is not found. Borrowed as demands. One that has no more of its life left than
	 * cached_spare_ns answers nothing: it is found beside whatever was granted. Where found could not be opened the error is
	 * -EBADMSG, and nothing is held. */
	struct slice cached_group, cached;
	uint64_t cached_spare_ns;
	struct blob *found;     /* of what was granted; counted, for the caller to unref; NULL: none */
	bool answers;           /* found answers the call: no budget was asked */
	unsigned refused_by;    /* index of the demand that refused; n: none */
	bool granted;           /* something is held: settle must follow */
};

struct settlement {
	bool ran;       /* false: nothing was sent, or a later policy refused: all goes back, rates too */
	nanousd cost;   /* that it had; may be more than was reserved */
	uint64_t tokens;
};

struct store;
struct store_ops {
	const char *name; /* "embedded", "redis" */
	/* READY with the answer in a (a->granted, a->refused_by, states), PENDING and the ticket says so later, or a negative
	 * errno. An admission that is cancelled while it is pending (ticket_cancel) holds nothing afterwards, or the store
	 * itself gives back what was granted too late. */
	int (*admit)(struct store *s, struct admission *a);
	/* Once for every admission with granted set. Never waits and never fails for the caller. */
	void (*settle)(struct store *s, struct admission *a, const struct settlement *used);
	/* Fills in the answers of n demands without taking anything. READY, PENDING (ticket), or a negative errno. */
	int (*look)(struct store *s, struct demand *demands, unsigned n, uint64_t now_wall_ns, struct ticket *t);

	/* Of weir/value.h. READY (the state says), PENDING and the ticket says so later, or a negative errno: nothing was asked.
	 * A claim that is cancelled while it is pending owns nothing afterwards, or the store itself frees what was granted too
	 * late. */
	int (*claim)(struct store *s, struct value_claim *c);
	/* Once for every claim that is OWNED; bytes are copied, and looked at only where it is RECORDED. Never waits and never
	 * fails for the caller. */
	void (*finish)(struct store *s, struct value_claim *c, enum claim_end how, struct slice bytes);
	int (*get)(struct store *s, struct value *v);
	int (*put)(struct store *s, struct value *v);
	/* As a put of VALUE_ANY that nobody waits for: what it says is copied, and it may come to nothing. */
	void (*leave)(struct store *s, const struct value *v);
};

struct store {
	const struct store_ops *ops;
};
