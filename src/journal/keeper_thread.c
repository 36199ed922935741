/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_thread: sleeps on a semaphore; each time it is woken it makes what is missing, and then
 * does what may take a slow disk long: it answers who waits for the disk, and closes a segment that
 * was left, one before it looks again. Who waits while it syncs is the next group: with nothing to
 * do it answers at once, and under load one fdatasync a worker answers all. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "journal/keeper_core.h"

#define RETRY_NS NS_PER_S

/* Whether all up to the place is on the disk; brings it there. */
static int sync_to(struct journal *j, struct journal_place to)
{
	list_foreach_safe(node, after, &j->segments)
	{
		struct segment *s = container_of(node, struct segment, link);
		uint64_t size = atomic_load_explicit(&s->size, memory_order_acquire);
		uint64_t want = s->number < to.number ? size : s->number == to.number ? to.size : 0;

		if (want <= s->synced)
			continue;
		if (atomic_load(&s->suspect))
			return -EIO;
		if (fdatasync(s->fd) < 0) {
			int r = -errno;

			/* The kernel may have dropped the pages and call them clean: asking again
			 * would be answered with a lie. */
			atomic_store(&s->suspect, true);
			log_error("what a journal segment holds may not be on the disk (%s); "
			          "another one is begun",
			        strerror(-r));
			return r;
		}
		s->synced = size;
	}
	return to.number && to.number == j->lost ? -EIO : 0;
}

/* False: nobody waited. */
bool keeper_answer(struct keeper *k)
{
	struct journal_wait *w = atomic_exchange_explicit(&k->waits, NULL, memory_order_acquire),
	                    *first = NULL;
	bool any = w;

	/* In the order in which they came. */
	while (w) {
		struct journal_wait *next = w->next;

		w->next = first;
		first = w;
		w = next;
	}
	while (first) {
		w = first;
		first = w->next;
		w->done(w, sync_to(w->journal, w->place)); /* it may be gone then */
	}
	return any;
}

static void close_segment(struct keeper *k, struct journal *j, struct segment *s)
{
	uint32_t number = s->number;
	bool had_records = atomic_load_explicit(&s->size, memory_order_relaxed);
	int r;

	list_unlink(&s->link);
	r = segment_finish(k->dir, j->worker, s);
	if (r && had_records)
		j->lost = number;
	if (r)
		log_error("journal segment %u of worker %u could not be closed: %s", number,
		        j->worker, strerror(-r));
}

void keeper_close_all(struct keeper *k, struct journal *j)
{
	list_foreach_safe(node, after, &j->segments)
	        close_segment(k, j, container_of(node, struct segment, link));
}

/* The first one that its worker has left; NULL: there is none. */
static struct segment *left_of(struct journal *j)
{
	list_foreach_safe(node, after, &j->segments)
	{
		struct segment *s = container_of(node, struct segment, link);

		if (atomic_load_explicit(&s->done, memory_order_acquire))
			return s;
	}
	return NULL;
}

/* False: none was left. */
static bool close_one(struct keeper *k)
{
	for (unsigned i = 0; i < k->n; i++) {
		struct segment *s = left_of(&k->journals[i]);

		if (s) {
			close_segment(k, &k->journals[i], s);
			return true;
		}
	}
	return false;
}

static bool is_any_left(struct keeper *k)
{
	for (unsigned i = 0; i < k->n; i++)
		if (left_of(&k->journals[i]))
			return true;
	return false;
}

int keeper_make_spare(struct keeper *k, struct journal *j)
{
	struct segment *s;
	int r = segment_make(k->dir, (struct segment_id){j->worker, j->next}, k->room, &s);

	if (r == -EEXIST) /* somebody put a file there: it is not ours to write to */
		j->next++;
	if (r)
		return r;
	j->next++;
	list_push(&j->segments, &s->link);
	atomic_store_explicit(&j->spare, s, memory_order_release);
	return 0;
}

void keeper_tell(struct keeper *k, bool full, int error)
{
	if (full == atomic_load_explicit(&k->full, memory_order_relaxed))
		return;
	atomic_store_explicit(&k->full, full, memory_order_relaxed);
	if (full)
		log_error("no room for another journal segment (%s): calls are refused once the "
		          "present ones are full",
		        strerror(-error));
	else
		log_info("there is room for journal segments again");
}

/* One that was left without a record, because the first write to it failed: the next one is not
 * tried at once. */
static void put_off(struct keeper *k, struct journal *j)
{
	list_foreach_safe(node, after, &j->segments)
	{
		struct segment *s = container_of(node, struct segment, link);

		if (atomic_load_explicit(&s->done, memory_order_acquire) &&
		        !atomic_load_explicit(&s->size, memory_order_relaxed))
			j->retry_at = clock_mono(k->clock) + RETRY_NS;
	}
}

/* Returns when something is to be tried again; UINT64_MAX: nothing is. */
static uint64_t make_spares(struct keeper *k)
{
	uint64_t now = clock_mono(k->clock), again = UINT64_MAX;
	bool full = false;
	int error = 0;

	for (unsigned i = 0; i < k->n; i++) {
		struct journal *j = &k->journals[i];

		put_off(k, j);
		if (!atomic_load_explicit(&j->spare, memory_order_acquire)) {
			if (now >= j->retry_at) {
				int r = keeper_make_spare(k, j);

				/* What is left gives room back when it is closed. */
				if (r && is_any_left(k)) {
					full |= j->failing;
					continue;
				}
				j->failing = r < 0;
				if (r) {
					error = r;
					j->retry_at = now + RETRY_NS;
				}
			}
			if (!atomic_load_explicit(&j->spare, memory_order_relaxed) &&
			        j->retry_at < again)
				again = j->retry_at;
		}
		full |= j->failing;
	}
	if (error || !full)
		keeper_tell(k, full, error);
	return again;
}

static void sleep_until(struct keeper *k, uint64_t when)
{
	struct timespec t;
	uint64_t now = clock_mono(k->clock), wait = when > now ? when - now : 0;

	if (when == UINT64_MAX) {
		while (sem_wait(&k->wake) < 0 && errno == EINTR)
			;
	} else {
		clock_gettime(CLOCK_MONOTONIC, &t);
		wait += (uint64_t)t.tv_nsec;
		t.tv_sec += (time_t)(wait / NS_PER_S);
		t.tv_nsec = (long)(wait % NS_PER_S);
		while (sem_clockwait(&k->wake, CLOCK_MONOTONIC, &t) < 0 && errno == EINTR)
			;
	}
	/* One look serves all who have woken it so far. */
	while (sem_trywait(&k->wake) == 0)
		;
}

void *keeper_run(void *arg)
{
	struct keeper *k = arg;

	while (!atomic_load_explicit(&k->stop, memory_order_acquire)) {
		uint64_t again = make_spares(k);
		bool waited = keeper_answer(k);

		if (!close_one(k) && !waited)
			sleep_until(k, again);
	}
	return NULL;
}
