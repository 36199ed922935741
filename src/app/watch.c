/* SPDX-License-Identifier: Apache-2.0 */
/* watch: see watch.h. */
#include <dirent.h>
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

#define CHANGES (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
#define LINKS_MAX 40 /* as many as the kernel follows */

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

static bool is_watched(const struct watch *w, int folder)
{
	for (unsigned i = 0; i < w->n_folders; i++)
		if (w->folders[i] == folder)
			return true;
	return false;
}

static int keep_folder(struct watch *w, int folder)
{
	int *more;

	if (is_watched(w, folder))
		return 0;
	more = mem_realloc(w->folders, (w->n_folders + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	w->folders = more;
	w->folders[w->n_folders++] = folder;
	return 0;
}

static bool is_kept(const struct watch *w, int folder, const char *name)
{
	for (unsigned i = 0; i < w->n_paths; i++) {
		const struct watched *p = &w->paths[i];

		if (p->folder == folder && (name && p->name ? !strcmp(p->name, name) : p->name == name))
			return true;
	}
	return false;
}

static int keep_name(struct watch *w, int folder, const char *name)
{
	struct watched *more;
	char *copy = NULL;

	if (is_kept(w, folder, name))
		return 0;
	if (w->n_paths == WATCH_NAMES_MAX)
		return -ENOSPC;
	more = mem_realloc(w->paths, (w->n_paths + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	w->paths = more;
	if (name) {
		copy = mem_dup(name, strlen(name) + 1);
		if (!copy)
			return -ENOMEM;
	}
	w->paths[w->n_paths++] = (struct watched){folder, copy};
	return 0;
}

/* NULL: the policy files of the folder. */
static int watch_name(struct watch *w, const char *folder, const char *name)
{
	int number = inotify_add_watch(w->fd, folder, CHANGES), r;

	if (number < 0)
		return -errno;
	r = keep_folder(w, number);
	return r ? r : keep_name(w, number, name);
}

/* How far a path has been followed. */
struct way {
	char at[PATH_MAX];   /* a folder */
	char name[PATH_MAX]; /* what comes next, in it */
	char rest[PATH_MAX]; /* what comes after that */
	char next[PATH_MAX]; /* at and name */
};

static int join(char ret[PATH_MAX], const char *a, const char *b)
{
	const char *between = *a && a[strlen(a) - 1] != '/' ? "/" : "";

	return (size_t)snprintf(ret, PATH_MAX, "%s%s%s", a, between, b) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int way_begin(struct way *y, const char *path)
{
	*y->next = '\0';
	memcpy(y->at, *path == '/' ? "/" : ".", 2);
	return (size_t)snprintf(y->rest, PATH_MAX, "%s", path) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Takes the next name off the rest. */
static int way_next(struct way *y)
{
	const char *from = y->rest + strspn(y->rest, "/");
	size_t len = strcspn(from, "/");

	memcpy(y->name, from, len);
	y->name[len] = '\0';
	from += len + strspn(from + len, "/");
	memmove(y->rest, from, strlen(from) + 1);
	return join(y->next, y->at, y->name);
}

/* What comes next is a link to this. */
static int way_turn(struct way *y, const char *target)
{
	int r = join(y->next, target, y->rest);

	if (r < 0)
		return r;
	memcpy(y->rest, y->next, strlen(y->next) + 1);
	if (*target == '/')
		memcpy(y->at, "/", 2);
	return 0;
}

/* Every link on the way, up to what is none, in y->next. A link whose folder may not be looked at does not end it. */
static int watch_links(struct watch *w, struct way *y, const char *path)
{
	char target[PATH_MAX];
	int error = 0, r = way_begin(y, path);

	for (unsigned links = 0; r == 0 && *y->rest;) {
		r = way_next(y);
		ssize_t len = r < 0 ? -1 : readlink(y->next, target, sizeof(target) - 1);
		if (len >= 0) {
			target[len] = '\0';
			r = watch_name(w, y->at, y->name);
			error = error ? error : r;
			r = ++links > LINKS_MAX ? -ELOOP : way_turn(y, target);
		} else if (r == 0 && *y->rest) {
			memcpy(y->at, y->next, strlen(y->next) + 1);
		}
	}
	return r ? r : error;
}

static int watch_file(struct watch *w, struct way *y, const char *path)
{
	int error = watch_links(w, y, path), r = error == -ENAMETOOLONG || error == -ELOOP ? 0 : watch_name(w, y->at, y->name);

	return error ? error : r;
}

/* One of the files of a folder that is a policy: those that config/files.c reads. */
static bool is_of_a_policy(struct slice name)
{
	return name.at[0] != '.' && (slice_ends(name, SLICE(".yaml")) || slice_ends(name, SLICE(".yml")));
}

static int watch_folder(struct watch *w, struct way *y, const char *path)
{
	int error = watch_links(w, y, path), r = watch_name(w, path, NULL);
	DIR *dir = opendir(path);
	struct dirent *entry;
	char file[PATH_MAX];

	error = error ? error : r;
	while (dir && (entry = readdir(dir))) {
		if ((entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) || !is_of_a_policy(slice_str(entry->d_name)))
			continue;
		r = join(file, path, entry->d_name);
		r = r ? r : watch_file(w, y, file);
		error = error ? error : r;
	}
	if (dir)
		closedir(dir);
	return error;
}

int watch_add(struct watch *w, const char *path)
{
	struct stat st;
	struct way y;

	if (w->fd < 0)
		return -EBADF;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? watch_folder(w, &y, path) : watch_file(w, &y, path);
}

static bool has_a_name(const struct watch *w, int folder)
{
	for (unsigned i = 0; i < w->n_paths; i++)
		if (w->paths[i].folder == folder)
			return true;
	return false;
}

void watch_settle(struct watch *w)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < w->n_folders; i++) {
		if (has_a_name(w, w->folders[i]))
			w->folders[kept++] = w->folders[i];
		else
			inotify_rm_watch(w->fd, w->folders[i]);
	}
	w->n_folders = kept;
}

/* What happened to the folder itself, and what the kernel had no room to tell, counts; that it is watched no more does not. */
static bool counts(const struct watch *w, const struct inotify_event *e)
{
	if (e->mask & IN_IGNORED)
		return false;
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
	mem_free(w->folders);
	w->folders = NULL;
	w->n_folders = 0;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
