/* SPDX-License-Identifier: Apache-2.0 */
/* book, starved: SQLite's own allocations fail one after the other, from opening to the last fold;
 * what was not done is done the next time. */
#include <errno.h>
#include <sqlite3.h>
#include "rig/book_rig.h"
#include "rig/unit.h"
#include "store/book_core.h"

static sqlite3_mem_methods real;
static long left = -1; /* allocations that are granted; -1: all are */

static bool is_refused(void)
{
	return left >= 0 && left-- == 0 ? (left = 0, true) : false;
}

static void *get(int n)
{
	return is_refused() ? NULL : real.xMalloc(n);
}

static void *get_more(void *at, int n)
{
	return is_refused() ? NULL : real.xRealloc(at, n);
}

static int hook_up(void **unused)
{
	sqlite3_mem_methods mine;

	(void)unused;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real), SQLITE_OK);
	mine = real;
	mine.xMalloc = get;
	mine.xRealloc = get_more;
	return sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) == SQLITE_OK ? 0 : -1;
}

static void write_some(struct book_rig *rig, unsigned from)
{
	for (unsigned i = from; i < from + 6; i++) {
		struct book_rig_call c = {.number = i,
		        .user = "ann",
		        .tool = "t",
		        .reserved = 500,
		        .cost = 300,
		        .tokens = 3};
		struct journal *j = book_rig_journal(rig, i % 2);

		if (i % 3) {
			book_rig_whole(j, &c);
		} else {
			book_rig_decide(j, &c);
			book_rig_reserve(j, &c);
		}
		book_rig_turn(j);
	}
}

static void without_memory_it_fails_whole_and_goes_on_later(void **unused)
{
	struct book_rig rig;
	unsigned failed = 0;
	bool done = false;

	(void)unused;
	book_rig_make(&rig, 2);
	book_rig_start_surely(&rig);
	book_rig_fold(&rig);
	write_some(&rig, 0);
	for (long n = 0; !done; n += 1 + n / 8) {
		book_rig_stop(&rig);
		left = n;
		int r = book_rig_start(&rig);
		if (!r)
			r = book_catch_up(rig.book, book_rig_journal(&rig, 0));
		done = !r && left > 0;
		left = -1;
		assert_true(r == 0 || r == -ENOMEM);
		failed += r < 0;
		if (n > 20000)
			fail_msg("no end");
	}
	assert_true(failed > 10);
	book_rig_assert_equal(&rig);
	assert_int_equal(book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"),
	        4 * 300 + 2 * 500);
	book_rig_remove(&rig);
}

static void a_fold_without_memory_leaves_the_book_as_it_was(void **unused)
{
	struct book_rig rig;
	unsigned failed = 0;
	int r;

	(void)unused;
	book_rig_make(&rig, 2);
	book_rig_start_surely(&rig);
	write_some(&rig, 0);
	for (long n = 0;; n += 1 + n / 16) {
		left = n;
		r = book_fold(rig.book);
		left = -1;
		if (!r)
			break;
		if (r != -ENOMEM)
			fail_msg("%d after %ld: %s", r, n, book_note(rig.book));
		failed++;
	}
	assert_true(failed > 3);
	book_rig_assert_equal(&rig);
	book_rig_remove(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(without_memory_it_fails_whole_and_goes_on_later),
	        cmocka_unit_test(a_fold_without_memory_leaves_the_book_as_it_was),
	};

	return cmocka_run_group_tests(tests, hook_up, NULL);
}
