/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_budgets: what an agent may use up, ready to be asked: the lines of its budgets as one
 * list, innermost scope first, and the name of the counter that each limit looks at. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "config/resolve.h"

#define COUNTER_MAX 160u

static struct slice name_of(struct load *l, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
static struct slice name_of(struct load *l, const char *format, ...)
{
	char text[COUNTER_MAX];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return reader_keep(&l->reader,
	        slice_from(text, len < (int)sizeof(text) ? (size_t)len : sizeof(text) - 1));
}

/* Shared counters carry no agent's name: a user's spending is one sum over the agents of a team. */
static struct slice budget_counter(
        struct load *l, const struct agent_conf *a, enum budget_scope scope, enum budget_per per)
{
	const char *of = budget_scope_names[scope], *time = budget_per_names[per];

	if (scope == BUDGET_REQUEST)
		return (struct slice){"", 0};
	if (scope == BUDGET_AGENT)
		return name_of(l, "b:%s:%.*s:%s", of, SLICE_FMT(a->name), time);
	if (scope == BUDGET_TEAM || scope == BUDGET_GATEWAY)
		return name_of(l, "b:%s:%s", of, time);
	return name_of(l, "b:%s:%s:", of, time);
}

/* The line of this scope and time, made when there is none yet. */
static struct budget_conf *budget_at(
        struct load *l, struct agent_conf *a, enum budget_scope scope, enum budget_per per)
{
	struct allowance_conf *all = &a->allowance;

	for (unsigned i = 0; i < all->n_budgets; i++)
		if (all->budgets[i].scope == scope && all->budgets[i].per == per)
			return &all->budgets[i];
	struct budget_conf *b = &all->budgets[all->n_budgets++];
	*b = (struct budget_conf){
	        scope, per, INT64_MAX, UINT64_MAX, budget_counter(l, a, scope, per)};
	return b;
}

static void resolve_list(struct load *l, struct agent_conf *a)
{
	struct allowance_conf *all = &a->allowance;
	unsigned n = 0;

	for (unsigned s = 0; s < BUDGET_SCOPES; s++)
		n += all->of[s].n;
	all->budgets = reader_alloc(&l->reader, (n + 1) * sizeof(*all->budgets));
	for (unsigned s = 0; s < BUDGET_SCOPES && all->budgets; s++)
		for (unsigned i = 0; i < all->of[s].n; i++) {
			const struct budget_item *item = &all->of[s].at[i];
			struct budget_conf *b =
			        budget_at(l, a, (enum budget_scope)s, (enum budget_per)item->per);

			if (item->has_cost && item->cost < b->limit_cost)
				b->limit_cost = item->cost;
			if (item->has_tokens && item->tokens < b->limit_tokens)
				b->limit_tokens = item->tokens;
			all->has_cost_budget |= item->has_cost;
		}
}

static struct slice *rate_counters(struct load *l, const struct agent_conf *a, const char *kind,
        const struct rate_conf *rates, unsigned n)
{
	static const char *const by[] = {
	        [RATE_BY_AGENT] = "", [RATE_BY_USER] = ":user:", [RATE_BY_KEY] = ":key:"};
	struct slice *names = reader_alloc(&l->reader, (n + 1) * sizeof(*names));

	for (unsigned i = 0; i < n && names; i++)
		names[i] = name_of(l, "%s:%.*s:%" PRIu64 "%s", kind, SLICE_FMT(a->name),
		        rates[i].period_ns / 1000000000u, by[rates[i].by]);
	return names;
}

static void resolve_agent(struct load *l, struct agent_conf *a)
{
	struct allowance_conf *all = &a->allowance;

	all->of[BUDGET_GATEWAY] = (struct budget_items){l->conf->budgets, l->conf->n_budgets};
	all->group = a->team.len ? name_of(l, "t:%.*s", SLICE_FMT(a->team))
	                         : name_of(l, "a:%.*s", SLICE_FMT(a->name));
	all->rate_counters = rate_counters(l, a, "r", all->rates, all->n_rates);
	all->token_rate_counters = rate_counters(l, a, "tr", all->token_rates, all->n_token_rates);
	all->slot_counter = name_of(l, "c:%.*s", SLICE_FMT(a->name));
	resolve_list(l, a);
}

/* A tool's own are the tool's alone, whoever calls it. */
static void resolve_tool(struct load *l, struct tool_conf *t)
{
	t->rate_counters = reader_alloc(&l->reader, (t->n_rates + 1) * sizeof(*t->rate_counters));
	t->group = name_of(l, "tool:%.*s", SLICE_FMT(t->name));
	for (unsigned i = 0; i < t->n_rates && t->rate_counters; i++)
		t->rate_counters[i] = name_of(l, "r:%" PRIu64, t->rates[i].period_ns / 1000000000u);
}

void resolve_budgets(struct load *l)
{
	for (unsigned i = 0; i < l->conf->n_tools; i++)
		resolve_tool(l, &l->conf->tools[i]);
	for (unsigned i = 0; i < l->conf->n_agents; i++)
		resolve_agent(l, &l->conf->agents[i]);
}
