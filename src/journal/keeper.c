/* SPDX-License-Identifier: Apache-2.0 */
/* keeper: see keeper.h. The thread sleeps on a semaphore; each time it is woken it answers who
 * waits for the disk, closes what was left, and makes what is missing. Who waits while it syncs is
 * the next group: with nothing to do it answers at once, and under load one fdatasync a worker
 * answers all. */
#include "journal/keeper.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "journal/keeper_files.h"

#define RETRY_NS NS_PER_S

struct keeper {
	struct journal *journals; /* owned */
	unsigned n;
	int dir;             /* owned; its lock is ours */
	uint64_t room;       /* of a segment */
	struct clock *clock; /* borrowed */
	uint8_t instance[16];
	pthread_t thread;
	sem_t wake;
	struct journal_wait *_Atomic waits; /* the callers'; latest first */
	atomic_bool stop, full;
};

void keeper_wake(struct keeper *k)
{
	sem_post(&k->wake);
}

void keeper_push(struct keeper *k, struct journal_wait *w)
{
	w->next = atomic_load_explicit(&k->waits, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
	        &k->waits, &w->next, w, memory_order_release, memory_order_relaxed))
		;
	keeper_wake(k);
}

struct journal *keeper_journal(struct keeper *k, unsigned worker)
{
	assert(worker < k->n);
	return &k->journals[worker];
}

int keeper_folder(const struct keeper *k)
{
	return k->dir;
}

bool keeper_is_full(struct keeper *k)
{
	return atomic_load_explicit(&k->full, memory_order_relaxed);
}

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

static void answer_waits(struct keeper *k)
{
	struct journal_wait *w = atomic_exchange_explicit(&k->waits, NULL, memory_order_acquire),
	                    *first = NULL;

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
}

/* The last of them, when a write to it failed, is not tried again at once. */
static void close_left(struct keeper *k, struct journal *j, bool all)
{
	list_foreach_safe(node, after, &j->segments)
	{
		struct segment *s = container_of(node, struct segment, link);
		uint32_t number = s->number;
		bool had_records;
		int r;

		if (!all && !atomic_load_explicit(&s->done, memory_order_acquire))
			continue;
		list_unlink(&s->link);
		had_records = atomic_load_explicit(&s->size, memory_order_relaxed);
		if (!had_records)
			j->retry_at = clock_mono(k->clock) + RETRY_NS;
		r = segment_finish(k->dir, j->worker, s);
		if (r && had_records)
			j->lost = number;
		if (r)
			log_error("journal segment %u of worker %u could not be closed: %s", number,
			        j->worker, strerror(-r));
	}
}

static int make_spare(struct keeper *k, struct journal *j)
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

static void tell(struct keeper *k, bool full, int error)
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

/* Returns when something is to be tried again; UINT64_MAX: nothing is. */
static uint64_t make_spares(struct keeper *k)
{
	uint64_t now = clock_mono(k->clock), again = UINT64_MAX;
	bool full = false;
	int error = 0;

	for (unsigned i = 0; i < k->n; i++) {
		struct journal *j = &k->journals[i];

		if (!atomic_load_explicit(&j->spare, memory_order_acquire)) {
			if (now >= j->retry_at) {
				int r = make_spare(k, j);

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
		tell(k, full, error);
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

static void *keeper_run(void *arg)
{
	struct keeper *k = arg;

	while (!atomic_load_explicit(&k->stop, memory_order_acquire)) {
		answer_waits(k);
		for (unsigned i = 0; i < k->n; i++)
			close_left(k, &k->journals[i], false);
		sleep_until(k, make_spares(k));
	}
	return NULL;
}

static int open_folder(struct keeper *k, const char *path, char *ret_note)
{
	int r = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;

	if (!r)
		k->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r || k->dir < 0) {
		r = r ? r : -errno;
		snprintf(ret_note, KEEPER_NOTE, "The journal's folder %.160s cannot be used: %s.",
		        path, strerror(-r));
		return r;
	}
	if (flock(k->dir, LOCK_EX | LOCK_NB) == 0)
		return 0;
	r = -errno;
	snprintf(ret_note, KEEPER_NOTE,
	        r == -EWOULDBLOCK ? "Another Weir writes to the journal in %.160s; stop it or set "
	                            "audit.path to another folder."
	                          : "The journal's folder %.160s cannot be locked.",
	        path);
	return r;
}

/* What starts are told apart from: a full disk passes, a wrong folder does not. */
static bool is_no_room(int error)
{
	return error == -ENOSPC || error == -EDQUOT || error == -EFBIG;
}

static int begin_worker(
        struct keeper *k, struct journal *j, uint32_t worker, const struct keeper_options *o)
{
	int r;

	j->turn_max = k->room / 8;
	j->clock = k->clock;
	j->instance = k->instance;
	r = journal_init(j, k, worker, o->key);
	if (!r)
		r = recover_last(k->dir, worker, &j->last, j->hash);
	j->next = j->last + 1;
	if (!r)
		r = make_spare(k, j);
	if (!r)
		r = journal_begin(j);
	if (!is_no_room(r))
		return r;
	tell(k, j->failing = true, r);
	return 0;
}

/* Each in the journal of its worker; what a worker left that is no more, in the first one's. */
static int put_notes(struct keeper *k, const struct recovery *found)
{
	const struct recover_note *n = (const void *)buf_at(&found->notes);
	size_t count = buf_len(&found->notes) / sizeof(*n);
	int r = 0;

	for (size_t i = 0; !r && i < count; i++) {
		struct entry_note e = {
		        .wall_ns = clock_wall(k->clock), .text = slice_str(n[i].text)};
		struct journal *j = &k->journals[n[i].worker < k->n ? n[i].worker : 0];

		log_warn("%s", n[i].text);
		r = journal_put_note(j, &e);
		if (!r && j->current)
			r = journal_end_turn(j);
	}
	return is_no_room(r) ? 0 : r;
}

static void keeper_free(struct keeper *k)
{
	for (unsigned i = 0; i < k->n; i++) {
		if (k->journals[i].keeper) {
			close_left(k, &k->journals[i], true);
			journal_finish(&k->journals[i]);
		}
	}
	mem_free(k->journals);
	sem_destroy(&k->wake);
	if (k->dir >= 0)
		close(k->dir);
	mem_free(k);
}

static int start_thread(struct keeper *k)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&k->thread, NULL, keeper_run, k);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static int keeper_begin(struct keeper *k, const struct keeper_options *o)
{
	struct recovery found = {.notes = BUF_INIT(0)};
	int r;

	random_bytes(k->instance, sizeof(k->instance));
	r = recover_folder(k->dir, &found);
	for (unsigned i = 0; !r && i < k->n; i++)
		r = begin_worker(k, &k->journals[i], i, o);
	if (!r)
		r = put_notes(k, &found);
	recovery_finish(&found);
	return r ? r : start_thread(k);
}

int keeper_open(struct keeper **ret, const struct keeper_options *o, char ret_note[KEEPER_NOTE])
{
	struct keeper *k = mem_zalloc(sizeof(*k));
	uint64_t room = o->segment ? o->segment : KEEPER_SEGMENT;
	int r;

	assert(o->workers && o->workers <= 1000);
	snprintf(ret_note, KEEPER_NOTE, "There is not enough memory for the journal.");
	if (!k)
		return -ENOMEM;
	k->dir = -1;
	k->clock = o->clock ? o->clock : &clock_system;
	k->room = room < KEEPER_SEGMENT_MIN   ? KEEPER_SEGMENT_MIN
	          : room > KEEPER_SEGMENT_MAX ? KEEPER_SEGMENT_MAX
	                                      : room;
	sem_init(&k->wake, 0, 0);
	k->journals = mem_zalloc(o->workers * sizeof(*k->journals));
	k->n = k->journals ? o->workers : 0;
	r = k->journals ? open_folder(k, o->path, ret_note) : -ENOMEM;
	if (!r) {
		r = keeper_begin(k, o);
		if (r)
			snprintf(ret_note, KEEPER_NOTE,
			        "The journal in %.160s cannot be written: %s.", o->path,
			        strerror(-r));
	}
	if (r) {
		keeper_free(k);
		return r;
	}
	*ret = k;
	return 0;
}

void keeper_close(struct keeper *k)
{
	atomic_store_explicit(&k->stop, true, memory_order_release);
	keeper_wake(k);
	pthread_join(k->thread, NULL);
	answer_waits(k);
	keeper_free(k);
}
