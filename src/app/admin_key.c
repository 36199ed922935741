/* SPDX-License-Identifier: Apache-2.0 */
/* admin_key: see admin_key.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/admin_key.h"
#include "base/log.h"
#include "crypto/key.h"

/* One line, with or without its end. file: for what is said. */
static int read_line(int fd, const char *file, char *ret, size_t room)
{
	struct stat st;
	ssize_t n = read(fd, ret, room);

	if (n < 0)
		return -errno;
	if (n && ret[n - 1] == '\n')
		n--;
	if (!n || (size_t)n >= room || memchr(ret, '\n', (size_t)n) || memchr(ret, 0, (size_t)n))
		return -EINVAL;
	ret[n] = '\0';
	if (fstat(fd, &st) == 0 && st.st_mode & 077)
		log_warn("the operator's key in %.200s can be read by others: chmod 600 the file", file);
	return 0;
}

int admin_key_read(const char *file, char *ret_key, size_t room)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r = fd < 0 ? -errno : read_line(fd, file, ret_key, room);

	if (fd >= 0)
		close(fd);
	return r;
}

/* Written under another name first, so that a crash leaves a whole key or none. */
static int make(const struct state *s, char key[KEY_LEN + 2])
{
	int fd = openat(s->dir, ADMIN_KEY_FILE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	key_new(key);
	key[KEY_LEN] = '\n';
	bool good = write(fd, key, KEY_LEN + 1) == KEY_LEN + 1 && fsync(fd) == 0;
	close(fd);
	key[KEY_LEN] = '\0';
	return good && renameat(s->dir, ADMIN_KEY_FILE ".new", s->dir, ADMIN_KEY_FILE) == 0 ? 0 : -EIO;
}

int admin_key_open(const struct state *s, struct slice path, uint8_t ret_sha256[SHA256_LEN], bool *ret_made, char ret_note[256])
{
	char key[KEY_LEN + 2], file[128];
	int fd = openat(s->dir, ADMIN_KEY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int r = fd < 0 ? -errno : 0;
	bool is_new = r == -ENOENT;

	snprintf(file, sizeof(file), "%.110s/" ADMIN_KEY_FILE, path.at);
	if (fd >= 0)
		r = read_line(fd, file, key, sizeof(key));
	else if (is_new)
		r = make(s, key);
	if (fd >= 0)
		close(fd);
	if (r == 0 && !key_is_wellformed(slice_str(key)))
		r = -EINVAL;
	if (r == 0)
		sha256(slice_str(key), ret_sha256);
	else
		snprintf(ret_note, 256, is_new ? "No operator's key can be written to %s: %s." :
			"The operator's key in %s cannot be used: %s. Remove the file, and a new one is made.",
			file, r == -EINVAL ? "it is none" : strerror(-r));
	*ret_made = r == 0 && is_new;
	wipe(key, sizeof(key));
	return r;
}
