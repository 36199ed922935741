/* SPDX-License-Identifier: Apache-2.0 */
/* tolls: see tolls.h. The counters are those of the call, under ids of their own: "REQUEST:t1". */
#include <stdio.h>
#include "base/decimal.h"
#include "exchange/admission.h"
#include "exchange/demands.h"
#include "exchange/journaling.h"
#include "exchange/snapshot.h"
#include "exchange/steps.h"
#include "policy/budget.h"
#include "policy/tolls.h"
#include "policy/tools.h"
#include "weir/exchange.h"

struct toll { /* in the exchange's arena */
	struct admitted held;
	struct journaling_hold writing; /* what is held is written down before the call of the tool is let through */
	struct policy *asker;   /* waits for that */
	bool known;             /* it has been: a restart would know of it */
	struct toll *before;    /* the one that was taken before it; NULL: it is the first */
	unsigned number;
	struct toolcall *of;    /* borrowed from its lap, while that is judged */
	const char *short_of;   /* a limit without a counter leaves no room for it: whose; in shadow */
};

/* The tool that the agent runs itself, at a price; NULL: it is none. */
static const struct tool_conf *priced_tool(const struct call *c, const struct toolcall *tc)
{
	const struct tool_conf *t = tc->kind == TOOL_HOSTED ? NULL : conf_tool(c->exchange->snapshot->conf, tc->name);

	return t && !t->upstream && t->cost ? t : NULL;
}

static nanousd plus(nanousd a, nanousd b)
{
	nanousd sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* What the call costs at most with tc, as far as is known: an answer that streams may grow to its bound. */
static nanousd cost_with(struct call *c, const struct toolcall *tc)
{
	struct exchange *x = c->exchange;
	const struct reservation *r = admission_reserved(c);
	nanousd sum = r ? r->cost : 0;

	if (x->collect && x->answer.usage.known) {
		settle_cost(x, c);
		sum = c->cost;
	}
	for (unsigned i = 0; i < c->n_tools; i++)
		sum = plus(sum, c->tools[i].cost);
	return plus(sum, tc->cost);
}

/* Whose limit without a counter that is beyond; NULL: nobody's. */
static const char *short_of(struct call *c, nanousd cost)
{
	const struct allowance_conf *all = &c->agent->allowance;

	for (unsigned i = 0; i < all->n_budgets; i++)
		if (budget_is_alone(c, &all->budgets[i]) && cost > all->budgets[i].limit_cost)
			return budget_scope_names[all->budgets[i].scope];
	return NULL;
}

static enum verdict deny_lone(struct call *c, struct toolcall *tc, const char *whose)
{
	char text[BUDGET_TEXT];

	snprintf(text, sizeof(text), "With it this call may cost more than the %s's budget for it.", whose);
	return tools_deny(c, tc, FAULT_BUDGET_EXCEEDED, text);
}

/* In shadow too: what a restart would not know of is not let through. */
static enum verdict deny_unwritten(struct policy *p, struct toolcall *tc)
{
	p->mode = MODE_ENFORCE;
	return tools_deny(p->call, tc, FAULT_AUDIT_UNAVAILABLE, fault_infos[FAULT_AUDIT_UNAVAILABLE].text);
}

static enum verdict read_limits(struct policy *p, struct toll *t)
{
	struct call *c = p->call;
	const struct admitted *a = &t->held;
	struct toolcall *tc = t->of;
	char text[BUDGET_TEXT];

	if (t->short_of)
		return deny_lone(c, tc, t->short_of);
	for (unsigned i = 0; i < a->ask.n; i++) {
		enum fault f = budget_says(&a->ask.demands[i], a->budgets[i], text);
		if (f != FAULT_NONE)
			return tools_deny(c, tc, f, text);
	}
	return VERDICT_PASS;
}

static void on_written(struct ticket *ticket, int result)
{
	struct toll *t = container_of(ticket, struct toll, writing.ticket);

	t->held.journaled = t->writing.written;
	t->held.journaled_in = UINT64_MAX; /* no turn that is still to be written */
	t->known = result >= 0;
	policy_settle(t->asker, result < 0 ? deny_unwritten(t->asker, t->of) : read_limits(t->asker, t));
}

static enum verdict read_toll(struct policy *p)
{
	struct call *c = p->call;
	struct toll *t = c->tolls;

	if (t->held.error)
		return tools_deny(c, t->of, FAULT_STORE_UNAVAILABLE, "What this agent has used cannot be looked up now; try again.");
	if (!journaling_is_ready(c->exchange) || (t->held.ask.granted && journaling_reserve(c->exchange, &t->held) < 0))
		return deny_unwritten(p, t->of);
	if (!t->held.journaled)
		return read_limits(p, t);
	t->asker = p;
	journaling_hold(c->exchange, &t->writing, on_written);
	return VERDICT_WAIT;
}

static bool add_counters(struct call *c, struct admitted *a, bool soft)
{
	const struct allowance_conf *all = &c->agent->allowance;

	for (unsigned i = 0; i < all->n_budgets; i++) {
		const struct budget_conf *b = &all->budgets[i];
		struct demand *d = &a->ask.demands[a->ask.n];
		if (budget_is_alone(c, b))
			continue;
		if (!demand_of_budget(c, b, d))
			return false;
		d->soft = soft;
		a->budgets[a->ask.n++] = b;
	}
	return true;
}

/* NULL: no memory. */
static struct toll *toll_new(struct call *c, struct toolcall *tc, bool soft)
{
	struct arena *arena = &c->exchange->arena;
	unsigned n = c->agent->allowance.n_budgets;
	struct toll *t = arena_zalloc(arena, sizeof(*t));
	struct admitted *a = t ? &t->held : NULL;

	if (!t)
		return NULL;
	a->ask.demands = arena_zalloc(arena, (n + 1) * sizeof(*a->ask.demands));
	a->budgets = arena_zalloc(arena, (n + 1) * sizeof(*a->budgets));
	if (!a->ask.demands || !a->budgets || !add_counters(c, a, soft))
		return NULL;
	t->of = tc;
	t->number = c->tolls ? c->tolls->number + 1 : 1;
	a->ask.reservation = (struct reservation){.fixed_cost = tc->cost, .out_tokens_each = 1};
	memcpy(a->id, c->exchange->request_id, ID_LEN);
	memcpy(a->id + ID_LEN, ":t", 2);
	a->ask.id = slice_from(a->id, ID_LEN + 2 + decimal_put(t->number, a->id + ID_LEN + 2));
	return t;
}

enum verdict tolls_take(struct policy *p, struct toolcall *tc)
{
	struct call *c = p->call;
	const struct tool_conf *tool = priced_tool(c, tc);

	p->mode = p->given; /* what was enforced of the last one was so for that alone */
	if (!tool || !tools_let_through(c, tc))
		return VERDICT_PASS; /* it costs nothing, or is denied anyhow */
	tc->cost = tool->cost;
	nanousd cost = cost_with(c, tc);
	if (c->has_max_cost && cost > c->max_cost) {
		p->mode = MODE_ENFORCE; /* the caller's word holds in shadow too */
		return deny_lone(c, tc, "caller");
	}
	const char *whose = short_of(c, cost);
	if (whose && p->mode == MODE_ENFORCE)
		return deny_lone(c, tc, whose);
	struct toll *t = toll_new(c, tc, p->mode == MODE_SHADOW);
	if (!t) {
		p->mode = MODE_ENFORCE;
		return tools_deny(c, tc, FAULT_OVERLOADED, fault_infos[FAULT_OVERLOADED].text);
	}
	t->short_of = whose;
	t->before = c->tolls;
	c->tolls = t;
	return t->held.ask.n ? admission_ask_for(p, &t->held, read_toll) : read_toll(p);
}

void tolls_cancel(struct call *c)
{
	if (!c->tolls)
		return;
	admission_cancel(&c->tolls->held);
	ticket_cancel(&c->tolls->writing.ticket);
}

/* They are held in the same counters, so that it does not matter which of them is charged with what, but for one of which a
 * restart would not know: no call was let through for it. */
void tolls_settle(struct call *c)
{
	nanousd left = call_tools_cost(c);

	for (struct toll *t = c->tolls; t; t = t->before) {
		nanousd cost = t->known || !c->exchange->env->journal ? t->held.ask.reservation.cost : 0;
		if (!t->held.ask.granted)
			continue;
		if (cost > left)
			cost = left;
		left -= cost;
		admission_settle_as(c, &t->held, &(struct settlement){.ran = cost > 0, .cost = cost});
	}
}
