/* SPDX-License-Identifier: Apache-2.0 */
/* explain_limits: see explain_limits.h. The plan is made by the policies themselves, over a call that nobody made. */
#include "app/explain_limits.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/mem.h"
#include "exchange/admission.h"
#include "exchange/snapshot.h"
#include "policy/budget.h"
#include "policy/rates.h"
#include "policy/tokens.h"
#include "store/budget.h"

#define ARENA_ROOM (64u << 20)
#define HASH_TEXT 32u /* characters of an id's hash in a counter's name */

/* All of the burst at its start, and what comes back within the hour. */
static void put_worst_hour(struct explain *e, const struct rate_conf *r, const char *unit)
{
	static const char *const whose[] = {[RATE_BY_AGENT] = "", [RATE_BY_USER] = " of a user", [RATE_BY_KEY] = " of a key"};
	unsigned __int128 refilled = (unsigned __int128)r->count * 3600 * NS_PER_S / r->period_ns;
	uint64_t burst = r->burst ? r->burst : r->count, most = (uint64_t)refilled + burst;
	char period[24];

	period[duration_format(r->period_ns, period)] = '\0';
	explain_put(e, "  worst hour%s: %" PRIu64 " %s, of which %" PRIu64 " at once (%" PRIu64 " in %s)\n", whose[r->by], most, unit,
		burst, r->count, period);
}

void explain_worst_hours(struct explain *e, const struct agent_conf *a)
{
	const struct allowance_conf *all = &a->allowance;

	for (unsigned i = 0; i < all->n_rates; i++)
		put_worst_hour(e, &all->rates[i], "requests");
	for (unsigned i = 0; i < all->n_token_rates; i++)
		put_worst_hour(e, &all->token_rates[i], "tokens");
}

void explain_tool_worst_hours(struct explain *e, const struct tool_conf *t)
{
	for (unsigned i = 0; i < t->n_rates; i++)
		put_worst_hour(e, &t->rates[i], "calls");
}

/* ---- one call ---- */

/* Nobody makes the call, so each id that a limit counts by is an example. */
static void fill_call(struct planned *p, const struct agent_conf *a)
{
	static const struct slice example = SLICE_INIT("example");

	p->call.exchange = &p->exchange;
	p->call.agent = a;
	p->call.by = (struct attribution){.user = example, .workflow = example, .session = example};
	list_init(&p->call.charges);
	p->exchange.wall = clock_wall(&clock_system);
	p->exchange.snapshot = p->snapshot;
	tokens_count(&p->call);
}

static void plan(struct planned *p, const struct conf *conf, const struct agent_conf *a, struct slice model)
{
	struct call *c = &p->call;

	if (model.len)
		c->facts.model = model;
	c->facts.action = ACTION_CHAT;
	c->model = conf_model(conf, a, c->facts.model);
	if (!c->model)
		return;
	if (snapshot_price_of(c->model, c->facts.model, p->exchange.wall, &p->price))
		c->fixed_price = &p->price;
	rates_plan(c, false);
	budget_plan(c);
	if (c->admitted)
		reservation_price(&c->admitted->ask.reservation);
}

static struct planned *planned_begin(const struct agent_conf *a)
{
	struct planned *p = mem_zalloc(sizeof(*p));
	struct exchange_env *env = mem_zalloc(sizeof(*env));

	if (p)
		p->snapshot = mem_zalloc(sizeof(*p->snapshot));
	if (!p || !env || !p->snapshot) {
		if (p)
			mem_free(p->snapshot);
		mem_free(p);
		mem_free(env);
		return NULL;
	}
	p->exchange.env = env;
	arena_init(&p->exchange.arena, ARENA_ROOM);
	complaint_init(&p->why, FAULT_REQUEST_INVALID);
	fill_call(p, a);
	return p;
}

struct planned *planned_new(const struct explain *e, const struct agent_conf *a, struct slice model, struct slice body)
{
	struct planned *p = planned_begin(a);

	if (!p)
		return NULL;
	p->error = dialect_openai.read_request(ACTION_CHAT, body, &p->exchange.arena, p->call.tokens, &p->call.facts, &p->why);
	if (!p->error)
		plan(p, e->conf, a, model);
	return p;
}

struct planned *planned_of_tool(const struct agent_conf *a, const struct tool_conf *tool, struct slice body)
{
	struct planned *p = planned_begin(a);
	struct call *c = p ? &p->call : NULL;

	if (!p)
		return NULL;
	p->error = dialect_tool.read_request(ACTION_TOOL, body, &p->exchange.arena, NULL, &c->facts, &p->why);
	if (!p->error)
		p->error = tool_place(&tool->form, body, &p->exchange.arena, &c->facts.tool, &p->why);
	if (p->error)
		return p;
	c->tool = tool;
	rates_plan(c, false);
	budget_plan(c);
	if (c->admitted)
		reservation_price(&c->admitted->ask.reservation);
	return p;
}

void planned_free(struct planned *p)
{
	if (!p)
		return;
	arena_finish(&p->exchange.arena);
	mem_free(p->exchange.env);
	mem_free(p->snapshot);
	mem_free(p);
}

/* An id is hashed under a key that is not at hand here, so it stands for any. */
static void put_name(struct explain *e, struct slice name)
{
	if (name.len > HASH_TEXT && name.at[name.len - HASH_TEXT - 1] == ':')
		explain_put(e, "    %.*s%-*s ", (int)(name.len - HASH_TEXT), name.at, 40 - (int)(name.len - HASH_TEXT), "ID");
	else
		explain_put(e, "    %-40.*s ", SLICE_FMT(name));
}

static void put_demand(struct explain *e, const struct demand *d)
{
	char money[MONEY_TEXT], period[24], name[200];

	if (slice_starts(d->group, SLICE("tool:"))) {
		int len = snprintf(name, sizeof(name), "%.*s %.*s", SLICE_FMT(d->group), SLICE_FMT(d->name));
		put_name(e, slice_from(name, (size_t)len < sizeof(name) ? (size_t)len : sizeof(name) - 1));
	} else {
		put_name(e, d->name);
	}
	if (d->kind == DEMAND_RATE) {
		period[duration_format(d->rate.period_ns, period)] = '\0';
		explain_put(e, "%" PRIu64 " of %" PRIu64 " %s in %s\n", d->rate.units, d->rate.count,
			d->by_tokens ? "tokens" : "requests", period);
		return;
	}
	if (d->kind == DEMAND_SLOT) {
		explain_put(e, "1 of %u calls at once\n", d->slot.limit);
		return;
	}
	explain_put(e, "all of it, of");
	if (d->budget.limit_cost != BUDGET_NO_COST) {
		money[money_format(d->budget.limit_cost, money)] = '\0';
		explain_put(e, " %s USD", money);
	}
	if (d->budget.limit_tokens != BUDGET_NO_TOKENS)
		explain_put(e, " %" PRIu64 " tokens", d->budget.limit_tokens);
	explain_put(e, "\n");
}

void explain_planned(struct explain *e, const struct planned *p)
{
	const struct admitted *a = p->call.admitted;
	const struct reservation *r;
	char money[MONEY_TEXT];

	if (!a)
		return;
	r = &a->ask.reservation;
	explain_put(e, "  it would ask for, at worst");
	if (a->budgets && p->call.tool) {
		money[money_format(r->cost, money)] = '\0';
		explain_put(e, ", %s USD", money);
	} else if (a->budgets) {
		money[money_format(r->cost, money)] = '\0';
		explain_put(e, ", %s USD%s and %" PRIu64 " tokens: %" PRIu64 " of input, %" PRIu64 " of output", money,
			p->call.fixed_price ? "" : " (its price is not known)", r->tokens, r->fixed_tokens, r->tokens - r->fixed_tokens);
	}
	explain_put(e, "\n");
	for (unsigned i = 0; i < a->ask.n; i++)
		put_demand(e, &a->ask.demands[i]);
	explain_put(e, "\n");
}
