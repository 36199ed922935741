/* SPDX-License-Identifier: Apache-2.0 */
/* sharing: see sharing.h. */
#include "exchange/sharing.h"
#include "exchange/unwatched.h"
#include "store/flight.h"

#define STALL_NS NS_PER_S /* that others wait for an agent which does not read */

static void seat_is_gone(struct caching *k, struct cache_entry *e)
{
	k->seat = NULL;
	k->hit = e;
	if (e)
		k->result = cache_entry_is_stale(e, exchange_now(k->exchange)) ? CACHE_STALE : CACHE_HIT;
}

static void go_on(struct caching *k)
{
	struct exchange *x = k->exchange;
	struct policy *p = k->asker;

	k->waits = false;
	if (!p)
		return; /* it is not at the cache yet, which will see what has come */
	k->asker = NULL;
	exchange_works(x);
	x->env->clear_deadline(x->env, &x->deadline);
	policy_settle(p, k->heed(p));
}

static void on_news(void *owner, enum flight_news news, struct cache_entry *e)
{
	struct caching *k = owner;

	if (news == FLIGHT_UNWANTED) {
		if (!flight_is_wanted(k->seat)) /* nobody has come since */
			unwatched_end(k->exchange);
		return;
	}
	if (news != FLIGHT_RUN)
		seat_is_gone(k, e);
	go_on(k);
}

static void on_stalled(struct deadline *d)
{
	sharing_end(container_of(d, struct caching, stalled), NULL);
}

void sharing_join(struct caching *k)
{
	struct exchange_env *env = k->exchange->env;
	const struct flight_guest guest = {env->loop, on_news, k, k->keeps};
	bool runs;

	if (!env->flights)
		return;
	deadline_init(&k->stalled, on_stalled);
	k->seat = flight_join(env->flights, k->key, &guest, &runs);
	k->waits = k->waited = k->seat && !runs;
	if (!k->seat || k->waits)
		return;
	/* Whoever ran before has put its answer there before it left. */
	k->hit = cache_find(env->cache, k->key, exchange_now(k->exchange));
	if (k->hit)
		sharing_end(k, k->hit);
}

/* It waits as long as it might have for its own upstream, and has only what is left then for that. */
static void set_deadline(struct exchange *x, const struct call *c)
{
	x->give_up_at = exchange_now(x) + call_total_ns(c);
	x->quiet_ns = 0;
	x->quiet_until = UINT64_MAX;
	x->env->set_deadline(x->env, &x->deadline, x->give_up_at);
	exchange_waits(x);
}

enum verdict sharing_wait(struct policy *p, enum verdict (*heed)(struct policy *p))
{
	struct caching *k = p->call->caching;

	if (!k->waits)
		return heed(p);
	k->asker = p;
	k->heed = heed;
	set_deadline(k->exchange, p->call);
	return VERDICT_WAIT;
}

void sharing_cancel(struct call *c)
{
	c->caching->asker = NULL;
	sharing_end(c->caching, NULL);
}

void sharing_end(struct caching *k, struct cache_entry *e)
{
	struct exchange *x = k->exchange;
	struct flight_seat *s = k->seat;

	if (!s)
		return;
	k->seat = NULL;
	k->waits = false;
	x->env->clear_deadline(x->env, &k->stalled);
	flight_leave(s, e, x->upstream_name.len > 0); /* it has tried, even if nobody was there */
}

void sharing_stalls(struct exchange *x, bool full)
{
	struct caching *k = x->n_calls == 1 ? x->calls[0].caching : NULL;

	if (!k || !k->seat || full == k->stalls)
		return;
	k->stalls = full;
	if (full)
		x->env->set_deadline(x->env, &k->stalled, exchange_now(x) + STALL_NS);
	else
		x->env->clear_deadline(x->env, &k->stalled);
}

bool sharing_goes_on(struct exchange *x)
{
	const struct caching *k = x->n_calls == 1 ? x->calls[0].caching : NULL;

	return k && k->seat && !k->waits && flight_is_wanted(k->seat);
}
