/* SPDX-License-Identifier: Apache-2.0 */
/* book_thread: looks every 100 ms whether something was written, which costs a load a worker; when
 * nothing was for a while it looks less often. A disk that is slow or full slows only this. */
#include <errno.h>
#include <signal.h>
#include <time.h>
#include "base/log.h"
#include "store/book_core.h"
#include "store/embedded.h"

#define LOOK_NS (100 * NS_PER_MS)
#define QUIET_NS (250 * NS_PER_MS)
#define QUIET_LOOKS 40u /* in vain */
#define WAIT_LOOKS 20u  /* of somebody who waits, before the thread is woken again */
#define RETRY_NS NS_PER_S
#define SWEEP_NS NS_PER_S
#define FORGET_NS (60 * NS_PER_S)

static bool is_behind(const struct book *b)
{
	for (unsigned i = 0; i < b->read.n; i++) {
		const struct place *p = &b->read.list[i];
		struct journal_place now;

		if (p->worker >= b->workers)
			continue;
		now = journal_place(keeper_journal(b->keeper, p->worker));
		if (now.number && (now.number != p->number || now.size != p->offset))
			return true;
	}
	return false;
}

static void tell(struct book *b, bool failing)
{
	if (failing && !b->failing)
		log_error("what is decided is not folded into the book for now: %s It is tried "
		          "again.",
		        b->note);
	if (!failing && b->failing)
		log_info("what is decided is folded into the book again");
	b->failing = failing;
}

/* True: something was there to be folded. */
static bool look(struct book *b, uint64_t now)
{
	uint64_t number = atomic_fetch_add_explicit(&b->looks, 1, memory_order_acq_rel) + 1;
	bool behind = is_behind(b);
	int r = 0;

	if (behind && !atomic_load_explicit(&b->behind_since, memory_order_relaxed))
		atomic_store_explicit(&b->behind_since, now, memory_order_relaxed);
	if (now < b->retry_at)
		return behind;
	if (behind)
		r = book_fold(b);
	if (!r && now >= b->forgot_at + FORGET_NS) {
		r = book_forget_old(b);
		b->forgot_at = now;
	}
	if (!r) {
		atomic_store_explicit(&b->behind_since, 0, memory_order_relaxed);
		atomic_store_explicit(&b->looked, number, memory_order_release);
	}
	b->retry_at = r ? now + RETRY_NS : 0;
	if (r || behind)
		tell(b, r);
	return behind;
}

static void sleep_for(struct book *b, uint64_t ns)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ns += (uint64_t)t.tv_nsec;
	t.tv_sec += (time_t)(ns / NS_PER_S);
	t.tv_nsec = (long)(ns % NS_PER_S);
	while (sem_clockwait(&b->wake, CLOCK_MONOTONIC, &t) < 0 && errno == EINTR)
		;
}

static void *run(void *arg)
{
	struct book *b = arg;
	unsigned in_vain = 0;

	while (!atomic_load_explicit(&b->stop, memory_order_acquire)) {
		uint64_t now = clock_mono(b->clock);

		in_vain = look(b, now) ? 0 : in_vain + 1;
		if (b->store && now >= b->swept_at + SWEEP_NS) {
			embedded_sweep(b->store);
			b->swept_at = now;
		}
		sleep_for(b, in_vain > QUIET_LOOKS ? QUIET_NS : LOOK_NS);
	}
	if (is_behind(b) && book_fold(b) < 0)
		log_warn("the last that was decided is not in the book yet: %s The next start "
		         "folds it.",
		        b->note);
	return NULL;
}

int book_start(struct book *b, struct embedded *store)
{
	sigset_t all, before;
	int r;

	b->store = store;
	b->forgot_at = b->swept_at = clock_mono(b->clock);
	b->started = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&b->thread, NULL, run, b);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	b->started = r == 0;
	return r;
}

/* The look that begins after this one was told of all that was written before it. */
bool book_wait(struct book *b, uint64_t until)
{
	uint64_t before = atomic_load_explicit(&b->looks, memory_order_acquire);
	const struct timespec pause = {.tv_nsec = NS_PER_MS};

	for (;;) {
		sem_post(&b->wake);
		for (unsigned i = 0; i < WAIT_LOOKS; i++) {
			if (atomic_load_explicit(&b->looked, memory_order_acquire) > before)
				return true;
			if (clock_mono(b->clock) >= until)
				return false;
			nanosleep(&pause, NULL);
		}
	}
}

uint64_t book_lag_ns(struct book *b)
{
	uint64_t since = atomic_load_explicit(&b->behind_since, memory_order_relaxed),
	         now = clock_mono(b->clock);

	return since && now > since ? now - since : 0;
}

uint64_t book_folded(struct book *b)
{
	return atomic_load_explicit(&b->folded, memory_order_relaxed);
}
