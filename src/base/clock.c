/* SPDX-License-Identifier: Apache-2.0 */
/* clock: the system's clocks, and dates as text without the C library's locale and time zone. */
#include "base/clock.h"
#include <time.h>

static uint64_t clock_read(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static uint64_t system_mono(struct clock *c)
{
	(void)c;
	return clock_read(CLOCK_MONOTONIC);
}

static uint64_t system_wall(struct clock *c)
{
	(void)c;
	return clock_read(CLOCK_REALTIME);
}

struct clock clock_system = {.mono = system_mono, .wall = system_wall};

struct date {
	unsigned year, month, day;
};

/* Years are counted from March here, so that the leap day is a year's last and months need no
 * table. */
static struct date date_of(uint64_t days_since_1970)
{
	uint64_t days = days_since_1970 + 719468; /* since 0000-03-01 */
	uint64_t era = days / 146097;             /* of 400 years */
	unsigned in_era = (unsigned)(days % 146097);
	unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * in_year + 2) / 153; /* 0 is March */
	struct date d = {
	        .year = (unsigned)(era * 400) + year + (month >= 10),
	        .month = month < 10 ? month + 3 : month - 9,
	        .day = in_year - (153 * month + 2) / 5 + 1,
	};

	return d;
}

static char *put_digits(char *at, unsigned n, unsigned digits, char after)
{
	for (unsigned i = digits; i--; n /= 10)
		at[i] = (char)('0' + n % 10);
	at[digits] = after;
	return at + digits + 1;
}

void clock_format(uint64_t wall_ns, char ret[25])
{
	uint64_t seconds = wall_ns / NS_PER_S;
	unsigned in_day = (unsigned)(seconds % 86400);
	struct date d = date_of(seconds / 86400);
	char *at = ret;

	at = put_digits(at, d.year, 4, '-');
	at = put_digits(at, d.month, 2, '-');
	at = put_digits(at, d.day, 2, 'T');
	at = put_digits(at, in_day / 3600, 2, ':');
	at = put_digits(at, in_day / 60 % 60, 2, ':');
	at = put_digits(at, in_day % 60, 2, '.');
	at = put_digits(at, (unsigned)(wall_ns / NS_PER_MS % 1000), 3, 'Z');
	*at = '\0';
}
