/* SPDX-License-Identifier: Apache-2.0 */
/* book_gap: the book may be ahead of the journal. SQLite brings its file to the disk before the
 * journal's last pages get there; when the power fails in between, the book has counted records
 * that are gone. Its sums are right then, and it goes on where the journal ends now: only where the
 * file was not closed yet, and is the same one and ends early, or is there and holds nothing.
 * Whatever else was changed is no loss of power, and stops the start. */
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include "store/book_core.h"

int book_say_lost(struct book *b, const struct place *p)
{
	char name[SEGMENT_NAME];

	segment_name((struct segment_id){p->worker, p->number}, name);
	book_say(b,
	        "%s, which was read up to byte %" PRIu64
	        ", is not in the journal's folder as it was then. Put it back "
	        "(or set audit.path back); or move " BOOK_FILE
	        " away, and what the journal holds is counted anew.",
	        name, p->offset);
	return -EBADMSG;
}

/* 1: the place is there as it was; 0: not; or a negative errno. */
static int is_there(struct book *b, const struct place *p)
{
	struct segment_reader s;
	uint8_t hash[SHA256_LEN];
	int r = segment_open(&s, b->journal, (struct segment_id){p->worker, p->number}, p->offset);

	if (r)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	segment_hash(&s, hash);
	segment_close(&s);
	return !memcmp(hash, p->hash, sizeof(hash));
}

struct left {            /* where a worker's journal ends now */
	struct place at; /* without a head: the segment holds no record, or there is none */
	bool is_open;    /* its file was not closed: what it lacks need not have been on the disk */
	bool has_more;   /* behind it something else may be lost */
};

/* Of a segment, from its first record on. 1: nothing that holds stands behind; 0: it is not a
 * segment, or something does; or a negative errno. */
static int find_end(struct book *b, struct segment_id id, struct left *ret)
{
	struct segment_reader s;
	struct entry e;
	struct stat st;
	int r = segment_open(&s, b->journal, id, 0);

	if (r)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	*ret = (struct left){.at = {.worker = id.worker, .number = id.number}};
	while ((r = segment_next(&s, NULL, &e)) > 0)
		if (e.kind == ENTRY_SEGMENT) {
			segment_hash(&s, ret->at.head);
			ret->at.has_head = true;
		}
	ret->at.offset = s.at;
	segment_hash(&s, ret->at.hash);
	if (!r || r == -EBADMSG)
		r = segment_is_blank(&s);
	if (!r) {
		r = segment_goes_on(&s);
		r = r < 0 ? r : !r;
	}
	if (r > 0 && fstat(s.fd, &st) < 0)
		r = -errno;
	ret->is_open = r > 0 && (st.st_mode & 0200);
	segment_close(&s);
	return r;
}

/* The worker's segment before that, passing over what holds no record either. */
static int find_before(struct book *b, struct segment_id id, struct left *ret)
{
	struct segment_list l = {NULL};
	struct left found = {.at.has_head = false};
	bool has_passed = false;
	int r = segment_list_read(b->journal, &l);
	size_t i = r ? 0 : l.n;

	r = r ? r : 1;
	while (r > 0 && !found.at.has_head && i--) {
		if (l.ids[i].worker != id.worker || l.ids[i].number >= id.number)
			continue;
		r = find_end(b, l.ids[i], &found);
		if (r > 0 && !found.at.has_head) {
			r = found.is_open;
			has_passed = true;
		}
	}
	segment_list_finish(&l);
	if (!found.at.has_head)
		found = (struct left){.at.worker = id.worker};
	found.has_more = has_passed || found.is_open;
	*ret = found;
	return r;
}

static bool is_same_segment(const struct place *a, const struct place *b)
{
	return a->has_head && b->has_head && !memcmp(a->head, b->head, sizeof(a->head));
}

/* Where to go on, into ret. 1, 0: that cannot be said; or a negative errno. Recovery, of this start
 * or one that was cut short, has left open what it found open (keeper_end_recovery). */
static int find_left(struct book *b, const struct place *p, struct left *ret)
{
	struct segment_id id = {p->worker, p->number};
	int r = find_end(b, id, ret);

	if (r <= 0 || !ret->is_open)
		return r < 0 ? r : 0;
	if (!ret->at.has_head)
		return find_before(b, id, ret);
	return is_same_segment(p, &ret->at) && ret->at.offset < p->offset;
}

static int look_at(struct book *b, struct place *p)
{
	struct left left;
	int r = p->number ? is_there(b, p) : 1;

	if (r)
		return r < 0 ? r : 0;
	r = find_left(b, p, &left);
	if (r <= 0)
		return r ? r : book_say_lost(b, p);
	struct gap g = {.id = {p->worker, p->number},
	        .from = left.at.number == p->number ? left.at.offset : 0,
	        .to = p->offset,
	        .left = {p->worker, left.at.number},
	        .left_at = left.at.offset,
	        .has_more = left.has_more};
	r = buf_put(&b->gaps, &g, sizeof(g));
	if (r)
		return r;
	*p = left.at;
	b->is_moved = true;
	return 0;
}

int book_find_gaps(struct book *b)
{
	int r = 0;

	for (unsigned i = 0; !r && i < b->read.n; i++)
		r = look_at(b, &b->read.list[i]);
	if (r && !*b->note)
		book_say(b, "The journal cannot be read: %s.", strerror(-r));
	return r;
}
