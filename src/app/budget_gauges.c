/* SPDX-License-Identifier: Apache-2.0 */
/* budget_gauges: see budget_gauges.h. Each counter is looked up by its name, a handful at a time: there are as many as the
 * policy names, while a store may hold a million others. */
#include <errno.h>
#include "app/budget_gauges.h"
#include "base/clock.h"
#include "base/mem.h"
#include "exchange/demands.h"
#include "exchange/snapshot.h"
#include "exchange/warnings.h"

#define HANDFUL 32u

struct rows {
	struct snapshot *snapshot; /* counted: names are its */
	struct budget_gauge *at;   /* owned */
	unsigned n;
};

struct budget_gauges {
	struct rows shown, coming;
	struct store *store;   /* borrowed */
	uint64_t wall_ns;      /* of what is coming */
	unsigned agent, budget; /* the next one to look up */
	struct demand demands[HANDFUL]; /* of the last n_asked rows that are coming */
	unsigned n_asked;
	struct ticket ticket;
	bool waits;            /* for the ticket */
};

struct budget_gauges *budget_gauges_new(void)
{
	return mem_zalloc(sizeof(struct budget_gauges));
}

static void rows_finish(struct rows *r)
{
	mem_free(r->at);
	snapshot_unref(r->snapshot);
	*r = (struct rows){NULL, NULL, 0};
}

void budget_gauges_free(struct budget_gauges *b)
{
	if (!b)
		return;
	if (b->waits)
		ticket_cancel(&b->ticket);
	rows_finish(&b->shown);
	rows_finish(&b->coming);
	mem_free(b);
}

/* What several agents share stands once. */
static bool is_there(const struct rows *r, const struct budget_gauge *g, enum budget_scope scope)
{
	for (unsigned i = 0; scope != BUDGET_AGENT && i < r->n; i++)
		if (r->at[i].scope == g->scope && r->at[i].window == g->window && slice_equals(r->at[i].name, g->name))
			return true;
	return false;
}

static void add_row(struct budget_gauges *b, const struct agent_conf *a, const struct budget_conf *budget)
{
	struct budget_gauge g = {
		budget_scope_names[budget->scope], budget_owner(a, budget->scope), budget_per_names[budget->per]};
	struct rows *r = &b->coming;

	if (!g.name.len || budget->limit_cost == INT64_MAX || is_there(r, &g, budget->scope))
		return;
	g.limit = budget->limit_cost;
	r->at[r->n++] = g;
	demand_of_counter(&a->allowance, budget, budget->counter, b->wall_ns / NS_PER_S, &b->demands[b->n_asked++]);
}

static void take_handful(struct budget_gauges *b)
{
	const struct conf *conf = b->coming.snapshot->conf;

	b->n_asked = 0;
	while (b->agent < conf->n_agents && b->n_asked < HANDFUL && b->coming.n < METRIC_SERIES_MAX) {
		const struct agent_conf *a = &conf->agents[b->agent];
		if (b->budget < a->allowance.n_budgets) {
			add_row(b, a, &a->allowance.budgets[b->budget++]);
		} else {
			b->agent++;
			b->budget = 0;
		}
	}
}

static void read_handful(struct budget_gauges *b)
{
	struct budget_gauge *first = &b->coming.at[b->coming.n - b->n_asked];

	for (unsigned i = 0; i < b->n_asked; i++) {
		first[i].spent = b->demands[i].spent_cost;
		first[i].reserved = b->demands[i].reserved_cost;
	}
}

/* result: of the last look; what nobody knows is not shown. */
static void end(struct budget_gauges *b, int result)
{
	rows_finish(&b->shown);
	if (result >= 0)
		b->shown = b->coming;
	else
		rows_finish(&b->coming);
	b->coming = (struct rows){NULL, NULL, 0};
}

static void on_looked(struct ticket *t, int result);

static void go_on(struct budget_gauges *b)
{
	for (;;) {
		take_handful(b);
		if (!b->n_asked) {
			end(b, 0);
			return;
		}
		ticket_init(&b->ticket, on_looked);
		int r = b->store->ops->look(b->store, b->demands, b->n_asked, b->wall_ns, &b->ticket);
		b->waits = r == PENDING;
		if (b->waits)
			return;
		if (r < 0) {
			end(b, r);
			return;
		}
		read_handful(b);
	}
}

static void on_looked(struct ticket *t, int result)
{
	struct budget_gauges *b = container_of(t, struct budget_gauges, ticket);

	b->waits = false;
	if (result < 0) {
		end(b, result);
		return;
	}
	read_handful(b);
	go_on(b);
}

void budget_gauges_read(
	struct budget_gauges *b, struct store *s, struct snapshot *snapshot, uint64_t wall_ns, struct metrics_gauges *g)
{
	if (!b->waits) {
		b->coming.at = mem_alloc(METRIC_SERIES_MAX * sizeof(*b->coming.at));
		b->coming.snapshot = snapshot_ref(snapshot);
		b->store = s;
		b->wall_ns = wall_ns;
		b->agent = b->budget = 0;
		if (b->coming.at)
			go_on(b);
		else
			end(b, -ENOMEM);
	}
	g->budgets = b->shown.at;
	g->n_budgets = b->shown.n;
}
