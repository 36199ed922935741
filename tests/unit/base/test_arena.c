/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/arena. */
#include "rig/unit.h"
#include <limits.h>
#include "base/arena.h"
#include "base/mem.h"
#include "rig/starve.h"

static void memory_is_aligned_and_does_not_overlap(void **state)
{
	struct arena a;
	unsigned char *all[300];

	(void)state;
	arena_init(&a, 1 << 20);
	for (unsigned i = 0; i < 300; i++) {
		all[i] = arena_alloc(&a, i);
		assert_int_equal((uintptr_t)all[i] % _Alignof(max_align_t), 0);
		memset(all[i], (int)i, i);
		assert_non_null(arena_dup(&a, slice_from("xxxxxxxxxxxxxxxxx", i % 17)).at);
	}
	for (unsigned i = 0; i < 300; i++)
		for (unsigned k = 0; k < i; k++)
			assert_int_equal(all[i][k], i & 255);
	arena_finish(&a);
	assert_int_equal(a.used, 0);
}

static void a_copy_has_a_nul_behind_it(void **state)
{
	struct arena a;
	struct slice s;

	(void)state;
	arena_init(&a, 4096);
	s = arena_dup(&a, SLICE("a\0b"));
	assert_slice(s, "a\0b");
	assert_int_equal(s.at[3], 0);
	s = arena_dup(&a, (struct slice){NULL, 0});
	assert_string_equal(s.at, "");
	assert_memory_equal(arena_zalloc(&a, 5), "\0\0\0\0\0", 5);
	arena_finish(&a);
}

static void the_ceiling_counts_what_was_taken_from_the_heap(void **state)
{
	struct arena a;
	size_t n = 0;

	(void)state;
	arena_init(&a, 10000);
	assert_null(arena_alloc(&a, 10000));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 20));
	while (arena_alloc(&a, 64))
		n += 64;
	assert_true(a.used <= 10000);
	assert_true(n > 9000);
	assert_null(arena_dup(&a, slice_from("", 64)).at);
	assert_null(arena_zalloc(&a, 100));
	arena_finish(&a);
}

static void a_large_piece_does_not_cost_the_room_that_is_left(void **state)
{
	struct arena a;
	char *first, *second;

	(void)state;
	arena_init(&a, 1 << 20);
	first = arena_alloc(&a, 16);
	assert_non_null(arena_alloc(&a, 100000));
	second = arena_alloc(&a, 16);
	assert_ptr_equal(second, first + 16);
	arena_finish(&a);
}

static int fill(void *arg)
{
	struct arena a;
	int r = 0;

	(void)arg;
	arena_init(&a, 1 << 20);
	for (unsigned i = 1; i < 100 && !r; i++)
		if (!arena_alloc(&a, i * 16) || !arena_dup(&a, SLICE("name")).at)
			r = -ENOMEM;
	arena_finish(&a);
	return r;
}

static void use_again_and_again(struct arena *a, unsigned pieces, long *ret_allocations)
{
	long before;

	for (unsigned round = 0; round < 4; round++) {
		before = mem_count();
		for (unsigned i = 0; i < pieces; i++) {
			unsigned char *at = arena_alloc(a, 40 + i % 200);

			memset(at, (int)i, 40 + i % 200);
			assert_non_null(arena_dup(a, slice_from("xxxxxxxxxxxxxxxxx", i % 17)).at);
		}
		*ret_allocations = mem_count() - before;
		arena_reset(a);
		assert_true(a->used <= 65536 + 1024);
	}
}

/* Whatever was used once is there at the third time, up to the size of the largest block. */
static void the_same_again_allocates_nothing(void **state)
{
	struct arena a;
	long n;

	(void)state;
	mem_fail_after(LONG_MAX);
	for (unsigned pieces = 1; pieces < 400; pieces += 3) {
		arena_init(&a, 1 << 20);
		use_again_and_again(&a, pieces, &n);
		if (a.used <= 65536 && pieces < 300)
			assert_int_equal(n, 0);
		arena_finish(&a);
	}
	mem_fail_after(-1);
}

static void without_memory_a_reset_keeps_nothing_or_what_there_is(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 900));
	assert_non_null(arena_alloc(&a, 900));
	mem_fail_after(0);
	arena_reset(&a);
	assert_null(arena_alloc(&a, 900));
	mem_fail_after(-1);
	assert_non_null(arena_alloc(&a, 900));
	mem_fail_after(0);
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 900));
	mem_fail_after(-1);
	arena_finish(&a);
}

static void starved_it_leaks_nothing(void **state)
{
	(void)state;
	assert_true(starve(fill, NULL) < 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(memory_is_aligned_and_does_not_overlap),
	        cmocka_unit_test(a_copy_has_a_nul_behind_it),
	        cmocka_unit_test(the_ceiling_counts_what_was_taken_from_the_heap),
	        cmocka_unit_test(a_large_piece_does_not_cost_the_room_that_is_left),
	        cmocka_unit_test(the_same_again_allocates_nothing),
	        cmocka_unit_test(without_memory_a_reset_keeps_nothing_or_what_there_is),
	        cmocka_unit_test(starved_it_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
