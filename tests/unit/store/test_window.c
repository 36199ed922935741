/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/window: the calendar's windows, beside what libc says. */
#include "rig/unit.h"
#include <time.h>
#include "store/window.h"
#include "weir/store.h"

static uint64_t at(int year, int month, int day, int hour)
{
	struct tm tm = {
	        .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour};

	return (uint64_t)timegm(&tm);
}

static void check(enum window_kind kind, uint64_t wall_s, uint64_t start, uint64_t end)
{
	struct window w = window_of(kind, wall_s);

	assert_int_equal(w.start, start);
	assert_int_equal(w.end, end);
}

static void a_window_holds_its_first_second_and_not_its_end(void **state)
{
	uint64_t start = at(2026, 11, 22, 15);

	(void)state;
	check(WINDOW_HOUR, start, start, start + 3600);
	check(WINDOW_HOUR, start + 3599, start, start + 3600);
	check(WINDOW_HOUR, start + 3600, start + 3600, start + 7200);
	check(WINDOW_DAY, start, at(2026, 11, 22, 0), at(2026, 11, 23, 0));
	check(WINDOW_MONTH, start, at(2026, 11, 1, 0), at(2026, 12, 1, 0));
	check(WINDOW_TOTAL, start, 0, WINDOW_NEVER_ENDS);
}

static void months_have_the_calendars_lengths(void **state)
{
	(void)state;
	check(WINDOW_MONTH, at(2028, 2, 29, 23), at(2028, 2, 1, 0), at(2028, 3, 1, 0));
	check(WINDOW_MONTH, at(2026, 2, 28, 23) + 3599, at(2026, 2, 1, 0), at(2026, 3, 1, 0));
	check(WINDOW_MONTH, at(2100, 2, 28, 0), at(2100, 2, 1, 0), at(2100, 3, 1, 0));
	check(WINDOW_MONTH, at(2000, 2, 29, 0), at(2000, 2, 1, 0), at(2000, 3, 1, 0));
	check(WINDOW_MONTH, at(2026, 12, 31, 23), at(2026, 12, 1, 0), at(2027, 1, 1, 0));
	check(WINDOW_MONTH, 0, 0, 31 * 86400);
	for (int year = 1970; year < 3000; year++)
		for (int month = 1; month <= 12; month++)
			check(WINDOW_MONTH, at(year, month, 15, 12), at(year, month, 1, 0),
			        at(year, month + 1, 1, 0));
}

static void windows_stand_beside_each_other_without_gaps(void **state)
{
	(void)state;
	for (enum window_kind kind = WINDOW_HOUR; kind <= WINDOW_MONTH; kind++) {
		uint64_t wall = 0;

		for (unsigned i = 0; i < 5000; i++) {
			struct window w = window_of(kind, wall);

			assert_int_equal(w.start, wall);
			assert_int_equal(window_of(kind, w.end - 1).start, wall);
			wall = w.end;
		}
	}
}

static void no_time_is_too_late(void **state)
{
	(void)state;
	for (enum window_kind kind = WINDOW_TOTAL; kind <= WINDOW_MONTH; kind++) {
		struct window w = window_of(kind, UINT64_MAX);

		assert_int_equal(w.end, UINT64_MAX);
		assert_true(w.start < w.end);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_window_holds_its_first_second_and_not_its_end),
	        cmocka_unit_test(months_have_the_calendars_lengths),
	        cmocka_unit_test(windows_stand_beside_each_other_without_gaps),
	        cmocka_unit_test(no_time_is_too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
