/* SPDX-License-Identifier: Apache-2.0 */
/* command_ledger: `weir ledger`: who spent what. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "app/commands.h"
#include "app/ledger.h"
#include "app/print.h"
#include "base/log.h"
#include "observe/ledger_text.h"

#define PRINT_MAX ((size_t)512 << 20)

static const char help[] =
	"usage: weir ledger [-c PATH | --path STATE] [--admin ADDRESS] [--key-file FILE] [--by NAME,...] [--per PERIOD]\n"
	"                   [--since WHEN] [--until WHEN] [--top N] [--format table|csv|json]\n"
	"\n"
	"Who spent what, to the nano-dollar, with a total at the end. It reads the state itself, so it works whether Weir runs or not and\n"
	"disturbs nobody; with --admin or --key-file it asks the Weir that runs, for who may not read its files or is elsewhere. Exit 0:\n"
	"good, 1: it cannot be read to its end, 2: usage.\n"
	"\n"
	"  -c, --config PATH   the policy whose state to look at; without it and --path, the usual place\n"
	"  --path STATE        the state directory itself\n"
	"  --admin ADDRESS     the running Weir's admin listener: unix:/path or 127.0.0.1:4001; without it, where the policy says\n"
	"  --key-file FILE     with an operator's key (role read); without it, the environment's WEIR_OPERATOR_KEY\n"
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
	"  weir ledger --path /var/lib/weir --by user --per total --top 20 --format csv\n"
	"  weir ledger -c policy.yaml --key-file /var/lib/weir/admin.key --by model\n";

static int read_word(struct ledger_options *o, const char *name, const char *value)
{
	const char *wrong = ledger_ask_set(&o->ask, slice_str(name), slice_str(value));
	char text[160];

	for (unsigned i = 0; i < LEDGER_WORDS; i++)
		if (!strcmp(ledger_words[i], name))
			o->words[i] = value;
	if (!wrong)
		return 0;
	snprintf(text, sizeof(text), "--%s %s", name, wrong);
	return -print_usage_error("ledger", text);
}

enum { OPTION_CONFIG = 'c', OPTION_HELP = 'h', OPTION_PATH = 256, OPTION_ADMIN, OPTION_KEY_FILE, OPTION_WORD };

static const struct option longs[] = {
	{"config", required_argument, NULL, OPTION_CONFIG}, {"path", required_argument, NULL, OPTION_PATH},
	{"admin", required_argument, NULL, OPTION_ADMIN}, {"key-file", required_argument, NULL, OPTION_KEY_FILE},
	{"by", required_argument, NULL, OPTION_WORD}, {"per", required_argument, NULL, OPTION_WORD},
	{"since", required_argument, NULL, OPTION_WORD}, {"until", required_argument, NULL, OPTION_WORD},
	{"top", required_argument, NULL, OPTION_WORD}, {"format", required_argument, NULL, OPTION_WORD},
	{"help", no_argument, NULL, OPTION_HELP}, {0},
};

/* 0, 1 when help was printed, negative: usage. */
static int read_option(struct ledger_options *o, int ch, const char *name)
{
	switch (ch) {
	case OPTION_HELP:
		fputs(help, stdout);
		return 1;
	case OPTION_CONFIG:
		o->config = optarg;
		return 0;
	case OPTION_PATH:
		o->path = optarg;
		return 0;
	case OPTION_ADMIN:
		o->admin = optarg;
		return 0;
	case OPTION_KEY_FILE:
		o->key_file = optarg;
		return 0;
	case OPTION_WORD:
		return read_word(o, name, optarg);
	default:
		return -print_usage_error("ledger", "an option is not known or has no value");
	}
}

static int read_options(int argc, char **argv, struct ledger_options *o)
{
	int ch, at = 0, r = 0;

	optind = 1;
	opterr = 0;
	while (!r && (ch = getopt_long(argc, argv, "c:h", longs, &at)) != -1)
		r = read_option(o, ch, longs[at].name);
	if (!r && optind < argc)
		r = -print_usage_error("ledger", "a word stands where an option should");
	if (!r && o->config && o->path)
		r = -print_usage_error("ledger", "-c and --path say the same; give one");
	if (!r && o->path && (o->admin || o->key_file))
		r = -print_usage_error("ledger", "--path reads files, --admin and --key-file ask a running Weir; give one");
	if (!r && o->config && o->admin)
		r = -print_usage_error("ledger", "-c and --admin both say where a Weir runs; give one");
	return r;
}

static int print(struct book *b, const struct ledger_ask *a)
{
	struct buf out = BUF_INIT(PRINT_MAX);
	int r = ledger_text_write(b, &a->query, a->format, &out);

	if (!r)
		r = print_buf(stdout, &out);
	if (r)
		fprintf(stderr, "weir ledger: %s\n", *book_note(b) ? book_note(b) : "the result could not be written");
	buf_finish(&out);
	return r;
}

int command_ledger(int argc, char **argv)
{
	struct ledger_options o = {.config = NULL};
	struct book *b = NULL;
	bool behind = true;

	ledger_ask_init(&o.ask, clock_wall(&clock_system) / NS_PER_S);
	int r = read_options(argc, argv, &o);
	if (r)
		return r < 0 ? -r : 0;
	log_init(NULL, LEVEL_ERROR, FORMAT_TEXT);
	if (o.admin || o.key_file)
		return ledger_ask_running(&o);
	r = ledger_open(&b, &o, &behind);
	if (r)
		return r;
	r = print(b, &o.ask);
	book_close(b);
	return r || behind;
}
