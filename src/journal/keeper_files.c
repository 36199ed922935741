/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_files: making and closing, see keeper_files.h. */
#include "journal/keeper_files.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"

#define ZEROS (256u << 10)

/* Where the file system cannot reserve, the zeros are written: a hole would only pretend to be
 * room. */
static int write_zeros(int fd, uint64_t room)
{
	char *zeros = mem_zalloc(ZEROS);
	int r = zeros ? 0 : -ENOMEM;

	for (uint64_t at = 0; !r && at < room;) {
		size_t len = room - at < ZEROS ? (size_t)(room - at) : ZEROS;
		ssize_t n = pwrite(fd, zeros, len, (off_t)at);

		if (n > 0)
			at += (size_t)n;
		else if (n == 0 || errno != EINTR)
			r = n == 0 ? -EIO : -errno;
	}
	mem_free(zeros);
	return r;
}

static int reserve(int fd, uint64_t room)
{
	int r;

	do
		r = fallocate(fd, 0, 0, (off_t)room) < 0 ? -errno : 0;
	while (r == -EINTR);
	return r == -EOPNOTSUPP || r == -ENOSYS ? write_zeros(fd, room) : r;
}

int segment_make(int dir, struct segment_id id, uint64_t room, struct segment **ret)
{
	struct segment *s = mem_zalloc(sizeof(*s));
	char name[SEGMENT_NAME];
	int r;

	if (!s)
		return -ENOMEM;
	segment_name(id, name);
	s->number = id.number;
	s->room = room;
	s->fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = s->fd < 0 ? -errno : reserve(s->fd, room);
	/* The name has to last as long as what is going to be written under it. */
	if (!r && fsync(dir) < 0)
		r = -errno;
	if (r) {
		if (s->fd >= 0) {
			unlinkat(dir, name, 0);
			close(s->fd);
		}
		mem_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

int segment_shorten(int fd, uint64_t size)
{
	int r = ftruncate(fd, (off_t)size) < 0 ? -errno : 0;

	if (fdatasync(fd) < 0 && !r)
		r = -errno;
	return r;
}

static int seal(int fd, uint64_t size)
{
	int r = segment_shorten(fd, size);

	if (!r)
		fchmod(fd, 0400); /* where modes cannot be set it is looked at again, no more */
	return r;
}

int segment_finish(int dir, uint32_t worker, struct segment *s)
{
	uint64_t size = atomic_load_explicit(&s->size, memory_order_acquire);
	char name[SEGMENT_NAME];
	int r = 0;

	segment_name((struct segment_id){worker, s->number}, name);
	if (!size)
		r = unlinkat(dir, name, 0) < 0 ? -errno : 0;
	else if (atomic_load(&s->suspect)) /* what the disk lost once, it is not asked for again */
		r = ftruncate(s->fd, (off_t)size) < 0 ? -errno : -EIO;
	else
		r = seal(s->fd, size);
	close(s->fd);
	mem_free(s);
	return r;
}
