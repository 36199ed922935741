/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/clock. */
#include "rig/unit.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "rig/fake_clock.h"

static void a_moment_reads_as_rfc_3339_says(void **state)
{
	char text[25];

	(void)state;
	clock_format(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	clock_format(1795336200123999999ull, text);
	assert_string_equal(text, "2026-11-22T08:30:00.123Z");
	clock_format(951782399999 * NS_PER_MS, text);
	assert_string_equal(text, "2000-02-28T23:59:59.999Z");
	clock_format(951782400 * NS_PER_S, text);
	assert_string_equal(text, "2000-02-29T00:00:00.000Z");
	clock_format(4107542400 * NS_PER_S, text);
	assert_string_equal(text, "2100-03-01T00:00:00.000Z");
	clock_format(UINT64_MAX, text);
	assert_string_equal(text, "2554-07-21T23:34:33.709Z");
}

static void every_day_agrees_with_the_c_library(void **state)
{
	char ours[25], theirs[25];

	(void)state;
	for (time_t day = 0; day < 213000; day++) {
		time_t at = day * 86400 + day * 7919 % 86400;
		struct tm tm;

		gmtime_r(&at, &tm);
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
		clock_format((uint64_t)at * NS_PER_S, ours);
		assert_string_equal(ours, theirs);
	}
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t now = clock_mono(&clock_system);

		assert_true(now >= last);
		last = now;
	}
	assert_true(clock_wall(&clock_system) / NS_PER_S - (uint64_t)time(NULL) + 1 < 3);
}

static void a_fake_clock_moves_when_it_is_told_to(void **state)
{
	struct fake_clock f;
	uint64_t mono, wall;

	(void)state;
	fake_clock_init(&f);
	mono = clock_mono(&f.clock);
	wall = clock_wall(&f.clock);
	assert_true(clock_mono(&f.clock) == mono);
	fake_clock_advance(&f, 5 * NS_PER_MS);
	assert_true(clock_mono(&f.clock) == mono + 5000000);
	assert_true(clock_wall(&f.clock) == wall + 5000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_moment_reads_as_rfc_3339_says),
	        cmocka_unit_test(every_day_agrees_with_the_c_library),
	        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
	        cmocka_unit_test(a_fake_clock_moves_when_it_is_told_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
