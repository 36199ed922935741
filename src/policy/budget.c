/* SPDX-License-Identifier: Apache-2.0 */
/* budget: may this call cost what it may cost at worst? Its input is bounded, its output lowered to what every budget
 * holds; both are reserved before a byte goes upstream. Limits of one call need no counter and are looked at here. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include "exchange/admission.h"
#include "exchange/demands.h"
#include "exchange/excess.h"
#include "exchange/outage.h"
#include "exchange/snapshot.h"
#include "exchange/tariff.h"
#include "policy/budget.h"
#include "policy/registry.h"
#include "policy/tokens.h"
#include "policy/tolls.h"
#include "price/cost.h"
#include "weir/exchange.h"

#define SEARCHES 10 /* that a provider makes for one answer */

/* A limit of this call alone. */
struct lone {
	const char *whose; /* for the sentence */
	nanousd cost;      /* INT64_MAX: none */
	uint64_t tokens;   /* UINT64_MAX: none */
	bool by_estimate;  /* the input counts as estimated: what really came is counted later */
};

/* With what is predicted and not taken over, which is billed as if it were written. */
static nanousd with_predicted(const struct call *c, nanousd fixed, picousd output)
{
	uint64_t n = c->facts.n ? c->facts.n : 1, tokens;
	picosum sum = 0;

	if (!c->facts.predicted_bytes)
		return fixed;
	if (__builtin_mul_overflow(c->facts.predicted_bytes, n, &tokens))
		tokens = UINT64_MAX;
	money_add(&sum, tokens, output); /* 64 by 64 bits: it fits */
	nanousd predicted = money_round_up(sum);
	return fixed > INT64_MAX - predicted ? INT64_MAX : fixed + predicted;
}

/* With the fees of what the provider looks for meanwhile. */
static nanousd with_searches(const struct call *c, nanousd fixed, const struct price *price)
{
	const struct price_row *row = price_row_for(price, 0);
	picosum sum = 0;

	if (!row || !(row->known >> PRICE_web_search & 1) || !tariff_searches(c))
		return fixed;
	money_add(&sum, SEARCHES, row->of[PRICE_web_search]); /* 64 by 64 bits: it fits */
	nanousd fees = money_round_up(sum);
	return fixed > INT64_MAX - fees ? INT64_MAX : fixed + fees;
}

/* What the call costs whatever is written, with so much input. */
static nanousd fixed_cost(struct call *c, uint64_t input, picousd *ret_output)
{
	uint32_t classes = COST_TEXT, unpriced;
	const struct price *price = c->tool ? NULL : tariff_planned(c);
	nanousd fixed = 0;

	*ret_output = 0;
	if (c->tool)
		return c->tool->cost;
	if (c->facts.has_media)
		classes |= USAGE_BIT(in_image) | USAGE_BIT(in_audio) | USAGE_BIT(in_video);
	if (c->facts.has_media || c->facts.wants_media)
		classes |= USAGE_BIT(out_audio) | USAGE_BIT(out_image);
	if (price && c->facts.action != ACTION_MODERATION) {
		cost_bound_parts(price, input, classes, &fixed, ret_output, &unpriced);
		fixed = with_searches(c, fixed, price);
	}
	return with_predicted(c, fixed, *ret_output);
}

/* Output that a sum of money is good for; UINT64_MAX when output costs nothing. */
static uint64_t output_for(nanousd left, picousd each)
{
	picosum output = each ? (picosum)left * 1000 / each : UINT64_MAX;

	return output < UINT64_MAX ? (uint64_t)output : UINT64_MAX;
}

/* So many tokens of output an answer does one limit leave; false: not even its input fits. */
static bool lone_leaves(struct call *c, const struct lone *l, uint64_t *ret_output)
{
	const struct reservation *r = &c->admitted->ask.reservation;
	uint64_t in = l->by_estimate ? tokens_input_estimate(c) : r->fixed_tokens;
	uint64_t by_cost = UINT64_MAX, by_tokens = UINT64_MAX;
	picousd each;

	if (l->cost != INT64_MAX) {
		nanousd fixed = l->by_estimate ? fixed_cost(c, in, &each) : r->fixed_cost;
		if (fixed > l->cost)
			return false;
		by_cost = output_for(l->cost - fixed, r->out_price);
	}
	if (l->tokens != UINT64_MAX) {
		if (in > l->tokens)
			return false;
		by_tokens = (l->tokens - in) / r->out_tokens_each;
	}
	*ret_output = by_cost < by_tokens ? by_cost : by_tokens;
	return true;
}

static void heed_lone(struct call *c, const struct lone *l, bool soft)
{
	struct admitted *a = c->admitted;
	struct reservation *r = &a->ask.reservation;
	uint64_t output = 0;

	if (!lone_leaves(c, l, &output) || output < r->out_min) {
		if (!a->short_of)
			a->short_of = l->whose;
		return;
	}
	if (soft)
		return;
	a->bounded = true;
	if (output < r->out_wanted)
		r->out_wanted = output;
}

static bool add_counter(struct call *c, const struct budget_conf *b, bool soft)
{
	struct admitted *a = c->admitted;
	struct demand *d = admission_next(a);

	if (!demand_of_budget(c, b, d))
		return false;
	d->soft = soft;
	a->budgets[a->ask.n - a->n_rates] = b;
	admission_add(a);
	a->bounded |= !soft;
	return true;
}

/* The worst case of one attempt. */
static void fill_reservation(struct call *c)
{
	struct reservation *r = &c->admitted->ask.reservation;
	uint64_t n = c->facts.n ? c->facts.n : 1;
	picousd each;

	if (__builtin_add_overflow(tokens_input_bound(c), c->tool ? 0 : excess_input(c), &r->fixed_tokens))
		r->fixed_tokens = UINT64_MAX;
	r->fixed_cost = fixed_cost(c, r->fixed_tokens, &each);
	r->out_price = each > UINT64_MAX / n ? UINT64_MAX : each * n;
	r->out_tokens_each = n;
	r->out_wanted = tokens_output_wanted(c);
	r->out_min = c->agent->allowance.min_output < r->out_wanted ? c->agent->allowance.min_output : r->out_wanted;
}

static bool add_all(struct call *c, bool soft)
{
	const struct allowance_conf *all = &c->agent->allowance;

	for (unsigned i = 0; i < all->n_budgets; i++) {
		const struct budget_conf *b = &all->budgets[i];
		bool alone = budget_is_alone(c, b);
		if (!alone && !add_counter(c, b, soft))
			return false;
		struct lone lone = {budget_scope_names[b->scope], b->limit_cost, b->limit_tokens, b->scope == BUDGET_REQUEST};
		if (alone && b->scope != BUDGET_USER)
			heed_lone(c, &lone, soft);
	}
	return true;
}

static bool needs_user(const struct call *c)
{
	for (unsigned i = 0; i < c->agent->allowance.n_budgets; i++)
		if (c->agent->allowance.budgets[i].scope == BUDGET_USER)
			return !call_user_counts(c);
	return false;
}

static struct policy *own_policy(struct call *c)
{
	for (unsigned i = 0; i < c->n_policies; i++)
		if (c->policies[i].ops == &policy_budget)
			return &c->policies[i];
	return NULL;
}

/* The caller's word, which holds in shadow too: shadow is about the policy's limits. */
static bool has_own_limits(const struct call *c)
{
	return c->has_max_cost || c->max_tokens;
}

void budget_plan(struct call *c)
{
	const struct allowance_conf *all = &c->agent->allowance;
	struct policy *p = own_policy(c);
	bool soft = p && p->mode == MODE_SHADOW, own = has_own_limits(c);

	if (!all->n_budgets && !own)
		return;
	if (c->tool && !c->tool->cost)
		return; /* it takes nothing of any */
	struct admitted *a = admission_of(c, all->n_budgets);
	if (a)
		a->budgets = arena_zalloc(&c->exchange->arena, (all->n_budgets + 1) * sizeof(*a->budgets));
	if (!a || !a->budgets) {
		c->unplanned = true;
		return;
	}
	fill_reservation(c);
	struct lone callers = {"caller", c->has_max_cost ? c->max_cost : INT64_MAX, c->max_tokens ? c->max_tokens : UINT64_MAX, false};
	if (own)
		heed_lone(c, &callers, false);
	a->short_of_own = a->short_of;
	c->unplanned = !add_all(c, soft);
	a->blocked = !c->tool && excess_blocks(c); /* what a tool costs is known */
	a->hopeless = a->short_of_own || (!soft && (a->short_of || a->blocked || needs_user(c) || c->unplanned));
	a->ask.reservation.out_granted = a->ask.reservation.out_wanted;
}

/* What to do about it: some budgets begin anew, others only grow when a person says so. */
static void reset_text(const struct demand *d, const struct budget_conf *b, char *text, size_t room)
{
	time_t at = (time_t)d->budget.ends;
	struct tm tm;

	if (b->per == PER_TOTAL || !gmtime_r(&at, &tm) ||
		!strftime(text, room, " It begins anew at %Y-%m-%dT%H:%M:%SZ. Do not repeat the call before.", &tm))
		snprintf(text, room, " Do not repeat it.");
}

enum fault budget_says(const struct demand *d, const struct budget_conf *b, char text[BUDGET_TEXT])
{
	static const char *const times[] = {
		[PER_HOUR] = " for this hour", [PER_DAY] = " for this day", [PER_MONTH] = " for this month", [PER_TOTAL] = "",
	};
	const char *whose = budget_scope_names[b->scope];
	char reset[96];

	switch (d->state) {
	case DEMAND_RESERVED:
		snprintf(text, BUDGET_TEXT, "Calls that still run hold what is left of the %s's budget%s; wait for them.", whose,
			times[b->per]);
		return FAULT_BUDGET_RESERVED;
	case DEMAND_CROWDED:
		snprintf(text, BUDGET_TEXT, "More ids of one %s are in use than this gateway keeps budgets for; end some of them.", whose);
		return FAULT_RATE_LIMITED;
	case DEMAND_REFUSED:
		reset_text(d, b, reset, sizeof(reset));
		snprintf(text, BUDGET_TEXT, "What is left of the %s's budget%s is not enough for this call.%s", whose, times[b->per], reset);
		return FAULT_BUDGET_EXCEEDED;
	default:
		return FAULT_NONE;
	}
}

static enum verdict refuse_lone(struct call *c)
{
	return call_refuse(c, FAULT_BUDGET_EXCEEDED, NULL,
		"This call alone may cost more than the %s's budget for it; send less, or ask for a shorter answer.",
		c->admitted->short_of);
}

static enum verdict refuse_blocked(struct call *c)
{
	return call_refuse(c, FAULT_PRICE_UNKNOWN, "model",
		"A call like this one has cost more than its price allows, so that no budget can bound it; use another model, or ask an "
		"operator to correct the price of this one.");
}

/* What the counters say; PASS: they have room. */
static enum verdict read_counters(struct call *c)
{
	const struct admitted *a = c->admitted;
	char text[BUDGET_TEXT];

	for (unsigned i = a->n_rates; i < a->ask.n; i++) {
		const struct demand *d = &a->ask.demands[i];
		enum fault f = budget_says(d, a->budgets[i - a->n_rates], text);
		if (f == FAULT_NONE)
			continue;
		call_refuse(c, f, NULL, "%s", text);
		if (f == FAULT_BUDGET_RESERVED)
			c->refusal.retry_after_ms = (d->wait_ns + NS_PER_MS - 1) / NS_PER_MS;
		return VERDICT_ANSWER;
	}
	return VERDICT_PASS;
}

static enum verdict budget_request(struct policy *p)
{
	struct call *c = p->call;
	const struct admitted *a = c->admitted;

	if (c->unplanned) {
		if (has_own_limits(c))
			p->mode = MODE_ENFORCE;
		return call_refuse(c, FAULT_OVERLOADED, NULL, NULL);
	}
	if (!a || !a->budgets)
		return VERDICT_PASS;
	if (a->short_of_own) {
		p->mode = MODE_ENFORCE;
		return refuse_lone(c);
	}
	c->output_bound = admission_bound(c);
	tokens_count_answer(c);
	if (needs_user(c))
		return call_refuse(c, FAULT_ATTRIBUTION_REQUIRED, "x-weir-user", NULL);
	if (a->blocked)
		return refuse_blocked(c);
	if (a->short_of)
		return refuse_lone(c);
	if (a->error && a->ask.n > a->n_rates)
		return outage_refuse(c);
	return read_counters(c);
}

static void budget_cancel(struct policy *p)
{
	tolls_cancel(p->call);
}

static void budget_done(struct policy *p)
{
	tolls_settle(p->call);
}

const struct policy_ops policy_budget = {
	.name = "budget", .shadow_bit = SHADOW_BUDGET, .on_request = budget_request, .on_tool_call = tolls_take,
	.on_cancel = budget_cancel, .on_done = budget_done,
};
