/* SPDX-License-Identifier: Apache-2.0 */
/* embedded: see embedded.h. An admission locks the shards of all its groups, in ascending order,
 * judges every demand, and only then takes: nothing has to be given back. */
#include "store/embedded.h"
#include <assert.h>
#include <errno.h>
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/keep.h"

struct embedded {
	struct store store;
	struct table *table; /* owned */
	struct keep *keep;   /* owned */
	struct clock *clock; /* borrowed */
};

static struct embedded *embedded_of(struct store *s)
{
	return container_of(s, struct embedded, store);
}

/* Asked for under the lock: a thread that was held up before it would ask with an old time, and be
 * refused what others have used since. */
static struct table_time time_of(const struct embedded *e, uint64_t now_wall_ns)
{
	return (struct table_time){clock_mono(e->clock), now_wall_ns};
}

/* ---- finding ---- */

static uint64_t window_of_demand(const struct demand *d)
{
	return d->kind == DEMAND_BUDGET ? d->budget.window : 0;
}

static struct cell_key key_of(const struct demand *d)
{
	return (struct cell_key){d->group, d->name, window_of_demand(d), d->own, d->kind};
}

/* Clears the answers and fills in the hashes. Returns the shards. Most demands are of one group. */
static uint64_t demands_begin(struct demand *demands, unsigned n)
{
	struct slice group = {NULL, 0};
	uint64_t hash = 0, shards = 0;

	for (unsigned i = 0; i < n; i++) {
		struct demand *d = &demands[i];

		if (d->group.at != group.at || d->group.len != group.len) {
			group = d->group;
			hash = hash_bytes(group);
		}
		d->state = DEMAND_NOT_ASKED;
		d->held = NULL;
		d->own = cell_hash(hash, d->name, window_of_demand(d), d->kind);
		shards |= shard_bit(d->own);
	}
	return shards;
}

static uint64_t shards_held(const struct admission *a)
{
	uint64_t shards = 0;

	for (unsigned i = 0; i < a->n; i++)
		if (a->demands[i].held)
			shards |= shard_bit(((const struct cell *)a->demands[i].held)->hash);
	return shards;
}

/* ---- one demand: may it, take it, say how it stands ---- */

/* A counter's rate changes only with the policy. */
static struct gcra_limit limit_of(const struct cell *c, const struct demand *d)
{
	if (c->count && c->count == d->rate.count && c->period_ns == d->rate.period_ns)
		return gcra_limit_with(c->unit, c->count, d->rate.burst);
	return gcra_limit_of(d->rate.count, d->rate.period_ns, d->rate.burst);
}

static void keep_unit(struct cell *c, const struct demand *d)
{
	if (c->count == d->rate.count && c->period_ns == d->rate.period_ns)
		return;
	c->unit = gcra_unit_of(d->rate.count, d->rate.period_ns);
	c->count = d->rate.count;
	c->period_ns = d->rate.period_ns;
}

static enum demand_state rate_judge(const struct cell *c, struct demand *d, uint64_t now)
{
	static const enum demand_state states[] = {[GCRA_GRANTS] = DEMAND_GRANTED,
	        [GCRA_WAITS] = DEMAND_REFUSED,
	        [GCRA_NEVER] = DEMAND_NEVER};
	struct gcra_limit l = limit_of(c, d);

	return states[gcra_ask(&c->rate, &l, now, d->rate.units, &d->wait_ns)];
}

static void rate_tell(const struct cell *c, struct demand *d, uint64_t now)
{
	struct gcra_limit l = limit_of(c, d);

	gcra_tell(&c->rate, &l, now, &d->left, &d->reset_ns);
}

static enum demand_state slot_judge(const struct cell *c, const struct demand *d)
{
	return c->held < d->slot.limit ? DEMAND_GRANTED : DEMAND_REFUSED;
}

static void demand_judge(
        struct admission *a, struct demand *d, struct cell *c, uint64_t now, uint64_t *out)
{
	uint64_t softly = *out;

	d->wait_ns = 0;
	if (d->kind == DEMAND_RATE) {
		keep_unit(c, d);
		d->state = rate_judge(c, d, now);
	} else if (d->kind == DEMAND_SLOT) {
		d->state = slot_judge(c, d);
	} else {
		if (c->budget.ends < d->budget.ends)
			c->budget.ends = d->budget.ends;
		d->state = budget_judge(&c->budget, d, &a->reservation, d->soft ? &softly : out);
	}
}

static void demand_take(struct admission *a, struct demand *d, struct cell *c, uint64_t now)
{
	if (d->kind == DEMAND_RATE) {
		struct gcra_limit l = limit_of(c, d);

		d->own = gcra_take(&c->rate, &l, now, d->rate.units);
	} else if (d->kind == DEMAND_BUDGET) {
		budget_reserve(&c->budget, &a->reservation, a->expires, c->held);
	}
	c->held++;
}

static void demand_tell(struct demand *d, const struct cell *c, struct table_time now)
{
	if (d->kind == DEMAND_RATE)
		rate_tell(c, d, now.mono);
	else if (d->kind == DEMAND_BUDGET)
		budget_tell(&c->budget, d, now.wall);
}

static void demand_settle(struct admission *a, struct demand *d, struct cell *c,
        const struct settlement *used, uint64_t now)
{
	c->held--;
	if (d->kind == DEMAND_RATE) {
		struct gcra_limit l = limit_of(c, d);

		if (!used->ran)
			gcra_give(&c->rate, &l, now, d->own, d->rate.units);
		else if (d->by_tokens)
			gcra_correct(&c->rate, &l, now, d->own, d->rate.units, used->tokens);
	} else if (d->kind == DEMAND_BUDGET) {
		budget_settle(&c->budget, &a->reservation, used, a->expires, c->held);
	}
}

/* ---- an admission ---- */

/* Asks in order until one refuses; held says where each was found. 0 or -ENOMEM. */
static int admission_ask(struct embedded *e, struct admission *a, struct table_time now)
{
	uint64_t out = a->reservation.out_wanted;

	for (unsigned i = 0; i < a->n; i++) {
		struct demand *d = &a->demands[i];
		struct cell_key key = key_of(d);
		struct cell *c = NULL;
		int r = table_get(e->table, &key, now, &c);

		if (r == -ENOMEM)
			return r;
		d->held = c;
		if (c)
			demand_judge(a, d, c, now.mono, &out);
		else
			d->state = DEMAND_CROWDED;
		if (d->state != DEMAND_GRANTED && !d->soft) {
			a->refused_by = i;
			return 0;
		}
	}
	a->reservation.out_granted = out;
	return 0;
}

static bool demand_is_taken(const struct admission *a, unsigned i)
{
	const struct demand *d = &a->demands[i];

	if (d->state != DEMAND_GRANTED && d->kind != DEMAND_BUDGET)
		return false;
	for (unsigned before = 0; before < i; before++)
		if (a->demands[before].held == d->held)
			return false;
	return true;
}

static void admission_take(struct admission *a, struct table_time now)
{
	reservation_price(&a->reservation);
	for (unsigned i = 0; i < a->n; i++) {
		struct demand *d = &a->demands[i];
		struct cell *c = d->held;

		if (!c)
			continue;
		if (demand_is_taken(a, i))
			demand_take(a, d, c, now.mono);
		else
			d->held = NULL;
		demand_tell(d, c, now);
	}
	a->granted = true;
}

/* Nothing was taken, so what was found is forgotten. */
static void admission_drop(struct admission *a, struct table_time now)
{
	for (unsigned i = 0; i < a->n; i++) {
		struct demand *d = &a->demands[i];

		if (d->held)
			demand_tell(d, d->held, now);
		d->held = NULL;
	}
}

static int embedded_admit(struct store *s, struct admission *a)
{
	struct embedded *e = embedded_of(s);
	uint64_t shards = demands_begin(a->demands, a->n);
	struct table_time now;
	int r;

	a->granted = false;
	a->found = NULL;
	a->answers = false;
	a->refused_by = a->n;
	table_lock(e->table, shards);
	now = time_of(e, a->now_wall_ns);
	r = admission_ask(e, a, now);
	if (!r && a->refused_by == a->n)
		admission_take(a, now);
	else
		admission_drop(a, now);
	table_unlock(e->table, shards);
	return r;
}

static void embedded_settle(struct store *s, struct admission *a, const struct settlement *used)
{
	struct embedded *e = embedded_of(s);
	uint64_t shards = shards_held(a), now;

	assert(a->granted);
	table_lock(e->table, shards);
	now = clock_mono(e->clock);
	for (unsigned i = 0; i < a->n; i++) {
		struct demand *d = &a->demands[i];

		if (d->held)
			demand_settle(a, d, d->held, used, now);
		d->held = NULL;
	}
	table_unlock(e->table, shards);
	a->granted = false;
}

/* ---- looking ---- */

static int embedded_look(
        struct store *s, struct demand *demands, unsigned n, uint64_t now_wall_ns, struct ticket *t)
{
	static const struct cell nothing;
	struct embedded *e = embedded_of(s);
	uint64_t shards = demands_begin(demands, n);
	struct table_time now;
	/* Whether the smallest call there is would fit. */
	const struct reservation least = {.fixed_cost = 1, .fixed_tokens = 1};
	uint64_t out = 0;

	(void)t;
	table_lock(e->table, shards);
	now = time_of(e, now_wall_ns);
	for (unsigned i = 0; i < n; i++) {
		struct demand *d = &demands[i];
		struct cell_key key = key_of(d);
		const struct cell *c = table_find(e->table, &key);

		c = c ? c : &nothing;
		d->wait_ns = 0;
		if (d->kind == DEMAND_RATE)
			d->state = rate_judge(c, d, now.mono);
		else if (d->kind == DEMAND_SLOT)
			d->state = slot_judge(c, d);
		else
			d->state = budget_judge(&c->budget, d, &least, &out);
		demand_tell(d, c, now);
	}
	table_unlock(e->table, shards);
	return READY;
}

/* ---- values ---- */

static int embedded_claim(struct store *s, struct value_claim *c)
{
	return keep_claim(embedded_of(s)->keep, c);
}

static void embedded_finish(
        struct store *s, struct value_claim *c, enum claim_end how, struct slice bytes)
{
	keep_finish(embedded_of(s)->keep, c, how, bytes);
}

static int embedded_get(struct store *s, struct value *v)
{
	return keep_get(embedded_of(s)->keep, v);
}

static int embedded_put(struct store *s, struct value *v)
{
	return keep_put(embedded_of(s)->keep, v);
}

static void embedded_leave(struct store *s, const struct value *v)
{
	struct value left = *v;

	left.expected = VALUE_ANY;
	keep_put(embedded_of(s)->keep, &left);
}

static const struct store_ops embedded_ops = {
        .name = "embedded",
        .admit = embedded_admit,
        .settle = embedded_settle,
        .look = embedded_look,
        .claim = embedded_claim,
        .finish = embedded_finish,
        .get = embedded_get,
        .put = embedded_put,
        .leave = embedded_leave,
};

/* ---- life ---- */

struct embedded *embedded_new(struct table_limits limits, struct clock *clock)
{
	static const struct keep_limits kept = {
	        KEEP_MEMORY, KEEP_MEMORY_A_GROUP, KEEP_VALUES_A_GROUP};
	struct embedded *e = mem_alloc(sizeof(*e));

	if (!e)
		return NULL;
	*e = (struct embedded){{&embedded_ops}, table_new(limits), keep_new(kept, clock), clock};
	if (e->table && e->keep)
		return e;
	embedded_free(e);
	return NULL;
}

void embedded_free(struct embedded *e)
{
	if (!e)
		return;
	table_free(e->table);
	keep_free(e->keep);
	mem_free(e);
}

struct store *embedded_store(struct embedded *e)
{
	return &e->store;
}

int embedded_load(struct embedded *e, struct slice group, struct slice name, uint64_t window,
        uint64_t ends, nanousd spent_cost, uint64_t spent_tokens)
{
	struct table_time now = {clock_mono(e->clock), clock_wall(e->clock)};
	struct cell_key key = {group, name, window, 0, DEMAND_BUDGET};
	struct cell *c;
	int r;

	assert(spent_cost >= 0);
	key.hash = cell_hash(hash_bytes(group), name, window, DEMAND_BUDGET);
	table_lock(e->table, shard_bit(key.hash));
	r = table_get(e->table, &key, now, &c);
	if (!r) {
		budget_spend(&c->budget, (uint64_t)spent_cost, spent_tokens);
		c->budget.ends = c->budget.ends > ends ? c->budget.ends : ends;
	}
	table_unlock(e->table, shard_bit(key.hash));
	return r;
}

int embedded_load_kept(struct embedded *e, const struct kept_row *row)
{
	return keep_load(e->keep, row);
}

void embedded_walk(struct embedded *e, void (*fn)(void *arg, const struct counter *c), void *arg)
{
	table_walk(e->table, fn, arg);
}

void embedded_sweep(struct embedded *e)
{
	table_sweep(e->table, (struct table_time){clock_mono(e->clock), clock_wall(e->clock)});
	keep_sweep(e->keep);
}

size_t embedded_memory(const struct embedded *e)
{
	return table_memory(e->table);
}
