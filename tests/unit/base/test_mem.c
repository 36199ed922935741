/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/mem: the counter that makes allocations fail. */
#include "rig/unit.h"
#include <pthread.h>
#include "base/mem.h"
#include "rig/starve.h"

static void allocations_succeed_while_nothing_is_asked(void **state)
{
	void *at = mem_zalloc(3);

	(void)state;
	assert_memory_equal(at, "\0\0\0", 3);
	mem_free(at);
}

static void the_nth_allocation_fails_and_all_after_it(void **state)
{
	void *first, *second;

	(void)state;
	mem_fail_after(2);
	first = mem_alloc(1);
	second = mem_zalloc(1);
	assert_non_null(first);
	assert_non_null(second);
	assert_null(mem_alloc(1));
	assert_null(mem_zalloc(1));
	assert_null(mem_dup("x", 1));
	assert_null(mem_realloc(first, 100));
	assert_int_equal(mem_count(), 6);
	mem_fail_after(-1);
	assert_int_equal(mem_count(), 0);
	mem_free(first);
	mem_free(second);
}

static void memory_stays_valid_when_realloc_fails(void **state)
{
	char *at = mem_dup("abc", 3);

	(void)state;
	mem_fail_after(0);
	assert_null(mem_realloc(at, 1000));
	mem_fail_after(-1);
	assert_string_equal(at, "abc");
	mem_free(at);
}

static void realloc_to_nothing_does_not_free(void **state)
{
	char *at = mem_realloc(mem_alloc(10), 0);

	(void)state;
	assert_non_null(at);
	mem_free(at);
}

static void a_copy_of_nothing_is_an_empty_string(void **state)
{
	char *at = mem_dup(NULL, 0);

	(void)state;
	assert_string_equal(at, "");
	mem_free(at);
	assert_null(mem_dup("", SIZE_MAX));
}

static void *allocate_elsewhere(void *ret)
{
	void *at = mem_alloc(1);

	*(int *)ret = at != NULL;
	mem_free(at);
	return NULL;
}

static void another_thread_is_not_starved(void **state)
{
	pthread_t thread;
	int succeeded = 0;

	(void)state;
	mem_fail_after(0);
	pthread_create(&thread, NULL, allocate_elsewhere, &succeeded);
	pthread_join(thread, NULL);
	mem_fail_after(-1);
	assert_true(succeeded);
}

static int three_allocations(void *runs)
{
	void *a = mem_alloc(1), *b = a ? mem_alloc(1) : NULL, *c = b ? mem_alloc(1) : NULL;
	int r = c ? 0 : -ENOMEM;

	++*(int *)runs;
	mem_free(a);
	mem_free(b);
	mem_free(c);
	return r;
}

static void starve_runs_once_more_than_there_are_allocations(void **state)
{
	int runs = 0;

	(void)state;
	assert_int_equal(starve(three_allocations, &runs), 3);
	assert_int_equal(runs, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(allocations_succeed_while_nothing_is_asked),
	        cmocka_unit_test(the_nth_allocation_fails_and_all_after_it),
	        cmocka_unit_test(memory_stays_valid_when_realloc_fails),
	        cmocka_unit_test(realloc_to_nothing_does_not_free),
	        cmocka_unit_test(a_copy_of_nothing_is_an_empty_string),
	        cmocka_unit_test(another_thread_is_not_starved),
	        cmocka_unit_test(starve_runs_once_more_than_there_are_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
