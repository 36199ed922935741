/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/gcra: never more than limit * time + burst, hardly less, and no input overflows.
 */
#include "rig/unit.h"
#include "base/clock.h"
#include "store/gcra.h"

#define RANDOM_INPUTS 10000000u

typedef unsigned __int128 u128;

static uint64_t seed;

static int begin(void **state)
{
	(void)state;
	seed = 0x2545f4914f6cdd1d;
	return 0;
}

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Of every size alike: small numbers, the largest, and all between. */
static uint64_t any_size(void)
{
	uint64_t n = rnd();
	unsigned shift = (unsigned)(rnd() % 65);

	return shift == 64 ? UINT64_MAX - n % 3 : n >> shift;
}

static bool take(struct gcra *g, const struct gcra_limit *l, uint64_t now, uint64_t units)
{
	uint64_t wait;

	if (gcra_ask(g, l, now, units, &wait) != GCRA_GRANTS)
		return false;
	gcra_take(g, l, now, units);
	return true;
}

static void the_burst_is_granted_at_once_and_then_one_each_interval(void **state)
{
	struct gcra_limit l = gcra_limit_of(6000, 60 * NS_PER_S, 100);
	struct gcra g = {0};
	uint64_t now = NS_PER_S, wait, left, reset;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		gcra_tell(&g, &l, now, &left, &reset);
		assert_int_equal(left, 100 - i);
		assert_int_equal(reset, i * 10 * NS_PER_MS);
		assert_true(take(&g, &l, now, 1));
	}
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(gcra_ask(&g, &l, now, 1, &wait), GCRA_WAITS);
		assert_int_equal(wait, 10 * NS_PER_MS);
		assert_false(take(&g, &l, now + wait - 1, 1));
		now += wait;
		assert_true(take(&g, &l, now, 1));
	}
	gcra_tell(&g, &l, now, &left, &reset);
	assert_int_equal(left, 0);
	assert_int_equal(reset, NS_PER_S);
	assert_false(gcra_is_full(&g, now + reset - 1));
	assert_true(gcra_is_full(&g, now + reset));
}

static void more_than_the_burst_is_never_granted(void **state)
{
	struct gcra_limit l = gcra_limit_of(10, NS_PER_S, 5), none = gcra_limit_of(0, NS_PER_S, 5);
	struct gcra g = {0};
	uint64_t wait;

	(void)state;
	assert_int_equal(gcra_ask(&g, &l, 0, 5, &wait), GCRA_GRANTS);
	assert_int_equal(gcra_ask(&g, &l, 0, 6, &wait), GCRA_NEVER);
	assert_int_equal(gcra_ask(&g, &none, UINT64_MAX, 1, &wait), GCRA_NEVER);
	assert_int_equal(wait, 0);
}

/* Over every stretch of time, not only from the start. */
static void check_stretches(const uint64_t *at, const uint64_t *units, unsigned n, uint64_t count,
        uint64_t period, uint64_t burst)
{
	for (unsigned from = 0; from < n; from++) {
		u128 sum = 0;

		for (unsigned to = from; to < n; to++) {
			sum += units[to];
			assert_true(sum * period <=
			            (u128)count * (at[to] - at[from]) + (u128)burst * period);
		}
	}
}

static void no_stretch_of_time_sees_more_than_limit_times_time_and_burst(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		uint64_t count = rnd() % (1ull << (rnd() % 40)) + 1;
		uint64_t period = rnd() % (1ull << (rnd() % 36)) + 1;
		uint64_t burst = rnd() % (1ull << (rnd() % 20)) + 1, wait;
		uint64_t at[60], units[60], now = rnd() >> 34;
		struct gcra_limit l = gcra_limit_of(count, period, burst);
		struct gcra g = {0};
		unsigned n = 0;

		while (n < 60) {
			units[n] = rnd() % burst + 1;
			if (rnd() % 4 == 0)
				now += rnd() % (period / count * burst + 2);
			else if (gcra_ask(&g, &l, now, units[n], &wait) == GCRA_WAITS)
				now += wait;
			at[n] = now;
			n += take(&g, &l, now, units[n]);
		}
		check_stretches(at, units, n, count, period, burst);
	}
}

/* Who always asks as soon as it may gets nearly all of it, also where count does not divide the
 * period, up to far more asks a second than a store can answer. */
static void at_least_99_percent_of_a_limit_can_be_had(void **state)
{
	static const struct {
		uint64_t count, period;
	} limits[] = {{7, NS_PER_S}, {6000, 60 * NS_PER_S}, {7001, 60 * NS_PER_S},
	        {999983, NS_PER_S}, {9999991, NS_PER_S}, {3, 86400 * NS_PER_S},
	        {700000001, 60 * NS_PER_S}};

	(void)state;
	for (unsigned i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		uint64_t count = limits[i].count, period = limits[i].period, now = 0, n = 0, wait;
		struct gcra_limit l = gcra_limit_of(count, period, 2);
		struct gcra g = {0};

		while (n < 100000) {
			if (gcra_ask(&g, &l, now, 1, &wait) == GCRA_WAITS)
				now += wait;
			assert_true(take(&g, &l, now, 1));
			n++;
		}
		assert_true((u128)n * period * 100 >= (u128)99 * count * now);
	}
}

static void faster_than_a_unit_a_nanosecond_is_kept_too(void **state)
{
	struct gcra_limit l = gcra_limit_of(7000000001, NS_PER_S, 1000000);
	struct gcra g = {0};
	uint64_t had = 0, left, reset;

	(void)state;
	for (uint64_t now = 0; now < NS_PER_MS; now += 997) {
		gcra_tell(&g, &l, now, &left, &reset);
		assert_true(take(&g, &l, now, left));
		assert_false(take(&g, &l, now, 1));
		had += left;
	}
	assert_in_range(had, 7000000 + 1000000 - 10000, 7000000 + 1000000);
}

/* What is said is true to the unit and the nanosecond, whatever the numbers. */
static void what_any_numbers_say_is_exact(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RANDOM_INPUTS; i++) {
		struct gcra_limit l = gcra_limit_of(any_size(), any_size(), any_size());
		uint64_t now = any_size(), units = any_size(), wait, left, reset;
		struct gcra g = {
		        (gcra_time)any_size() << 32 | (uint32_t)rnd(), (gcra_time)any_size() << 32};
		gcra_time before = g.full;
		enum gcra_says says = gcra_ask(&g, &l, now, units, &wait);

		assert_int_equal(says == GCRA_WAITS, wait > 0);
		if (says == GCRA_WAITS && wait < UINT64_MAX - now) {
			uint64_t again;

			assert_int_equal(gcra_ask(&g, &l, now + wait, units, &again), GCRA_GRANTS);
			assert_int_equal(
			        gcra_ask(&g, &l, now + wait - 1, units, &again), GCRA_WAITS);
		}
		gcra_tell(&g, &l, now, &left, &reset);
		assert_true(left <= l.units_max);
		if (units)
			assert_int_equal(says == GCRA_GRANTS, units <= left);
		gcra_take(&g, &l, now, units);
		assert_true(g.full >= before || before < (gcra_time)now << 32 ||
		            g.full >= (gcra_time)1 << 119);
		gcra_correct(&g, &l, now, any_size(), any_size(), any_size());
		gcra_give(&g, &l, any_size(), any_size(), any_size());
	}
}

static void what_goes_back_at_once_was_never_taken(void **state)
{
	struct gcra_limit l = gcra_limit_of(7, NS_PER_S, 7);
	struct gcra g = {0};
	uint64_t now = 5 * NS_PER_S, left, reset;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t mark = gcra_take(&g, &l, now, 7);

		gcra_give(&g, &l, now, mark, 7);
		gcra_tell(&g, &l, now + 1, &left, &reset);
		assert_int_equal(left, 7);
		assert_true(reset <= 1);
		now += 1;
	}
}

static void what_time_has_refilled_does_not_come_back_twice(void **state)
{
	struct gcra_limit l = gcra_limit_of(10, NS_PER_S, 10);
	struct gcra g = {0};
	uint64_t mark = gcra_take(&g, &l, 0, 10), left, reset;

	(void)state;
	assert_true(take(&g, &l, 2 * NS_PER_S, 10));
	gcra_give(&g, &l, 2 * NS_PER_S, mark, 10);
	gcra_tell(&g, &l, 2 * NS_PER_S, &left, &reset);
	assert_int_equal(left, 0);
}

/* Against the truth: the same history without what was given back, played again. */
static void giving_back_never_makes_more_room_than_not_having_taken(void **state)
{
	enum { TAKES = 24 };

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct gcra_limit l = gcra_limit_of(rnd() % 1000 + 1, rnd() % 100000 + 1, 50);
		uint64_t at[TAKES], marks[TAKES], units[TAKES], now = 1000;
		struct gcra g = {0};

		for (unsigned i = 0; i < TAKES; i++) {
			unsigned which = (unsigned)(rnd() % (i + 1));

			now += rnd() % ((uint64_t)(l.unit >> 32) * 20 + 2);
			at[i] = now;
			units[i] = rnd() % 50;
			marks[i] = gcra_take(&g, &l, now, units[i]);
			if (rnd() % 2) {
				uint64_t back = rnd() % (units[which] + 1);
				struct gcra truth = {0};

				gcra_give(&g, &l, now, marks[which], back);
				units[which] -= back;
				for (unsigned k = 0; k <= i; k++)
					gcra_take(&truth, &l, at[k], units[k]);
				assert_true(
				        g.full >= truth.full || truth.full <= (gcra_time)now << 32);
			}
		}
	}
}

static void tokens_are_corrected_both_ways(void **state)
{
	struct gcra_limit l = gcra_limit_of(1000, NS_PER_S, 1000);
	struct gcra g = {0};
	uint64_t now = NS_PER_S, mark = gcra_take(&g, &l, now, 600), left, reset, wait;

	(void)state;
	gcra_correct(&g, &l, now, mark, 600, 200);
	gcra_tell(&g, &l, now, &left, &reset);
	assert_int_equal(left, 800);
	mark = gcra_take(&g, &l, now, 800);
	gcra_correct(&g, &l, now, mark, 800, 800);
	gcra_tell(&g, &l, now, &left, &reset);
	assert_int_equal(left, 0);
	gcra_correct(&g, &l, now, mark, 800, 1800); /* on credit */
	assert_int_equal(gcra_ask(&g, &l, now, 1, &wait), GCRA_WAITS);
	assert_int_equal(wait, 1001 * NS_PER_MS);
}

static void a_clock_that_goes_back_grants_nothing_more(void **state)
{
	struct gcra_limit l = gcra_limit_of(10, NS_PER_S, 10);
	struct gcra g = {0};

	(void)state;
	assert_true(take(&g, &l, 3600 * NS_PER_S, 10));
	assert_false(take(&g, &l, 0, 1));
	assert_false(take(&g, &l, 3600 * NS_PER_S, 1));
	assert_true(take(&g, &l, 3601 * NS_PER_S, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(
	                the_burst_is_granted_at_once_and_then_one_each_interval, begin),
	        cmocka_unit_test_setup(more_than_the_burst_is_never_granted, begin),
	        cmocka_unit_test_setup(
	                no_stretch_of_time_sees_more_than_limit_times_time_and_burst, begin),
	        cmocka_unit_test_setup(at_least_99_percent_of_a_limit_can_be_had, begin),
	        cmocka_unit_test_setup(faster_than_a_unit_a_nanosecond_is_kept_too, begin),
	        cmocka_unit_test_setup(what_any_numbers_say_is_exact, begin),
	        cmocka_unit_test_setup(what_goes_back_at_once_was_never_taken, begin),
	        cmocka_unit_test_setup(what_time_has_refilled_does_not_come_back_twice, begin),
	        cmocka_unit_test_setup(
	                giving_back_never_makes_more_room_than_not_having_taken, begin),
	        cmocka_unit_test_setup(tokens_are_corrected_both_ways, begin),
	        cmocka_unit_test_setup(a_clock_that_goes_back_grants_nothing_more, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
