/* SPDX-License-Identifier: Apache-2.0 */
/* follow: see follow.h. A segment is left only when the next one has a record: its writer has left
 * it then, and what it still wrote before is looked for once more. */
#include "journal/follow.h"
#include <errno.h>
#include <sys/stat.h>

void follow_init(struct follow *f, int dir, uint32_t worker, uint32_t number, uint64_t offset)
{
	*f = (struct follow){
	        .dir = dir, .worker = worker, .number = number, .offset = offset, .s.fd = -1};
}

void follow_finish(struct follow *f)
{
	if (f->s.fd >= 0)
		segment_close(&f->s);
}

static uint64_t limit_of(const struct follow *f, uint32_t number)
{
	return f->limit.number == number ? f->limit.size : UINT64_MAX;
}

void follow_limit(struct follow *f, struct journal_place place)
{
	f->limit = place;
	if (f->s.fd >= 0)
		f->s.limit = limit_of(f, f->number);
}

/* The number of the worker's next segment from `from` on, 0: there is none; or a negative errno. */
static int64_t find(const struct follow *f, uint32_t from)
{
	struct segment_list l = {NULL};
	int r = segment_list_read(f->dir, &l);
	const struct segment_id *id = r ? NULL : segment_list_find(&l, f->worker, from);
	int64_t number = id ? (int64_t)id->number : r;

	segment_list_finish(&l);
	return f->limit.number && number > (int64_t)f->limit.number ? 0 : number;
}

static int open_at(struct follow *f, struct segment_reader *s, uint32_t number, uint64_t offset)
{
	int r = segment_open(s, f->dir, (struct segment_id){f->worker, number}, offset);

	if (!r)
		s->limit = limit_of(f, number);
	return r;
}

/* The segment to begin with. 1, 0: there is none yet, or a negative errno. */
static int begin(struct follow *f)
{
	int64_t number = find(f, f->number);
	int r;

	if (number <= 0)
		return (int)number;
	if (number != (int64_t)f->number)
		f->offset = 0;
	f->number = (uint32_t)number;
	r = open_at(f, &f->s, f->number, f->offset);
	return r == -ENOENT ? 0 : r ? r : 1;
}

static bool is_closed(const struct segment_reader *s)
{
	struct stat st;

	return fstat(s->fd, &st) == 0 && !(st.st_mode & 0200);
}

/* The first segment after this one that has a record. 1, 0: none has, or a negative errno. */
static int look_ahead(struct follow *f, struct segment_reader *s, uint32_t *ret_number)
{
	int64_t number = f->number;
	struct entry e;
	int r = 0;

	while (!r) {
		number = find(f, (uint32_t)number + 1);
		if (number <= 0)
			return (int)number;
		r = open_at(f, s, (uint32_t)number, 0);
		if (!r)
			r = segment_next(s, NULL, &e);
		segment_close(s);
	}
	*ret_number = (uint32_t)number;
	return r;
}

/* Whether a segment after this one has begun; then it is open in ret. 1, 0, or a negative errno.
 * One without a record before it may be what the power took; or it was filled meanwhile, which a
 * second look tells. */
static int peek(struct follow *f, struct segment_reader *ret, uint32_t *ret_number)
{
	bool is_last = f->limit.number == f->number;
	int r = is_last ? 0 : look_ahead(f, ret, ret_number);

	if ((r == 1 || r == -EBADMSG) && *ret_number != f->number + 1)
		r = look_ahead(f, ret, ret_number);
	/* Its first turn may be half written. If nobody is at it any more, reading it says what is
	 * wrong. */
	if (r == -EBADMSG)
		r = is_closed(&f->s);
	if (r == 1)
		r = open_at(f, ret, *ret_number, 0) ? 0 : 1;
	return r == -ENOENT ? 0 : r;
}

int follow_next(struct follow *f, struct unpack *u, struct entry *ret)
{
	struct segment_reader next = {.fd = -1};
	uint32_t number = 0;
	int r;

	if (f->s.fd < 0) {
		r = begin(f);
		if (r <= 0)
			return r;
	}
	for (;;) {
		r = segment_next(&f->s, u, ret);
		if (r)
			return r;
		r = peek(f, &next, &number);
		if (r <= 0)
			return r;
		r = segment_next(&f->s, u, ret);
		if (r) {
			segment_close(&next);
			return r;
		}
		segment_close(&f->s);
		f->s = next;
		f->number = number;
	}
}

void follow_skip(struct follow *f)
{
	follow_finish(f);
	f->s.fd = -1;
	f->number++;
	f->offset = 0;
}

void follow_place(const struct follow *f, uint32_t *ret_number, uint64_t *ret_offset)
{
	*ret_number = f->number;
	*ret_offset = f->s.fd >= 0 ? f->s.at : f->offset;
}
