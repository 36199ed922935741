/* SPDX-License-Identifier: Apache-2.0 */
/* answer_limits: see answer_limits.h. */
#include <errno.h>
#include <stdio.h>
#include "base/buf.h"
#include "exchange/admission.h"
#include "exchange/answer_limits.h"
#include "exchange/demands.h"

#define LIST_MAX 1024 /* bytes of a field that lists all windows */

static int add(struct exchange *x, struct head *to, struct slice name, const char *text, size_t len)
{
	struct slice copy = arena_dup(&x->arena, slice_from(text, len));

	return copy.at ? head_add_header(to, (struct header){name, copy, HEADER_OTHER}) : -ENOMEM;
}

static int add_number(struct exchange *x, struct head *to, struct slice name, uint64_t n)
{
	char text[24];

	return add(x, to, name, text, (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)n));
}

static uint64_t seconds_up(uint64_t ns)
{
	return ns / NS_PER_S + (ns % NS_PER_S != 0);
}

/* As OpenAI writes it: "6m0s", "1.5s", "20ms". Rounded up in the smallest unit that is shown: who waits that long is let in. */
static int add_duration(struct exchange *x, struct head *to, struct slice name, uint64_t ns)
{
	char text[64];
	unsigned long long ms = ns / NS_PER_MS + (ns % NS_PER_MS != 0), s = seconds_up(ns);
	int len;

	if (ms < 1000)
		len = snprintf(text, sizeof(text), "%llums", ms);
	else if (ms <= 59999)
		len = snprintf(text, sizeof(text), "%llu.%03llu", ms / 1000, ms % 1000);
	else if (s < 3600)
		len = snprintf(text, sizeof(text), "%llum%llus", s / 60, s % 60);
	else
		len = snprintf(text, sizeof(text), "%lluh%llum%llus", s / 3600, s / 60 % 60, s % 60);
	if (ms < 1000 || ms > 59999)
		return add(x, to, name, text, (size_t)len);
	while (text[len - 1] == '0')
		len--;
	len -= text[len - 1] == '.';
	text[len++] = 's';
	return add(x, to, name, text, (size_t)len);
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

/* One item a window: "requests-60";q=100;w=60 and what is left of it. */
static int add_lists(struct exchange *x, struct head *to, const struct admitted *a)
{
	char policy[LIST_MAX], limit[LIST_MAX];
	size_t np = 0, nl = 0;

	for (unsigned i = 0; i < a->n_rates; i++) {
		const struct demand *d = &a->ask.demands[i];
		unsigned long long w = d->rate.period_ns / NS_PER_S, q = d->rate.burst;
		if (d->kind != DEMAND_RATE || d->soft || !is_known(d) || np > LIST_MAX - 120 || nl > LIST_MAX - 120)
			continue;
		const char *unit = d->by_tokens ? "tokens" : "requests", *comma = np ? ", " : "";
		np += (size_t)snprintf(policy + np, sizeof(policy) - np, "%s\"%s-%llu-%u\";q=%llu;w=%llu", comma, unit, w, i, q, w);
		nl += (size_t)snprintf(limit + nl, sizeof(limit) - nl, "%s\"%s-%llu-%u\";r=%llu;t=%llu", comma, unit, w, i,
			(unsigned long long)d->left, (unsigned long long)seconds_up(d->reset_ns));
	}
	if (!np)
		return 0;
	int e = add(x, to, SLICE("ratelimit-policy"), policy, np);
	return e ? e : add(x, to, SLICE("ratelimit"), limit, nl);
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
	char text[MONEY_TEXT];

	for (unsigned i = a->n_rates; i < a->ask.n; i++) {
		const struct demand *d = &a->ask.demands[i];
		if (a->budgets[i - a->n_rates]->scope != BUDGET_AGENT || d->budget.limit_cost == BUDGET_NO_COST || d->soft)
			continue;
		if (!is_known(d))
			continue; /* one before it has refused, so there is less left there */
		nanousd mine = demand_left(d);
		if (a->in_force && x->calls[0].priced)
			mine += a->ask.reservation.cost - x->calls[0].cost;
		left = mine < left ? mine : left;
	}
	if (left == INT64_MAX)
		return 0;
	return add(x, to, SLICE("x-weir-budget-remaining-usd"), text, money_format(left > 0 ? left : 0, text));
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
