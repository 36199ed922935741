/* SPDX-License-Identifier: Apache-2.0 */
/* admission: the one question that a call asks of the store before it goes on: rates, calls at once, budgets. The policies
 * for rates and for budgets each put in what they need and read what became of it; the first of them asks. What was
 * granted is settled when the call ends, whatever happened. */
#pragma once
#include "base/decimal.h"
#include "base/id.h"
#include "weir/call.h"
#include "weir/store.h"

struct exchange_env;
struct admitted {
	struct admission ask;
	struct policy *asker;          /* it waits for the store; NULL: nobody does */
	enum verdict (*read)(struct policy *p); /* what the answer means to the asker */
	unsigned cap;                  /* demands that there is room for */
	unsigned n_rates;              /* demands before those of budgets */
	const struct budget_conf **budgets; /* by demand, from n_rates on */
	bool bounded;                  /* some budget that is no shadow, with or without a counter, bounds the output */
	bool hopeless;                 /* it is refused whatever the store says: nothing is asked, so nothing is taken */
	const char *short_of;          /* a limit that needs no counter leaves no room: whose */
	bool blocked;                  /* a call like it went beyond what was reserved for it */
	bool short_of_own;             /* it is the caller's own, which holds in shadow too */
	const struct price *price;     /* that the plan was made with, in arena or the policy; NULL: unknown, or not made yet */
	bool journaled;                /* what is reserved stands in the journal */
	uint64_t journaled_in;         /* the turn that wrote it */
	bool in_force;                 /* granted, or nothing had to be asked */
	struct store *by;              /* borrowed: who was asked, and has to hear how it ends */
	const char *without_store;     /* it could not be asked: "local", "open", "closed", as the policy says; NULL: it could */
	struct list settling;          /* in env->settling: its settlement is not in the file yet */
	struct settlement used;
	int error;                     /* the store cannot say: a negative errno */
	char id[ID_LEN + 3 + DECIMAL_MAX];
};

/* The call's own, made when there is none; room for n more demands. NULL: no memory. */
struct admitted *admission_of(struct call *c, unsigned n);
/* Where the next demand is filled in; it counts once it is added. */
static inline struct demand *admission_next(struct admitted *a)
{
	return &a->ask.demands[a->ask.n];
}
static inline void admission_add(struct admitted *a)
{
	a->ask.n++;
}
/* Asks for p, once all demands are in. Its verdict is what read says, at once or, after VERDICT_WAIT, when the store has
 * answered. A store that cannot say leaves error set. */
enum verdict admission_ask(struct policy *p, enum verdict (*read)(struct policy *p));
/* The same for what a call needs later, beside what it holds already: a has its demands and an id of its own. */
enum verdict admission_ask_for(struct policy *p, struct admitted *a, enum verdict (*read)(struct policy *p));
void admission_cancel(struct admitted *a); /* NULL: nothing */
/* The call is a hit: nothing of a budget is asked for it, or held. */
void admission_spare_budgets(struct call *c);
/* What was granted goes back, and the call asks anew. Before anything of it is written down. */
void admission_give_back(struct call *c);
/* Once at the call's end; nothing to do for a call that holds nothing. What stands in the journal is given back when its
 * settlement does too: room that somebody took before could be lost with the process, and then both would be charged
 * (tests/model/budget.pml). */
void admission_settle(struct call *c);
void admission_settle_as(struct call *c, struct admitted *a, const struct settlement *used); /* one that is granted */
void admission_settle_turn(struct exchange_env *env, bool written); /* whether the turn's settlements are in the journal */

/* Tokens of output that an answer may have at most, once nothing that holds has refused; 0: as the caller asked. Where the
 * store cannot say and nobody needs it, what was wanted is the bound. */
static inline uint64_t admission_bound(const struct call *c)
{
	const struct admitted *a = c->admitted;

	return a && a->bounded ? a->ask.reservation.out_granted : 0;
}

static inline const struct reservation *admitted_reservation(const struct admitted *a)
{
	return a && a->in_force && (a->bounded || (a->budgets && a->ask.n > a->n_rates)) ? &a->ask.reservation : NULL;
}

/* What a call holds of budgets, those in shadow too; NULL: nothing. */
static inline const struct reservation *admission_reserved(const struct call *c)
{
	return admitted_reservation(c->admitted);
}
