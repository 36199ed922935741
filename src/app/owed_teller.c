/* SPDX-License-Identifier: Apache-2.0 */
/* owed_teller: see owed_teller.h. */
#include "app/owed_teller.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include "app/worker.h"
#include "base/log.h"
#include "base/mem.h"
#include "journal/keeper.h"
#include "store/remote.h"

#define AT_ONCE 64u /* under way, with what the worker's own calls settle */
#define AGAIN_NS (20 * NS_PER_MS)

static void say_done(const struct owed_teller *t)
{
	if (t->result < 0)
		log_warn("not all that processes before have settled could be read (%s): some may count as they were reserved",
			strerror(-t->result));
	if (t->list.passed_over)
		log_warn("%" PRIu64 " older settlements of processes before are not told to the store: what it has not heard of them "
			 "counts as it was reserved", t->list.passed_over);
	if (t->told)
		log_info("the store was told again what processes before have settled: %u calls", t->told);
}

static void tell(struct owed_teller *t)
{
	struct remote *r = t->worker->remote;
	struct owed *e;

	while (remote_state(r).settling < AT_ONCE && (e = owed_take(&t->list))) {
		int error = remote_settle_owed(r, e);
		mem_free(e);
		t->told += !error;
		if (error)
			t->result = error;
	}
	if (t->list.n)
		loop_deadline_after(t->worker->loop, &t->again, AGAIN_NS);
	else
		say_done(t);
}

static void on_again(struct deadline *d)
{
	tell(container_of(d, struct owed_teller, again));
}

static void deliver(struct letter *l)
{
	struct owed_teller *t = container_of(l, struct owed_teller, letter);

	loop_enter(t->worker->loop);
	if (!atomic_load_explicit(&t->stop, memory_order_acquire))
		tell(t);
}

static void *run(void *arg)
{
	struct owed_teller *t = arg;
	uint64_t now = clock_wall(&clock_system);
	struct owed_options o = {
		.dir = t->dir,
		.own = t->own,
		.workers = t->workers,
		.since = now > OWED_NS ? now - OWED_NS : 0,
		.stop = &t->stop,
	};

	t->result = owed_read(&o, &t->list);
	mailbox_post(t->worker->loop, &t->letter);
	return NULL;
}

int owed_teller_init(struct owed_teller *t, struct keeper *k, unsigned workers)
{
	t->own = mem_alloc(workers * sizeof(*t->own));
	if (!t->own)
		return -ENOMEM;
	for (unsigned i = 0; i < workers; i++)
		t->own[i] = journal_place(keeper_journal(k, i));
	t->workers = workers;
	t->dir = keeper_folder(k);
	t->letter.deliver = deliver;
	owed_list_init(&t->list);
	deadline_init(&t->again, on_again);
	return 0;
}

int owed_teller_start(struct owed_teller *t, struct worker *worker)
{
	sigset_t all, before;

	t->worker = worker;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = -pthread_create(&t->thread, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	t->started = r == 0;
	return r;
}

void owed_teller_finish(struct owed_teller *t)
{
	if (!t->own)
		return;
	atomic_store_explicit(&t->stop, true, memory_order_release);
	if (t->started)
		pthread_join(t->thread, NULL);
	if (t->started)
		loop_deadline_clear(t->worker->loop, &t->again);
	owed_list_finish(&t->list);
	mem_free(t->own);
	t->own = NULL;
}
