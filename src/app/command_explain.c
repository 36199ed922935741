/* SPDX-License-Identifier: Apache-2.0 */
/* command_explain: `weir explain`: what a policy means, and where each value comes from. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "app/commands.h"
#include "app/explain.h"
#include "app/print.h"
#include "config/nearest.h"

#define PATHS_MAX 64
#define BODY_MAX (32u << 20)

static const char help[] =
        "usage: weir explain -c PATH... [--agent NAME] [--model NAME] [--tool NAME] [--body FILE]\n"
        "\n"
        "Prints each value of a policy with where it was written: FILE:LINE, (defaults) or (team) "
        "behind it when it is\n"
        "inherited, or default. With --agent, only what is that agent's, and how its call would be "
        "judged, policy by policy.\n"
        "Secrets are neither needed nor shown.\n"
        "\n"
        "  -c, --config PATH   a policy file, or a folder of them; may be given several times\n"
        "  --agent NAME        this agent, and a call of it\n"
        "  --model NAME        this model; with --agent, a call to it\n"
        "  --tool NAME         this tool; with --agent, a call with it, or without a model a call of "
        "it over HTTP\n"
        "  --body FILE         with --agent, a chat call with this body, or a tool's call with these "
        "arguments: what it\n"
        "                      would take of rates and budgets\n"
        "\n"
        "Examples:\n"
        "  weir explain -c policy.yaml\n"
        "  weir explain -c policy.yaml --agent support_agent --model gpt-4o --tool lookup_order\n";

struct options {
	const char *paths[PATHS_MAX];
	unsigned n_paths;
	struct slice agent, model, tool;
	const char *body; /* a file's name */
};

/* 0 to go on, 1 when help was printed, negative: usage. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
	        {"config", required_argument, NULL, 'c'},
	        {"agent", required_argument, NULL, 'a'},
	        {"model", required_argument, NULL, 'm'},
	        {"tool", required_argument, NULL, 't'},
	        {"body", required_argument, NULL, 'b'},
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
		else if (ch == 'a')
			o->agent = slice_str(optarg);
		else if (ch == 'm')
			o->model = slice_str(optarg);
		else if (ch == 't')
			o->tool = slice_str(optarg);
		else if (ch == 'b')
			o->body = optarg;
		else
			return -print_usage_error(
			        "explain", "an option is not known or has no value");
	}
	for (; optind < argc && o->n_paths < PATHS_MAX; optind++)
		o->paths[o->n_paths++] = argv[optind];
	if (!o->n_paths || optind < argc)
		return -print_usage_error("explain",
		        o->n_paths ? "too many paths" : "no policy was given; name one with -c");
	return 0;
}

static int say_unknown(
        const struct load *l, const char *section, const char *what, struct slice name)
{
	const struct node *map = node_member(l->root, section);
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (const struct node *n = map ? map->first : NULL; n; n = n->next)
		nearest_offer(&nearest, n->key);
	fprintf(stderr, "weir explain: no %s is named %.*s", what, SLICE_FMT(name));
	if (nearest.best.at)
		fprintf(stderr, "; did you mean %.*s?", SLICE_FMT(nearest.best));
	fputs("\n", stderr);
	return -ENOENT;
}

static int read_file(const char *name, struct buf *out)
{
	char piece[4096];
	FILE *f = fopen(name, "re");
	size_t n;
	int r = f ? 0 : -errno;

	while (!r && (n = fread(piece, 1, sizeof(piece), f)))
		r = buf_put(out, piece, n);
	if (f)
		fclose(f);
	return r;
}

static int explain_body(struct explain *e, const struct options *o, const struct agent_conf *a)
{
	struct asked asked = {.model = o->model, .tool = o->tool};
	struct buf body = BUF_INIT(BODY_MAX);
	int r = o->body ? read_file(o->body, &body) : 0;

	if (o->body)
		asked.body = buf_len(&body) ? buf_slice(&body) : (struct slice){"", 0};
	if (r)
		fprintf(stderr, "weir explain: %s: %s\n", o->body, strerror(-r));
	else
		explain_call(e, a, &asked);
	buf_finish(&body);
	return r ? -ENOENT : e->error;
}

static int explain_chosen(struct explain *e, const struct options *o)
{
	const struct agent_conf *a = o->agent.at ? conf_agent(e->conf, o->agent) : NULL;
	const struct model_conf *m = o->model.at ? conf_model(e->conf, NULL, o->model) : NULL;
	const struct tool_conf *t = o->tool.at ? conf_tool(e->conf, o->tool) : NULL;

	if (o->agent.at && !a)
		return say_unknown(e->load, "agents", "agent", o->agent);
	/* For an agent a name that no policy knows is a question too: may it? */
	if (!a && o->model.at && !m)
		return say_unknown(e->load, "models", "model", o->model);
	if (!a && o->tool.at && !t)
		return say_unknown(e->load, "tools", "tool", o->tool);
	if (a)
		explain_agent(e, a);
	if (m)
		explain_model(e, m);
	if (t)
		explain_tool(e, t);
	if (a)
		e->error = e->error ? e->error : explain_body(e, o, a);
	if (!a && !m && !t)
		explain_all(e);
	explain_inactive(e);
	return e->error;
}

static int explain(const struct load *l, const struct conf *c, const struct options *o)
{
	struct explain e = {.load = l, .conf = c, .out = BUF_INIT(EXPLAIN_MAX)};
	int error = explain_chosen(&e, o);

	if (!error)
		error = print_buf(stdout, &e.out);
	if (error && error != -ENOENT)
		fputs("weir explain: the result could not be written\n", stderr);
	buf_finish(&e.out);
	return error ? 1 : 0;
}

int command_explain(int argc, char **argv)
{
	struct options o = {.n_paths = 0};
	const struct conf *c = NULL;
	struct diagnostics d;
	struct load l;
	int r = read_options(argc, argv, &o);

	if (r)
		return r < 0 ? -r : 0;
	diagnostics_init(&d);
	if (load_open(&l, &d)) {
		l.secrets_optional = true;
		for (unsigned i = 0; i < o.n_paths; i++)
			load_path(&l, o.paths[i]);
		c = load_conf(&l);
	}
	if (diagnostics_failed(&d)) {
		print_diagnostics(&d);
		r = 1;
	} else {
		r = explain(&l, c, &o);
	}
	load_close(&l);
	diagnostics_finish(&d);
	return r;
}
