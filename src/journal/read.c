/* SPDX-License-Identifier: Apache-2.0 */
/* read: see read.h. Reads in pieces, not through a map: a file that is cut meanwhile must not end
 * the process. */
#include "journal/read.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"

#define PIECE (16u << 10)
#define KIND "\xa4kind" /* what stands behind the head of every record's map */

static int bad(struct segment_reader *s, const char *problem)
{
	s->problem = problem;
	/* It may be that its writer is just at it: the next look is a fresh one. */
	buf_truncate(&s->bytes, SHA256_LEN);
	return -EBADMSG;
}

/* Up to len bytes from offset on; fewer at the end. */
static ssize_t read_at(int fd, void *to, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)to + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Sees to it that bytes hold `len` from `at` on, if the file and the limit go that far. Bytes
 * there, or a negative errno. */
static ssize_t fill(struct segment_reader *s, size_t len)
{
	size_t have = buf_len(&s->bytes) - SHA256_LEN;
	uint64_t left = s->limit > s->at ? s->limit - s->at : 0,
	         more = left > have ? left - have : 0;
	size_t room = (len < PIECE ? PIECE : len) - have;
	ssize_t n;
	int r;

	if (have >= len || !more)
		return (ssize_t)(have < left ? have : left);
	r = buf_reserve(&s->bytes, room);
	if (r)
		return r;
	n = read_at(s->fd, buf_tail(&s->bytes), more < room ? more : room, s->at + have);
	if (n < 0)
		return n;
	buf_commit(&s->bytes, (size_t)n);
	return (ssize_t)(have + (size_t)n);
}

static int open_head(struct segment_reader *s, uint64_t offset)
{
	static const uint8_t blank[SEGMENT_HEAD];
	uint8_t head[SEGMENT_HEAD] = {0};
	ssize_t n = read_at(s->fd, head, sizeof(head), 0);
	int r;

	if (n < 0)
		return (int)n;
	r = segment_head_check(head);
	if (r && !n)
		r = 0;
	if (r && !memcmp(head, blank, sizeof(head)))
		r = 0;
	if (r)
		return r;
	s->at = offset > SEGMENT_HEAD ? offset : SEGMENT_HEAD;
	r = buf_reserve(&s->bytes, SHA256_LEN + PIECE);
	if (r)
		return r;
	n = read_at(s->fd, buf_tail(&s->bytes), SHA256_LEN, s->at - SHA256_LEN);
	if (n < 0)
		return (int)n;
	if (n < SHA256_LEN && offset > SEGMENT_HEAD)
		return -EBADMSG;
	if (n < SHA256_LEN)
		memset(buf_tail(&s->bytes), 0, SHA256_LEN);
	buf_commit(&s->bytes, SHA256_LEN);
	return 0;
}

int segment_open(struct segment_reader *s, int dir, struct segment_id id, uint64_t offset)
{
	char name[SEGMENT_NAME];
	struct stat st;
	int r;

	*s = (struct segment_reader){.id = id, .limit = UINT64_MAX, .problem = ""};
	buf_init(&s->bytes, SHA256_LEN + 4 * (RECORD_MAX + PIECE));
	segment_name(id, name);
	s->fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	r = s->fd < 0 || fstat(s->fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EBADMSG;
	if (!r)
		r = open_head(s, offset);
	if (r == -EBADMSG)
		s->problem = "it is not a segment of a journal";
	if (r)
		segment_close(s);
	return r;
}

void segment_close(struct segment_reader *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	buf_finish(&s->bytes);
}

/* A head that came after the file was opened, when it was blank. */
static int look_at_head(struct segment_reader *s)
{
	if (s->at != SEGMENT_HEAD)
		return 0;
	if (read_at(s->fd, buf_at(&s->bytes), SHA256_LEN, 0) != SHA256_LEN ||
	        segment_head_check((const uint8_t *)buf_at(&s->bytes)))
		return bad(s, "the file does not begin as a segment does");
	return 0;
}

static int unpack_kind(struct slice record, struct entry *ret)
{
	struct unpack none = UNPACK_INIT;
	int r = entry_unpack(&none, record, ret);

	unpack_finish(&none);
	return r;
}

/* What the first record says about the file, and no other one says. */
static int check_place(struct segment_reader *s, const struct entry *e)
{
	bool is_first = s->at == SEGMENT_HEAD;

	if (is_first != (e->kind == ENTRY_SEGMENT))
		return bad(s, is_first ? "the first record does not say which segment this is"
		                       : "a record says once more which segment this is");
	if (!is_first)
		return 0;
	if (e->segment.format > SEGMENT_FORMAT)
		return -EPROTONOSUPPORT;
	if (e->segment.worker != s->id.worker || e->segment.number != s->id.number)
		return bad(s, "it is not the segment that its name says");
	return 0;
}

/* 1: a whole frame that holds is at the front; 0: none is there yet. */
static int look(struct segment_reader *s, uint32_t *ret_length)
{
	ssize_t n = fill(s, FRAME_HEAD);
	uint32_t length;

	s->ends = false;
	if (n <= 0)
		return (int)n;
	if (n < FRAME_HEAD)
		return bad(s, "it ends within the length of a record");
	length = frame_length(buf_at(&s->bytes) + SHA256_LEN);
	if (!length) {
		buf_truncate(&s->bytes, SHA256_LEN);
		s->ends = true;
		return 0;
	}
	if (length > RECORD_MAX)
		return bad(s, "the length of a record cannot be");
	n = fill(s, FRAME_EXTRA + (size_t)length);
	if (n < 0)
		return (int)n;
	if ((size_t)n < FRAME_EXTRA + (size_t)length)
		return bad(s, "it ends within a record");
	if (look_at_head(s))
		return -EBADMSG;
	if (s->at + FRAME_EXTRA + length >= s->trusted &&
	        !frame_holds((const uint8_t *)buf_at(&s->bytes) + SHA256_LEN))
		return bad(s, "a record does not fit its hash and what stands before it");
	*ret_length = length;
	return 1;
}

int segment_next(struct segment_reader *s, struct unpack *u, struct entry *ret)
{
	uint32_t length = 0;
	int r = look(s, &length);

	if (r <= 0)
		return r;
	s->record = slice_from(buf_at(&s->bytes) + SHA256_LEN + FRAME_HEAD, length);
	r = u ? entry_unpack(u, s->record, ret) : unpack_kind(s->record, ret);
	if (r == -EBADMSG)
		return bad(s, "a record is not msgpack of the kind that it says");
	if (!r)
		r = check_place(s, ret);
	if (r)
		return r;
	s->ended_at = s->at;
	s->at += FRAME_EXTRA + (uint64_t)length;
	s->records++;
	/* Its hash stays: it stands before the next one. */
	buf_take(&s->bytes, FRAME_EXTRA + (size_t)length);
	return 1;
}

void segment_hash(const struct segment_reader *s, uint8_t ret[SHA256_LEN])
{
	memcpy(ret, buf_at(&s->bytes), SHA256_LEN);
}

static bool is_zero(const char *at, size_t len)
{
	return !len || (!at[0] && !memcmp(at, at + 1, len - 1));
}

int segment_is_blank(struct segment_reader *s)
{
	char *piece = mem_alloc(PIECE);
	uint64_t at = s->at;
	ssize_t n = piece ? 1 : -ENOMEM;
	bool blank = true;

	while (n > 0 && blank) {
		n = read_at(s->fd, piece, PIECE, at);
		blank = n <= 0 || is_zero(piece, (size_t)n);
		at += n > 0 ? (uint64_t)n : 0;
	}
	mem_free(piece);
	return n < 0 ? (int)n : blank;
}

/* In len bytes at piece, which begin 32 before the first place of a frame. */
static bool holds_frame(const uint8_t *piece, size_t len)
{
	const uint8_t *at = piece, *end = piece + len;

	while ((at = memmem(at, (size_t)(end - at), KIND, sizeof(KIND) - 1))) {
		/* The map's head takes one byte, three or five. */
		for (unsigned head = 1; head <= 5; head += 2) {
			if ((size_t)(at - piece) < SHA256_LEN + FRAME_HEAD + head)
				continue;
			const uint8_t *frame = at - head - FRAME_HEAD;
			if (end - frame < FRAME_EXTRA)
				continue;
			uint32_t length = frame_length(frame);
			if (length && length <= RECORD_MAX &&
			        (size_t)(end - frame) >= FRAME_EXTRA + (size_t)length &&
			        frame_holds(frame))
				return true;
		}
		at++;
	}
	return false;
}

int segment_goes_on(struct segment_reader *s)
{
	/* Pieces overlap by the longest frame, so that each is whole in one of them. */
	const size_t overlap = SHA256_LEN + FRAME_EXTRA + RECORD_MAX, size = overlap + (1u << 20);
	uint8_t *piece = mem_alloc(size);
	uint64_t at = s->at - SHA256_LEN;
	ssize_t n = piece ? (ssize_t)size : -ENOMEM;
	bool found = false;

	while (n == (ssize_t)size && !found) {
		n = read_at(s->fd, piece, size, at);
		found = n > 0 && holds_frame(piece, (size_t)n);
		at += size - overlap;
	}
	mem_free(piece);
	return n < 0 ? (int)n : found;
}

uint64_t entry_wall(const struct entry *e)
{
	switch (e->kind) {
	case ENTRY_SEGMENT:
		return e->segment.wall_ns;
	case ENTRY_DECISION:
		return e->decision.who.wall_ns;
	case ENTRY_RESERVATION:
		return e->reservation.wall_ns;
	case ENTRY_SETTLEMENT:
		return e->settlement.wall_ns;
	case ENTRY_OUTCOME:
		return e->outcome.who.wall_ns;
	case ENTRY_NOTE:
		return e->note.wall_ns;
	case ENTRY_ADMIN_ACTION:
		return e->admin_action.wall_ns;
	case ENTRY_KEPT:
		return e->kept.wall_ns;
	default:
		return 0;
	}
}
