/* SPDX-License-Identifier: Apache-2.0 */
/* fake_store: a few counters in an array. What is granted counts at once when it is READY, else
 * when it is answered: who cancels after that has an admission that is granted, and settles it. */
#include "rig/fake_store.h"
#include <assert.h>
#include <errno.h>

static uint64_t *counter_of(struct fake_store *f, struct slice key)
{
	for (unsigned i = 0; i < FAKE_STORE_KEYS; i++) {
		char *name = f->counters[i].key;

		if (!*name) {
			assert(key.len < sizeof(f->counters[i].key));
			memcpy(name, key.at, key.len);
			return &f->counters[i].held;
		}
		if (slice_is(key, name))
			return &f->counters[i].held;
	}
	assert(!"more keys than a test needs");
	return NULL;
}

/* What a demand wants of its counter, and how much of it there may be. */
static uint64_t wanted_of(const struct admission *a, const struct demand *d)
{
	if (d->kind == DEMAND_BUDGET)
		return (uint64_t)a->reservation.cost;
	return d->kind == DEMAND_RATE ? d->rate.units : 1;
}

static uint64_t limit_of(const struct demand *d)
{
	if (d->kind == DEMAND_BUDGET)
		return (uint64_t)d->budget.limit_cost;
	return d->kind == DEMAND_RATE ? d->rate.burst : d->slot.limit;
}

/* All or nothing: the counters change only once every demand has been found to fit. */
static bool decide(struct fake_store *f, struct admission *a)
{
	struct reservation *r = &a->reservation;
	picosum out = 0;

	money_add(&out, r->out_wanted, r->out_price);
	r->out_granted = r->out_wanted;
	r->cost = r->fixed_cost + money_round_up(out);
	r->tokens = r->fixed_tokens + r->out_wanted * r->out_tokens_each;
	for (unsigned i = 0; i < a->n; i++)
		a->demands[i].state = DEMAND_NOT_ASKED;
	for (a->refused_by = 0; a->refused_by < a->n; a->refused_by++) {
		struct demand *d = &a->demands[a->refused_by];
		bool fits = *counter_of(f, d->name) + wanted_of(a, d) <= limit_of(d);

		d->state = fits ? DEMAND_GRANTED : DEMAND_REFUSED;
		if (!fits && !d->soft)
			return a->granted = false;
	}
	for (unsigned i = 0; i < a->n; i++)
		*counter_of(f, a->demands[i].name) += wanted_of(a, &a->demands[i]);
	return a->granted = true;
}

static void fake_drop(struct ticket *t)
{
	struct fake_waiter *w = t->provider;

	assert(w->ticket == t);
	w->ticket = NULL;
	w->store->drops++;
}

static int wait_for(struct fake_store *f, const struct fake_waiter *what)
{
	for (unsigned i = 0; i < FAKE_STORE_WAITERS; i++) {
		struct fake_waiter *w = &f->waiters[i];

		if (w->ticket)
			continue;
		*w = *what;
		w->store = f;
		ticket_arm(w->ticket, f->turn, fake_drop, w);
		return PENDING;
	}
	return -EBUSY;
}

static int fake_admit(struct store *s, struct admission *a)
{
	struct fake_store *f = container_of(s, struct fake_store, store);

	f->admits++;
	a->granted = false;
	a->refused_by = a->n;
	if (f->fails)
		return f->fails;
	if (!f->pending) {
		decide(f, a);
		return READY;
	}
	return wait_for(f, &(struct fake_waiter){.ticket = &a->ticket, .admission = a});
}

static uint64_t used_of(const struct demand *d, const struct settlement *used)
{
	if (!used->ran || d->kind == DEMAND_SLOT)
		return 0;
	if (d->kind == DEMAND_BUDGET)
		return (uint64_t)used->cost;
	return d->by_tokens ? used->tokens : d->rate.units;
}

static void fake_settle(struct store *s, struct admission *a, const struct settlement *used)
{
	struct fake_store *f = container_of(s, struct fake_store, store);

	assert(a->granted);
	for (unsigned i = 0; i < a->n; i++) {
		const struct demand *d = &a->demands[i];
		uint64_t *held = counter_of(f, d->name);

		assert(*held >= wanted_of(a, d));
		*held += used_of(d, used) - wanted_of(a, d);
	}
	a->granted = false;
	f->settles++;
}

static int show(struct fake_store *f, struct demand *demands, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct demand *d = &demands[i];
		uint64_t held = *counter_of(f, d->name), limit = limit_of(d);

		d->state = held < limit ? DEMAND_GRANTED : DEMAND_REFUSED;
		if (d->kind == DEMAND_BUDGET)
			d->spent_cost = (nanousd)held;
		else if (d->kind == DEMAND_RATE)
			d->left = held < limit ? limit - held : 0;
	}
	return READY;
}

static int fake_look(
        struct store *s, struct demand *demands, unsigned n, uint64_t now_wall_ns, struct ticket *t)
{
	struct fake_store *f = container_of(s, struct fake_store, store);

	(void)now_wall_ns;
	if (f->fails)
		return f->fails;
	if (f->pending)
		return wait_for(f, &(struct fake_waiter){.ticket = t, .demands = demands, .n = n});
	return show(f, demands, n);
}

static const struct store_ops fake_ops = {"fake", fake_admit, fake_settle, fake_look};

void fake_store_init(struct fake_store *f, struct turn *turn)
{
	*f = (struct fake_store){.store = {&fake_ops}, .turn = turn};
}

unsigned fake_store_waiting(const struct fake_store *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_STORE_WAITERS; i++)
		n += f->waiters[i].ticket != NULL;
	return n;
}

bool fake_store_answer(struct fake_store *f, int result)
{
	for (unsigned i = 0; i < FAKE_STORE_WAITERS; i++) {
		struct fake_waiter w = f->waiters[i];

		if (!w.ticket)
			continue;
		f->waiters[i].ticket = NULL;
		if (result >= 0)
			result = w.admission ? decide(f, w.admission) : show(f, w.demands, w.n);
		ticket_complete(w.ticket, result);
		return true;
	}
	return false;
}

uint64_t fake_store_held(const struct fake_store *f, const char *key)
{
	for (unsigned i = 0; i < FAKE_STORE_KEYS; i++)
		if (!strcmp(f->counters[i].key, key))
			return f->counters[i].held;
	return 0;
}
