/* SPDX-License-Identifier: Apache-2.0 */
/* deadline: a wheel of 1024 slots of 16 ms. One that is more than a rotation away stays in its slot
 * and is looked at again each time round; a bit a slot says where anything is set at all. */
#include "net/deadline.h"
#include <assert.h>

/* The first tick at whose beginning the moment has passed. */
static uint64_t tick_of(uint64_t at)
{
	return at / WHEEL_TICK + (at % WHEEL_TICK != 0);
}

void wheel_init(struct wheel *w, uint64_t now)
{
	*w = (struct wheel){.tick = now / WHEEL_TICK};
	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		list_init(&w->slots[i]);
}

static void slot_mark(struct wheel *w, unsigned slot)
{
	w->occupied[slot / 64] |= 1ull << slot % 64;
}

static void slot_unmark(struct wheel *w, unsigned slot)
{
	w->occupied[slot / 64] &= ~(1ull << slot % 64);
}

static void wheel_place(struct wheel *w, struct deadline *d)
{
	uint64_t tick = tick_of(d->at);
	unsigned slot = (unsigned)((tick < w->tick ? w->tick : tick) % WHEEL_SLOTS);

	list_push(&w->slots[slot], &d->link);
	slot_mark(w, slot);
}

static void wheel_remove(struct wheel *w, struct deadline *d)
{
	struct list *head = d->link.next;
	bool was_alone = head == d->link.prev;

	list_unlink(&d->link);
	/* The head is a slot's, or that of the list which wheel_run works off. */
	if (was_alone && head >= w->slots && head < w->slots + WHEEL_SLOTS)
		slot_unmark(w, (unsigned)(head - w->slots));
}

static void slot_run(struct wheel *w, unsigned slot, uint64_t last)
{
	struct list now;
	struct list *node;

	list_init(&now);
	list_splice(&now, &w->slots[slot]);
	slot_unmark(w, slot);
	while ((node = list_pop(&now))) {
		struct deadline *d = container_of(node, struct deadline, link);

		if (tick_of(d->at) > last) {
			wheel_place(w, d);
			continue;
		}
		d->at = 0;
		w->n--;
		d->due(d);
	}
}

/* The wheel stands behind what is run before anything is: what due sets comes in a later run, even
 * when it has passed. */
void wheel_run(struct wheel *w, uint64_t now)
{
	uint64_t last = now / WHEEL_TICK, first = w->tick, n;

	if (last < first)
		return;
	n = last - first + 1;
	w->tick = last + 1;
	if (n > WHEEL_SLOTS)
		n = WHEEL_SLOTS;
	for (uint64_t i = 0; i < n; i++) {
		unsigned slot = (unsigned)((first + i) % WHEEL_SLOTS);

		if (!list_is_empty(&w->slots[slot]))
			slot_run(w, slot, last);
	}
}

uint64_t wheel_next(const struct wheel *w)
{
	unsigned start = (unsigned)(w->tick % WHEEL_SLOTS);
	const unsigned words = WHEEL_SLOTS / 64;
	uint64_t before = (1ull << start % 64) - 1; /* slots of the first word that come last */

	if (!w->n)
		return UINT64_MAX;
	for (unsigned i = 0; i <= words; i++) {
		unsigned word = (start / 64 + i) % words;
		uint64_t bits = w->occupied[word];

		if (!i)
			bits &= ~before;
		else if (i == words)
			bits &= before;
		if (bits) {
			unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);

			return (w->tick + (slot - start) % WHEEL_SLOTS) * WHEEL_TICK;
		}
	}
	assert(!"a deadline is set, but no slot is marked");
	return w->tick * WHEEL_TICK;
}

void deadline_init(struct deadline *d, void (*due)(struct deadline *d))
{
	*d = (struct deadline){.due = due};
	list_init(&d->link);
}

void deadline_set(struct wheel *w, struct deadline *d, uint64_t at)
{
	deadline_clear(w, d);
	d->at = at ? at : 1;
	w->n++;
	wheel_place(w, d);
}

void deadline_clear(struct wheel *w, struct deadline *d)
{
	if (!d->at)
		return;
	d->at = 0;
	w->n--;
	wheel_remove(w, d);
}
