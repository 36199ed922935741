/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of text/tokens_learn: what it comes to, its bounds, and that threads share it. */
#include "rig/unit.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include "rig/starve.h"
#include "text/tokens_learn.h"

static void it_comes_to_what_the_provider_says(void **state)
{
	static const struct {
		uint64_t estimate, actual, least, most;
	} cases[] = {
	        {1000, 1000, 1000, 1000},
	        {1000, 1300, 1299, 1301},
	        {1000, 700, 699, 701},
	        {1000, 1, 250, 251},
	        {1000, 1000000, 3999, 4000},
	        {1, UINT64_MAX, 3, 4},
	        {UINT64_MAX, 1, UINT64_MAX / 4, UINT64_MAX / 4 + (1ull << 52)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tokens_factor f = {0};
		uint64_t n;

		for (unsigned k = 0; k < 200; k++)
			tokens_learned(&f, cases[i].estimate, cases[i].actual);
		n = tokens_corrected(&f, cases[i].estimate);
		if (n < cases[i].least || n > cases[i].most)
			fail_msg("%zu: %llu", i, (unsigned long long)n);
	}
}

static void one_call_is_an_eighth(void **state)
{
	struct tokens_factor f = {0};

	(void)state;
	tokens_learned(&f, 100, 200);
	assert_int_equal(tokens_corrected(&f, 800), 900);
	tokens_learned(&f, 0, 200);
	tokens_learned(&f, 100, 0);
	assert_int_equal(tokens_corrected(&f, 800), 900);
}

static void what_was_not_learned_changes_nothing(void **state)
{
	struct tokens_factor f = {0};

	(void)state;
	assert_int_equal(tokens_corrected(&f, 77), 77);
	assert_int_equal(tokens_corrected(NULL, 77), 77);
	tokens_learned(NULL, 1, 2);
	for (unsigned i = 0; i < 100; i++)
		tokens_learned(&f, 1, 4);
	assert_true(tokens_corrected(&f, UINT64_MAX) == UINT64_MAX);
	assert_int_equal(tokens_corrected(&f, 0), 0);
}

static void each_pair_has_its_own(void **state)
{
	struct tokens_factor *a, *b;
	struct tokens_learn l;

	(void)state;
	assert_int_equal(tokens_learn_init(&l, 100), 0);
	a = tokens_learn_factor(&l, SLICE("one"), SLICE("model"));
	assert_non_null(a);
	assert_ptr_equal(tokens_learn_factor(&l, SLICE("one"), SLICE("model")), a);
	b = tokens_learn_factor(&l, SLICE("onem"), SLICE("odel"));
	assert_non_null(b);
	assert_ptr_not_equal(b, a);
	assert_ptr_not_equal(tokens_learn_factor(&l, SLICE("two"), SLICE("model")), a);
	assert_ptr_not_equal(tokens_learn_factor(&l, SLICE("one"), SLICE("other")), a);
	assert_ptr_not_equal(tokens_learn_factor(&l, SLICE("model"), SLICE("one")), a);
	tokens_learned(a, 1, 2);
	assert_int_equal(tokens_corrected(b, 1000), 1000);
	tokens_learn_finish(&l);
}

static void it_holds_what_it_was_made_for_and_stays_bounded(void **state)
{
	unsigned without = 0, places = 0;
	struct tokens_learn l;
	char name[16];

	(void)state;
	assert_int_equal(tokens_learn_init(&l, 1000), 0);
	for (unsigned i = 0; i < 10000; i++) {
		struct slice agent =
		        slice_from(name, (size_t)snprintf(name, sizeof(name), "%u", i));
		bool found = tokens_learn_factor(&l, agent, SLICE("m")) != NULL;

		without += !found && i < 500;
		places += found;
	}
	assert_int_equal(without, 0);
	assert_true(places >= 1000 && places <= l.n);
	tokens_learn_finish(&l);
	assert_int_equal(tokens_learn_init(&l, SIZE_MAX / 2), -ENOMEM);
}

static void *learn(void *arg)
{
	struct tokens_learn *l = arg;
	char name[16];

	for (unsigned i = 0; i < 20000; i++) {
		unsigned agent = i % 50;

		snprintf(name, sizeof(name), "%u", agent);
		tokens_learned(
		        tokens_learn_factor(l, slice_str(name), SLICE("m")), 100, 100 + agent);
	}
	return NULL;
}

static void threads_share_it(void **state)
{
	struct tokens_learn l;
	pthread_t threads[4];
	char name[16];

	(void)state;
	assert_int_equal(tokens_learn_init(&l, 50), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, learn, &l), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_in_range(tokens_corrected(
		                        tokens_learn_factor(&l, slice_str(name), SLICE("m")), 1000),
		        1000 + 10 * i - (i > 0), 1000 + 10 * i + 1);
	}
	tokens_learn_finish(&l);
}

static int scenario(void *arg)
{
	struct tokens_learn l;
	int r = tokens_learn_init(&l, 10);

	(void)arg;
	if (!r)
		tokens_learn_finish(&l);
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
	        cmocka_unit_test(it_comes_to_what_the_provider_says),
	        cmocka_unit_test(one_call_is_an_eighth),
	        cmocka_unit_test(what_was_not_learned_changes_nothing),
	        cmocka_unit_test(each_pair_has_its_own),
	        cmocka_unit_test(it_holds_what_it_was_made_for_and_stays_bounded),
	        cmocka_unit_test(threads_share_it),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
