/* SPDX-License-Identifier: Apache-2.0 */
/* budget_gauges: see budget_gauges.h. Each counter is looked up by its name, a handful under one lock: there are as many as
 * the policy names, while a store may hold a million others. */
#include "app/budget_gauges.h"
#include "base/clock.h"
#include "base/mem.h"
#include "exchange/demands.h"
#include "exchange/warnings.h"

#define HANDFUL 32u

struct rows {
	struct budget_gauge *at;
	unsigned n;
	struct demand demands[HANDFUL]; /* of the last n_asked rows */
	unsigned n_asked;
};

/* What several agents share stands once. */
static bool is_there(const struct rows *r, const struct budget_gauge *g, enum budget_scope scope)
{
	for (unsigned i = 0; scope != BUDGET_AGENT && i < r->n; i++)
		if (r->at[i].scope == g->scope && r->at[i].window == g->window && slice_equals(r->at[i].name, g->name))
			return true;
	return false;
}

static bool look(struct store *s, struct rows *r, uint64_t wall_ns)
{
	struct budget_gauge *first = &r->at[r->n - r->n_asked];
	struct ticket t;

	ticket_init(&t, NULL);
	if (r->n_asked && s->ops->look(s, r->demands, r->n_asked, wall_ns, &t) != READY) {
		ticket_cancel(&t);
		return false;
	}
	for (unsigned i = 0; i < r->n_asked; i++) {
		first[i].spent = r->demands[i].spent_cost;
		first[i].reserved = r->demands[i].reserved_cost;
	}
	r->n_asked = 0;
	return true;
}

static bool add_agent(struct store *s, struct rows *r, const struct agent_conf *a, uint64_t wall_ns)
{
	for (unsigned i = 0; i < a->allowance.n_budgets && r->n < METRIC_SERIES_MAX; i++) {
		const struct budget_conf *b = &a->allowance.budgets[i];
		struct budget_gauge g = {budget_scope_names[b->scope], budget_owner(a, b->scope), budget_per_names[b->per]};
		if (!g.name.len || b->limit_cost == INT64_MAX || is_there(r, &g, b->scope))
			continue;
		g.limit = b->limit_cost;
		r->at[r->n++] = g;
		demand_of_counter(&a->allowance, b, b->counter, wall_ns / NS_PER_S, &r->demands[r->n_asked++]);
		if (r->n_asked == HANDFUL && !look(s, r, wall_ns))
			return false;
	}
	return true;
}

void budget_gauges_read(struct store *s, const struct conf *conf, uint64_t wall_ns, struct metrics_gauges *g)
{
	struct rows r = {.at = mem_alloc(METRIC_SERIES_MAX * sizeof(*r.at))};
	bool good = r.at;

	for (unsigned i = 0; i < conf->n_agents && good; i++)
		good = add_agent(s, &r, &conf->agents[i], wall_ns);
	if (good)
		good = look(s, &r, wall_ns);
	g->budgets = r.at;
	g->n_budgets = good ? r.n : 0;
}

void budget_gauges_free(struct metrics_gauges *g)
{
	mem_free(g->budgets);
	g->budgets = NULL;
}
