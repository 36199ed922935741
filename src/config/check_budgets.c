/* SPDX-License-Identifier: Apache-2.0 */
/* check_budgets: rates and budgets that say nothing, that nobody could select, or that stand where
 * they do not hold. */
#include "config/check.h"

static void check_item(
        struct load *l, const char *scope, const struct budget_item *item, const struct node *n)
{
	const struct node *per = node_member(n, "per");

	if (!item->has_cost && !item->has_tokens) {
		diagnostics_error(
		        l->d, node_place(n), "this budget limits neither cost nor tokens");
		diagnostics_hint(l->d, "write {cost: 20, per: day} or {tokens: 5M, per: day}");
	}
	if (per && scope == budget_scope_names[BUDGET_REQUEST]) {
		diagnostics_error(l->d, per->at, "one request has no time that it is for");
		diagnostics_hint(l->d, "leave per out");
	}
}

/* Whether callers can say, or claim, what this scope counts by. */
static bool is_selectable(const struct agent_conf *a, enum budget_scope scope)
{
	switch (scope) {
	case BUDGET_WORKFLOW:
		return a->trust_workflow;
	case BUDGET_SESSION:
		return a->trust_session;
	case BUDGET_USER:
		return a->trust_user;
	default:
		return true;
	}
}

static bool is_inner(enum budget_scope scope)
{
	return scope == BUDGET_WORKFLOW || scope == BUDGET_SESSION || scope == BUDGET_USER;
}

static void check_scope(
        struct load *l, const struct agent_conf *a, enum budget_scope scope, const struct node *n)
{
	const struct allowance_conf *all = &a->allowance;
	const char *name = budget_scope_names[scope];

	if (!n || !all->of[scope].n)
		return;
	for (unsigned i = 0; i < all->of[scope].n; i++)
		if (node_item(n, i))
			check_item(l, name, &all->of[scope].at[i], node_item(n, i));
	if (!is_selectable(a, scope)) {
		diagnostics_error(l->d, node_place(n),
		        "nothing can select this budget: no %s of %.*s is verified or trusted",
		        name, SLICE_FMT(a->name));
		diagnostics_hint(l->d,
		        "add trust_claimed: [%s], if its callers may say so themselves", name);
	}
	if (is_inner(scope) && !all->of[BUDGET_AGENT].n && !all->of[BUDGET_TEAM].n) {
		diagnostics_error(l->d, node_place(n),
		        "a budget by %s needs an agent or team budget around it", name);
		diagnostics_hint(l->d, "whoever invents a new %s would have a new budget", name);
	}
}

static void check_rates(struct load *l, const struct agent_conf *a, const struct rate_conf *rates,
        unsigned n_rates, const struct node *n)
{
	for (unsigned i = 0; i < n_rates && n; i++) {
		const struct node *item = node_item(n, i);

		if (rates[i].by != RATE_BY_USER || a->trust_user || !item)
			continue;
		diagnostics_error(l->d, item->at,
		        "nothing can select this rate: no user of %.*s is verified or trusted",
		        SLICE_FMT(a->name));
		diagnostics_hint(
		        l->d, "add trust_claimed: [user], if its callers may say so themselves");
	}
}

/* A team's own budget stands at the team. */
static void check_owner(struct load *l, const struct node *level)
{
	const struct node *n = node_member(node_member(level, "budget"), "team");

	if (!n)
		return;
	diagnostics_error(l->d, n->key_at, "budget.team stands at a team");
	diagnostics_hint(l->d, "write it under teams:, or agent: for this agent alone");
}

static void check_agent(struct load *l, const struct agent_conf *a, const struct node *n)
{
	const struct node *budget = node_member(n, "budget");

	for (unsigned s = 0; s < BUDGET_GATEWAY; s++)
		check_scope(l, a, (enum budget_scope)s, node_member(budget, budget_scope_names[s]));
	check_rates(l, a, a->allowance.rates, a->allowance.n_rates, node_member(n, "rate_limit"));
	check_rates(l, a, a->allowance.token_rates, a->allowance.n_token_rates,
	        node_member(n, "token_rate_limit"));
}

void check_budgets(struct load *l)
{
	const struct conf *c = l->conf;
	const struct node *all = node_member(l->root, "agents");
	const struct node *own = node_member(l->root, "budget");

	for (unsigned i = 0; i < c->n_budgets; i++)
		if (node_item(own, i))
			check_item(l, "gateway", &c->budgets[i], node_item(own, i));
	check_owner(l, node_member(l->root, "defaults"));
	for (const struct node *n = all && all->kind == NODE_MAP ? all->first : NULL; n;
	        n = n->next)
		check_owner(l, n);
	for (unsigned i = 0; i < c->n_agents && l->agents; i++)
		check_agent(l, &c->agents[i], l->agents[i]);
}
