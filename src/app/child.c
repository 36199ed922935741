/* SPDX-License-Identifier: Apache-2.0 */
/* child: see child.h. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/child.h"
#include "base/mem.h"

extern char **environ;

/* The variables that tell SDKs where to call, and with what key. */
#define SET_MAX 6

static const struct agent_conf *choose(const struct conf *conf, const char *agent, char note[512])
{
	const struct agent_conf *a = agent ? conf_agent(conf, slice_str(agent)) : conf->n_agents == 1 ? conf->agents : NULL;

	if (!a && agent)
		snprintf(note, 512, "The policy has no agent named %.64s.", agent);
	else if (!a)
		snprintf(note, 512, "The policy has %u agents; say with --agent which of them the command is.", conf->n_agents);
	return a;
}

static bool is_named(const char *variable, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(variable, name, len) && variable[len] == '=';
}

static bool is_kept(const struct conf *conf, const char *variable)
{
	static const char *const ours[SET_MAX] = {
		"OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "GOOGLE_GEMINI_BASE_URL",
		"GEMINI_API_KEY",
	};

	for (unsigned i = 0; i < SET_MAX; i++)
		if (is_named(variable, ours[i]))
			return false;
	for (unsigned i = 0; i < conf->n_env_names; i++)
		if (is_named(variable, conf->env_names[i]))
			return false;
	return true;
}

int child_prepare(struct child *c, const struct conf *conf, const char *agent, struct run_key *ret_key, char note[512])
{
	const struct agent_conf *a = choose(conf, agent, note);
	size_t n = 0, at = 0;

	if (!a)
		return -EINVAL;
	while (environ[n])
		n++;
	c->environment = mem_zalloc((n + SET_MAX + 1) * sizeof(char *));
	if (!c->environment) {
		snprintf(note, 512, "There is not enough memory to start the command.");
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		if (is_kept(conf, environ[i]))
			c->environment[at++] = environ[i];
	key_new(c->key);
	sha256(slice_str(c->key), ret_key->sha256);
	snprintf(ret_key->agent, sizeof(ret_key->agent), "%.*s", SLICE_FMT(a->name));
	return 0;
}

int child_start(struct child *c, char **command, uint16_t port, char note[512])
{
	char set[SET_MAX][128];
	size_t at = 0;
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;

	if (!port) {
		snprintf(note, 512, "The policy has no TCP listener for agents that the command could call.");
		return -EINVAL;
	}
	snprintf(set[0], 128, "OPENAI_BASE_URL=http://127.0.0.1:%u/v1", port);
	snprintf(set[1], 128, "OPENAI_API_KEY=%s", c->key);
	snprintf(set[2], 128, "ANTHROPIC_BASE_URL=http://127.0.0.1:%u", port);
	snprintf(set[3], 128, "ANTHROPIC_API_KEY=%s", c->key);
	snprintf(set[4], 128, "GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:%u", port);
	snprintf(set[5], 128, "GEMINI_API_KEY=%s", c->key);
	while (c->environment[at])
		at++;
	for (unsigned i = 0; i < SET_MAX; i++)
		c->environment[at + i] = set[i];
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	int r = posix_spawnp(&pid, command[0], NULL, &attr, command, c->environment);
	posix_spawnattr_destroy(&attr);
	wipe(set, sizeof(set));
	c->environment[at] = NULL;
	if (r)
		snprintf(note, 512, "The command %.200s cannot be started: %s.", command[0], strerror(r));
	return r ? -r : pid;
}

void child_finish(struct child *c)
{
	mem_free(c->environment);
	c->environment = NULL;
	wipe(c->key, sizeof(c->key));
}
