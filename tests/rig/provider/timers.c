/* SPDX-License-Identifier: Apache-2.0 */
/* timers: see timers.h. */
#include "timers.h"
#include "bytes.h"

static struct timer **heap; /* owned; from 1 */
static size_t n_timers, cap_timers;

static void put(size_t place, struct timer *t)
{
	heap[place] = t;
	t->place = place;
}

static void rise(struct timer *t)
{
	size_t at = t->place;
	for (; at > 1 && heap[at / 2]->due > t->due; at /= 2)
		put(at, heap[at / 2]);
	put(at, t);
}

static void sink(struct timer *t)
{
	size_t at = t->place;
	for (size_t child; (child = at * 2) <= n_timers; at = child) {
		if (child < n_timers && heap[child + 1]->due < heap[child]->due)
			child++;
		if (heap[child]->due >= t->due)
			break;
		put(at, heap[child]);
	}
	put(at, t);
}

void timer_set(struct timer *t, uint64_t due)
{
	timer_unset(t);
	if (n_timers + 2 > cap_timers) {
		cap_timers = cap_timers ? cap_timers * 2 : 256;
		heap = mem_grow(heap, cap_timers * sizeof *heap);
	}
	t->due = due;
	put(++n_timers, t);
	rise(t);
}

void timer_unset(struct timer *t)
{
	if (!t->place)
		return;
	struct timer *last = heap[n_timers--];
	if (last != t) {
		put(t->place, last);
		rise(last);
		sink(last);
	}
	t->place = 0;
}

struct timer *timer_take_due(uint64_t now)
{
	if (!n_timers || heap[1]->due > now)
		return NULL;
	struct timer *t = heap[1];
	timer_unset(t);
	return t;
}

uint64_t timer_next(void)
{
	return n_timers ? heap[1]->due : UINT64_MAX;
}
