/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of price/tier: what other tiers of service cost at most. */
#include "rig/unit.h"
#include "price/cost.h"
#include "price/tier.h"

static void a_tier_that_is_dearer_is_known_by_its_name(void **state)
{
	static const char *const usual[] = {
	        "", "default", "Standard", "flex", "FLEX", "batch", "scale", "on_demand"};

	(void)state;
	for (unsigned i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		assert_int_equal(tier_asked(slice_str(usual[i])), TIER_DEFAULT);
	assert_int_equal(tier_asked(SLICE("priority")), TIER_PRIORITY);
	assert_int_equal(tier_asked(SLICE("PRIORITY")), TIER_PRIORITY);
	assert_int_equal(
	        tier_asked(SLICE("auto")), TIER_PRIORITY); /* the provider's settings decide */
	assert_int_equal(tier_asked(SLICE("ultrafast")), TIER_FASTEST);
	assert_int_equal(tier_asked(SLICE("priorit\303\250")), TIER_FASTEST);
}

static void an_answer_says_what_it_was(void **state)
{
	(void)state;
	assert_int_equal(tier_answered(SLICE("default"), TIER_PRIORITY), TIER_DEFAULT);
	assert_int_equal(tier_answered(SLICE("priority"), TIER_DEFAULT), TIER_PRIORITY);
	assert_int_equal(tier_answered(SLICE(""), TIER_PRIORITY), TIER_PRIORITY);
	assert_int_equal(tier_answered(SLICE("auto"), TIER_PRIORITY), TIER_PRIORITY);
	assert_int_equal(tier_answered(SLICE("auto"), TIER_DEFAULT), TIER_DEFAULT);
	assert_int_equal(tier_answered(SLICE("gold"), TIER_DEFAULT),
	        TIER_DEFAULT); /* some server's own word */
	assert_int_equal(tier_answered(SLICE("gold"), TIER_PRIORITY), TIER_FASTEST);
}

static void tokens_are_dearer_and_the_rest_is_not(void **state)
{
	struct price p = {0};

	(void)state;
	price_set(&p, PRICE_input, 3);
	price_set(&p, PRICE_output, 1000);
	price_set(&p, PRICE_request, 7);
	price_set(&p, PRICE_web_search, 9);
	price_row_add(&p, 100)->of[PRICE_input] = UINT64_MAX / 2;
	struct price same = p;
	tier_price(&same, TIER_DEFAULT);
	assert_memory_equal(&same, &p, sizeof(p));
	tier_price(&p, TIER_PRIORITY);
	assert_int_equal(p.rows[0].of[PRICE_input], 8); /* 7.5, rounded up */
	assert_int_equal(p.rows[0].of[PRICE_output], 2500);
	assert_int_equal(p.rows[0].of[PRICE_request], 7);
	assert_int_equal(p.rows[0].of[PRICE_web_search], 9);
	assert_true(p.rows[1].of[PRICE_input] == UINT64_MAX);
	assert_int_equal(p.rows[1].of[PRICE_output], 2500);
	tier_price(&same, TIER_FASTEST);
	assert_int_equal(same.rows[0].of[PRICE_output], 6000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_tier_that_is_dearer_is_known_by_its_name),
	        cmocka_unit_test(an_answer_says_what_it_was),
	        cmocka_unit_test(tokens_are_dearer_and_the_rest_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
