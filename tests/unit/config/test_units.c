/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of config/units: what people write, exactly, and what they might write by mistake. */
#include <string.h>
#include "rig/unit.h"
#include "config/units.h"

struct number_case {
	const char *text;
	int error;
	uint64_t value;
};

static void check_all(const struct number_case *cases, int (*parse)(struct slice, uint64_t *))
{
	for (; cases->text; cases++) {
		uint64_t value = 4711;

		if (parse(slice_str(cases->text), &value) != cases->error)
			print_error("%s\n", cases->text);
		value = 4711;
		assert_int_equal(parse(slice_str(cases->text), &value), cases->error);
		assert_int_equal(value, cases->error ? 4711 : cases->value);
	}
}

static void durations_are_read_as_people_write_them(void **state)
{
	static const struct number_case cases[] = {
	        {"250ms", 0, 250000000},
	        {"5s", 0, 5000000000},
	        {"15m", 0, 900000000000},
	        {"1h", 0, 3600000000000},
	        {"30d", 0, 2592000000000000},
	        {"1.5s", 0, 1500000000},
	        {"0", 0, 0},
	        {"0s", 0, 0},
	        {"0.5ms", 0, 500000},
	        {"15", -EINVAL, 0},
	        {"", -EINVAL, 0},
	        {"s", -EINVAL, 0},
	        {"-1s", -EINVAL, 0},
	        {"1 s", -EINVAL, 0},
	        {"1w", -EINVAL, 0},
	        {"1S", -EINVAL, 0},
	        {"1.s", -EINVAL, 0},
	        {".5s", -EINVAL, 0},
	        {"1.2.3s", -EINVAL, 0},
	        {"99999999999999999999d", -ERANGE, 0},
	        {"999999d", -ERANGE, 0},
	        {0},
	};

	(void)state;
	check_all(cases, duration_text_parse);
}

static void sizes_are_powers_of_two(void **state)
{
	static const struct number_case cases[] = {
	        {"512", 0, 512},
	        {"512B", 0, 512},
	        {"64KiB", 0, 65536},
	        {"8MiB", 0, 8388608},
	        {"1GiB", 0, 1073741824},
	        {"1.5KiB", 0, 1536},
	        {"8MB", -EINVAL, 0},
	        {"8M", -EINVAL, 0},
	        {"8 MiB", -EINVAL, 0},
	        {"0.3B", -ERANGE, 0},
	        {"99999999999999GiB", -ERANGE, 0},
	        {0},
	};

	(void)state;
	check_all(cases, size_parse);
}

static void counts_take_exponents_as_yaml_writers_make_them(void **state)
{
	static const struct number_case cases[] = {
	        {"5000", 0, 5000},
	        {"200k", 0, 200000},
	        {"5M", 0, 5000000},
	        {"1G", 0, 1000000000},
	        {"5e+06", 0, 5000000},
	        {"5e6", 0, 5000000},
	        {"1.5e3", 0, 1500},
	        {"1.5M", 0, 1500000},
	        {"18446744073709551615", 0, UINT64_MAX},
	        {"18446744073709551616", -ERANGE, 0},
	        {"1.5", -ERANGE, 0},
	        {"5e-3", -EINVAL, 0},
	        {"5e", -EINVAL, 0},
	        {"1e99", -ERANGE, 0},
	        {"5K", -EINVAL, 0},
	        {"+5", -EINVAL, 0},
	        {"0x10", -EINVAL, 0},
	        {0},
	};

	(void)state;
	check_all(cases, count_parse);
}

static void dates_are_their_first_moment(void **state)
{
	static const struct number_case cases[] = {
	        {"1970-01-01", 0, 0},
	        {"1970-01-02", 0, 86400000000000},
	        {"2000-02-29", 0, 951782400000000000},
	        {"2026-12-31", 0, 1798675200000000000},
	        {"2026-12-31T23:59:59Z", 0, 1798761599000000000},
	        {"2026-02-29", -EINVAL, 0},
	        {"2026-13-01", -EINVAL, 0},
	        {"2026-00-10", -EINVAL, 0},
	        {"2026-1-1", -EINVAL, 0},
	        {"2026-12-31T24:00:00Z", -EINVAL, 0},
	        {"2026-12-31T23:00:00", -EINVAL, 0},
	        {"2026/12/31", -EINVAL, 0},
	        {"1969-12-31", -ERANGE, 0},
	        {"", -EINVAL, 0},
	        {0},
	};

	(void)state;
	check_all(cases, date_parse);
}

static void a_rate_says_how_many_in_what_time_and_of_whom(void **state)
{
	struct rate_conf r;

	(void)state;
	assert_int_equal(rate_parse(SLICE("100/hour"), &r), 0);
	assert_true(r.count == 100 && r.period_ns == 3600000000000 && !r.burst &&
	            r.by == RATE_BY_AGENT);
	assert_int_equal(rate_parse(SLICE("10/minute per user"), &r), 0);
	assert_true(r.count == 10 && r.by == RATE_BY_USER);
	assert_int_equal(rate_parse(SLICE("200k/day per key burst 5"), &r), 0);
	assert_true(r.count == 200000 && r.by == RATE_BY_KEY && r.burst == 5);
	assert_int_equal(rate_parse(SLICE("5/second burst 10 per user"), &r), 0);
	assert_true(r.burst == 10 && r.by == RATE_BY_USER);
}

static void a_rate_that_is_none_is_refused(void **state)
{
	static const char *const cases[] = {"", "100", "/hour", "100/", "100/fortnight",
	        "100/hours", "0/hour", "100 / hour", "10/minute per", "10/minute per tool",
	        "10/minute per user per key", "10/minute burst 0", "10/minute burst",
	        "10/minute burst 1 burst 2", "10/minute x"};
	struct rate_conf r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_not_equal(rate_parse(slice_str(cases[i]), &r), 0);
}

static void a_percentage_is_at_most_a_hundred(void **state)
{
	uint32_t basis = 1;

	(void)state;
	assert_int_equal(percent_parse(SLICE("80%"), &basis), 0);
	assert_int_equal(basis, 8000);
	assert_int_equal(percent_parse(SLICE("0.5%"), &basis), 0);
	assert_int_equal(basis, 50);
	assert_int_equal(percent_parse(SLICE("101%"), &basis), -ERANGE);
	assert_int_equal(percent_parse(SLICE("80"), &basis), -EINVAL);
	assert_int_equal(percent_parse(SLICE("%"), &basis), -EINVAL);
	assert_int_equal(basis, 50);
}

static void a_duration_is_written_in_its_largest_whole_unit(void **state)
{
	static const struct number_case cases[] = {
	        {"15m", 0, 0}, {"90s", 0, 0}, {"250ms", 0, 0}, {"2d", 0, 0}, {0}};
	char text[24];

	(void)state;
	for (const struct number_case *c = cases; c->text; c++) {
		uint64_t ns = 0;

		assert_int_equal(duration_text_parse(slice_str(c->text), &ns), 0);
		assert_int_equal(duration_format(ns, text), strlen(c->text));
		assert_string_equal(text, c->text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(durations_are_read_as_people_write_them),
	        cmocka_unit_test(sizes_are_powers_of_two),
	        cmocka_unit_test(counts_take_exponents_as_yaml_writers_make_them),
	        cmocka_unit_test(dates_are_their_first_moment),
	        cmocka_unit_test(a_rate_says_how_many_in_what_time_and_of_whom),
	        cmocka_unit_test(a_rate_that_is_none_is_refused),
	        cmocka_unit_test(a_percentage_is_at_most_a_hundred),
	        cmocka_unit_test(a_duration_is_written_in_its_largest_whole_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
