/* SPDX-License-Identifier: Apache-2.0 */
/* rates: how often may this agent call, with how many tokens, how many calls at once? It is the first that needs the store,
 * so it asks for the budgets too: a call that one of them refuses has taken nothing. */
#include <stdio.h>
#include "config/units.h"
#include "exchange/admission.h"
#include "exchange/demands.h"
#include "exchange/repeats.h"
#include "exchange/sharing.h"
#include "exchange/outage.h"
#include "exchange/shared_cache.h"
#include "exchange/shared_items.h"
#include "policy/budget.h"
#include "policy/cache.h"
#include "policy/rates.h"
#include "policy/registry.h"
#include "policy/tokens.h"
#include "weir/exchange.h"

#define SLOT_WAIT_MS 1000 /* nobody knows when a call ends: that often is early enough, and does not hammer */

static bool add_rate(struct call *c, bool soft, const struct rate_conf *r, struct slice counter, uint64_t units, bool by_tokens)
{
	struct demand *d = admission_next(c->admitted);

	if (!rate_has_id(c, r))
		return true; /* there is nobody to count */
	if (!demand_of_rate(c, r, counter, d))
		return false;
	d->soft = soft;
	d->by_tokens = by_tokens;
	/* A call that is larger than the burst waits for all of it, and owes the rest when it is settled. */
	d->rate.units = units < d->rate.burst ? units : d->rate.burst;
	admission_add(c->admitted);
	return true;
}

static bool all_have_ids(const struct call *c, const struct rate_conf *rates, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!rate_has_id(c, &rates[i]))
			return false;
	return true;
}

static bool needs_user(const struct call *c)
{
	const struct allowance_conf *a = &c->agent->allowance;

	return !all_have_ids(c, a->rates, a->n_rates) || !all_have_ids(c, a->token_rates, a->n_token_rates);
}

/* Asked before the agent's own: what it refuses has taken nothing of the agent's. */
static void add_of_tool(struct call *c, const struct tool_conf *t, bool soft)
{
	for (unsigned i = 0; i < t->n_rates; i++) {
		struct demand *d = admission_next(c->admitted);
		demand_of_tool_rate(t, i, d);
		d->soft = soft;
		d->rate.units = 1;
		admission_add(c->admitted);
	}
	if (!t->concurrency)
		return;
	struct demand *slot = admission_next(c->admitted);
	demand_of_tool_slot(t, slot);
	slot->soft = soft;
	admission_add(c->admitted);
}

/* There is an answer, or somebody else is getting it. */
static bool is_answered(const struct call *c)
{
	return repeats_is_found(c) || caching_is_hit(c) || sharing_waits(c);
}

bool rates_plan(struct call *c, bool soft)
{
	const struct allowance_conf *a = &c->agent->allowance;
	const struct tool_conf *t = is_answered(c) ? NULL : c->tool; /* it is not asked then */
	unsigned n = a->n_rates + a->n_token_rates + (a->concurrency > 0);
	bool all = true;

	if (t)
		n += t->n_rates + (t->concurrency > 0);
	if (!n)
		return true;
	if (!admission_of(c, n + a->n_budgets)) /* which are planned next */
		return false;
	if (t)
		add_of_tool(c, t, soft);
	for (unsigned i = 0; i < a->n_rates; i++)
		all &= add_rate(c, soft, &a->rates[i], a->rate_counters[i], 1, false);
	for (unsigned i = 0; i < a->n_token_rates && !c->tool; i++)
		all &= add_rate(c, soft, &a->token_rates[i], a->token_rate_counters[i], tokens_expected(c), true);
	if (a->concurrency) {
		struct demand *d = admission_next(c->admitted);
		demand_of_slot(c, d);
		d->soft = soft;
		admission_add(c->admitted);
	}
	c->admitted->n_rates = c->admitted->ask.n;
	return all;
}

static enum verdict refuse_nobody(struct call *c)
{
	return call_refuse(c, FAULT_ATTRIBUTION_REQUIRED, "x-weir-user",
		"This agent's rate counts by user; say for which one this call is made, in x-weir-user.");
}

/* "100 requests an hour" */
static void rate_text(const struct demand *d, char *text, size_t room)
{
	char period[24];

	period[duration_format(d->rate.period_ns, period)] = '\0';
	snprintf(text, room, "%llu %s in %s", (unsigned long long)d->rate.count, d->by_tokens ? "tokens" : "requests", period);
}

static enum verdict refuse_rate(struct call *c, const struct demand *d)
{
	bool of_tool = c->tool && d->group.at == c->tool->group.at;
	char rate[80];
	enum verdict v;

	if (d->kind == DEMAND_SLOT) {
		v = call_refuse(c, FAULT_CONCURRENCY_LIMITED, NULL,
			of_tool ? "This tool may have %u calls at once, of all agents; wait for one of them to end."
				: "This agent may have %u calls at once; wait for one of them to end.",
			d->slot.limit);
		c->refusal.retry_after_ms = SLOT_WAIT_MS;
		return v;
	}
	rate_text(d, rate, sizeof(rate));
	v = call_refuse(c, FAULT_RATE_LIMITED, NULL,
		d->state == DEMAND_CROWDED ? "So many callers have a rate of their own here (%s) that no more are taken; wait."
		: of_tool ? "This tool's rate is %s, of all agents; wait as long as retry-after says."
			  : "This agent's rate is %s; wait as long as retry-after says.",
		rate);
	c->refusal.retry_after_ms = (d->wait_ns + NS_PER_MS - 1) / NS_PER_MS;
	return v;
}

static bool is_refusal(const struct demand *d)
{
	return d->state == DEMAND_REFUSED || d->state == DEMAND_NEVER || d->state == DEMAND_CROWDED;
}

/* Refused demands stand out one by one: a policy in shadow records what it would have said, and nobody was stopped. */
static enum verdict read_rates(struct policy *p)
{
	const struct admitted *a = p->call->admitted;

	if (needs_user(p->call))
		return refuse_nobody(p->call);
	if (!a)
		return VERDICT_PASS;
	if (a->error && a->n_rates)
		return outage_refuse(p->call);
	for (unsigned i = 0; i < a->n_rates; i++)
		if (is_refusal(&a->ask.demands[i]))
			return refuse_rate(p->call, &a->ask.demands[i]);
	return VERDICT_PASS;
}

/* A hit takes the agent's rates and nothing else. */
static enum verdict ask_store(struct policy *p)
{
	struct call *c = p->call;

	if (!caching_is_hit(c))
		return admission_ask(p, read_rates);
	admission_spare_budgets(c);
	if (tool_has_limits(c)) {
		c->admitted = NULL; /* nothing of it has been asked for yet */
		if (!rates_plan(c, p->mode == MODE_SHADOW) && p->mode == MODE_ENFORCE)
			return call_refuse(c, FAULT_OVERLOADED, NULL, NULL);
	}
	return admission_ask(p, read_rates);
}

/* What it has to be answered with is known, but for what its one question to the store finds. */
static enum verdict plan(struct policy *p)
{
	struct call *c = p->call;
	bool enforced = p->mode == MODE_ENFORCE;

	if (!rates_plan(c, !enforced) && enforced)
		return call_refuse(c, FAULT_OVERLOADED, NULL, NULL);
	if (is_answered(c))
		return admission_ask(p, read_rates);
	budget_plan(c);
	return shared_cache_ask(p, ask_store);
}

static enum verdict rates_head(struct policy *p)
{
	tokens_count(p->call);
	return VERDICT_PASS;
}

static enum verdict rates_request(struct policy *p)
{
	struct call *c = p->call;

	if (p->mode == MODE_ENFORCE && needs_user(c))
		return refuse_nobody(c);
	return repeats_is_found(c) || cache_answers(c) ? plan(p) : shared_items_ask(p, plan);
}

static void rates_cancel(struct policy *p)
{
	shared_items_cancel(p->call);
	shared_cache_cancel(p->call);
	admission_cancel(p->call->admitted);
}

static void rates_done(struct policy *p)
{
	admission_settle(p->call);
	tokens_settle(p->call);
}

const struct policy_ops policy_rates = {
	.name = "rates", .shadow_bit = SHADOW_RATES, .on_head = rates_head, .on_request = rates_request,
	.on_cancel = rates_cancel, .on_done = rates_done,
};
