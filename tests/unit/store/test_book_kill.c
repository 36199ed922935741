/* SPDX-License-Identifier: Apache-2.0 */
/* book, killed: a process that writes, folds and starts is ended with SIGKILL at a random moment,
 * two hundred times over the same state. What the journal says is what the book holds, and every
 * call has one decision and one outcome. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "rig/book_rig.h"
#include "rig/unit.h"

#define ROUNDS 200u
#define WORKERS 2u

static struct book_rig rig;
static struct shared {
	unsigned next;  /* number of the next call */
	unsigned acked; /* calls whose decision was acknowledged */
	unsigned starts;
} * shared;

static void catch_up(void)
{
	int r = book_catch_up(rig.book, book_rig_journal(&rig, 0));

	if (r)
		fail_msg("%d: %s", r, book_note(rig.book));
}

/* Some calls of a turn are over, some only begun, some held, and end a turn later or never. */
static unsigned spread_us = 60000; /* a start is killed within */

static void write_turn(struct journal *j, unsigned worker, unsigned *seed)
{
	static struct book_rig_call left[WORKERS];
	struct book_rig_call *before = &left[worker];
	unsigned n = 1 + (unsigned)rand_r(seed) % 8;

	if (before->number) {
		book_rig_settle(j, before);
		book_rig_outcome(j, before);
		before->number = 0;
	}
	for (unsigned i = 0; i < n; i++) {
		struct book_rig_call c = {.number = shared->next++,
		        .user = rand_r(seed) % 2 ? "ann" : NULL,
		        .reserved = 100 + rand_r(seed) % 1000,
		        .cost = rand_r(seed) % 1000,
		        .tokens_reserved = 40,
		        .tokens = (uint64_t)rand_r(seed) % 40};
		unsigned what = (unsigned)rand_r(seed) % 16;
		book_rig_decide(j, &c);
		if (what)
			book_rig_reserve(j, &c);
		if (what > 1)
			book_rig_settle(j, &c);
		if (what > 2)
			book_rig_outcome(j, &c);
		else if (what == 1 && !before->number)
			*before = c;
	}
	book_rig_turn(j);
	shared->acked += n;
}

static void live(unsigned seed)
{
	book_rig_start_surely(&rig);
	catch_up();
	if (book_start(rig.book, NULL))
		_exit(1);
	shared->starts++;
	for (unsigned turn = 0;; turn++) {
		unsigned w = turn % WORKERS;
		if (shared->next < 190000 && journal_is_ready(book_rig_journal(&rig, w)))
			write_turn(book_rig_journal(&rig, w), w, &seed);
		usleep((unsigned)rand_r(&seed) % 700);
	}
}

/* A third of the starts should come so far as to write, however slow the machine is. */
static void kill_later_where_it_is_slow(unsigned round)
{
	if (round % 10 == 9 && shared->starts * 3 < round && spread_us < 1000000)
		spread_us *= 2;
}

static void kill_one(unsigned round)
{
	int status = 0, pid = fork();

	if (!pid) {
		live(round + 1);
		_exit(1);
	}
	unsigned seed = round * 7 + 3;
	usleep((unsigned)rand_r(&seed) % spread_us);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* it had not failed before */
}

static void check(void)
{
	struct book_rig_truth t;

	book_rig_start_surely(&rig);
	catch_up();
	book_rig_assert_equal(&rig);
	book_rig_read_truth(&rig, &t);
	assert_int_equal(t.open, 0);
	assert_int_equal(t.held, 0);
	assert_int_equal(t.decisions, t.outcomes);
	assert_true(t.decisions >= shared->acked);
	book_rig_stop(&rig);
}

static void nothing_is_lost_and_nothing_is_repeated_whenever_it_is_killed(void **unused)
{
	(void)unused;
	shared = mmap(
	        NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	*shared = (struct shared){.next = 1};
	book_rig_make(&rig, WORKERS);
	for (unsigned round = 0; round < ROUNDS; round++) {
		kill_one(round);
		kill_later_where_it_is_slow(round);
		if (round % 20 == 19)
			check();
	}
	print_message("%u calls, %u starts of %u came so far as to write\n", shared->acked,
	        shared->starts, ROUNDS);
	assert_true(shared->acked > 100 && shared->starts > ROUNDS / 10);
	book_rig_remove(&rig);
	munmap(shared, sizeof(*shared));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_is_lost_and_nothing_is_repeated_whenever_it_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
