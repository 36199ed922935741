/* SPDX-License-Identifier: Apache-2.0 */
/* command_audit: `weir audit verify|show|tail`: what the journal holds, and whether it holds. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/audit.h"
#include "app/commands.h"
#include "app/print.h"
#include "base/clock.h"
#include "config/units.h"
#include "journal/verify.h"

#define LAST_MAX 10000u

static const char help[] =
	"usage: weir audit verify [-c PATH | --path DIR]\n"
	"       weir audit show [-c PATH | --path DIR] [--agent NAME] [--since TIME] [--request ID] [--format text|json]\n"
	"       weir audit tail [-c PATH | --path DIR] [-n COUNT] [-f] [--agent NAME] [--format text|json]\n"
	"\n"
	"Reads the journal, also while Weir writes it. verify looks at every record and says for each segment whether it holds;\n"
	"show prints all workers' records in the order of their time; tail prints the last ones, with -f also those to come.\n"
	"User ids are shown where the deployment key may be read, else as they were sealed. Exit 0: all holds, 1: not, 2: usage.\n"
	"\n"
	"  -c, --config PATH   a policy file, or a folder of them: its state directory, its keys\n"
	"  --path DIR          the journal's folder itself\n"
	"  --agent NAME        decisions and outcomes of this agent\n"
	"  --request ID        what this call left\n"
	"  --since TIME        of the last 15m, 1h, 7d; or from 2026-12-31, 2026-12-31T08:00:00Z on\n"
	"  -n COUNT            so many (default 10)\n"
	"  -f, --follow        go on\n"
	"  --format FORMAT     text (default) or json, a line a record\n"
	"\n"
	"Examples:\n"
	"  weir audit verify -c policy.yaml\n"
	"  weir audit show --path /var/lib/weir/journal --agent support_agent --since 1h\n"
	"  weir audit tail -f --format json\n";

static bool read_since(const char *text, uint64_t *ret)
{
	uint64_t ago, now = clock_wall(&clock_system);

	if (duration_text_parse(slice_str(text), &ago) == 0) {
		*ret = ago < now ? now - ago : 0;
		return true;
	}
	return date_parse(slice_str(text), ret) == 0;
}

static bool read_option(struct audit_options *o, int ch)
{
	uint64_t n;

	switch (ch) {
	case 'c':
		o->config = optarg;
		return true;
	case 'p':
		o->path = optarg;
		return true;
	case 'a':
		o->agent = slice_str(optarg);
		return true;
	case 'r':
		o->request = slice_str(optarg);
		return true;
	case 's':
		return read_since(optarg, &o->since);
	case 'o':
		o->json = *optarg == 'j';
		return !strcmp(optarg, "json") || !strcmp(optarg, "text");
	case 'f':
		o->follow = true;
		return true;
	case 'n':
		if (slice_to_u64(slice_str(optarg), LAST_MAX, &n) || !n)
			return false;
		o->last = (unsigned)n;
		return true;
	default:
		return false;
	}
}

/* 0 to go on, 1 when help was printed, negative: usage. */
static int read_options(int argc, char **argv, struct audit_options *o, const char **ret_what)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"path", required_argument, NULL, 'p'},
		{"agent", required_argument, NULL, 'a'},
		{"request", required_argument, NULL, 'r'},
		{"since", required_argument, NULL, 's'},
		{"format", required_argument, NULL, 'o'},
		{"follow", no_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int ch;

	optind = 1;
	opterr = 0;
	while ((ch = getopt_long(argc, argv, "c:n:fh", longs, NULL)) != -1) {
		if (ch == 'h') {
			fputs(help, stdout);
			return 1;
		}
		if (!read_option(o, ch))
			return -print_usage_error("audit", "an option is not known or has no good value");
	}
	if (optind + 1 != argc)
		return -print_usage_error("audit", "say one of verify, show and tail");
	if (o->config && o->path)
		return -print_usage_error("audit", "a policy and a path were given; one of them says where the journal is");
	*ret_what = argv[optind];
	return 0;
}

static void say_verdict(void *arg, const struct verdict *v)
{
	uint64_t *records = arg;
	char name[SEGMENT_NAME];

	segment_name(v->id, name);
	*records += v->records;
	if (v->lost_to)
		printf("%s: LOST from byte %" PRIu64 " to %" PRIu64 ": %s; a note of a later start says so\n", name, v->bad_at,
			v->lost_to, v->problem);
	else if (v->problem)
		printf("%s: BAD at byte %" PRIu64 ", after %" PRIu64 " records: %s\n", name, v->bad_at, v->records, v->problem);
	else
		printf("%s: %" PRIu64 " records, %" PRIu64 " bytes, good%s\n", name, v->records, v->bytes,
			!v->is_open ? "" : v->records ? ", still open" : ", prepared");
}

int audit_verify(struct audit *a)
{
	uint64_t records = 0;
	int r = journal_verify(a->dir, say_verdict, &records);

	if (r < 0) {
		fprintf(stderr, "weir audit: %s: %s\n", a->path, strerror(-r));
		return 1;
	}
	printf("%s: %" PRIu64 " records\n", r ? "not all holds" : "all holds", records);
	return r;
}

int command_audit(int argc, char **argv)
{
	struct audit_options o = {.last = 10};
	struct audit a;
	const char *what = "";
	int r = read_options(argc, argv, &o, &what);

	if (r)
		return r < 0 ? -r : 0;
	if (strcmp(what, "verify") && strcmp(what, "show") && strcmp(what, "tail"))
		return print_usage_error("audit", "say one of verify, show and tail");
	r = audit_open(&a, &o);
	if (!r)
		r = *what == 'v' ? audit_verify(&a) : audit_show(&a, &o, *what == 't');
	audit_close(&a);
	return r;
}
