/* SPDX-License-Identifier: Apache-2.0 */
/* confine: see confine.h. Where a kernel lacks a part, Weir goes on without and says so. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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

static void confine_files(struct confinement *c, const struct state *state, const struct conf *conf)
{
	int *folders = mem_alloc((conf->n_listeners + 1) * sizeof(*folders));
	size_t n = 1;

	if (!folders) {
		c->landlock = -ENOMEM;
		return;
	}
	folders[0] = state->dir;
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

void confine_say(const struct confinement *c)
{
	struct slice seccomp = c->seccomp == 0 ? SLICE("in force") : SLICE("none");

	if (c->landlock > 0)
		log_write(LEVEL_INFO,
		        LOG_FIELDS(LOG_TEXT("seccomp", seccomp),
		                LOG_NUMBER("landlock", (uint64_t)c->landlock)),
		        "the process is confined: it starts nothing and writes only its state");
	else
		log_write(LEVEL_INFO,
		        LOG_FIELDS(
		                LOG_TEXT("seccomp", seccomp), LOG_TEXT("landlock", SLICE("none"))),
		        "the process is confined as far as this kernel and this start allow");
}
