/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of policy/duration: what people write, and nothing else. */
#include "rig/unit.h"
#include <stdlib.h>
#include "base/clock.h"
#include "policy/duration.h"

static void spans_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
	        {"250ms", 250 * NS_PER_MS},
	        {"1ms", NS_PER_MS},
	        {"5s", 5 * NS_PER_S},
	        {"15m", 900 * NS_PER_S},
	        {"1h", 3600 * NS_PER_S},
	        {"24h", 86400 * NS_PER_S},
	        {"86400000ms", 86400 * NS_PER_S},
	        {"007s", 7 * NS_PER_S},
	};
	uint64_t ns;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(duration_parse(slice_str(cases[i].text), &ns), 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void everything_else_is_refused_and_leaves_the_result(void **state)
{
	static const char *const bad[] = {
	        "",
	        "s",
	        "ms",
	        "m",
	        "0s",
	        "0ms",
	        "5",
	        "5 s",
	        " 5s",
	        "5s ",
	        "-5s",
	        "+5s",
	        "1.5s",
	        "5S",
	        "5sec",
	        "25h",
	        "86401s",
	        "99999999999999999999s",
	        "18446744073709551615h",
	        "1h30m",
	        "5\0s",
	        "\xff",
	        "1d",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t ns = 77;
		assert_true(duration_parse(slice_str(bad[i]), &ns) < 0);
		assert_int_equal(ns, 77);
	}
}

/* What is given is a slice: nothing before or behind it is read. */
static void no_byte_beyond_is_read(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 5; len++) {
		char *text = malloc(len ? len : 1);
		uint64_t ns;
		for (size_t i = 0; i < len; i++)
			text[i] = "250ms"[i];
		assert_int_equal(
		        duration_parse(slice_from(text, len), &ns) == 0, len == 4 || len == 5);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(spans_are_read_as_people_write_them),
	        cmocka_unit_test(everything_else_is_refused_and_leaves_the_result),
	        cmocka_unit_test(no_byte_beyond_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
