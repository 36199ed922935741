/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/deadline: never early, at most a tick late, whatever else happens. */
#include "rig/unit.h"
#include <stdlib.h>
#include <string.h>
#include "net/deadline.h"

static struct wheel wheel;
static unsigned dues;
static uint64_t now;
static struct deadline victim;

static void count_due(struct deadline *d)
{
	assert_int_equal(d->at, 0);
	dues++;
}

static int begin(void **state)
{
	(void)state;
	dues = 0;
	now = 12345678901234;
	wheel_init(&wheel, now);
	deadline_init(&victim, count_due);
	return 0;
}

static void nothing_set_means_nothing_to_wait_for(void **state)
{
	struct deadline d;

	(void)state;
	assert_true(wheel_next(&wheel) == UINT64_MAX);
	deadline_init(&d, count_due);
	deadline_clear(&wheel, &d);
	deadline_set(&wheel, &d, now + NS_PER_S);
	deadline_clear(&wheel, &d);
	assert_true(wheel_next(&wheel) == UINT64_MAX);
	wheel_run(&wheel, now + 2 * NS_PER_S);
	assert_int_equal(dues, 0);
}

static void it_is_never_early_and_at_most_a_tick_late(void **state)
{
	struct deadline d;

	(void)state;
	deadline_init(&d, count_due);
	for (uint64_t wait = 0; wait < 60 * NS_PER_S; wait = wait * 3 / 2 + 777777) {
		uint64_t at = now + wait;

		deadline_set(&wheel, &d, at);
		wheel_run(&wheel, at - 1);
		assert_int_equal(dues, 0);
		wheel_run(&wheel, at + WHEEL_TICK);
		assert_int_equal(dues, 1);
		dues = 0;
		now = at + WHEEL_TICK;
	}
}

static void following_wheel_next_meets_each_on_time(void **state)
{
	static const uint64_t waits[] = {1, 5 * NS_PER_MS, NS_PER_S, 16 * NS_PER_S, 17 * NS_PER_S,
	        100 * NS_PER_S, 3600 * NS_PER_S};

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		struct deadline d;
		uint64_t at = now + waits[i];
		unsigned wakes = 0;

		deadline_init(&d, count_due);
		deadline_set(&wheel, &d, at);
		dues = 0;
		for (; !dues; wakes++) {
			uint64_t next = wheel_next(&wheel);

			assert_true(next >= now || !wakes);
			assert_true(next < at + WHEEL_TICK);
			now = next > now ? next : now;
			wheel_run(&wheel, now);
		}
		assert_true(now >= at && now < at + WHEEL_TICK);
		/* Once a rotation of 16.4 s, and once more. */
		assert_true(wakes <= waits[i] / (WHEEL_SLOTS * WHEEL_TICK) + 2);
	}
}

static void a_moment_that_has_passed_is_due_in_the_next_run(void **state)
{
	struct deadline d;

	(void)state;
	deadline_init(&d, count_due);
	wheel_run(&wheel, now);
	deadline_set(&wheel, &d, 0);
	assert_true(d.at != 0);
	assert_true(wheel_next(&wheel) <= now + WHEEL_TICK);
	wheel_run(&wheel, now + WHEEL_TICK);
	assert_int_equal(dues, 1);
}

static void setting_it_again_moves_it(void **state)
{
	struct deadline d;

	(void)state;
	deadline_init(&d, count_due);
	deadline_set(&wheel, &d, now + NS_PER_S);
	deadline_set(&wheel, &d, now + 10 * NS_PER_S);
	assert_int_equal(wheel.n, 1);
	wheel_run(&wheel, now + 9 * NS_PER_S);
	assert_int_equal(dues, 0);
	deadline_set(&wheel, &d, now + 9 * NS_PER_S + 1);
	wheel_run(&wheel, now + 9 * NS_PER_S + 2 * WHEEL_TICK);
	assert_int_equal(dues, 1);
	assert_int_equal(wheel.n, 0);
}

static void set_again_at_once(struct deadline *d)
{
	count_due(d);
	deadline_set(&wheel, d, 1);
}

static void one_that_sets_itself_again_does_not_keep_the_wheel(void **state)
{
	struct deadline d;

	(void)state;
	deadline_init(&d, set_again_at_once);
	deadline_set(&wheel, &d, now);
	for (unsigned i = 1; i < 10; i++) {
		wheel_run(&wheel, now += WHEEL_TICK);
		assert_int_equal(dues, i);
		assert_true(wheel_next(&wheel) <= now + WHEEL_TICK);
	}
	deadline_clear(&wheel, &d);
}

static void clear_the_victim(struct deadline *d)
{
	count_due(d);
	deadline_clear(&wheel, &victim);
}

static void one_may_clear_another_of_the_same_moment(void **state)
{
	struct deadline d;

	(void)state;
	deadline_init(&d, clear_the_victim);
	deadline_set(&wheel, &d, now + 1);
	deadline_set(&wheel, &victim, now + 1);
	wheel_run(&wheel, now + NS_PER_S);
	assert_int_equal(dues, 1);
	assert_int_equal(wheel.n, 0);
	assert_true(wheel_next(&wheel) == UINT64_MAX);
}

static void a_clock_that_stands_still_or_leaps_does_no_harm(void **state)
{
	struct deadline d;

	(void)state;
	deadline_init(&d, count_due);
	wheel_run(&wheel, now);
	wheel_run(&wheel, now);
	deadline_set(&wheel, &d, UINT64_MAX);
	wheel_run(&wheel, now + 1000000 * NS_PER_S);
	assert_int_equal(dues, 0);
	deadline_set(&wheel, &d, now + 1000000 * NS_PER_S + 1);
	wheel_run(&wheel, now + 9000000 * NS_PER_S);
	assert_int_equal(dues, 1);
}

#define MANY 300

/* Against an array as the model. */
static void a_random_life_agrees_with_an_array(void **state)
{
	static struct deadline d[MANY];
	static uint64_t at[MANY];
	uint64_t earliest;

	(void)state;
	srandom(1);
	for (int i = 0; i < MANY; i++)
		deadline_init(&d[i], count_due);
	for (int step = 0; step < 20000; step++) {
		int i = (int)random() % MANY;
		uint64_t wait = (uint64_t)random() % (40 * NS_PER_S >> random() % 12);

		if (random() % 4) {
			at[i] = now + wait;
			deadline_set(&wheel, &d[i], at[i]);
		} else {
			at[i] = 0;
			deadline_clear(&wheel, &d[i]);
		}
		if (random() % 3)
			continue;
		now += wait / 8;
		wheel_run(&wheel, now);
		earliest = UINT64_MAX;
		for (i = 0; i < MANY; i++) {
			if (!d[i].at) {
				assert_true(at[i] <= now);
				at[i] = 0;
			}
			assert_true(!at[i] || at[i] + WHEEL_TICK > now);
			earliest = at[i] && at[i] < earliest ? at[i] : earliest;
		}
		assert_true(earliest == UINT64_MAX || wheel_next(&wheel) < earliest + WHEEL_TICK);
	}
	for (int i = 0; i < MANY; i++)
		deadline_clear(&wheel, &d[i]);
	for (unsigned i = 0; i < WHEEL_SLOTS / 64; i++)
		assert_int_equal(wheel.occupied[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(nothing_set_means_nothing_to_wait_for, begin),
	        cmocka_unit_test_setup(it_is_never_early_and_at_most_a_tick_late, begin),
	        cmocka_unit_test_setup(following_wheel_next_meets_each_on_time, begin),
	        cmocka_unit_test_setup(a_moment_that_has_passed_is_due_in_the_next_run, begin),
	        cmocka_unit_test_setup(setting_it_again_moves_it, begin),
	        cmocka_unit_test_setup(one_that_sets_itself_again_does_not_keep_the_wheel, begin),
	        cmocka_unit_test_setup(one_may_clear_another_of_the_same_moment, begin),
	        cmocka_unit_test_setup(a_clock_that_stands_still_or_leaps_does_no_harm, begin),
	        cmocka_unit_test_setup(a_random_life_agrees_with_an_array, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
