/* SPDX-License-Identifier: Apache-2.0 */
/* recover: what a process that died has left. A turn is one write, and only a turn whose write was
 * over was acknowledged: so the first frame that does not hold is where the last write broke off.
 * Unless another one that holds stands behind it: then the file was changed by something else, and
 * is left as it is for `weir audit verify` to show. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "journal/keeper_files.h"
#include "journal/read.h"

__attribute__((format(printf, 3, 4))) static int note(
        struct recovery *r, struct segment_id id, const char *format, ...)
{
	struct recover_note n = {.worker = id.worker};
	va_list args;

	va_start(args, format);
	vsnprintf(n.text, sizeof(n.text), format, args);
	va_end(args);
	return buf_put(&r->notes, &n, sizeof(n));
}

static int walk(struct segment_reader *s)
{
	struct entry e;
	int r;

	do
		r = segment_next(s, NULL, &e);
	while (r > 0);
	return r;
}

/* The tail that begins at s->at goes. */
static int cut(
        struct recovery *ret, int dir, struct segment_reader *s, const char *name, bool is_blank)
{
	struct recovered left = {.id = s->id, .is_empty = !s->records};
	struct stat st;
	int fd, r;

	if (fstat(s->fd, &st) < 0)
		return -errno;
	fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	r = segment_shorten(fd, s->records ? s->at : 0);
	close(fd);
	if (!r)
		r = buf_put(&ret->left, &left, sizeof(left));
	if (r || is_blank)
		return r;
	if (!s->records)
		return note(ret, s->id,
		        "%s held no whole record and was removed (%" PRIu64 " bytes).", name,
		        (uint64_t)st.st_size);
	return note(ret, s->id,
	        "The tail of %s was torn: from byte %" PRIu64 " on %" PRIu64
	        " bytes that were no whole record were cut.",
	        name, s->at, (uint64_t)st.st_size > s->at ? (uint64_t)st.st_size - s->at : 0);
}

static int recover_segment(struct recovery *ret, int dir, struct segment_id id)
{
	struct segment_reader s;
	char name[SEGMENT_NAME];
	struct stat st;
	int r, blank;

	segment_name(id, name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!(st.st_mode & 0200))
		return 0;
	r = segment_open(&s, dir, id, 0);
	if (!r)
		r = walk(&s);
	if (r == -EPROTONOSUPPORT) {
		segment_close(&s);
		return note(ret, id, "%s is of a later version and was left alone.", name);
	}
	if (s.fd < 0)
		return r == -EBADMSG || r == -ELOOP
		               ? note(ret, id,
		                         "%s is not a segment of a journal and was left alone.",
		                         name)
		               : r;
	blank = r == 0 || r == -EBADMSG ? segment_is_blank(&s) : r;
	if (blank == 0)
		r = segment_goes_on(&s);
	if (blank < 0 || r < 0)
		r = blank < 0 ? blank : r;
	if (blank == 1 || (blank == 0 && r == 0))
		r = cut(ret, dir, &s, name, blank == 1);
	else if (blank == 0 && r == 1)
		r = note(ret, id,
		        "%s is damaged at byte %" PRIu64
		        ": records that hold stand behind it. It was left as it is.",
		        name, s.at);
	segment_close(&s);
	return r;
}

int recover_folder(int dir, struct recovery *ret)
{
	struct segment_list l = {NULL};
	int r = segment_list_read(dir, &l);

	*ret = (struct recovery){.notes = BUF_INIT(1u << 20), .left = BUF_INIT(1u << 20)};
	for (size_t i = 0; !r && i < l.n; i++) {
		r = recover_segment(ret, dir, l.ids[i]);
		if (r == -ENOBUFS) /* notes enough; what stays open, the next start closes */
			r = 0;
	}
	segment_list_finish(&l);
	return r;
}

void recovery_finish(struct recovery *r)
{
	buf_finish(&r->notes);
	buf_finish(&r->left);
}

static void close_one(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return;
	fchmod(fd, 0400); /* where modes cannot be set it is looked at again, no more */
	close(fd);
}

void recover_end(int dir, const struct buf *left)
{
	const struct recovered *x = (const void *)buf_at(left);
	size_t n = buf_len(left) / sizeof(*x);
	char name[SEGMENT_NAME];

	for (size_t i = 0; i < n; i++) {
		segment_name(x[i].id, name);
		if (!x[i].is_empty)
			close_one(dir, name);
		else if (unlinkat(dir, name, 0) < 0)
			log_warn("%s cannot be removed: %s", name, strerror(errno));
	}
}

static int read_last(int dir, struct segment_id id, uint8_t ret_hash[SHA256_LEN])
{
	char name[SEGMENT_NAME];
	struct stat st;
	int r = 0, fd;

	segment_name(id, name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	memset(ret_hash, 0, SHA256_LEN);
	if (fd < 0 || fstat(fd, &st) < 0)
		r = -errno;
	else if (st.st_size > SHA256_LEN &&
	         pread(fd, ret_hash, SHA256_LEN, st.st_size - SHA256_LEN) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	return r == -ELOOP ? 0 : r;
}

static bool is_empty(int dir, struct segment_id id)
{
	char name[SEGMENT_NAME];
	struct stat st;

	segment_name(id, name);
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       !st.st_size;
}

int recover_last(int dir, uint32_t worker, uint32_t *ret_number, uint32_t *ret_next,
        uint8_t ret_hash[SHA256_LEN])
{
	struct segment_list l = {NULL};
	const struct segment_id *id;
	int r = segment_list_read(dir, &l);

	*ret_number = 0;
	*ret_next = 1;
	if (r)
		return r;
	for (id = segment_list_find(&l, worker, 0); id && id < l.ids + l.n && id->worker == worker;
	        id++) {
		*ret_next = id->number + 1;
		if (!is_empty(dir, *id))
			*ret_number = id->number;
	}
	segment_list_finish(&l);
	return *ret_number ? read_last(dir, (struct segment_id){worker, *ret_number}, ret_hash) : 0;
}
