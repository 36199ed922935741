/* SPDX-License-Identifier: Apache-2.0 */
/* command_run: `weir run`: reads the policy, starts the server, waits for its end; with a command it is for that command. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "app/admin_key.h"
#include "app/child.h"
#include "app/commands.h"
#include "app/control.h"
#include "app/harden.h"
#include "base/log.h"
#include "config/diagnostics.h"

#define PATHS_MAX 64

static const char help[] =
	"usage: weir run [-c PATH]... [--log-format json|text] [--agent NAME] [-- COMMAND...]\n"
	"\n"
	"Serves the policy in the files and folders given. Without -c, and with OPENAI_API_KEY set, it serves a laptop:\n"
	"loopback, one agent, any model, any tool that the agent runs itself.\n"
	"\n"
	"With a command: starts it with OPENAI_BASE_URL and OPENAI_API_KEY (and the like) set so that it calls through Weir, and\n"
	"ends with it. The keys that the policy reads from the environment are not passed on to it.\n"
	"\n"
	"  -c, --config PATH   a policy file, or a folder of them; may be given several times\n"
	"  --log-format F      json (default) or text\n"
	"  --agent NAME        with a command, where the policy has several agents: which one it is\n"
	"\n"
	"Examples:\n"
	"  weir run -c policy.yaml\n"
	"  weir run -c policy.yaml --agent support_agent -- python agent.py\n"
	"  OPENAI_API_KEY=... weir run\n"
	"\n"
	"Signals: SIGHUP reads the policy again, SIGTERM drains and stops, SIGINT stops sooner.\n";

/* What serves a laptop when there is no file. */
static const char laptop_policy[] =
	"version: 1\n"
	"listeners:\n"
	"  agents: {address: \"127.0.0.1:4000\", default_agent: laptop}\n"
	"upstreams:\n"
	"  openai: {api: openai, credential: {api_key: \"${env:OPENAI_API_KEY}\"}}\n"
	"models:\n"
	"  \"*\": {upstream: openai}\n"
	"agents:\n"
	"  laptop: {tools: [any-local], models: [\"*\"], budget: {agent: {cost: 5, per: day}}}\n";

struct options {
	const char *paths[PATHS_MAX];
	unsigned n_paths;
	const char *agent;
	bool log_text, log_given;
	char **command; /* NULL: none */
};

static int usage_error(const char *what)
{
	fprintf(stderr, "weir run: %s; `weir run --help` shows how it is called\n", what);
	return 2;
}

static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'}, {"agent", required_argument, NULL, 'a'},
		{"log-format", required_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {0},
	};
	int ch;

	optind = 1;
	opterr = 0;
	while ((ch = getopt_long(argc, argv, "+c:h", longs, NULL)) != -1) {
		if (ch == 'h') {
			fputs(help, stdout);
			return 1;
		}
		if (ch == 'c' && o->n_paths < PATHS_MAX)
			o->paths[o->n_paths++] = optarg;
		else if (ch == 'a')
			o->agent = optarg;
		else if (ch == 'f' && (!strcmp(optarg, "json") || !strcmp(optarg, "text")))
			o->log_given = true, o->log_text = *optarg == 't';
		else
			return -usage_error("an option is not known or has no good value");
	}
	if (optind < argc && strcmp(argv[optind - 1], "--"))
		return -usage_error("a command stands behind --, and a policy behind -c");
	o->command = optind < argc ? argv + optind : NULL;
	return 0;
}

static struct conf *load(const struct options *o, struct diagnostics *d)
{
	if (o->n_paths)
		return conf_load(o->paths, o->n_paths, d);
	if (!getenv("OPENAI_API_KEY")) {
		fputs("weir run: no policy was given and OPENAI_API_KEY is not set; name a policy with -c, or set the key\n",
			stderr);
		return NULL;
	}
	fprintf(stderr,
		"weir: no policy was given; this one is in force (a budget of 5 USD a day, for models whose price is known):\n\n%s\n",
		laptop_policy);
	return conf_load_text("laptop.yaml", slice_str(laptop_policy), d);
}

static void print_diagnostics(const struct diagnostics *d)
{
	struct buf text = BUF_INIT(1u << 20);

	if ((d->errors || d->warnings) && diagnostics_print(d, &text, isatty(STDERR_FILENO) && !getenv("NO_COLOR")) == 0)
		fprintf(stderr, "%.*s", SLICE_FMT(buf_slice(&text)));
	buf_finish(&text);
}

static void say_started(const struct server *s)
{
	const struct conf *c = s->snapshot->conf;

	for (unsigned i = 0; i < c->n_listeners; i++)
		if (!c->listeners[i].address.none)
			log_write(LEVEL_INFO,
				LOG_FIELDS(LOG_TEXT("listener", c->listeners[i].name),
					LOG_TEXT("address", c->listeners[i].address.text)),
				"listening");
	if (s->first_operator.roles)
		log_write(LEVEL_INFO, LOG_FIELDS(LOG_STR("folder", s->state_path), LOG_STR("file", ADMIN_KEY_FILE)),
			s->admin_key_made ? "the policy names no operator, so a key for the admin listener was made and written there"
					  : "the policy names no operator, so the key there opens the admin listener");
	for (unsigned i = 0; i < c->n_inactive; i++)
		log_write(LEVEL_INFO, LOG_FIELDS(LOG_STR("inactive", c->inactive[i])), "part of the policy language is inactive");
	log_write(LEVEL_INFO,
		LOG_FIELDS(LOG_STR("policy_version", c->version), LOG_NUMBER("workers", s->n_workers - 1),
			LOG_NUMBER("agents", c->n_agents), LOG_NUMBER("models", c->n_models)),
		"weir is ready");
}

static int serve(struct server *s, const struct options *o, struct conf *conf)
{
	struct child child = {0};
	char note[512];
	int pid = 0, status = 1;

	if (o->command && child_prepare(&child, conf, o->agent, &s->run_key, note) < 0) {
		fprintf(stderr, "weir run: %s\n", note);
		conf_free(conf);
		return 1;
	}
	s->starts_command = o->command;
	if (server_start(s, conf, o->log_given ? o->log_text : conf->log_text, note) < 0) {
		log_init(NULL, LEVEL_INFO, FORMAT_TEXT);
		fprintf(stderr, "weir run: %s\n", note);
		child_finish(&child);
		server_stop(s);
		return 1;
	}
	say_started(s);
	if (o->command)
		pid = child_start(&child, o->command, s->agents_port, note);
	child_finish(&child);
	if (o->command)
		confine_late(&s->confinement);
	confine_say(&s->confinement, s->starts_command);
	if (pid >= 0)
		status = control_run(s, pid);
	else
		fprintf(stderr, "weir run: %s\n", note);
	log_info("weir has stopped");
	server_stop(s);
	return status;
}

int command_run(int argc, char **argv)
{
	struct options o = {0};
	struct diagnostics d;
	struct server s = {0};
	int r = read_options(argc, argv, &o);

	if (r)
		return r < 0 ? -r : 0;
	harden_process();
	control_block_signals();
	diagnostics_init(&d);
	struct conf *conf = load(&o, &d);
	print_diagnostics(&d);
	diagnostics_finish(&d);
	if (!conf)
		return 1;
	s.paths = o.paths;
	s.n_paths = o.n_paths;
	return serve(&s, &o, conf);
}
