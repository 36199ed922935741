/* SPDX-License-Identifier: Apache-2.0 */
/* watch: see watch.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/watch.h"
#include "base/mem.h"
#include "base/slice.h"

#define CHANGES (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ATTRIB)

int watch_open(struct watch *w)
{
	*w = (struct watch){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
	return w->fd < 0 ? -errno : 0;
}

void watch_clear(struct watch *w)
{
	for (unsigned i = 0; i < w->n_paths; i++)
		mem_free(w->paths[i].name);
	mem_free(w->paths);
	w->paths = NULL;
	w->n_paths = 0;
}

/* Takes name. */
static int keep(struct watch *w, int folder, char *name)
{
	struct watched *more = mem_realloc(w->paths, (w->n_paths + 1) * sizeof(*more));

	if (!more) {
		mem_free(name);
		return -ENOMEM;
	}
	w->paths = more;
	w->paths[w->n_paths++] = (struct watched){folder, name};
	return 0;
}

int watch_add(struct watch *w, const char *path)
{
	char folder[PATH_MAX], *slash, *name = NULL;
	struct stat st;
	int number;

	if (w->fd < 0)
		return -EBADF;
	if (w->n_paths == WATCH_PATHS_MAX)
		return -ENOSPC;
	if ((size_t)snprintf(folder, sizeof(folder), "%s", path) >= sizeof(folder))
		return -ENAMETOOLONG;
	slash = strrchr(folder, '/');
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		name = mem_dup(slash ? slash + 1 : folder, strlen(slash ? slash + 1 : folder) + 1);
		if (!name)
			return -ENOMEM;
		if (!slash)
			memcpy(folder, ".", 2);
		else
			slash[slash == folder] = '\0';
	}
	number = inotify_add_watch(w->fd, folder, CHANGES);
	if (number < 0) {
		int error = -errno;

		mem_free(name);
		return error;
	}
	return keep(w, number, name);
}

/* One of the files of a folder that is a policy: those that config/files.c reads. */
static bool is_of_a_policy(struct slice name)
{
	return name.at[0] != '.' && (slice_ends(name, SLICE(".yaml")) || slice_ends(name, SLICE(".yml")));
}

/* What happened to the folder itself, and what the kernel had no room to tell, counts. */
static bool counts(const struct watch *w, const struct inotify_event *e)
{
	if (!e->len || !strcmp(e->name, "..data") || (w->takes_all && e->name[0] != '.'))
		return true;
	for (unsigned i = 0; i < w->n_paths; i++) {
		const struct watched *p = &w->paths[i];

		if (p->folder == e->wd && (p->name ? !strcmp(p->name, e->name) : is_of_a_policy(slice_str(e->name))))
			return true;
	}
	return false;
}

bool watch_read(struct watch *w)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool any = false;
	ssize_t len;

	while ((len = read(w->fd, events, sizeof(events))) > 0)
		for (const char *at = events; at < events + len;) {
			const struct inotify_event *e = (const struct inotify_event *)(const void *)at;

			any = any || counts(w, e);
			at += sizeof(*e) + e->len;
		}
	return any;
}

void watch_close(struct watch *w)
{
	watch_clear(w);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
