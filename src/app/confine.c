/* SPDX-License-Identifier: Apache-2.0 */
/* confine: see confine.h. Where a kernel lacks a part, Weir goes on without and says so. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/confine.h"
#include "app/sandbox.h"
#include "app/state.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/conf.h"

/* The folder that a socket is made in; -1 when there is none yet, and then binding will say so. */
static int folder_of(struct slice socket)
{
	char path[4096];
	size_t n = socket.len;

	while (n && socket.at[n - 1] != '/')
		n--;
	if (!n)
		return open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%.*s", (int)n, socket.at);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Made here, since nothing can be made beside the state once files are confined; -1: the keeper says what is wrong with it. */
static int journal_folder(const struct conf *conf)
{
	if (mkdir(conf->audit.path.at, 0700) < 0 && errno != EEXIST)
		return -1;
	return open(conf->audit.path.at, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void confine_files(struct confinement *c, const struct state *state, const struct conf *conf)
{
	int *folders = mem_alloc((conf->n_listeners + 2) * sizeof(*folders));
	size_t n = 1;

	if (!folders) {
		c->landlock = -ENOMEM;
		return;
	}
	folders[0] = state->dir;
	int journal = journal_folder(conf);
	if (journal >= 0)
		folders[n++] = journal;
	for (unsigned i = 0; i < conf->n_listeners; i++) {
		const struct listener_conf *l = &conf->listeners[i];
		int fd = l->address.none || !l->address.unix_path.len
		                 ? -1
		                 : folder_of(l->address.unix_path);
		if (fd >= 0)
			folders[n++] = fd;
	}
	c->landlock = sandbox_files(folders, n);
	while (n > 1)
		close(folders[--n]);
	mem_free(folders);
}

void confine_start(struct confinement *c, const struct state *state, const struct conf *conf)
{
	confine_files(c, state, conf);
	c->seccomp = sandbox_calls(false);
}

void confine_late(struct confinement *c)
{
	c->seccomp = sandbox_calls(true);
}

/* In words: what holds, or why it does not. */
static struct slice seccomp_word(const struct confinement *c)
{
	return c->seccomp == 0 ? SLICE("in force") : slice_str(strerror(-c->seccomp));
}

static struct slice landlock_word(const struct confinement *c, char text[24])
{
	if (c->landlock <= 0)
		return c->landlock < 0 ? slice_str(strerror(-c->landlock)) : SLICE("none");
	return slice_from(text, (size_t)snprintf(text, 24, "version %d", c->landlock));
}

void confine_say(const struct confinement *c, bool starts_command)
{
	bool whole = c->seccomp == 0 && (c->landlock > 0 || starts_command);
	char version[24];

	log_write(whole ? LEVEL_INFO : LEVEL_WARN,
	        LOG_FIELDS(LOG_TEXT("seccomp", seccomp_word(c)),
	                LOG_TEXT("landlock", landlock_word(c, version))),
	        !whole ? "the process is not wholly confined: this kernel, or the container it "
	                 "runs in, "
	                 "lacks a part"
	        : starts_command
	                ? "the process is confined: it starts nothing more"
	                : "the process is confined: it starts nothing and writes only its state");
}
