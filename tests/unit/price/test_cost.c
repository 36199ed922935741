/* SPDX-License-Identifier: Apache-2.0 */
/* test_cost: sums worked out by hand from price lists written here, and what must hold for every
 * list and usage. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "price/cost.h"

/* Dollars a million tokens, as a price list in the file is made of: 2.50, 0.25, 15.00. */
static struct price plain(void)
{
	struct price p = {0};

	price_set(&p, PRICE_input, 2500000);
	price_set(&p, PRICE_cache_read, 250000);
	price_set(&p, PRICE_output, 15000000);
	return p;
}

static uint64_t pico(const struct price *p, struct usage u)
{
	uint32_t unpriced;
	picosum sum = cost_picousd(p, &u, &unpriced);

	assert_int_equal(unpriced, 0);
	assert_true(sum <= UINT64_MAX);
	return (uint64_t)sum;
}

static uint32_t unpriced_of(const struct price *p, struct usage u)
{
	uint32_t unpriced;

	cost_of(p, &u, &unpriced);
	return unpriced;
}

static void each_class_has_its_own_price(void **state)
{
	struct price p = plain();

	(void)state;
	/* 1000 * 2.5 + 3000 * 0.25 + 200 * 15, dollars a million */
	assert_int_equal(pico(&p, (struct usage){.in_uncached = 1000,
	                                  .in_cache_read = 3000,
	                                  .out_text = 200}),
	        6250000000);
	assert_int_equal(pico(&p, (struct usage){0}), 0);
}

static void reasoning_costs_what_output_costs_unless_it_has_a_price(void **state)
{
	struct price p = plain();
	struct usage u = {.out_text = 100, .out_reasoning = 900};

	(void)state;
	assert_int_equal(pico(&p, u), 15000000000);
	price_set(&p, PRICE_output_reasoning, 3000000);
	assert_int_equal(pico(&p, u), 1500000000 + 2700000000);
}

static void without_a_cache_price_a_cached_token_costs_what_any_costs(void **state)
{
	struct price p = {0};

	(void)state;
	price_set(&p, PRICE_input, 2000000);
	assert_int_equal(pico(&p, (struct usage){.in_cache_read = 10}), 20000000);
	assert_int_equal(pico(&p, (struct usage){.in_cache_write_5m = 10}), 20000000);
	price_set(&p, PRICE_cache_write, 2500000);
	assert_int_equal(pico(&p, (struct usage){.in_cache_write_5m = 10}), 25000000);
}

static void an_hours_cache_without_its_price_is_not_known(void **state)
{
	struct price p = plain();
	struct usage u = {.in_cache_write_1h = 10};

	(void)state;
	price_set(&p, PRICE_cache_write, 3125000);
	assert_int_equal(unpriced_of(&p, u), USAGE_BIT(in_cache_write_1h));
	assert_int_equal(cost_of(&p, &u, NULL), 31250); /* a lower bound */
	price_set(&p, PRICE_cache_write_1h, 5000000);
	assert_int_equal(pico(&p, u), 50000000);
}

static void audio_at_the_price_of_text_is_not_known_but_where_they_cost_the_same(void **state)
{
	struct price p = plain();
	struct usage u = {.in_audio = 100, .out_audio = 50};

	(void)state;
	assert_int_equal(unpriced_of(&p, u), USAGE_BIT(in_audio) | USAGE_BIT(out_audio));
	p.audio_as_text = true;
	assert_int_equal(pico(&p, u), 250000000 + 750000000);
	p.audio_as_text = false;
	price_set(&p, PRICE_input_audio, 40000000);
	price_set(&p, PRICE_output_audio, 80000000);
	assert_int_equal(pico(&p, u), 8000000000);
}

static void what_has_no_price_is_named_and_never_free(void **state)
{
	struct price p = {0};

	(void)state;
	assert_int_equal(unpriced_of(&p, (struct usage){.in_uncached = 1, .out_text = 1}),
	        USAGE_BIT(in_uncached) | USAGE_BIT(out_text));
	price_set(&p, PRICE_input, 20000);
	assert_int_equal(unpriced_of(&p, (struct usage){.in_uncached = 800}), 0);
	assert_int_equal(unpriced_of(&p, (struct usage){.out_text = 1}), USAGE_BIT(out_text));
	assert_int_equal(unpriced_of(&p, (struct usage){.web_search = 1}), USAGE_BIT(web_search));
}

static void what_is_free_costs_nothing_and_is_known(void **state)
{
	struct price p = {.free = true};
	struct usage u = {.in_uncached = 5, .in_audio = 5, .web_search = 5};

	(void)state;
	assert_int_equal(pico(&p, u), 0);
	p = (struct price){0};
	price_set(&p, PRICE_input, 0);
	assert_int_equal(pico(&p, (struct usage){.in_uncached = 5}), 0);
}

static void the_request_and_what_the_provider_ran_are_added(void **state)
{
	struct price p = plain();

	(void)state;
	price_set(&p, PRICE_request, 12000000000);
	price_set(&p, PRICE_web_search, 10000000000);
	assert_int_equal(pico(&p, (struct usage){.in_uncached = 2, .web_search = 3}),
	        5000000 + 12000000000 + 30000000000);
}

static void audio_by_the_hour_is_exact_to_the_millisecond(void **state)
{
	struct price p = {0};

	(void)state;
	price_set(&p, PRICE_audio_hour,
	        360000000000); /* 0.36 dollars an hour: 100 pico a microsecond */
	assert_int_equal(pico(&p, (struct usage){.in_audio_ms = 12345}), 12345 * 100000);
	price_set(&p, PRICE_audio_hour, 111000000000);
	assert_int_equal(pico(&p, (struct usage){.in_audio_ms = 1}), 30834); /* 30833.33 */
	price_set(&p, PRICE_least_audio_ms, 10000);
	assert_int_equal(pico(&p, (struct usage){.in_audio_ms = 1}), 308333334);
	assert_int_equal(pico(&p, (struct usage){0}), 0);
}

static void one_token_over_the_line_makes_the_whole_call_dear(void **state)
{
	struct price p = plain();
	struct price_row *row = price_row_add(&p, 200000);

	(void)state;
	row->of[PRICE_input] = 5000000;
	row->of[PRICE_output] = 22500000;
	assert_int_equal(pico(&p, (struct usage){.in_uncached = 200000, .out_text = 10}),
	        500000000000 + 150000000);
	assert_int_equal(pico(&p, (struct usage){.in_uncached = 200001, .out_text = 10}),
	        1000005000000 + 225000000);
	/* the cached ones push it over, and keep the price that has no tier */
	assert_int_equal(pico(&p, (struct usage){.in_uncached = 1, .in_cache_read = 200000}),
	        5000000 + 50000000000);
	/* output never decides */
	assert_int_equal(pico(&p, (struct usage){.in_uncached = 1, .out_text = 300000}),
	        2500000 + 4500000000000);
}

static void rows_rise_and_end(void **state)
{
	struct price p = {0};

	(void)state;
	assert_null(price_row_for(&p, 5));
	assert_null(price_row_add(&p, 5));
	assert_non_null(price_row_add(&p, 0));
	assert_non_null(price_row_add(&p, 10));
	assert_null(price_row_add(&p, 10));
	assert_non_null(price_row_add(&p, 20));
	assert_non_null(price_row_add(&p, 30));
	assert_null(price_row_add(&p, 40));
	price_set(&p, PRICE_output, 7);
	assert_int_equal(price_row_for(&p, 0)->above, 0);
	assert_int_equal(price_row_for(&p, 10)->above, 0);
	assert_int_equal(price_row_for(&p, 11)->above, 10);
	assert_int_equal(price_row_for(&p, UINT64_MAX)->above, 30);
	assert_int_equal(price_row_for(&p, UINT64_MAX)->of[PRICE_output], 7);
	assert_string_equal(price_unit_name(PRICE_cache_write_1h), "cache_write_1h");
}

static void a_policys_prices_are_dollars_a_million_tokens_and_a_call(void **state)
{
	struct price p = {0};

	(void)state;
	assert_int_equal(price_give(&p, SLICE("input"), SLICE("0.0375")), 0);
	assert_int_equal(price_give(&p, SLICE("output"), SLICE("15")), 0);
	assert_int_equal(price_give(&p, SLICE("request"), SLICE("0.005")), 0);
	assert_int_equal(
	        pico(&p, (struct usage){.in_uncached = 10, .in_cache_read = 10, .out_text = 1}),
	        750000 + 15000000 + 5000000000);
	assert_int_equal(price_give(&p, SLICE("cached_input"), SLICE("0.01")), 0);
	assert_int_equal(pico(&p, (struct usage){.in_cache_read = 1}), 10000 + 5000000000);
	assert_int_equal(price_give(&p, SLICE("cache_read"), SLICE("1")), -ENOENT);
	assert_int_equal(price_give(&p, SLICE("input"), SLICE("cheap")), -EINVAL);
	assert_int_equal(price_give(&p, SLICE("input"), SLICE("0.0000001")), -ERANGE);
	assert_int_equal(p.rows[0].of[PRICE_input], 37500);
}

static void the_call_is_rounded_once_and_up(void **state)
{
	struct price p = {0};
	struct usage u = {.in_uncached = 1, .out_text = 1};

	(void)state;
	price_set(&p, PRICE_input, 1);
	price_set(&p, PRICE_output, 1);
	assert_int_equal(cost_of(&p, &u, NULL), 1);
	u.out_text = 999;
	assert_int_equal(cost_of(&p, &u, NULL), 1);
	u.out_text = 1000;
	assert_int_equal(cost_of(&p, &u, NULL), 2);
}

static uint64_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

static struct price any_price(uint64_t *seed)
{
	struct price p = {0};

	for (unsigned unit = 0; unit < PRICE_least_audio_ms; unit++)
		price_set(&p, unit, next(seed) % 100000000);
	return p;
}

static void more_of_anything_never_costs_less(void **state)
{
	uint64_t s = 11;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct price p = any_price(&s);
		struct usage u = {0};
		picosum before;

		for (unsigned c = 0; c < USAGE_CLASSES; c++)
			u.of[c] = next(&s) % 100000;
		before = cost_picousd(&p, &u, NULL);
		for (unsigned c = 0; c < USAGE_CLASSES; c++) {
			struct usage more = u;

			more.of[c] += 1 + next(&s) % 1000;
			assert_true(cost_picousd(&p, &more, NULL) >= before);
		}
	}
}

static void rounding_adds_less_than_a_nano_dollar(void **state)
{
	uint64_t s = 13;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct price p = any_price(&s);
		struct usage u = {.in_uncached = next(&s), .out_text = next(&s) % 1000};
		picosum exact = cost_picousd(&p, &u, NULL);
		picosum rounded = (picosum)cost_of(&p, &u, NULL) * 1000;

		assert_true(rounded >= exact && rounded - exact < 1000);
	}
}

static void absurd_usage_saturates_instead_of_wrapping(void **state)
{
	const uint64_t all[] = {1ull << 62, 1ull << 63, UINT64_MAX};
	struct price p = {0};
	struct usage u;

	(void)state;
	for (unsigned unit = 0; unit < PRICE_UNITS; unit++)
		price_set(&p, unit, UINT64_MAX);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned c = 0; c < USAGE_CLASSES; c++)
			u.of[c] = all[i];
		assert_true(cost_picousd(&p, &u, NULL) == ~(picosum)0);
		assert_true(cost_of(&p, &u, NULL) == INT64_MAX);
	}
	/* 2^63 tokens at a real price are exact, and more dollars than an amount holds */
	p = plain();
	u = (struct usage){.out_text = 1ull << 63};
	assert_true(cost_picousd(&p, &u, NULL) == (picosum)(1ull << 63) * 15000000);
	assert_true(cost_of(&p, &u, NULL) == INT64_MAX);
}

static void a_bound_covers_the_dearest_class_and_every_tier_in_reach(void **state)
{
	struct price p = plain();
	uint32_t unpriced = 1;

	(void)state;
	price_set(&p, PRICE_cache_write, 3125000);
	assert_int_equal(cost_bound(&p, 1000, 100, COST_TEXT, &unpriced), 3125000 + 1500000);
	assert_int_equal(unpriced, 0);
	price_row_add(&p, 200000)->of[PRICE_output] = 30000000;
	assert_int_equal(cost_bound(&p, 200000, 100, COST_TEXT, NULL), 625000000 + 1500000);
	assert_int_equal(cost_bound(&p, 200001, 100, COST_TEXT, NULL), 625003125 + 3000000);
	cost_bound(&p, 1, 1, COST_TEXT | USAGE_BIT(in_audio), &unpriced);
	assert_int_equal(unpriced, USAGE_BIT(in_audio));
	p = (struct price){0};
	cost_bound(&p, 1, 1, USAGE_BIT(out_text), &unpriced);
	assert_int_equal(unpriced, USAGE_BIT(out_text));
	p.free = true;
	assert_int_equal(cost_bound(&p, 1, 1, COST_TEXT, &unpriced), 0);
	assert_int_equal(unpriced, 0);
}

static void no_call_within_a_bound_costs_more(void **state)
{
	uint64_t s = 17;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		struct price p = any_price(&s);
		uint64_t input = next(&s) % 5000, output = next(&s) % 5000, half;
		struct usage u = {0};

		price_row_add(&p, 1000 + next(&s) % 3000)->of[PRICE_input] = next(&s) % 100000000;
		half = input / 2;
		u.in_uncached = half;
		u.in_cache_read = (input - half) / 2;
		u.in_cache_write_5m = input - half - u.in_cache_read;
		u.out_text = output / 2;
		u.out_reasoning = output - u.out_text;
		assert_true(
		        cost_of(&p, &u, NULL) <= cost_bound(&p, input, output, COST_TEXT, NULL));
	}
}

static void a_bound_in_two_parts_is_no_less_than_the_bound_in_one(void **state)
{
	uint64_t s = 23;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		struct price p = any_price(&s);
		uint64_t input = next(&s) % 9000, output = next(&s) % 5000, half;
		uint32_t of_parts, of_whole;
		struct usage u = {0};
		picousd each;
		nanousd fixed, sum;

		for (unsigned rows = next(&s) % PRICE_ROWS; rows; rows--) {
			struct price_row *row = price_row_add(&p, next(&s) % 9000);
			if (row)
				row->of[next(&s) & 1 ? PRICE_input : PRICE_output] =
				        next(&s) % 100000000;
		}
		cost_bound_parts(&p, input, COST_TEXT, &fixed, &each, &of_parts);
		sum = fixed + money_round_up((picosum)output * each);
		assert_true(sum >= cost_bound(&p, input, output, COST_TEXT, &of_whole));
		assert_int_equal(of_whole & ~of_parts, 0);
		/* any call that keeps to it */
		half = input ? next(&s) % (input + 1) : 0;
		u.in_uncached = half;
		u.in_cache_read = (input - half) / 2;
		u.in_cache_write_5m = (input - half) / 3;
		u.out_text = output / 2;
		u.out_reasoning = output / 4;
		assert_true(sum >= cost_of(&p, &u, NULL));
	}
}

static void a_bound_in_parts_looks_at_every_tier_in_reach(void **state)
{
	struct price p = plain();
	uint32_t unpriced;
	nanousd fixed;
	picousd each;

	(void)state;
	price_set(&p, PRICE_request, 7000);
	cost_bound_parts(&p, 1000, COST_TEXT, &fixed, &each, &unpriced);
	assert_int_equal(fixed, 2500000 + 7);
	assert_int_equal(each, 15000000);
	assert_int_equal(unpriced, 0);
	price_row_add(&p, 200000)->of[PRICE_output] = 30000000;
	cost_bound_parts(&p, 200000, COST_TEXT, &fixed, &each, NULL);
	assert_int_equal(each, 15000000);
	cost_bound_parts(&p, 200001, COST_TEXT, &fixed, &each, NULL);
	assert_int_equal(each, 30000000);
	/* a dear tier does not make a call cheap that stays below it */
	p.rows[1].of[PRICE_input] = 1;
	cost_bound_parts(&p, 200001, COST_TEXT, &fixed, &each, NULL);
	assert_int_equal(fixed, (nanousd)200001 * 2500 + 7);
	p = (struct price){0};
	cost_bound_parts(&p, 1, COST_TEXT, &fixed, &each, &unpriced);
	assert_int_equal(fixed, 0);
	assert_int_equal(unpriced, COST_TEXT);
	p.free = true;
	cost_bound_parts(&p, 1, COST_TEXT, &fixed, &each, &unpriced);
	assert_int_equal(fixed, 0);
	assert_int_equal(each, 0);
	assert_int_equal(unpriced, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_class_has_its_own_price),
	        cmocka_unit_test(reasoning_costs_what_output_costs_unless_it_has_a_price),
	        cmocka_unit_test(without_a_cache_price_a_cached_token_costs_what_any_costs),
	        cmocka_unit_test(an_hours_cache_without_its_price_is_not_known),
	        cmocka_unit_test(
	                audio_at_the_price_of_text_is_not_known_but_where_they_cost_the_same),
	        cmocka_unit_test(what_has_no_price_is_named_and_never_free),
	        cmocka_unit_test(what_is_free_costs_nothing_and_is_known),
	        cmocka_unit_test(the_request_and_what_the_provider_ran_are_added),
	        cmocka_unit_test(audio_by_the_hour_is_exact_to_the_millisecond),
	        cmocka_unit_test(one_token_over_the_line_makes_the_whole_call_dear),
	        cmocka_unit_test(rows_rise_and_end),
	        cmocka_unit_test(a_policys_prices_are_dollars_a_million_tokens_and_a_call),
	        cmocka_unit_test(the_call_is_rounded_once_and_up),
	        cmocka_unit_test(more_of_anything_never_costs_less),
	        cmocka_unit_test(rounding_adds_less_than_a_nano_dollar),
	        cmocka_unit_test(absurd_usage_saturates_instead_of_wrapping),
	        cmocka_unit_test(a_bound_covers_the_dearest_class_and_every_tier_in_reach),
	        cmocka_unit_test(no_call_within_a_bound_costs_more),
	        cmocka_unit_test(a_bound_in_two_parts_is_no_less_than_the_bound_in_one),
	        cmocka_unit_test(a_bound_in_parts_looks_at_every_tier_in_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
