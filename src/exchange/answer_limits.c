/* SPDX-License-Identifier: Apache-2.0 */
/* answer_limits: see answer_limits.h. */
#include <errno.h>
#include "base/decimal.h"
#include "exchange/admission.h"
#include "exchange/answer_limits.h"
#include "exchange/demands.h"

#define ITEM_MAX 120 /* bytes of one window in a field that lists all */
#define DURATION_TEXT 32 /* "5124095h34m34s" is the longest */

/* Digits and words, one behind the other: printf takes ten times as long, and every answer has these. */
static char *put(char *at, struct slice text)
{
	bytes_copy(at, text.at, text.len);
	return at + text.len;
}

static char *put_number(char *at, uint64_t n)
{
	return at + decimal_put(n, at);
}

static int add(struct head *to, struct slice name, const char *text, size_t len)
{
	return head_add_header(to, (struct header){name, slice_from(text, len), HEADER_OTHER});
}

static int add_number(struct exchange *x, struct head *to, struct slice name, uint64_t n)
{
	char *text = arena_alloc(&x->arena, DECIMAL_MAX);

	return text ? add(to, name, text, decimal_put(n, text)) : -ENOMEM;
}

static uint64_t seconds_up(uint64_t ns)
{
	return ns / NS_PER_S + (ns % NS_PER_S != 0);
}

/* Seconds with as many of three digits behind the point as say something. */
static char *put_seconds(char *at, uint64_t ms)
{
	at = put_number(at, ms / 1000);
	ms %= 1000;
	if (!ms)
		return at;
	*at++ = '.';
	for (uint64_t one = 100; ms; ms %= one, one /= 10)
		*at++ = (char)('0' + ms / one);
	return at;
}

/* As OpenAI writes it: "6m0s", "1.5s", "20ms". Rounded up in the smallest unit that is shown: who waits that long is let in. */
static int add_duration(struct exchange *x, struct head *to, struct slice name, uint64_t ns)
{
	uint64_t ms = ns / NS_PER_MS + (ns % NS_PER_MS != 0), s = seconds_up(ns);
	char *text = arena_alloc(&x->arena, DURATION_TEXT), *at = text;

	if (!text)
		return -ENOMEM;
	if (ms < 1000) {
		at = put(put_number(at, ms), SLICE("m"));
	} else if (ms <= 59999) {
		at = put_seconds(at, ms);
	} else {
		if (s >= 3600)
			at = put(put_number(at, s / 3600), SLICE("h"));
		at = put(put_number(at, s / 60 % 60), SLICE("m"));
		at = put_number(at, s % 60);
	}
	*at++ = 's';
	return add(to, name, text, (size_t)(at - text));
}

/* Whether the store has looked at it: else nothing is known of its counter. */
static bool is_known(const struct demand *d)
{
	return d->state != DEMAND_NOT_ASKED && d->state != DEMAND_CROWDED;
}

/* The window that is nearest to its end; NULL: there is none, or it was not asked. */
static const struct demand *tightest(const struct admitted *a, bool by_tokens)
{
	const struct demand *found = NULL;

	for (unsigned i = 0; i < a->n_rates; i++) {
		const struct demand *d = &a->ask.demands[i];
		if (d->kind != DEMAND_RATE || d->by_tokens != by_tokens || d->soft || !is_known(d))
			continue;
		if (!found || d->left < found->left)
			found = d;
	}
	return found;
}

/* "requests-60-0": two windows of one length differ in their place. */
static char *put_window(char *at, const char *from, const struct demand *d, unsigned i)
{
	if (at != from)
		at = put(at, SLICE(", "));
	at = put(at, d->by_tokens ? SLICE("\"tokens-") : SLICE("\"requests-"));
	at = put(put_number(at, d->rate.period_ns / NS_PER_S), SLICE("-"));
	return put(put_number(at, i), SLICE("\""));
}

/* One item a window: "requests-60-0";q=100;w=60 and what is left of it. */
static int add_lists(struct exchange *x, struct head *to, const struct admitted *a)
{
	char *policy = a->n_rates ? arena_alloc(&x->arena, (size_t)a->n_rates * 2 * ITEM_MAX) : NULL;

	if (!policy)
		return a->n_rates ? -ENOMEM : 0;
	char *limit = policy + (size_t)a->n_rates * ITEM_MAX, *p = policy, *l = limit;
	for (unsigned i = 0; i < a->n_rates; i++) {
		const struct demand *d = &a->ask.demands[i];
		if (d->kind != DEMAND_RATE || d->soft || !is_known(d))
			continue;
		p = put(put_window(p, policy, d, i), SLICE(";q="));
		p = put(put_number(p, d->rate.burst), SLICE(";w="));
		p = put_number(p, d->rate.period_ns / NS_PER_S);
		l = put(put_window(l, limit, d, i), SLICE(";r="));
		l = put(put_number(l, d->left), SLICE(";t="));
		l = put_number(l, seconds_up(d->reset_ns));
	}
	if (p == policy)
		return 0;
	struct header both[] = {{SLICE("ratelimit-policy"), slice_from(policy, (size_t)(p - policy)), HEADER_OTHER},
		{SLICE("ratelimit"), slice_from(limit, (size_t)(l - limit)), HEADER_OTHER}};
	int e = head_add_header(to, both[0]);
	return e ? e : head_add_header(to, both[1]);
}

static int add_openai(struct exchange *x, struct head *to, const struct demand *d)
{
	static const struct slice names[2][3] = {
		{SLICE_INIT("x-ratelimit-limit-requests"), SLICE_INIT("x-ratelimit-remaining-requests"),
			SLICE_INIT("x-ratelimit-reset-requests")},
		{SLICE_INIT("x-ratelimit-limit-tokens"), SLICE_INIT("x-ratelimit-remaining-tokens"),
			SLICE_INIT("x-ratelimit-reset-tokens")},
	};
	const struct slice *name = names[d && d->by_tokens];

	if (!d)
		return 0;
	int e = add_number(x, to, name[0], d->rate.burst);
	if (!e)
		e = add_number(x, to, name[1], d->left);
	return e ? e : add_duration(x, to, name[2], d->reset_ns);
}

/* What is left of the budgets that are this agent's alone, as if nobody else's call were running but this one. */
static int add_remaining(struct exchange *x, struct head *to, const struct admitted *a)
{
	nanousd left = INT64_MAX;

	for (unsigned i = a->n_rates; i < a->ask.n; i++) {
		const struct demand *d = &a->ask.demands[i];
		if (a->budgets[i - a->n_rates]->scope != BUDGET_AGENT || d->budget.limit_cost == BUDGET_NO_COST || d->soft)
			continue;
		if (!is_known(d))
			continue; /* one before it has refused, so there is less left there */
		nanousd mine = demand_left(d);
		if (a->in_force && x->calls[0].priced)
			mine += a->ask.reservation.cost - x->calls[0].cost;
		mine -= call_tools_cost(&x->calls[0]);
		left = mine < left ? mine : left;
	}
	if (left == INT64_MAX)
		return 0;
	char *text = arena_alloc(&x->arena, MONEY_TEXT);
	return text ? add(to, SLICE("x-weir-budget-remaining-usd"), text, money_format(left > 0 ? left : 0, text)) : -ENOMEM;
}

int answer_limits_add(struct exchange *x, struct head *to)
{
	const struct call *c = &x->calls[0];
	const struct admitted *a = c->admitted;
	uint64_t bound = x->source_local ? 0 : c->output_bound;
	int e = 0;

	if (bound && (!c->facts.max_output || bound < c->facts.max_output))
		e = add_number(x, to, SLICE("x-weir-max-tokens"), bound);
	if (e || !a || a->error)
		return e;
	e = add_lists(x, to, a);
	if (!e)
		e = add_openai(x, to, tightest(a, false));
	if (!e)
		e = add_openai(x, to, tightest(a, true));
	return e || !a->budgets ? e : add_remaining(x, to, a);
}
