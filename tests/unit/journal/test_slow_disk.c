/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of journal/keeper on a disk that does not come to an end with what it is to sync: the
 * worker's next segment is made all the same. */
#include "rig/unit.h"
#include <stdatomic.h>
#include <unistd.h>
#include "journal/journal_core.h"
#include "unit/journal/journal_fixture.h"

static atomic_bool is_stuck;
static atomic_uint syncs;

/* The C library's, for this test. */
int fdatasync(int fd)
{
	(void)fd;
	atomic_fetch_add(&syncs, 1);
	while (atomic_load(&is_stuck))
		usleep(1000);
	return 0;
}

static int end(void **state)
{
	atomic_store(&is_stuck, false);
	return teardown(state);
}

static void wait_until_ready(struct journal *j)
{
	for (unsigned i = 0; i < 20000 && !journal_is_ready(j); i++)
		usleep(1000);
	assert_true(journal_is_ready(j));
}

/* Turns until the worker writes to that segment. */
static void write_until(struct journal *j, uint32_t number)
{
	while (journal_place(j).number < number) {
		wait_until_ready(j);
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(journal_put_decision(j, &full_decision), 0);
		assert_int_equal(journal_end_turn(j), 0);
	}
}

static void calls_are_not_refused_while_a_full_segment_is_synced(void **state)
{
	struct fixture *f = *state;

	start(f);
	atomic_store(&is_stuck, true);
	write_until(f->journal, 3); /* the third one was made while the first one is stuck */
	assert_true(atomic_load(&syncs) > 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, end)
	const struct CMUnitTest tests[] = {
	        T(calls_are_not_refused_while_a_full_segment_is_synced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
