/* SPDX-License-Identifier: Apache-2.0 */
/* state: see state.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/state.h"
#include "base/id.h"

#define KEY_FILE "deployment.key"

/* Every part of the path, as mkdir -p does, but private. */
static int make_folders(char *path)
{
	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		int r = mkdir(path, 0700);
		*at = '/';
		if (r < 0 && errno != EEXIST)
			return -errno;
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int read_key(int fd, uint8_t ret_key[SHA256_LEN])
{
	char hex[2 * SHA256_LEN + 1];
	ssize_t n = read(fd, hex, sizeof(hex));

	if (n == (ssize_t)sizeof(hex) && hex[n - 1] == '\n')
		n--;
	int r = n < 0 ? -errno : hex_decode(slice_from(hex, (size_t)n), ret_key, SHA256_LEN);
	wipe(hex, sizeof(hex));
	return r;
}

/* Written under another name first, so that a crash leaves a whole key or none. */
static int make_key(struct state *s)
{
	char hex[2 * SHA256_LEN + 2];
	int fd = openat(s->dir, KEY_FILE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	random_bytes(s->key, sizeof(s->key));
	hex_encode(s->key, sizeof(s->key), hex);
	hex[2 * SHA256_LEN] = '\n';
	bool good = write(fd, hex, 2 * SHA256_LEN + 1) == 2 * SHA256_LEN + 1 && fsync(fd) == 0;
	int r = good && renameat(s->dir, KEY_FILE ".new", s->dir, KEY_FILE) == 0 ? 0 : -EIO;
	wipe(hex, sizeof(hex));
	close(fd);
	s->key_made = r == 0;
	return r;
}

static int load_key(struct state *s, const char *path, char ret_note[256])
{
	int fd = openat(s->dir, KEY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd >= 0 ? read_key(fd, s->key) : errno == ENOENT ? make_key(s) : -errno;

	if (fd >= 0)
		close(fd);
	if (r < 0)
		snprintf(ret_note, 256, "The key in %.160s/" KEY_FILE " cannot be used (%s): it must hold 64 hex digits.", path,
			strerror(-r));
	return r;
}

int state_key(const char *path, uint8_t ret_key[SHA256_LEN])
{
	int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = dir < 0 ? -1 : openat(dir, KEY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? -errno : read_key(fd, ret_key);

	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return r;
}

int state_open(struct state *s, struct slice path, char ret_note[256])
{
	char text[4096];

	*s = (struct state){.dir = -1, .lock = -1};
	if (!path.len || path.len >= sizeof(text)) {
		snprintf(ret_note, 256, "The path of the state directory is empty or too long.");
		return -EINVAL;
	}
	memcpy(text, path.at, path.len);
	text[path.len] = '\0';
	int r = make_folders(text);
	s->dir = r < 0 ? -1 : open(text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0) {
		r = r < 0 ? r : -errno;
		snprintf(ret_note, 256, "The state directory %.160s cannot be used: %s.", text, strerror(-r));
		return r;
	}
	s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		r = -errno;
		snprintf(ret_note, 256,
			r == -EWOULDBLOCK ? "Another Weir owns the state directory %.100s; stop it or set store.path to another folder."
					  : "The state directory %.100s cannot be locked.",
			text);
		state_close(s);
		return r;
	}
	r = load_key(s, text, ret_note);
	if (r < 0)
		state_close(s);
	return r;
}

void state_close(struct state *s)
{
	if (s->lock >= 0)
		close(s->lock);
	if (s->dir >= 0)
		close(s->dir);
	wipe(s->key, sizeof(s->key));
	s->dir = s->lock = -1;
}
