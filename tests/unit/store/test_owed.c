/* SPDX-License-Identifier: Apache-2.0 */
/* owed: of what processes before have written into their journals, what was settled is found with
 * the budgets that it stands in, wherever its two records lie. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "journal/keeper.h"
#include "rig/book_rig.h"
#include "rig/unit.h"
#include "store/owed.h"

#define WORKERS 2

static struct book_rig rig;
static struct owed_list list;

static int set_up(void **unused)
{
	(void)unused;
	book_rig_make(&rig, WORKERS);
	book_rig_start_surely(&rig);
	owed_list_init(&list);
	return 0;
}

static int tear_down(void **unused)
{
	(void)unused;
	owed_list_finish(&list);
	book_rig_remove(&rig);
	return 0;
}

static void restart(void)
{
	book_rig_stop(&rig);
	book_rig_start_surely(&rig);
}

static int read_since(uint64_t since)
{
	struct journal_place own[WORKERS];
	struct owed_options o = {
	        .dir = keeper_folder(rig.keeper), .own = own, .workers = WORKERS, .since = since};

	owed_list_finish(&list);
	owed_list_init(&list);
	for (unsigned i = 0; i < WORKERS; i++)
		own[i] = journal_place(book_rig_journal(&rig, i));
	return owed_read(&o, &list);
}

static void put(unsigned worker, const struct book_rig_call *c, bool reserves, bool settles)
{
	struct journal *j = book_rig_journal(&rig, worker);

	if (reserves)
		book_rig_reserve(j, c);
	if (settles)
		book_rig_settle(j, c);
	book_rig_turn(j);
}

static void what_was_settled_before_is_found_and_nothing_else(void **unused)
{
	const struct book_rig_call a = {.number = 1, .reserved = 500, .cost = 300, .tokens = 31},
	                           held = {.number = 2, .reserved = 500},
	                           dead = {.number = 3,
	                                   .reserved = 500,
	                                   .cost = 500,
	                                   .by_recovery = true},
	                           own = {.number = 4, .reserved = 500, .cost = 200};
	struct owed *e;

	(void)unused;
	put(1, &a, true, true);
	put(1, &a, false, true); /* said twice, it is one */
	put(1, &held, true, false);
	put(0, &dead, true, true);
	assert_int_equal(read_since(0), 0);
	assert_int_equal(list.n, 0); /* all of it is this process's own */
	restart();
	put(0, &own, true, true);
	assert_int_equal(read_since(0), 0);
	assert_int_equal(list.n, 1);
	e = owed_take(&list);
	assert_true(slice_is(e->id, "req-1:1"));
	assert_int_equal(e->cost, 300);
	assert_int_equal(e->tokens, 31);
	assert_int_equal(e->n, 3);
	assert_true(slice_is(e->counters[0].group, "g") && slice_is(e->counters[0].name, "month"));
	assert_true(
	        slice_is(e->counters[1].group, "a:1") && slice_is(e->counters[1].name, "total"));
	assert_true(
	        e->counters[1].ends == UINT64_MAX && e->counters[0].window == BOOK_RIG_HOUR - 1000);
	mem_free(e);
	assert_null(owed_take(&list));
}

static void a_reservation_may_lie_in_an_older_segment(void **unused)
{
	const struct book_rig_call a = {.number = 1, .reserved = 500, .cost = 300},
	                           b = {.number = 2, .reserved = 500, .cost = 200};
	struct owed *e;

	(void)unused;
	put(0, &a, true, false);
	put(0, &b, true, true);
	restart();
	put(0, &a, false, true);
	restart();
	assert_int_equal(read_since(0), 0);
	assert_int_equal(list.n, 2);
	e = owed_take(&list); /* the older one first */
	assert_int_equal(e->cost, 300);
	mem_free(e);
	e = owed_take(&list);
	assert_int_equal(e->cost, 200);
	mem_free(e);
}

static void what_is_too_old_is_passed_over(void **unused)
{
	const struct book_rig_call old = {.number = 1,
	                                   .reserved = 5,
	                                   .cost = 3,
	                                   .wall_s = BOOK_RIG_HOUR - 10},
	                           young = {.number = 2, .reserved = 5, .cost = 4};

	(void)unused;
	put(0, &old, true, true);
	put(0, &young, true, true);
	restart();
	assert_int_equal(read_since(BOOK_RIG_WALL - NS_PER_S), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(read_since(BOOK_RIG_WALL + 1), 0);
	assert_int_equal(list.n, 0);
}

static void of_too_many_the_latest_are_found(void **unused)
{
	struct book_rig_call c = {.reserved = 5};

	(void)unused;
	for (unsigned i = 0; i < OWED_MAX + 100; i++) {
		c.number = i;
		c.cost = i;
		book_rig_reserve(book_rig_journal(&rig, 0), &c);
		book_rig_settle(book_rig_journal(&rig, 0), &c);
		if (i % 64 == 63)
			book_rig_turn(book_rig_journal(&rig, 0));
		while (!journal_is_ready(book_rig_journal(&rig, 0)))
			usleep(1000);
	}
	book_rig_turn(book_rig_journal(&rig, 0));
	restart();
	assert_int_equal(read_since(0), 0);
	assert_in_range(list.n, OWED_MAX / WORKERS - 100, OWED_MAX);
	nanousd most = 0;
	for (struct owed *e; (e = owed_take(&list)); mem_free(e))
		most = e->cost > most ? e->cost : most;
	assert_int_equal(most, OWED_MAX + 99);
	assert_true(list.passed_over);
}

static void a_segment_that_is_damaged_hides_no_other_one(void **unused)
{
	const struct book_rig_call a = {.number = 1, .reserved = 500, .cost = 300},
	                           b = {.number = 2, .reserved = 500, .cost = 200};
	char path[160];

	(void)unused;
	put(0, &a, true, true);
	restart();
	put(0, &b, true, true);
	restart();
	snprintf(path, sizeof(path), "%s/journal/0000-0000000002.journal", rig.folder);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(read_since(0), 0);
	assert_int_equal(list.n, 1);
}

static void without_memory_it_says_so_and_leaks_nothing(void **unused)
{
	const struct book_rig_call a = {.number = 1, .reserved = 500, .cost = 300},
	                           b = {.number = 2, .reserved = 500, .cost = 200};
	long n = 0;
	int r;

	(void)unused;
	put(0, &a, true, false);
	put(0, &b, true, true);
	restart();
	put(0, &a, false, true);
	restart();
	do {
		mem_fail_after(n++);
		r = read_since(0);
		mem_fail_after(-1);
		assert_true(r == 0 || r == -ENOMEM);
	} while (r);
	assert_int_equal(list.n, 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(what_was_settled_before_is_found_and_nothing_else),
	        T(a_reservation_may_lie_in_an_older_segment),
	        T(what_is_too_old_is_passed_over),
	        T(of_too_many_the_latest_are_found),
	        T(a_segment_that_is_damaged_hides_no_other_one),
	        T(without_memory_it_says_so_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
