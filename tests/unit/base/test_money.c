/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/money: exactness at the edges. */
#include "rig/unit.h"
#include <stdlib.h>
#include <string.h>
#include "base/money.h"

static void check_format(nanousd amount, const char *want)
{
	char text[MONEY_TEXT];

	assert_int_equal(money_format(amount, text), strlen(want));
	assert_string_equal(text, want);
}

static void amounts_read_as_short_decimals(void **state)
{
	(void)state;
	check_format(0, "0");
	check_format(4500000, "0.0045");
	check_format(12000000000, "12");
	check_format(-1, "-0.000000001");
	check_format(1, "0.000000001");
	check_format(100000000, "0.1");
	check_format(1000000001, "1.000000001");
	check_format(-12500000000, "-12.5");
	check_format(INT64_MAX, "9223372036.854775807");
	check_format(INT64_MIN, "-9223372036.854775808");
}

static int parse(const char *text, unsigned scale, uint64_t *ret)
{
	return money_parse(slice_str(text), scale, ret);
}

static void check_parse(const char *text, unsigned scale, uint64_t want)
{
	uint64_t got = 0;

	assert_int_equal(parse(text, scale, &got), 0);
	assert_true(got == want);
}

static void text_becomes_the_exact_integer(void **state)
{
	(void)state;
	check_parse("5", 9, 5000000000);
	check_parse("0.10", 9, 100000000);
	check_parse("0.000000001", 9, 1);
	check_parse("0.15", 6, 150000);
	check_parse("0", 9, 0);
	check_parse("0.0", 0, 0);
	check_parse("7.000", 0, 7);
	check_parse("18446744073709551615", 0, UINT64_MAX);
	check_parse("18446744073.709551615", 9, UINT64_MAX);
	check_parse("1.0000000000000000000000000000000000000000", 9, 1000000000);
	check_parse("12.345678", 6, 12345678);
}

static void what_is_no_plain_decimal_is_refused(void **state)
{
	static const char *const bad[] = {"", ".", ".5", "5.", "-1", "+1", "1e-3", "1,5", " 1",
	        "1 ", "1.2.3", "0x1", "1.-2", "nan", "007", "00", "1.5USD", "$1"};
	uint64_t n = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse(bad[i], 9, &n), -EINVAL);
	assert_int_equal(money_parse((struct slice){NULL, 0}, 9, &n), -EINVAL);
	assert_int_equal(money_parse(SLICE("1\0"), 9, &n), -EINVAL);
	assert_true(n == 77);
}

static void what_does_not_fit_is_refused(void **state)
{
	static const char *const bad[] = {"18446744073.709551616", "18446744074", "0.0000000001",
	        "99999999999999999999999", "1.0000000001"};
	uint64_t n = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse(bad[i], 9, &n), -ERANGE);
	assert_int_equal(parse("0.5", 0, &n), -ERANGE);
	assert_int_equal(parse("1", 30, &n), -ERANGE);
	assert_true(n == 77);
}

static uint64_t random_u64(void)
{
	uint64_t n = (uint64_t)random() << 62 ^ (uint64_t)random() << 31 ^ (uint64_t)random();

	return n >> random() % 64;
}

static void every_amount_survives_being_written_and_read(void **state)
{
	char text[MONEY_TEXT];

	(void)state;
	srandom(1);
	for (int i = 0; i < 200000; i++) {
		nanousd amount = (nanousd)(random_u64() >> 1);
		uint64_t got = 0;
		size_t len = money_format(amount, text);

		assert_int_equal(money_parse(slice_from(text, len), 9, &got), 0);
		assert_true(got == (uint64_t)amount);
		assert_true(len < MONEY_TEXT);
		assert_int_equal(money_format(-amount, text), len + (amount != 0));
	}
}

static void costs_are_rounded_up_and_only_once(void **state)
{
	picosum sum = 0;

	(void)state;
	assert_int_equal(money_round_up(0), 0);
	assert_int_equal(money_round_up(1), 1);
	assert_int_equal(money_round_up(1000), 1);
	assert_int_equal(money_round_up(1001), 2);
	for (int i = 0; i < 1000; i++)
		assert_true(money_add(&sum, 1, 1));
	assert_int_equal(money_round_up(sum), 1);
	/* A million tokens at 0.15 USD a million: 150000 pico-dollars each. */
	sum = 0;
	assert_true(money_add(&sum, 1000000, 150000));
	assert_int_equal(money_round_up(sum), 150000000);
}

static void costs_saturate(void **state)
{
	picosum sum = (picosum)INT64_MAX * 1000;

	(void)state;
	assert_true(money_round_up(sum) == INT64_MAX);
	assert_true(money_round_up(sum - 999) == INT64_MAX);
	assert_true(money_round_up(sum - 1000) == INT64_MAX - 1);
	assert_true(money_round_up(sum + 1) == INT64_MAX);
	assert_true(money_round_up(~(picosum)0) == INT64_MAX);
	assert_true(money_round_up((picosum)UINT64_MAX + 1) == 18446744073709552);
}

static void a_sum_that_would_wrap_stays_as_it_is(void **state)
{
	picosum sum = ~(picosum)0 - 1;

	(void)state;
	assert_true(money_add(&sum, 1, 1));
	assert_false(money_add(&sum, 1, 1));
	assert_false(money_add(&sum, UINT64_MAX, UINT64_MAX));
	assert_true(sum == ~(picosum)0);
	assert_true(money_add(&sum, 0, UINT64_MAX));
	sum = 0;
	assert_true(money_add(&sum, UINT64_MAX, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(amounts_read_as_short_decimals),
	        cmocka_unit_test(text_becomes_the_exact_integer),
	        cmocka_unit_test(what_is_no_plain_decimal_is_refused),
	        cmocka_unit_test(what_does_not_fit_is_refused),
	        cmocka_unit_test(every_amount_survives_being_written_and_read),
	        cmocka_unit_test(costs_are_rounded_up_and_only_once),
	        cmocka_unit_test(costs_saturate),
	        cmocka_unit_test(a_sum_that_would_wrap_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
