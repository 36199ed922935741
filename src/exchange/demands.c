/* SPDX-License-Identifier: Apache-2.0 */
/* demands: see demands.h. */
#include "crypto/digest.h"
#include "exchange/demands.h"
#include "exchange/snapshot.h"
#include "store/window.h"
#include "weir/exchange.h"

#define HASHED 16 /* bytes of a hash in a counter's name: enough that no two ids of an agent meet */
#define LIVE_NS (24 * 3600 * NS_PER_S) /* a workflow's counter after its last call */

/* A counter's name and an id that somebody chose, as its keyed hash: names stay short, and stores learn no names of
 * people. at == NULL: no memory. */
static struct slice name_with(struct call *c, struct slice counter, struct slice id)
{
	struct exchange *x = c->exchange;
	uint8_t mac[SHA256_LEN];
	char *name = arena_alloc(&x->arena, counter.len + 2 * HASHED + 1);

	if (!name)
		return (struct slice){NULL, 0};
	hmac_sha256(slice_from(x->snapshot->user_key, SHA256_LEN), id, mac);
	memcpy(name, counter.at, counter.len);
	hex_encode(mac, HASHED, name + counter.len);
	return slice_from(name, counter.len + 2 * HASHED);
}

static void rate_demand(const struct rate_conf *r, struct slice group, struct slice name, struct demand *d)
{
	*d = (struct demand){.kind = DEMAND_RATE, .group = group, .name = name};
	d->rate.count = r->count;
	d->rate.period_ns = r->period_ns;
	d->rate.burst = r->burst ? r->burst : r->count;
}

bool demand_of_rate(struct call *c, const struct rate_conf *r, struct slice counter, struct demand *d)
{
	struct slice name = counter;

	if (r->by == RATE_BY_USER)
		name = name_with(c, counter, c->by.user);
	else if (r->by == RATE_BY_KEY)
		name = name_with(c, counter, c->key_sha256 ? slice_from(c->key_sha256, SHA256_LEN) : SLICE("none"));
	rate_demand(r, c->agent->allowance.group, name, d);
	return name.at;
}

void demand_of_tool_rate(const struct tool_conf *t, unsigned i, struct demand *d)
{
	rate_demand(&t->rates[i], t->group, t->rate_counters[i], d);
}

void demand_of_tool_slot(const struct tool_conf *t, struct demand *d)
{
	*d = (struct demand){.kind = DEMAND_SLOT, .group = t->group, .name = SLICE("c")};
	d->slot.limit = t->concurrency;
}

void demand_of_slot(struct call *c, struct demand *d)
{
	const struct allowance_conf *a = &c->agent->allowance;

	*d = (struct demand){.kind = DEMAND_SLOT, .group = a->group, .name = a->slot_counter};
	d->slot.limit = a->concurrency;
}

struct slice budget_id(const struct call *c, enum budget_scope scope)
{
	static const struct slice none = SLICE_INIT("");

	switch (scope) {
	case BUDGET_WORKFLOW:
		return c->agent->trust_workflow ? c->by.workflow : none;
	case BUDGET_SESSION:
		return c->agent->trust_session ? c->by.session : none;
	case BUDGET_USER:
		return call_user_counts(c) ? c->by.user : none;
	default:
		return none;
	}
}

static void set_window(struct demand *d, const struct budget_conf *b, uint64_t now_s)
{
	static const enum window_kind kinds[] = {
		[PER_HOUR] = WINDOW_HOUR, [PER_DAY] = WINDOW_DAY, [PER_MONTH] = WINDOW_MONTH, [PER_TOTAL] = WINDOW_TOTAL,
	};
	struct window w = window_of(kinds[b->per], now_s);

	d->budget.window = w.start;
	d->budget.ends = w.end;
	if (b->per == PER_TOTAL && (b->scope == BUDGET_WORKFLOW || b->scope == BUDGET_SESSION))
		d->budget.ends = now_s + LIVE_NS / NS_PER_S;
}

void demand_of_counter(
	const struct allowance_conf *a, const struct budget_conf *b, struct slice name, uint64_t now_s, struct demand *d)
{
	*d = (struct demand){.kind = DEMAND_BUDGET, .of_id = budget_counts_by_id(b->scope), .name = name};
	d->group = a->group;
	if (b->scope == BUDGET_GATEWAY) {
		d->group = SLICE("g");
		d->lessee = a->group;
	}
	d->budget.limit_cost = b->limit_cost;
	d->budget.limit_tokens = b->limit_tokens;
	set_window(d, b, now_s);
}

bool demand_of_budget(struct call *c, const struct budget_conf *b, struct demand *d)
{
	struct slice name = budget_counts_by_id(b->scope) ? name_with(c, b->counter, budget_id(c, b->scope)) : b->counter;

	demand_of_counter(&c->agent->allowance, b, name, c->exchange->wall / NS_PER_S, d);
	return name.at;
}
