/* SPDX-License-Identifier: Apache-2.0 */
/* command_check: `weir check`: every mistake in a policy, before it is in force. */
#include <getopt.h>
#include <string.h>
#include "app/commands.h"
#include "app/print.h"
#include "config/load.h"

#define PATHS_MAX 64

static const char help[] =
        "usage: weir check -c PATH... [--format text|json] [--without-secrets]\n"
        "\n"
        "Reads a policy as `weir run` would and prints every mistake with its place. Exit 0: good, "
        "1: mistakes, 2: usage.\n"
        "\n"
        "  -c, --config PATH   a policy file, or a folder of them; may be given several times\n"
        "  --format FORMAT     text (default) or json\n"
        "  --without-secrets   environment variables and files that secrets come from may be "
        "absent\n"
        "\n"
        "Examples:\n"
        "  weir check -c policy.yaml\n"
        "  weir check -c policies/ --without-secrets --format json\n";

struct options {
	const char *paths[PATHS_MAX];
	unsigned n_paths;
	bool json, without_secrets;
};

/* 0 to go on, 1 when help was printed, negative: usage. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
	        {"config", required_argument, NULL, 'c'},
	        {"format", required_argument, NULL, 'f'},
	        {"without-secrets", no_argument, NULL, 's'},
	        {"help", no_argument, NULL, 'h'},
	        {0},
	};
	int ch;

	optind = 1;
	opterr = 0;
	while ((ch = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		if (ch == 'h') {
			fputs(help, stdout);
			return 1;
		}
		if (ch == 'c' && o->n_paths < PATHS_MAX)
			o->paths[o->n_paths++] = optarg;
		else if (ch == 's')
			o->without_secrets = true;
		else if (ch == 'f' && (!strcmp(optarg, "json") || !strcmp(optarg, "text")))
			o->json = *optarg == 'j';
		else
			return -print_usage_error(
			        "check", "an option is not known or has no good value");
	}
	for (; optind < argc && o->n_paths < PATHS_MAX; optind++)
		o->paths[o->n_paths++] = argv[optind];
	if (!o->n_paths || optind < argc)
		return -print_usage_error("check",
		        o->n_paths ? "too many paths" : "no policy was given; name one with -c");
	return 0;
}

static void print_summary(const struct conf *c, const struct diagnostics *d)
{
	printf("good: %u agents, %u models, %u tools, %u upstreams; version %s", c->n_agents,
	        c->n_models, c->n_tools, c->n_upstreams, c->version);
	if (d->warnings)
		printf("; %u %s", d->warnings, d->warnings == 1 ? "warning" : "warnings");
	puts("\n\nInactive in this version of Weir:");
	for (unsigned i = 0; i < c->n_inactive; i++)
		printf("  %s\n", c->inactive[i]);
}

static int report(const struct options *o, const struct conf *c, const struct diagnostics *d)
{
	struct buf text = BUF_INIT(4u << 20);
	int error = 0;

	if (o->json) {
		error = diagnostics_print_json(
		        d, c ? c->inactive : NULL, c ? c->n_inactive : 0, &text);
		if (!error)
			error = buf_put_char(&text, '\n');
		if (!error)
			error = print_buf(stdout, &text);
	} else {
		print_diagnostics(d);
		if (c && !diagnostics_failed(d))
			print_summary(c, d);
	}
	buf_finish(&text);
	if (error)
		fputs("weir check: the result could not be written\n", stderr);
	return error || diagnostics_failed(d) ? 1 : 0;
}

int command_check(int argc, char **argv)
{
	struct options o = {.n_paths = 0};
	struct diagnostics d;
	struct load l;
	int r = read_options(argc, argv, &o);
	const struct conf *c = NULL;

	if (r)
		return r < 0 ? -r : 0;
	diagnostics_init(&d);
	if (load_open(&l, &d)) {
		l.secrets_optional = o.without_secrets;
		for (unsigned i = 0; i < o.n_paths; i++)
			load_path(&l, o.paths[i]);
		c = load_conf(&l);
	}
	r = report(&o, c, &d);
	load_close(&l);
	diagnostics_finish(&d);
	return r;
}
