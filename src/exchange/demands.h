/* SPDX-License-Identifier: Apache-2.0 */
/* demands: which counter of the store each of an agent's limits looks at, for one call. */
#pragma once
#include "weir/call.h"
#include "weir/store.h"

/* Whether a budget has a counter for each id of a workflow, session or user. */
static inline bool budget_counts_by_id(enum budget_scope scope)
{
	return scope == BUDGET_WORKFLOW || scope == BUDGET_SESSION || scope == BUDGET_USER;
}

/* Whose id selects the counter of this scope; empty: the call has none that counts. */
struct slice budget_id(const struct call *c, enum budget_scope scope);
/* Whether each call has this budget to itself: there is no counter. */
static inline bool budget_is_alone(const struct call *c, const struct budget_conf *b)
{
	return b->scope == BUDGET_REQUEST || (budget_counts_by_id(b->scope) && !budget_id(c, b->scope).len);
}
/* Whether the call is told apart by what a rate counts by. */
static inline bool rate_has_id(const struct call *c, const struct rate_conf *r)
{
	return r->by != RATE_BY_USER || call_user_counts(c);
}

/* Whether a tool that it calls has limits of its own, over all agents. */
static inline bool tool_has_limits(const struct call *c)
{
	return c->tool && (c->tool->n_rates || c->tool->concurrency);
}

/* Each fills in all of *d but soft, by_tokens and the units. False: no memory. */
bool demand_of_rate(struct call *c, const struct rate_conf *r, struct slice counter, struct demand *d);
bool demand_of_budget(struct call *c, const struct budget_conf *b, struct demand *d);
void demand_of_slot(struct call *c, struct demand *d);
/* The same of the tool that is called, whoever calls it. */
void demand_of_tool_rate(const struct tool_conf *t, unsigned i, struct demand *d);
void demand_of_tool_slot(const struct tool_conf *t, struct demand *d);
/* A budget's, by the whole name of its counter; now_s: wall seconds, which select the window. */
void demand_of_counter(
	const struct allowance_conf *a, const struct budget_conf *b, struct slice name, uint64_t now_s, struct demand *d);

/* What the store has told of a budget's money: below zero when more is used than there is. Sums of a budget that is a shadow
 * stop only at the largest number. */
static inline nanousd demand_left(const struct demand *d)
{
	nanousd left;

	if (__builtin_sub_overflow(d->budget.limit_cost - d->spent_cost, d->reserved_cost, &left))
		return INT64_MIN / 2;
	return left;
}
