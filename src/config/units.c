/* SPDX-License-Identifier: Apache-2.0 */
/* units: a decimal number and a word behind it; integers only, so that 0.1 is what it says. */
#include "config/units.h"
#include <errno.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/money.h"

#define MINUTE_NS (60 * NS_PER_S)
#define HOUR_NS (60 * MINUTE_NS)
#define DAY_NS (24 * HOUR_NS)

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {
        {"ms", NS_PER_MS}, {"s", NS_PER_S}, {"m", MINUTE_NS}, {"h", HOUR_NS}, {"d", DAY_NS}, {0}};
static const struct unit sizes[] = {
        {"", 1}, {"B", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {0}};
static const struct unit counts[] = {{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {0}};
static const struct unit periods[] = {
        {"second", NS_PER_S}, {"minute", MINUTE_NS}, {"hour", HOUR_NS}, {"day", DAY_NS}, {0}};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* number * factor, exactly: "1.5" in units of 1000 is 1500, "1.5" in units of 1 is -ERANGE. */
static int scaled(struct slice number, uint64_t factor, uint64_t *ret)
{
	uint64_t whole, billionths, value;
	const char *dot = memchr(number.at, '.', number.len);
	struct slice before = {number.at, dot ? (size_t)(dot - number.at) : number.len};
	unsigned __int128 part = 0;

	if (!dot) {
		int error = slice_to_u64(number, UINT64_MAX, &whole);

		if (error)
			return error;
	} else {
		int error = money_parse(number, 9, &billionths);

		if (error)
			return error;
		whole = billionths / 1000000000u;
		part = (unsigned __int128)(billionths % 1000000000u) * factor;
		if (!before.len || part % 1000000000u)
			return -ERANGE;
	}
	if (__builtin_mul_overflow(whole, factor, &value) ||
	        __builtin_add_overflow(value, (uint64_t)(part / 1000000000u), &value))
		return -ERANGE;
	*ret = value;
	return 0;
}

static size_t number_len(struct slice s)
{
	size_t n = 0;

	while (n < s.len && (is_digit(s.at[n]) || (s.at[n] == '.' && n)))
		n++;
	return n;
}

static int with_unit(struct slice s, const struct unit *units, uint64_t *ret)
{
	struct slice number = {s.at, number_len(s)};
	struct slice word = slice_skip(s, number.len);

	if (!number.len)
		return -EINVAL;
	for (const struct unit *u = units; u->name; u++)
		if (slice_is(word, u->name))
			return scaled(number, u->factor, ret);
	return -EINVAL;
}

int duration_text_parse(struct slice s, uint64_t *ret_ns)
{
	if (slice_is(s, "0")) {
		*ret_ns = 0;
		return 0;
	}
	return with_unit(s, durations, ret_ns);
}

int size_parse(struct slice s, uint64_t *ret_bytes)
{
	return with_unit(s, sizes, ret_bytes);
}

/* "5e+06": what YAML writers make of a large number. */
static int count_with_exponent(struct slice s, size_t mantissa, uint64_t *ret)
{
	struct slice digits = slice_skip(s, mantissa + 1);
	uint64_t exponent, factor = 1;
	int error;

	if (digits.len && digits.at[0] == '+')
		digits = slice_skip(digits, 1);
	error = slice_to_u64(digits, 18, &exponent);
	if (error)
		return error;
	while (exponent--)
		factor *= 10;
	return scaled(slice_from(s.at, mantissa), factor, ret);
}

int count_parse(struct slice s, uint64_t *ret)
{
	size_t mantissa = number_len(s);

	if (mantissa && mantissa < s.len && (s.at[mantissa] == 'e' || s.at[mantissa] == 'E'))
		return count_with_exponent(s, mantissa, ret);
	return with_unit(s, counts, ret);
}

/* The next word of s, which is cut off; empty at the end. */
static struct slice next_word(struct slice *s)
{
	struct slice rest = slice_trim(*s);
	size_t n = 0;

	while (n < rest.len && rest.at[n] != ' ' && rest.at[n] != '\t')
		n++;
	*s = slice_skip(rest, n);
	return slice_from(rest.at, n);
}

static int rate_option(struct slice word, struct slice value, struct rate_conf *rate)
{
	if (slice_is(word, "burst"))
		return !rate->burst && !count_parse(value, &rate->burst) && rate->burst ? 0
		                                                                        : -EINVAL;
	if (!slice_is(word, "per") || rate->by != RATE_BY_AGENT)
		return -EINVAL;
	if (slice_is(value, "user"))
		rate->by = RATE_BY_USER;
	else if (slice_is(value, "key"))
		rate->by = RATE_BY_KEY;
	else
		return -EINVAL;
	return 0;
}

static int rate_core(struct slice word, struct rate_conf *rate)
{
	const char *slash = word.len ? memchr(word.at, '/', word.len) : NULL;
	struct slice period;
	int error;

	if (!slash)
		return -EINVAL;
	error = count_parse(slice_from(word.at, (size_t)(slash - word.at)), &rate->count);
	if (error)
		return error;
	period = slice_from(slash + 1, (size_t)(word.at + word.len - slash - 1));
	for (const struct unit *u = periods; u->name; u++)
		if (slice_is(period, u->name))
			rate->period_ns = u->factor;
	return rate->count && rate->period_ns ? 0 : -EINVAL;
}

int rate_parse(struct slice s, struct rate_conf *ret)
{
	struct rate_conf rate = {0};
	struct slice word = next_word(&s);
	int error = rate_core(word, &rate);

	while (!error && (word = next_word(&s)).len)
		error = rate_option(word, next_word(&s), &rate);
	if (!error)
		*ret = rate;
	return error;
}

int percent_parse(struct slice s, uint32_t *ret_basis)
{
	uint64_t basis;
	int error;

	if (!slice_ends(s, SLICE("%")) || number_len(s) != s.len - 1)
		return -EINVAL;
	error = scaled(slice_from(s.at, s.len - 1), 100, &basis);
	if (error)
		return error;
	if (basis > 10000)
		return -ERANGE;
	*ret_basis = (uint32_t)basis;
	return 0;
}

static bool two_digits(struct slice s, size_t at, unsigned max, unsigned *ret)
{
	if (at + 2 > s.len || !is_digit(s.at[at]) || !is_digit(s.at[at + 1]))
		return false;
	*ret = (unsigned)(s.at[at] - '0') * 10 + (unsigned)(s.at[at + 1] - '0');
	return *ret <= max;
}

static unsigned days_in(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar. */
static uint64_t days_since_epoch(unsigned year, unsigned month, unsigned day)
{
	uint64_t before = year - 1, days = before * 365 + before / 4 - before / 100 + before / 400;

	for (unsigned m = 1; m < month; m++)
		days += days_in(year, m);
	return days + day - 1 - 719162;
}

static int time_of_day(struct slice s, uint64_t *ret_seconds)
{
	unsigned hour, minute, second;

	if (!s.len) {
		*ret_seconds = 0;
		return 0;
	}
	if (s.len != 10 || s.at[0] != 'T' || s.at[3] != ':' || s.at[6] != ':' || s.at[9] != 'Z' ||
	        !two_digits(s, 1, 23, &hour) || !two_digits(s, 4, 59, &minute) ||
	        !two_digits(s, 7, 59, &second))
		return -EINVAL;
	*ret_seconds = hour * 3600 + minute * 60 + second;
	return 0;
}

int date_parse(struct slice s, uint64_t *ret_wall_ns)
{
	unsigned century, year, month, day;
	uint64_t seconds;

	if (!two_digits(s, 0, 99, &century) || !two_digits(s, 2, 99, &year) ||
	        !two_digits(s, 5, 12, &month) || !two_digits(s, 8, 31, &day) || s.at[4] != '-' ||
	        s.at[7] != '-' || time_of_day(slice_skip(s, 10), &seconds))
		return -EINVAL;
	year += century * 100;
	if (!month || !day || day > days_in(year, month))
		return -EINVAL;
	if (year < 1970 || year > 2500)
		return -ERANGE;
	*ret_wall_ns = (days_since_epoch(year, month, day) * 86400 + seconds) * NS_PER_S;
	return 0;
}

size_t duration_format(uint64_t ns, char *ret)
{
	const struct unit *best = &durations[0];

	if (!ns)
		return (size_t)snprintf(ret, 24, "0s");
	for (const struct unit *u = durations; u->name; u++)
		if (ns % u->factor == 0)
			best = u;
	return (size_t)snprintf(
	        ret, 24, "%llu%s", (unsigned long long)(ns / best->factor), best->name);
}
