/* SPDX-License-Identifier: Apache-2.0 */
/* keeper: opening the folder and closing it; see keeper.h. */
#include "journal/keeper.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "journal/keeper_core.h"

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

void keeper_end_recovery(struct keeper *k)
{
	recover_end(k->dir, &k->left);
	buf_clear(&k->left);
}

bool keeper_is_full(struct keeper *k)
{
	return atomic_load_explicit(&k->full, memory_order_relaxed);
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
		r = recover_last(k->dir, worker, &j->last, &j->next, j->hash);
	if (!r)
		r = keeper_make_spare(k, j);
	if (!r)
		r = journal_begin(j);
	if (!is_no_room(r))
		return r;
	j->failing = true;
	keeper_tell(k, true, r);
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
			keeper_close_all(k, &k->journals[i]);
			journal_finish(&k->journals[i]);
		}
	}
	mem_free(k->journals);
	buf_finish(&k->left);
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
	struct recovery found = {.notes = BUF_INIT(0), .left = BUF_INIT(0)};
	int r;

	random_bytes(k->instance, sizeof(k->instance));
	r = recover_folder(k->dir, &found);
	for (unsigned i = 0; !r && i < k->n; i++)
		r = begin_worker(k, &k->journals[i], i, o);
	if (!r)
		r = put_notes(k, &found);
	k->left = found.left;
	buf_init(&found.left, 0);
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
	keeper_answer(k);
	keeper_free(k);
}
