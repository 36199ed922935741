/* SPDX-License-Identifier: Apache-2.0 */
/* admission: see admission.h. */
#include <errno.h>
#include "base/decimal.h"
#include "exchange/admission.h"
#include "exchange/caching.h"
#include "exchange/journaling.h"
#include "exchange/repeats.h"
#include "exchange/outage.h"
#include "exchange/shared_cache.h"
#include "store/budget.h"
#include "weir/exchange.h"

#define EXPIRY_GRACE (60 * NS_PER_S) /* after a call's own deadline: then whoever holds something for it has died */

struct admitted *admission_of(struct call *c, unsigned n)
{
	struct arena *arena = &c->exchange->arena;
	struct admitted *a = c->admitted;

	if (!a)
		a = arena_zalloc(arena, sizeof(*a));
	if (!a)
		return NULL;
	unsigned cap = a->ask.n + n;
	if (cap > a->cap) {
		struct demand *more = arena_alloc(arena, cap * sizeof(*more));
		if (!more)
			return NULL;
		if (a->ask.n)
			memcpy(more, a->ask.demands, a->ask.n * sizeof(*more));
		a->ask.demands = more;
		a->cap = cap;
	}
	c->admitted = a;
	return a;
}

static void take_answer(struct exchange *x, struct admitted *a, int result)
{
	a->in_force = a->ask.granted;
	a->error = result < 0 ? outage_go_on(x, a, result) : 0;
}

/* How long the call can last at most from here on: its own deadline, or its upstream's. */
static uint64_t expiry(const struct call *c)
{
	return exchange_wall(c->exchange) + (call_upstream(c) ? call_total_ns(c) : 0) + EXPIRY_GRACE;
}

/* The request's id and which attempt it is; what was asked before it waited for another call, or found what could not be read,
 * was settled by that name. */
static struct slice name_attempt(const struct exchange *x, bool again, bool without, char id[ID_LEN + 3 + DECIMAL_MAX])
{
	size_t len = ID_LEN + 1;

	memcpy(id, x->request_id, ID_LEN);
	id[ID_LEN] = ':';
	len += decimal_put(x->attempts + 1, id + len);
	if (again)
		id[len++] = 'b';
	if (without)
		id[len++] = 'c';
	return slice_from(id, len);
}

/* Under the id that it has. */
static int ask_store(struct call *c, struct admitted *a)
{
	a->ask.now_wall_ns = exchange_wall(c->exchange);
	a->ask.expires = expiry(c);
	a->by = c->exchange->env->store;
	return a->by ? a->by->ops->admit(a->by, &a->ask) : -ENOTCONN;
}

static void give(struct admitted *a)
{
	a->by->ops->settle(a->by, &a->ask, &a->used);
	a->ask.granted = false;
}

/* Whether what was found is none: it does not open, cannot be read, or there is no memory for it. */
static bool has_failed_to_find(struct call *c, const struct admitted *a, int result)
{
	if (result < 0)
		return result == -EBADMSG || result == -ENOMEM;
	return a->ask.granted && !shared_cache_take(c);
}

/* What the store has said, where a value that stands there might answer the call. One that fails to is as good as none: all goes
 * back and is asked for again without. True: that will be answered later. */
static bool is_asked_anew(struct call *c, struct admitted *a, int *result)
{
	if (!a->ask.cached.len)
		return false;
	c->caching->failed_there |= *result < 0;
	if (!has_failed_to_find(c, a, *result)) {
		if (caching_is_hit(c))
			admission_spare_budgets(c);
		return false;
	}
	if (a->ask.granted) {
		a->used = (struct settlement){.ran = false};
		give(a);
	}
	a->ask.cached = (struct slice){NULL, 0};
	a->ask.id = name_attempt(c->exchange, c->asks_again, true, a->id);
	*result = ask_store(c, a);
	return *result == PENDING;
}

static void on_answer(struct ticket *t, int result)
{
	struct admitted *a = container_of(t, struct admitted, ask.ticket);
	struct policy *p = a->asker;

	if (is_asked_anew(p->call, a, &result))
		return;
	a->asker = NULL;
	take_answer(p->call->exchange, a, result);
	enum verdict v = a->read(p);
	if (v != VERDICT_WAIT) /* else it has to be written down before p passes */
		policy_settle(p, v);
}

enum verdict admission_ask_for(struct policy *p, struct admitted *a, enum verdict (*read)(struct policy *p))
{
	struct call *c = p->call;

	ticket_init(&a->ask.ticket, on_answer);
	int r = ask_store(c, a);
	if (r == PENDING || is_asked_anew(c, a, &r)) {
		a->asker = p;
		a->read = read;
		return VERDICT_WAIT;
	}
	take_answer(c->exchange, a, r);
	return read(p);
}

enum verdict admission_ask(struct policy *p, enum verdict (*read)(struct policy *p))
{
	struct call *c = p->call;
	struct admitted *a = c->admitted;

	if (!a || a->hopeless || a->error || (!a->ask.n && !a->bounded))
		return read(p);
	if (!a->ask.n) {
		reservation_price(&a->ask.reservation);
		a->in_force = true;
		return read(p);
	}
	a->ask.id = name_attempt(c->exchange, c->asks_again, false, a->id);
	return admission_ask_for(p, a, read);
}

void admission_cancel(struct admitted *a)
{
	if (!a || !a->asker)
		return;
	a->asker = NULL;
	ticket_cancel(&a->ask.ticket);
	blob_unref(a->ask.found); /* of what was granted, and nobody had heard of */
	a->ask.found = NULL;
}

void admission_spare_budgets(struct call *c)
{
	struct admitted *a = c->admitted;

	c->unplanned = false;
	if (!a)
		return;
	if (!a->ask.granted)
		a->ask.n = a->n_rates;
	a->budgets = NULL;
	a->bounded = a->hopeless = a->blocked = a->short_of_own = false;
	a->short_of = NULL;
}

void admission_give_back(struct call *c)
{
	struct admitted *a = c->admitted;

	if (a && a->ask.granted)
		give(a);
	c->admitted = NULL;
	c->asks_again = true;
}

/* Its settlement is not in the journal, so the next start charges it as it was reserved. What is counted here is the same: room
 * that others took before could be charged twice. */
static void use_as_reserved(struct admitted *a)
{
	const struct reservation *r = &a->ask.reservation;

	a->used.ran = true;
	if (a->used.cost < r->cost)
		a->used.cost = r->cost;
	if (a->used.tokens < r->tokens)
		a->used.tokens = r->tokens;
}

void admission_settle_as(struct call *c, struct admitted *a, const struct settlement *used)
{
	struct exchange *x = c->exchange;

	a->used = *used;
	if (!a->journaled) {
		give(a);
		return;
	}
	if (journaling_settle(x, c, a) < 0)
		use_as_reserved(a);
	list_init(&a->settling);
	list_push(&x->env->settling, &a->settling);
}

void admission_settle(struct call *c)
{
	struct settlement used = {.ran = c->exchange->went_upstream || caching_is_hit(c) || repeats_is_found(c)};

	if (!c->admitted || !c->admitted->ask.granted)
		return;
	if (used.ran) {
		used.cost = c->cost;
		used.tokens = c->charged_tokens;
	}
	admission_settle_as(c, c->admitted, &used);
}

void admission_settle_turn(struct exchange_env *env, bool written)
{
	struct list *node;

	while ((node = list_pop(&env->settling))) {
		struct admitted *a = container_of(node, struct admitted, settling);
		if (!written && a->journaled_in != env->turn->number)
			use_as_reserved(a);
		give(a);
	}
}
