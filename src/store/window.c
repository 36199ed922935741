/* SPDX-License-Identifier: Apache-2.0 */
/* window: days are counted since 1970, months by the proleptic Gregorian calendar; no time zones,
 * no leap seconds, no libc calendar, which may ask the file system for either. */
#include "store/window.h"
#include <assert.h>
#include <stdbool.h>
#include "weir/store.h"

#define HOUR 3600u
#define DAY 86400u
#define DAYS_400_YEARS 146097u
#define DAYS_BEFORE_1970                                                                           \
	719468u /* since 0000-03-01: years begin in March here, leap days end them */

static uint64_t end_of(uint64_t start, uint64_t length)
{
	return start > UINT64_MAX - length ? UINT64_MAX : start + length;
}

static bool year_is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The month that holds a day: its first day, and how many it has. */
static uint64_t month_of(uint64_t day, unsigned *ret_days)
{
	static const unsigned char days[] = {31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28};
	uint64_t since = day + DAYS_BEFORE_1970;
	unsigned in_era = (unsigned)(since % DAYS_400_YEARS);
	unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * in_year + 2) / 153; /* 0 is March */

	*ret_days = days[month] + (month == 11 && year_is_leap(year + 1));
	return day - (in_year - (153 * month + 2) / 5);
}

struct window window_of(enum window_kind kind, uint64_t wall_s)
{
	uint64_t start;
	unsigned days;

	switch (kind) {
	case WINDOW_TOTAL:
		break;
	case WINDOW_HOUR:
		start = wall_s - wall_s % HOUR;
		return (struct window){start, end_of(start, HOUR)};
	case WINDOW_DAY:
		start = wall_s - wall_s % DAY;
		return (struct window){start, end_of(start, DAY)};
	case WINDOW_MONTH:
		start = month_of(wall_s / DAY, &days) * DAY;
		return (struct window){start, end_of(start, (uint64_t)days * DAY)};
	}
	return (struct window){0, WINDOW_NEVER_ENDS};
}
