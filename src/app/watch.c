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

#define CHANGES (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ATTRIB)

static int watch_folder_of(int fd, const char *path)
{
	char folder[PATH_MAX];
	struct stat st;

	if ((size_t)snprintf(folder, sizeof(folder), "%s", path) >= sizeof(folder))
		return -ENAMETOOLONG;
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		char *slash = strrchr(folder, '/');
		if (!slash)
			memcpy(folder, ".", 2);
		else
			slash[slash == folder] = '\0';
	}
	return inotify_add_watch(fd, folder, CHANGES) < 0 ? -errno : 0;
}

int watch_open(struct watch *w)
{
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return w->fd < 0 ? -errno : 0;
}

int watch_add(struct watch *w, const char *path)
{
	return w->fd < 0 ? -EBADF : watch_folder_of(w->fd, path);
}

int watch_read(struct watch *w)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	int any = 0;

	while (read(w->fd, events, sizeof(events)) > 0)
		any = 1;
	return any;
}

void watch_close(struct watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
