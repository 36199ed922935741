/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of text/lap: parts, and the slices that come of them. */
#include "rig/unit.h"
#include <stdio.h>
#include "rig/starve.h"
#include "weir/lap.h"

static void neighbours_become_one_slice(void **state)
{
	const char *text = "abcdef";
	struct arena arena;
	struct lap lap = {.arena = &arena};

	(void)state;
	arena_init(&arena, 1 << 16);
	assert_int_equal(lap_out(&lap, slice_from(text, 2)), 0);
	assert_int_equal(lap_out(&lap, slice_from(text + 2, 0)), 0);
	assert_int_equal(lap_out(&lap, slice_from(text + 2, 2)), 0);
	assert_int_equal(lap_out(&lap, slice_from(text, 1)), 0);
	assert_int_equal(lap.n_out, 2);
	assert_slice(lap.out[0], "abcd");
	assert_slice(lap.out[1], "a");
	arena_finish(&arena);
}

static void what_is_kept_outlives_what_was_lent(void **state)
{
	char lent[] = "one two ";
	struct arena arena;
	struct lap lap = {.arena = &arena};
	struct part *part;

	(void)state;
	arena_init(&arena, 1 << 16);
	part = lap_add(&lap, PART_BYTES);
	part->bytes = slice_from(lent, 4);
	part = lap_add(&lap, PART_TEXT);
	part->text = slice_from(lent, 3);
	part->bytes = slice_from(lent + 4, 4);
	assert_int_equal(lap_keep(&lap), 0);
	memset(lent, '!', sizeof(lent));
	assert_slice(lap.parts[0].bytes, "one ");
	assert_slice(lap.parts[1].text, "one");
	/* Neighbours are neighbours still. */
	assert_int_equal(lap_out(&lap, lap.parts[0].bytes), 0);
	assert_int_equal(lap_out(&lap, lap.parts[1].bytes), 0);
	assert_int_equal(lap.n_out, 1);
	assert_slice(lap.out[0], "one two ");
	arena_finish(&arena);
}

static int scenario(void *arg)
{
	struct arena arena;
	struct lap lap = {.arena = &arena};
	int r = 0;

	(void)arg;
	arena_init(&arena, 1 << 20);
	for (int i = 0; !r && i < 100; i++) {
		struct part *part = lap_add(&lap, PART_BYTES);

		r = part ? lap_out(&lap, i & 1 ? SLICE("a") : SLICE("b")) : -ENOMEM;
		if (part)
			part->bytes = SLICE("abc");
	}
	if (!r)
		r = lap_keep(&lap);
	arena_finish(&arena);
	return r;
}

static void want_of_memory_is_survived(void **state)
{
	(void)state;
	starve(scenario, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(neighbours_become_one_slice),
	        cmocka_unit_test(what_is_kept_outlives_what_was_lent),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
