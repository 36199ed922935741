/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/strangers: ten at once, ten a second, each address for itself. */
#include "rig/unit.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "exchange/strangers.h"

#define NOW (3600 * NS_PER_S)

static struct strangers *all;

static int begin(void **state)
{
	(void)state;
	all = calloc(1, sizeof(*all));
	return !all;
}

static int end(void **state)
{
	(void)state;
	free(all);
	return 0;
}

static unsigned burst(const char *address, unsigned n, uint64_t now)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++)
		passed += strangers_count(all, slice_str(address), now);
	return passed;
}

static void the_eleventh_at_once_is_one_too_many(void **state)
{
	(void)state;
	assert_int_equal(burst("192.0.2.1:1000", 10, NOW), 10);
	assert_int_equal(burst("192.0.2.1:1000", 1, NOW), 0);
}

static void one_more_is_allowed_each_tenth_of_a_second(void **state)
{
	uint64_t now = NOW;

	(void)state;
	burst("192.0.2.1:1", 50, now);
	assert_int_equal(burst("192.0.2.1:1", 5, now + NS_PER_S / 10 - 1), 0);
	for (unsigned i = 0; i < 100; i++) {
		now += NS_PER_S / 10;
		assert_int_equal(burst("192.0.2.1:1", 5, now), 1);
	}
	assert_int_equal(burst("192.0.2.1:1", 50, now + NS_PER_S), 10);
}

static void over_a_long_time_it_is_ten_a_second(void **state)
{
	unsigned passed = 0;

	(void)state;
	for (uint64_t t = 0; t < 60 * NS_PER_S; t += 7 * NS_PER_MS)
		passed += burst("192.0.2.9:1", 1, NOW + t);
	assert_in_range(passed, 600, 610);
}

/* A peer has another port each time it comes. */
static void another_port_is_not_another_address(void **state)
{
	unsigned passed = 0, six = 0;
	char text[80];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "192.0.2.1:%u", 40000 + i);
		passed += burst(text, 1, NOW);
		snprintf(text, sizeof(text), "[2001:db8::1]:%u", 40000 + i);
		six += burst(text, 1, NOW);
	}
	assert_int_equal(passed, 10);
	assert_int_equal(six, 10);
}

static void addresses_do_not_take_from_each_other(void **state)
{
	unsigned refused = 0;
	char text[80];

	(void)state;
	assert_int_equal(burst("unix", 20, NOW), 10); /* first: it too has a cell that another may meet */
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "198.51.100.%u:7", i);
		refused += 10 - burst(text, 10, NOW);
	}
	assert_true(refused <= 100); /* of 101 addresses in 4096 cells one or two may meet */
}

static _Atomic unsigned passed_all;

static void *count_many(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 10000; i++)
		passed_all += strangers_count(all, SLICE("203.0.113.5:1"), NOW);
	return NULL;
}

static void workers_share_the_ten(void **state)
{
	pthread_t threads[4];

	(void)state;
	passed_all = 0;
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, count_many, NULL);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(passed_all, 10);
}

static void only_what_the_caller_is_to_blame_for_counts(void **state)
{
	struct slice who = SLICE("192.0.2.9:1");

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		assert_false(strangers_are_too_many(NULL, FAULT_REQUEST_INVALID, who, NOW));
		assert_false(strangers_are_too_many(all, FAULT_REQUEST_TIMEOUT, who, NOW));
		assert_false(strangers_are_too_many(all, FAULT_OVERLOADED, who, NOW));
	}
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(strangers_are_too_many(
					 all, i & 1 ? FAULT_REQUEST_INVALID : FAULT_UNAUTHENTICATED, who, NOW),
			i >= STRANGER_RATE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        T(the_eleventh_at_once_is_one_too_many),
	        T(one_more_is_allowed_each_tenth_of_a_second),
	        T(over_a_long_time_it_is_ten_a_second),
	        T(another_port_is_not_another_address),
	        T(addresses_do_not_take_from_each_other),
	        T(workers_share_the_ten),
	        T(only_what_the_caller_is_to_blame_for_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
