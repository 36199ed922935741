/* SPDX-License-Identifier: Apache-2.0 */
/* journal: the worker's side. Records are packed when they are put down and hashed when the turn
 * ends, since only then it is known which segment they join. The hash before lies in front of the
 * turn's bytes, so that each frame hashes one run. */
#include "journal/journal_core.h"
#include <assert.h>
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/log.h"

#define TURN_KEPT (256u << 10) /* memory that a turn which needed more gives back */

int journal_init(struct journal *j, struct keeper *k, uint32_t worker, struct slice user_key)
{
	int r;

	j->keeper = k;
	j->worker = worker;
	buf_init(&j->turn, SHA256_LEN + j->turn_max + RECORD_MAX + FRAME_EXTRA);
	buf_init(&j->head, SEGMENT_HEAD + FRAME_EXTRA + RECORD_MAX);
	list_init(&j->segments);
	r = buf_reserve(&j->turn, SHA256_LEN + RECORD_MAX + FRAME_EXTRA);
	if (!r)
		r = buf_reserve(&j->head, j->head.max);
	if (r)
		return r;
	buf_commit(&j->turn, SHA256_LEN);
	r = seal_init(&j->kept, user_key, KEPT_LABEL);
	return r ? r : users_init(&j->users, user_key);
}

void journal_finish(struct journal *j)
{
	users_finish(&j->users);
	seal_finish(&j->kept);
	buf_wipe(&j->turn);
	buf_finish(&j->head);
}

int journal_put(struct journal *j, enum entry_kind kind, const void *entry)
{
	struct buf *out = &j->turn;
	size_t before = buf_len(out);
	uint32_t length;
	int r;

	if (before - SHA256_LEN > j->turn_max)
		return -ENOBUFS;
	r = buf_reserve(out, FRAME_EXTRA + RECORD_MAX);
	if (r)
		return r;
	buf_commit(out, FRAME_HEAD);
	r = entry_pack(out, kind, entry, &j->users);
	if (r) {
		buf_truncate(out, before);
		return r;
	}
	length = (uint32_t)(buf_len(out) - before - FRAME_HEAD);
	memcpy(buf_at(out) + before, &length,
	        sizeof(length)); /* host order until the frame is closed */
	buf_commit(out, SHA256_LEN);
	return 0;
}

int journal_put_decision(struct journal *j, const struct entry_decision *e)
{
	return journal_put(j, ENTRY_DECISION, e);
}

int journal_put_reservation(struct journal *j, const struct entry_reservation *e)
{
	return journal_put(j, ENTRY_RESERVATION, e);
}

int journal_put_settlement(struct journal *j, const struct entry_settlement *e)
{
	return journal_put(j, ENTRY_SETTLEMENT, e);
}

int journal_put_outcome(struct journal *j, const struct entry_outcome *e)
{
	return journal_put(j, ENTRY_OUTCOME, e);
}

int journal_put_note(struct journal *j, const struct entry_note *e)
{
	return journal_put(j, ENTRY_NOTE, e);
}

int journal_put_admin_action(struct journal *j, const struct entry_admin_action *e)
{
	return journal_put(j, ENTRY_ADMIN_ACTION, e);
}

bool journal_has_put(const struct journal *j)
{
	return buf_len(&j->turn) > SHA256_LEN;
}

/* The first bytes of a segment, which no put could have made before its number was known. */
static int head_make(struct journal *j, const struct segment *s)
{
	struct entry_segment e = {
	        .wall_ns = clock_wall(j->clock),
	        .format = SEGMENT_FORMAT,
	        .worker = j->worker,
	        .number = s->number,
	        .previous = j->last,
	        .previous_hash = slice_from(j->hash, j->last ? SHA256_LEN : 0),
	        .version = SLICE(WEIR_VERSION),
	        .instance = slice_from(j->instance, 16),
	        .encryption = SLICE("none"),
	};
	struct buf *out = &j->head;
	int r;

	buf_clear(out);
	segment_head((uint8_t *)buf_tail(out));
	buf_commit(out, SEGMENT_HEAD + FRAME_HEAD);
	r = entry_pack(out, ENTRY_SEGMENT, &e, NULL);
	if (r)
		return r;
	frame_close((uint8_t *)buf_at(out) + SEGMENT_HEAD,
	        (uint32_t)(buf_len(out) - SEGMENT_HEAD - FRAME_HEAD));
	buf_commit(out, SHA256_LEN);
	return 0;
}

/* Hashes the turn's frames, the first one over the hash that stands before it in the file. */
static void turn_close(struct journal *j, const void *before)
{
	uint8_t *at = (uint8_t *)buf_at(&j->turn), *end = at + buf_len(&j->turn);
	uint32_t length;

	memcpy(at, before, SHA256_LEN);
	for (at += SHA256_LEN; at < end; at += FRAME_EXTRA + length) {
		memcpy(&length, at, sizeof(length));
		frame_close(at, length);
	}
}

static void turn_clear(struct journal *j)
{
	buf_truncate(&j->turn, SHA256_LEN);
	if (j->turn.cap > TURN_KEPT) {
		struct buf fresh = BUF_INIT(j->turn.max);

		if (buf_reserve(&fresh, SHA256_LEN + RECORD_MAX + FRAME_EXTRA) == 0) {
			buf_commit(&fresh, SHA256_LEN);
			buf_finish(&j->turn);
			j->turn = fresh;
		}
	}
}

static int write_all(int fd, struct iovec *v, int n, uint64_t offset)
{
	while (n) {
		ssize_t w = pwritev(fd, v, n, (off_t)offset);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return w < 0 ? -errno : -EIO;
		offset += (size_t)w;
		for (; n && (size_t)w >= v->iov_len; v++, n--)
			w -= (ssize_t)v->iov_len;
		if (n) {
			v->iov_base = (char *)v->iov_base + w;
			v->iov_len -= (size_t)w;
		}
	}
	return 0;
}

/* What a failed write left behind must not be read as records after a crash. The segment is left,
 * so that it loses its room does no harm; where the disk does not even take that, a length of zero
 * ends it. */
static void segment_cut(const struct segment *s, uint64_t at)
{
	static const uint8_t zero[FRAME_HEAD];

	if (ftruncate(s->fd, (off_t)at) < 0 && pwrite(s->fd, zero, sizeof(zero), (off_t)at) < 0)
		log_error("what a failed write left in a journal segment stays there: %s",
		        strerror(errno));
}

static void segment_leave(struct journal *j, struct segment *s)
{
	if (!s)
		return;
	atomic_store_explicit(&s->done, true, memory_order_release);
	keeper_wake(j->keeper);
}

static void publish(struct journal *j, struct segment *s, uint64_t size)
{
	atomic_store_explicit(&s->size, size, memory_order_release);
	atomic_store_explicit(&j->place, (uint64_t)s->number << 32 | size, memory_order_release);
}

/* Writes the turn behind what counts in s, which is empty if it is new: then its head comes first.
 */
static int segment_write(struct journal *j, struct segment *s)
{
	uint64_t size = atomic_load_explicit(&s->size, memory_order_relaxed);
	size_t head = 0, turn = buf_len(&j->turn) - SHA256_LEN;
	struct iovec v[2];
	int n = 0, r = 0;

	if (!size) {
		r = head_make(j, s);
		head = buf_len(&j->head);
		v[n++] = (struct iovec){buf_at(&j->head), head};
	}
	if (r)
		return r;
	turn_close(j, size ? (char *)j->hash : buf_at(&j->head) + head - SHA256_LEN);
	if (turn)
		v[n++] = (struct iovec){buf_at(&j->turn) + SHA256_LEN, turn};
	r = size + head + turn > s->room ? -ENOSPC : write_all(s->fd, v, n, size);
	if (r) {
		segment_cut(s, size);
		return r;
	}
	memcpy(j->hash,
	        turn ? buf_at(&j->turn) + buf_len(&j->turn) - SHA256_LEN
	             : buf_at(&j->head) + head - SHA256_LEN,
	        SHA256_LEN);
	j->last = s->number;
	j->written += head + turn;
	publish(j, s, size + head + turn);
	return 0;
}

/* The turn goes into a fresh segment. The one before is left only when that has worked. */
static int write_fresh(struct journal *j)
{
	struct segment *s = atomic_exchange_explicit(&j->spare, NULL, memory_order_acq_rel);
	int r = s ? segment_write(j, s) : -ENOSPC;

	if (r) {
		segment_leave(j, s);
		return r;
	}
	segment_leave(j, j->current);
	j->current = s;
	j->broken = false;
	keeper_wake(j->keeper);
	return 0;
}

static bool is_suspect(const struct journal *j)
{
	return j->broken || !j->current ||
	       atomic_load_explicit(&j->current->suspect, memory_order_acquire);
}

static uint64_t room_left(const struct journal *j)
{
	return j->current->room - atomic_load_explicit(&j->current->size, memory_order_relaxed);
}

int journal_begin(struct journal *j)
{
	struct buf turn = j->turn;
	int r;

	/* What is put down already waits for the end of its turn. */
	j->turn.end = j->turn.start + SHA256_LEN;
	r = write_fresh(j);
	j->turn.end = turn.end;
	return r;
}

bool journal_is_ready(struct journal *j)
{
	if (__builtin_expect(is_suspect(j), 0))
		return journal_begin(j) == 0;
	/* A fresh segment holds any turn, also the one after. */
	if (__builtin_expect(atomic_load_explicit(&j->spare, memory_order_relaxed) != NULL, 1))
		return true;
	/* Without one, calls that are under way still have to end: two largest turns are kept for
	 * them. */
	return room_left(j) >= buf_len(&j->turn) + 3 * j->turn_max;
}

int journal_end_turn(struct journal *j)
{
	size_t turn = buf_len(&j->turn) - SHA256_LEN;
	int r;

	if (!turn)
		return 0;
	if (!is_suspect(j) && turn <= room_left(j)) {
		r = segment_write(j, j->current);
		j->broken = r < 0;
	} else {
		r = write_fresh(j);
	}
	turn_clear(j);
	return r;
}

void journal_sync(
        struct journal *j, struct journal_wait *w, void (*done)(struct journal_wait *w, int result))
{
	*w = (struct journal_wait){.journal = j, .done = done, .place = journal_place(j)};
	keeper_push(j->keeper, w);
}

struct journal_place journal_place(struct journal *j)
{
	uint64_t place = atomic_load_explicit(&j->place, memory_order_acquire);

	return (struct journal_place){j->worker, (uint32_t)(place >> 32), (uint32_t)place};
}

uint64_t journal_written(const struct journal *j)
{
	return j->written;
}
