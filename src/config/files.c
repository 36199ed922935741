/* SPDX-License-Identifier: Apache-2.0 */
/* files: paths to texts to one tree. Several files are one policy: maps merge, anything else may be
 * said once. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/load.h"

#define PATH_MAX_LEN 4096u

static void no_memory(struct load *l)
{
	diagnostics_no_memory(l->d);
}

static void say_unreadable(struct load *l, const char *path, const char *sentence)
{
	l->unreadable = true;
	diagnostics_file_error(l->d, path, "%s", sentence);
}

static void say_twice(struct load *l, const struct node *old, const struct node *new)
{
	diagnostics_error(l->d, new->key_at, "%.*s is given twice", SLICE_FMT(new->key));
	diagnostics_also(l->d, old->key_at);
}

static void merge(struct load *l, struct node *into, struct node *from);

/* The version says what language a file is in, so each may say it. */
static void merge_member(struct load *l, struct node *into, struct node *old, struct node *member)
{
	if (!old)
		node_append(into, member);
	else if (old->kind == NODE_MAP && member->kind == NODE_MAP)
		merge(l, old, member);
	else if (into != l->root || !slice_is(member->key, "version") ||
	         !slice_equals(old->text, member->text))
		say_twice(l, old, member);
}

static void merge(struct load *l, struct node *into, struct node *from)
{
	for (struct node *member = from->first, *next; member; member = next) {
		next = member->next;
		merge_member(l, into, node_member_slice(into, member->key), member);
	}
}

static struct yaml_source *source_new(struct load *l, const char *name, struct slice text)
{
	struct yaml_source *s = arena_zalloc(&l->arena, sizeof(*s));

	if (s)
		s->name = arena_dup(&l->arena, slice_str(name));
	if (!s || !s->name.at) {
		no_memory(l);
		return NULL;
	}
	s->text = text;
	s->index = l->n_sources;
	return s;
}

/* text lies in the arena. */
static void add_text(struct load *l, const char *name, struct slice text)
{
	struct yaml_source *s;
	struct node *root;

	if (l->n_sources == LOAD_FILES_MAX || text.len > LOAD_BYTES_MAX - l->n_bytes) {
		say_unreadable(l, name, "a policy has at most 256 files and 16 MiB");
		return;
	}
	s = source_new(l, name, text);
	if (!s)
		return;
	l->sources[l->n_sources++] = s;
	l->n_bytes += text.len;
	root = yaml_read(&l->arena, s, l->d);
	if (root)
		merge(l, l->root, root);
	else
		l->unreadable = true;
}

void load_text(struct load *l, const char *name, struct slice text)
{
	struct slice copy = arena_dup(&l->arena, text);

	if (copy.at)
		add_text(l, name, copy);
	else
		no_memory(l);
}

/* Bytes read, or negative errno; size + 1 bytes of room are there, so that a larger file is
 * noticed. */
static ssize_t read_up_to(int fd, char *room, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t got = read(fd, room + len, size - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		len += (size_t)got;
	}
	return (ssize_t)len;
}

static void load_fd(struct load *l, const char *path, int fd)
{
	struct stat st;
	size_t size = YAML_FILE_MAX + 1;
	ssize_t len;
	char *room;

	/* The size only spares room: a pipe has none, and a file may grow under our hands. */
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size < (off_t)YAML_FILE_MAX)
		size = (size_t)st.st_size + 1;
	room = arena_alloc(&l->arena, size + 1);
	if (!room) {
		no_memory(l);
		return;
	}
	len = read_up_to(fd, room, size);
	if (len < 0) {
		say_unreadable(l, path, strerror((int)-len));
		return;
	}
	room[len] = '\0';
	add_text(l, path, slice_from(room, (size_t)len));
}

static void load_file(struct load *l, const char *path)
{
	/* A fifo without a writer must hold nobody up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0) {
		say_unreadable(l, path, strerror(errno));
		return;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		say_unreadable(l, path, "it is no regular file");
	else
		load_fd(l, path, fd);
	close(fd);
}

struct names {
	char *at[LOAD_FILES_MAX];
	unsigned n;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_yaml(struct slice name)
{
	return slice_ends(name, SLICE(".yaml")) || slice_ends(name, SLICE(".yml"));
}

/* One entry of a directory, as path/name in names; false to stop. */
static bool collect(struct load *l, const char *path, const char *name, struct names *names)
{
	size_t len = strlen(path), name_len = strlen(name);
	char *full;

	if (name[0] == '.') /* ConfigMaps keep ..data and ..2024_… beside the files */
		return true;
	while (len > 1 && path[len - 1] == '/')
		len--;
	full = arena_alloc(&l->arena, len + name_len + 2);
	if (!full) {
		no_memory(l);
		return false;
	}
	memcpy(full, path, len);
	full[len] = '/';
	memcpy(full + len + 1, name, name_len + 1);
	if (!is_yaml(slice_str(name))) {
		diagnostics_file_error(
		        l->d, full, "a policy's directory holds *.yaml and *.yml files only");
		diagnostics_hint(l->d, "move it away, or let its name begin with a dot");
		return true;
	}
	if (names->n == LOAD_FILES_MAX) {
		say_unreadable(l, full, "a policy has at most 256 files");
		return false;
	}
	names->at[names->n++] = full;
	return true;
}

static void load_directory(struct load *l, const char *path)
{
	DIR *dir = opendir(path);
	struct names names = {.n = 0};
	struct dirent *entry;

	if (!dir) {
		say_unreadable(l, path, strerror(errno));
		return;
	}
	while ((entry = readdir(dir)) && collect(l, path, entry->d_name, &names))
		;
	closedir(dir);
	if (!names.n && !diagnostics_failed(l->d))
		say_unreadable(l, path, "no *.yaml or *.yml file is in this directory");
	qsort(names.at, names.n, sizeof(names.at[0]), compare_names);
	for (unsigned i = 0; i < names.n; i++)
		load_file(l, names.at[i]);
}

void load_path(struct load *l, const char *path)
{
	struct stat st;

	if (strlen(path) >= PATH_MAX_LEN)
		say_unreadable(l, path, "the path is too long");
	else if (stat(path, &st))
		say_unreadable(l, path,
		        errno == ENOENT ? "there is no such file or directory" : strerror(errno));
	else if (S_ISDIR(st.st_mode))
		load_directory(l, path);
	else
		load_file(l, path);
}
