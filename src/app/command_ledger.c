/* SPDX-License-Identifier: Apache-2.0 */
/* command_ledger: `weir ledger`: who spent what. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "app/commands.h"
#include "app/ledger.h"
#include "app/print.h"
#include "base/log.h"

#define DAY_S (24 * 3600ull)

static const char help[] =
	"usage: weir ledger [-c PATH | --path STATE] [--by NAME,...] [--per PERIOD] [--since WHEN] [--until WHEN] [--top N]\n"
	"                   [--format table|csv|json]\n"
	"\n"
	"Who spent what, to the nano-dollar, with a total at the end; a running Weir is not disturbed. Exit 0: good, 1: it cannot be\n"
	"read to its end, 2: usage.\n"
	"\n"
	"  -c, --config PATH   the policy whose state to look at; without it and --path, the usual place\n"
	"  --path STATE        the state directory itself\n"
	"  --by NAME,...       agent (default), team, user, workflow, workflow_type, session, model, upstream; tool beside agent,\n"
	"                      team, user and workflow, which counts calls of tools\n"
	"  --per PERIOD        hour, day (default), month, total; in UTC\n"
	"  --since WHEN        7d (default), 12h, 2w ago, or 2026-11-22 or 2026-11-22T08:00Z; whole hours are counted\n"
	"  --until WHEN        the same; by default now\n"
	"  --top N             only the N dearest rows; the total is still that of all\n"
	"  --format F          table (default), csv, json\n"
	"\n"
	"Examples:\n"
	"  weir ledger -c policy.yaml --by team,model --per month --since 90d\n"
	"  weir ledger --path /var/lib/weir --by user --per total --top 20 --format csv\n";

/* A number and its unit back from now, or a day, or an hour of it. 0 or -EINVAL. */
static int read_when(const char *text, uint64_t now, uint64_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	struct tm t = {.tm_mday = 1};
	uint64_t n;

	if (digits && strlen(unit) == 1 && strchr("hdw", *unit)) {
		uint64_t s = *unit == 'h' ? 3600 : *unit == 'd' ? DAY_S : 7 * DAY_S;

		if (slice_to_u64(slice_from(text, digits), 1000000, &n))
			return -EINVAL;
		*ret = now > n * s ? now - n * s : 0;
		return 0;
	}
	const char *end = strptime(text, "%Y-%m-%d", &t);
	if (end && *end)
		end = strptime(end, strlen(end) > 7 ? "T%H:%M:%SZ" : "T%H:%MZ", &t);
	time_t at = timegm(&t);
	if (!end || *end || at < 0)
		return -EINVAL;
	*ret = (uint64_t)at;
	return 0;
}

static int read_by(struct ledger_query *q, const char *names)
{
	q->n_by = 0;
	while (*names) {
		struct slice name = slice_from(names, strcspn(names, ","));
		unsigned by = 0;

		while (by < BY_N && !slice_is(name, ledger_by_names[by]))
			by++;
		if (by == BY_N || q->n_by == BY_N)
			return -print_usage_error("ledger", "--by has names of agent, team, user, workflow, workflow_type, session, "
							    "model, upstream, tool");
		q->by[q->n_by++] = by;
		names += name.len;
		names += *names == ',';
	}
	if (ledger_can(q))
		return 0;
	return -print_usage_error("ledger", ledger_is_of_tools(q)
		? "tools are counted by agent, team, user and workflow only" : "--by has a name twice");
}

static int read_per(struct ledger_query *q, const char *text)
{
	static const char *const names[] = {
		[WINDOW_TOTAL] = "total", [WINDOW_HOUR] = "hour", [WINDOW_DAY] = "day", [WINDOW_MONTH] = "month"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(text, names[i]) == 0) {
			q->per = (enum window_kind)i;
			return 0;
		}
	}
	return -print_usage_error("ledger", "--per is hour, day, month or total");
}

static int read_format(struct ledger_options *o, const char *text)
{
	static const char *const names[] = {"table", "csv", "json"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(text, names[i]) == 0) {
			o->format = (enum ledger_format)i;
			return 0;
		}
	}
	return -print_usage_error("ledger", "--format is table, csv or json");
}

static int read_time(const char *text, uint64_t now, uint64_t *ret)
{
	if (read_when(text, now, ret) == 0)
		return 0;
	return -print_usage_error("ledger", "a time is like 7d, 12h, 2w, 2026-11-22 or 2026-11-22T08:00Z");
}

static int read_top(struct ledger_query *q, const char *text)
{
	uint64_t n;

	if (slice_to_u64(slice_str(text), 1000000000, &n) || !n)
		return -print_usage_error("ledger", "--top is a number from 1 on");
	q->top = (unsigned)n;
	return 0;
}

/* 0, 1 when help was printed, negative: usage. */
static int read_option(struct ledger_options *o, int ch, uint64_t now)
{
	switch (ch) {
	case 'h':
		fputs(help, stdout);
		return 1;
	case 'c':
		o->config = optarg;
		return 0;
	case 'p':
		o->path = optarg;
		return 0;
	case 'b':
		return read_by(&o->query, optarg);
	case 'e':
		return read_per(&o->query, optarg);
	case 's':
		return read_time(optarg, now, &o->query.since);
	case 'u':
		return read_time(optarg, now, &o->query.until);
	case 't':
		return read_top(&o->query, optarg);
	case 'f':
		return read_format(o, optarg);
	default:
		return -print_usage_error("ledger", "an option is not known or has no value");
	}
}

static int read_options(int argc, char **argv, struct ledger_options *o, uint64_t now)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'}, {"path", required_argument, NULL, 'p'},
		{"by", required_argument, NULL, 'b'}, {"per", required_argument, NULL, 'e'},
		{"since", required_argument, NULL, 's'}, {"until", required_argument, NULL, 'u'},
		{"top", required_argument, NULL, 't'}, {"format", required_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'}, {0},
	};
	int ch, r = 0;

	optind = 1;
	opterr = 0;
	while (!r && (ch = getopt_long(argc, argv, "c:h", longs, NULL)) != -1)
		r = read_option(o, ch, now);
	if (!r && optind < argc)
		r = -print_usage_error("ledger", "a word stands where an option should");
	if (!r && o->config && o->path)
		r = -print_usage_error("ledger", "-c and --path say the same; give one");
	return r;
}

int command_ledger(int argc, char **argv)
{
	uint64_t now = clock_wall(&clock_system) / NS_PER_S;
	struct ledger_options o = {
		.query = {.by = {BY_AGENT}, .n_by = 1, .per = WINDOW_DAY, .since = now - 7 * DAY_S, .until = now + 1}};
	struct book *b = NULL;
	bool behind = true;
	int r = read_options(argc, argv, &o, now);

	if (r)
		return r < 0 ? -r : 0;
	log_init(NULL, LEVEL_ERROR, FORMAT_TEXT);
	r = ledger_open(&b, &o, &behind);
	if (r)
		return r;
	r = ledger_print(b, &o);
	if (r)
		fprintf(stderr, "weir ledger: %s\n", *book_note(b) ? book_note(b) : "the result could not be written");
	book_close(b);
	return r || behind;
}
