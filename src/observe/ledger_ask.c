/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_ask: see ledger_ask.h. */
#include "observe/ledger_ask.h"
#include <errno.h>
#include <time.h>

#define DAY_S (24 * 3600ull)
#define TIME_TEXT 32

void ledger_ask_init(struct ledger_ask *a, uint64_t now)
{
	*a = (struct ledger_ask){
	        .query = {.by = {BY_AGENT},
	                .n_by = 1,
	                .per = WINDOW_DAY,
	                .since = now > 7 * DAY_S ? now - 7 * DAY_S : 0,
	                .until = now + 1},
	        .now = now,
	};
}

static uint64_t unit_seconds(char unit)
{
	return unit == 'h' ? 3600 : unit == 'd' ? DAY_S : unit == 'w' ? 7 * DAY_S : 0;
}

/* A day, or an hour or minute of it. */
static int read_date(const char *text, uint64_t *ret)
{
	struct tm t = {.tm_mday = 1};
	const char *end = strptime(text, "%Y-%m-%d", &t);
	time_t at;

	if (end && *end)
		end = strptime(end, strlen(end) > 7 ? "T%H:%M:%SZ" : "T%H:%MZ", &t);
	at = timegm(&t);
	if (!end || *end || at < 0)
		return -EINVAL;
	*ret = (uint64_t)at;
	return 0;
}

/* A number and its unit back from now, or a date. */
static int read_when(struct slice value, uint64_t now, uint64_t *ret)
{
	uint64_t unit = value.len ? unit_seconds(value.at[value.len - 1]) : 0, n;
	char text[TIME_TEXT];

	if (unit) {
		if (slice_to_u64(slice_from(value.at, value.len - 1), 1000000, &n))
			return -EINVAL;
		*ret = now > n * unit ? now - n * unit : 0;
		return 0;
	}
	if (value.len >= sizeof(text) || memchr(value.at, 0, value.len))
		return -EINVAL;
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	return read_date(text, ret);
}

static const char *set_by(struct ledger_query *q, struct slice names)
{
	struct ledger_query new = *q;

	new.n_by = 0;
	while (names.len) {
		const char *comma = memchr(names.at, ',', names.len);
		struct slice name =
		        slice_from(names.at, comma ? (size_t)(comma - names.at) : names.len);
		unsigned by = 0;

		while (by < BY_N && !slice_is(name, ledger_by_names[by]))
			by++;
		if (by == BY_N || new.n_by == BY_N)
			return "has names of agent, team, user, workflow, workflow_type, session, "
			       "model, upstream, tool";
		new.by[new.n_by++] = by;
		names = slice_skip(names, name.len + (comma != NULL));
	}
	if (!ledger_can(&new))
		return ledger_is_of_tools(&new) ? "has tool, which is counted by agent, team, user "
		                                  "and workflow only, each once"
		                                : "has a name twice";
	*q = new;
	return NULL;
}

static bool find_word(struct slice value, const char *const *words, unsigned n, unsigned *ret)
{
	for (unsigned i = 0; i < n; i++) {
		if (words[i] && slice_is(value, words[i])) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static const char *set_per(struct ledger_query *q, struct slice value)
{
	static const char *const words[] = {[WINDOW_TOTAL] = "total",
	        [WINDOW_HOUR] = "hour",
	        [WINDOW_DAY] = "day",
	        [WINDOW_MONTH] = "month"};
	unsigned i;

	if (!find_word(value, words, sizeof(words) / sizeof(*words), &i))
		return "is hour, day, month or total";
	q->per = (enum window_kind)i;
	return NULL;
}

static const char *set_format(struct ledger_ask *a, struct slice value)
{
	static const char *const words[] = {
	        [LEDGER_TABLE] = "table", [LEDGER_CSV] = "csv", [LEDGER_JSON] = "json"};
	unsigned i;

	if (!find_word(value, words, sizeof(words) / sizeof(*words), &i))
		return "is table, csv or json";
	a->format = (enum ledger_format)i;
	return NULL;
}

static const char *set_when(const struct ledger_ask *a, struct slice value, uint64_t *ret)
{
	return read_when(value, a->now, ret) == 0
	               ? NULL
	               : "is a time like 7d, 12h, 2w, 2026-11-22 or 2026-11-22T08:00Z";
}

static const char *set_top(struct ledger_query *q, struct slice value)
{
	uint64_t n;

	if (slice_to_u64(value, 1000000000, &n) || !n)
		return "is a number from 1 on";
	q->top = (unsigned)n;
	return NULL;
}

const char *ledger_ask_set(struct ledger_ask *a, struct slice name, struct slice value)
{
	if (slice_is(name, "by"))
		return set_by(&a->query, value);
	if (slice_is(name, "per"))
		return set_per(&a->query, value);
	if (slice_is(name, "since"))
		return set_when(a, value, &a->query.since);
	if (slice_is(name, "until"))
		return set_when(a, value, &a->query.until);
	if (slice_is(name, "top"))
		return set_top(&a->query, value);
	if (slice_is(name, "format"))
		return set_format(a, value);
	return "is not known; there are by, per, since, until, top and format";
}
