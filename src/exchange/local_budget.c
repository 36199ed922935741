/* SPDX-License-Identifier: Apache-2.0 */
/* local_budget: see local_budget.h. Sums are told only of counters that this agent alone adds to; of those that it shares
 * with others it hears its limit and whether there is room, not what the others spend. */
#include <errno.h>
#include <time.h>
#include "base/json_write.h"
#include "exchange/demands.h"
#include "exchange/local_budget.h"

struct looking {
	struct ticket ticket;
	struct exchange *exchange; /* borrowed */
	struct demand *demands;    /* rates, token rates, the slot, budgets: those that the call has a counter for */
	unsigned n;
	bool answered;
	int error;                 /* the store cannot say */
};

/* ---- asking ---- */

static int add_rates(struct call *c, struct looking *l, const struct rate_conf *rates, const struct slice *counters, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct demand *d = &l->demands[l->n];
		if (!rate_has_id(c, &rates[i]))
			continue;
		if (!demand_of_rate(c, &rates[i], counters[i], d))
			return -ENOMEM;
		d->rate.units = 1;
		l->n++;
	}
	return 0;
}

static int add_demands(struct call *c, struct looking *l)
{
	const struct allowance_conf *a = &c->agent->allowance;
	int r = add_rates(c, l, a->rates, a->rate_counters, a->n_rates);

	if (!r)
		r = add_rates(c, l, a->token_rates, a->token_rate_counters, a->n_token_rates);
	if (!r && a->concurrency)
		demand_of_slot(c, &l->demands[l->n++]);
	for (unsigned i = 0; i < a->n_budgets && !r; i++)
		if (!budget_is_alone(c, &a->budgets[i]))
			r = demand_of_budget(c, &a->budgets[i], &l->demands[l->n++]) ? 0 : -ENOMEM;
	return r;
}

static void on_answer(struct ticket *t, int result)
{
	struct looking *l = container_of(t, struct looking, ticket);

	l->answered = true;
	l->error = result < 0 ? result : 0;
	exchange_wake(l->exchange);
}

/* READY, PENDING, or a negative errno. */
static int look(struct exchange *x, struct call *c)
{
	const struct allowance_conf *a = &c->agent->allowance;
	struct looking *l = arena_zalloc(&x->arena, sizeof(*l));
	struct store *s = x->env->store;

	if (!l)
		return -ENOMEM;
	l->exchange = x;
	l->demands = arena_zalloc(&x->arena, (a->n_rates + a->n_token_rates + a->n_budgets + 1) * sizeof(*l->demands));
	if (!l->demands || add_demands(c, l) < 0)
		return -ENOMEM;
	ticket_init(&l->ticket, on_answer);
	x->looking = l;
	if (!l->n)
		return READY;
	int r = s ? s->ops->look(s, l->demands, l->n, exchange_wall(x), &l->ticket) : -ENOTCONN;
	return r < 0 ? -ENOTCONN : r;
}

/* ---- telling ---- */

static bool is_enforced(const struct call *c, unsigned shadow_bit)
{
	for (unsigned i = 0; i < c->n_policies; i++)
		if (c->policies[i].ops->shadow_bit == shadow_bit)
			return c->policies[i].mode == MODE_ENFORCE;
	return true;
}

static void put_rate(struct json_writer *w, const struct rate_conf *r, const char *unit, const struct demand *d)
{
	static const char *const by[] = {[RATE_BY_AGENT] = "agent", [RATE_BY_USER] = "user", [RATE_BY_KEY] = "key"};

	json_open(w, '{');
	json_put_str(w, "unit", unit);
	json_put_str(w, "by", by[r->by]);
	json_put_u64(w, "limit", r->count);
	json_put_u64(w, "period_seconds", r->period_ns / NS_PER_S);
	json_put_u64(w, "burst", r->burst ? r->burst : r->count);
	if (d) {
		json_put_u64(w, "remaining", d->left);
		json_put_u64(w, "reset_seconds", d->reset_ns / NS_PER_S + (d->reset_ns % NS_PER_S != 0));
	}
	json_close(w, '}');
}

static void put_rates(struct json_writer *w, const struct call *c, const struct demand **at)
{
	const struct allowance_conf *a = &c->agent->allowance;

	json_key(w, "rates");
	json_open(w, '[');
	for (unsigned i = 0; i < a->n_rates; i++)
		put_rate(w, &a->rates[i], "requests", rate_has_id(c, &a->rates[i]) ? (*at)++ : NULL);
	for (unsigned i = 0; i < a->n_token_rates; i++)
		put_rate(w, &a->token_rates[i], "tokens", rate_has_id(c, &a->token_rates[i]) ? (*at)++ : NULL);
	json_close(w, ']');
	json_put_bool(w, "rates_enforced", is_enforced(c, SHADOW_RATES));
}

static void put_slot(struct json_writer *w, const struct call *c, const struct demand **at)
{
	if (!c->agent->allowance.concurrency)
		return;
	json_key(w, "concurrency");
	json_open(w, '{');
	json_put_u64(w, "limit", (*at)->slot.limit);
	json_put_bool(w, "has_room", (*at)->state == DEMAND_GRANTED);
	json_close(w, '}');
	(*at)++;
}

/* Whose calls a counter adds up: with a team around it a user's counter has the calls of all its agents. */
static bool is_own(const struct call *c, const struct budget_conf *b)
{
	return b->scope == BUDGET_AGENT || (budget_counts_by_id(b->scope) && !c->agent->team.len);
}

static void put_usd(struct json_writer *w, const struct budget_conf *b, const struct demand *d)
{
	nanousd left = d ? demand_left(d) : 0;

	json_key(w, "usd");
	json_open(w, '{');
	json_put_money(w, "limit", b->limit_cost);
	if (d) {
		json_put_money(w, "spent", d->spent_cost);
		json_put_money(w, "reserved", d->reserved_cost);
		json_put_money(w, "left", left > 0 ? left : 0);
	}
	json_close(w, '}');
}

static void put_tokens(struct json_writer *w, const struct budget_conf *b, const struct demand *d)
{
	uint64_t used = d ? d->spent_tokens + d->reserved_tokens : 0;

	json_key(w, "tokens");
	json_open(w, '{');
	json_put_u64(w, "limit", b->limit_tokens);
	if (d) {
		json_put_u64(w, "spent", d->spent_tokens);
		json_put_u64(w, "reserved", d->reserved_tokens);
		json_put_u64(w, "left", used < d->spent_tokens || used > b->limit_tokens ? 0 : b->limit_tokens - used);
	}
	json_close(w, '}');
}

static void put_reset(struct json_writer *w, const struct demand *d)
{
	time_t at = (time_t)d->budget.ends;
	char text[32];
	struct tm tm;

	if (gmtime_r(&at, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		json_put_str(w, "resets_at", text);
}

/* d: NULL where each call is its own. */
static void put_budget(struct json_writer *w, const struct call *c, const struct budget_conf *b, const struct demand *d)
{
	const struct demand *own = d && is_own(c, b) ? d : NULL;

	json_open(w, '{');
	json_put_str(w, "scope", budget_scope_names[b->scope]);
	if (b->scope != BUDGET_REQUEST)
		json_put_str(w, "per", budget_per_names[b->per]);
	if (b->limit_cost != INT64_MAX)
		put_usd(w, b, own);
	if (b->limit_tokens != UINT64_MAX)
		put_tokens(w, b, own);
	if (d)
		json_put_bool(w, "has_room", d->state == DEMAND_GRANTED);
	if (d && b->per != PER_TOTAL)
		put_reset(w, d);
	json_close(w, '}');
}

static int put_all(struct exchange *x, const struct looking *l, struct buf *out)
{
	const struct call *c = &x->calls[0];
	const struct allowance_conf *a = &c->agent->allowance;
	const struct demand *at = l->demands;
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	json_put_slice(&w, "agent", c->agent->name);
	if (call_user_counts(c))
		json_put_slice(&w, "user", c->by.user);
	put_rates(&w, c, &at);
	put_slot(&w, c, &at);
	json_key(&w, "budgets");
	json_open(&w, '[');
	for (unsigned i = 0; i < a->n_budgets; i++)
		put_budget(&w, c, &a->budgets[i], budget_is_alone(c, &a->budgets[i]) ? NULL : at++);
	json_close(&w, ']');
	json_put_bool(&w, "budgets_enforced", is_enforced(c, SHADOW_BUDGET));
	json_close(&w, '}');
	return json_end(&w);
}

int local_budget_write(struct exchange *x, struct buf *out)
{
	struct looking *l = x->looking;
	int r;

	if (l && !l->answered)
		return PENDING;
	r = l ? l->error : look(x, &x->calls[0]);
	if (r == PENDING)
		return r;
	if (r < 0)
		return l ? -ENOTCONN : r;
	return put_all(x, x->looking, out);
}

void local_budget_cancel(struct exchange *x)
{
	if (x->looking)
		ticket_cancel(&x->looking->ticket);
}
