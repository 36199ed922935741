/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of journal/keeper with threads: four writers fill segments while one reads behind them;
 * what is waited for is answered once and in order. Under ThreadSanitizer this is the test of what
 * the threads share. */
#include "rig/unit.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "journal/follow.h"
#include "journal/journal_core.h"
#include "journal/keeper.h"
#include "rig/journal_rig.h"

#define WRITERS 4
#define TURNS 400u
#define CALLS 20u

struct fixture {
	struct journal_rig rig;
	struct keeper *keeper;
};

struct writer {
	pthread_t thread;
	struct journal *journal;
	atomic_uint answered, failed;
	unsigned lost;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char note[KEEPER_NOTE];

	journal_rig_init(&f->rig);
	*state = f;
	struct keeper_options o = {.path = f->rig.path,
	        .workers = WRITERS,
	        .segment = KEEPER_SEGMENT_MIN,
	        .key = JOURNAL_KEY};
	return keeper_open(&f->keeper, &o, note);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->keeper)
		keeper_close(f->keeper);
	journal_rig_finish(&f->rig);
	free(f);
	return 0;
}

static void *write_turns(void *arg)
{
	struct writer *w = arg;

	for (unsigned turn = 0; turn < TURNS; turn++) {
		while (!journal_is_ready(w->journal))
			usleep(100);
		for (unsigned i = 0; i < CALLS; i++)
			w->lost += journal_put_decision(w->journal, &full_decision) ||
			           journal_put_outcome(w->journal, &usual_outcome);
		w->lost += journal_end_turn(w->journal) != 0;
	}
	return NULL;
}

static void a_reader_sees_all_while_four_write(void **state)
{
	struct fixture *f = *state;
	struct writer writers[WRITERS] = {0};
	struct follow follows[WRITERS];
	struct unpack u = UNPACK_INIT;
	uint64_t records = 0, segments = 0;

	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i].journal = keeper_journal(f->keeper, i);
		follow_init(&follows[i], keeper_folder(f->keeper), i, 0, 0);
		assert_int_equal(
		        pthread_create(&writers[i].thread, NULL, write_turns, &writers[i]), 0);
	}
	while (records < WRITERS * TURNS * CALLS * 2) {
		for (unsigned i = 0; i < WRITERS; i++) {
			struct entry e;
			int r;

			follow_limit(&follows[i], journal_place(writers[i].journal));
			while ((r = follow_next(&follows[i], &u, &e)) == 1) {
				records += e.kind != ENTRY_SEGMENT;
				segments += e.kind == ENTRY_SEGMENT;
			}
			assert_int_equal(r, 0);
		}
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(writers[i].thread, NULL);
		assert_int_equal(writers[i].lost, 0);
		follow_finish(&follows[i]);
	}
	assert_int_equal(records, WRITERS * TURNS * CALLS * 2);
	assert_in_range(segments, 2 * WRITERS, 100);
	unpack_finish(&u);
}

struct wait {
	struct journal_wait base;
	struct writer *writer;
};

static void answer(struct journal_wait *base, int result)
{
	struct wait *w = (struct wait *)base;

	atomic_fetch_add(result ? &w->writer->failed : &w->writer->answered, 1);
	free(w);
}

static void *write_and_wait(void *arg)
{
	struct writer *w = arg;

	for (unsigned turn = 0; turn < 100; turn++) {
		struct wait *wait = malloc(sizeof(*wait));

		while (!journal_is_ready(w->journal))
			usleep(100);
		for (unsigned i = 0; i < 4 * CALLS; i++)
			w->lost += journal_put_decision(w->journal, &full_decision) != 0;
		w->lost += journal_end_turn(w->journal) != 0;
		wait->writer = w;
		journal_sync(w->journal, &wait->base, answer);
		if (turn % 3 == 0)
			usleep(500);
	}
	return NULL;
}

static void who_waits_for_the_disk_is_answered_once(void **state)
{
	struct fixture *f = *state;
	struct writer writers[WRITERS] = {0};

	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i].journal = keeper_journal(f->keeper, i);
		assert_int_equal(
		        pthread_create(&writers[i].thread, NULL, write_and_wait, &writers[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
	keeper_close(f->keeper); /* answers the last ones */
	f->keeper = NULL;
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_int_equal(writers[i].lost, 0);
		assert_int_equal(writers[i].failed, 0);
		assert_int_equal(writers[i].answered, 100);
	}
}

static int sync_and_wait(struct writer *w)
{
	struct wait *wait = malloc(sizeof(*wait));
	unsigned answered = w->answered, failed = w->failed;

	wait->writer = w;
	journal_sync(w->journal, &wait->base, answer);
	for (int i = 0; i < 10000; i++, usleep(1000))
		if (w->answered != answered || w->failed != failed)
			return w->failed == failed;
	return -1;
}

/* As after an fdatasync that failed: the kernel may call pages clean that it has dropped, so that
 * segment is not asked again. */
static void what_the_disk_lost_is_not_called_kept(void **state)
{
	struct fixture *f = *state;
	struct writer w = {.journal = keeper_journal(f->keeper, 0)};
	int kept = 0;

	assert_int_equal(journal_put_decision(w.journal, &full_decision), 0);
	assert_int_equal(journal_end_turn(w.journal), 0);
	assert_int_equal(sync_and_wait(&w), 1);
	assert_int_equal(journal_put_decision(w.journal, &full_decision), 0);
	assert_int_equal(journal_end_turn(w.journal), 0);
	atomic_store(&w.journal->current->suspect, true);
	assert_int_equal(sync_and_wait(&w), 0);
	/* Another segment takes what comes. */
	for (int i = 0; i < 5000 && !journal_is_ready(w.journal); i++)
		usleep(1000);
	assert_int_equal(journal_place(w.journal).number, 2);
	for (int i = 0; i < 100 && kept != 1; i++) {
		assert_int_equal(journal_put_decision(w.journal, &full_decision), 0);
		assert_int_equal(journal_end_turn(w.journal), 0);
		kept = sync_and_wait(&w);
	}
	assert_int_equal(kept, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                a_reader_sees_all_while_four_write, setup, teardown),
	        cmocka_unit_test_setup_teardown(
	                who_waits_for_the_disk_is_answered_once, setup, teardown),
	        cmocka_unit_test_setup_teardown(
	                what_the_disk_lost_is_not_called_kept, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
