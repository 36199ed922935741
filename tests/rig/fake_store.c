/* SPDX-License-Identifier: Apache-2.0 */
/* fake_store: a few counters in an array. A take that is granted counts at once when it is READY,
 * else when it is answered. */
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

static bool grant(uint64_t *held, uint64_t amount, uint64_t limit)
{
	if (*held + amount > limit)
		return false;
	*held += amount;
	return true;
}

static void fake_drop(struct ticket *t)
{
	struct fake_waiter *w = t->provider;

	assert(w->ticket == t);
	w->ticket = NULL;
	w->store->drops++;
}

static int fake_take(struct store *s, struct slice key, uint64_t amount, uint64_t limit,
        struct ticket *t, bool *ret_granted)
{
	struct fake_store *f = container_of(s, struct fake_store, store);
	uint64_t *held = counter_of(f, key);

	f->takes++;
	if (f->fails)
		return f->fails;
	if (!f->pending) {
		*ret_granted = grant(held, amount, limit);
		return READY;
	}
	for (unsigned i = 0; i < FAKE_STORE_WAITERS; i++) {
		struct fake_waiter *w = &f->waiters[i];

		if (w->ticket)
			continue;
		*w = (struct fake_waiter){f, t, held, amount, limit};
		ticket_arm(t, f->turn, fake_drop, w);
		return PENDING;
	}
	return -EBUSY;
}

static void fake_give(struct store *s, struct slice key, uint64_t amount)
{
	struct fake_store *f = container_of(s, struct fake_store, store);
	uint64_t *held = counter_of(f, key);

	assert(*held >= amount);
	*held -= amount;
	f->gives++;
}

static const struct store_ops fake_ops = {"fake", fake_take, fake_give};

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
		ticket_complete(w.ticket, result < 0 ? result : grant(w.held, w.amount, w.limit));
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
