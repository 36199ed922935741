/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of journal/keeper on a disk that does not come to an end with what it is to sync: the
 * worker's next segment is made all the same, and while there is no room for one, nothing else is
 * said. */
#include "rig/unit.h"
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "journal/journal_core.h"
#include "unit/journal/journal_fixture.h"

static atomic_uint syncs, most = UINT_MAX; /* begun; how many of them come to an end */
static atomic_bool no_room;

/* The C library's, for this test. */
int fdatasync(int fd)
{
	unsigned n = atomic_fetch_add(&syncs, 1);

	(void)fd;
	while (n >= atomic_load(&most))
		usleep(1000);
	return 0;
}

int fallocate(int fd, int mode, off_t from, off_t len)
{
	if (atomic_load(&no_room)) {
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, from, len);
}

static int end(void **state)
{
	atomic_store(&no_room, false);
	atomic_store(&most, UINT_MAX);
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

static void wait_for_syncs(unsigned n)
{
	for (unsigned i = 0; i < 20000 && atomic_load(&syncs) < n; i++)
		usleep(1000);
	assert_int_equal(atomic_load(&syncs), n);
}

static void calls_are_not_refused_while_a_full_segment_is_synced(void **state)
{
	struct fixture *f = *state;

	start(f);
	atomic_store(&syncs, 0);
	atomic_store(&most, 0);
	write_until(f->journal, 3); /* the third one was made while the first one is stuck */
	wait_for_syncs(1);
}

static void wait_for_spare(struct journal *j)
{
	for (unsigned i = 0; i < 20000 && !atomic_load(&j->spare); i++)
		usleep(1000);
	assert_non_null(atomic_load(&j->spare));
}

/* The first worker's next segment cannot be made. When it is tried again, a segment of another
 * still waits to be synced, which may give room back: that is no word that there is room. */
static void no_room_is_no_room_until_a_segment_was_made(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_keeper(f, 3), 0);
	for (unsigned i = 0; i < 3; i++)
		wait_for_spare(keeper_journal(f->keeper, i));
	atomic_store(&syncs, 0);
	atomic_store(&no_room, true);
	write_until(f->journal, 2);
	for (unsigned i = 0; i < 20000 && !keeper_is_full(f->keeper); i++)
		usleep(1000);
	assert_true(keeper_is_full(f->keeper));
	wait_for_syncs(1);
	atomic_store(&most, 1);
	write_until(keeper_journal(f->keeper, 1), 2);
	wait_for_syncs(2); /* stuck in the second one's */
	write_until(keeper_journal(f->keeper, 2), 2);
	usleep(1200000); /* it tries again each second */
	atomic_store(&most, 2);
	wait_for_syncs(3); /* it has tried, and is stuck in the third one's */
	assert_true(keeper_is_full(f->keeper));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, end)
	const struct CMUnitTest tests[] = {
	        T(calls_are_not_refused_while_a_full_segment_is_synced),
	        T(no_room_is_no_room_until_a_segment_was_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
