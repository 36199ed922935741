/* SPDX-License-Identifier: Apache-2.0 */
/* book_gap: the book may be ahead of the journal. SQLite brings its file to the disk before the
 * journal's last pages get there; when the power fails in between, the book has counted records
 * that are gone. Its sums are right then, and it goes on where the journal ends now: only where the
 * file is the same one and ends early, or was there and held nothing. Whatever else was changed is
 * no loss of power, and stops the start. */
#include <errno.h>
#include <inttypes.h>
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

/* Of the segment of p, from its first record on: where it ends now, into ret. 1: nothing that holds
 * stands behind; 0: it is not a segment, or something does; or a negative errno. */
static int find_end(struct book *b, const struct place *p, struct place *ret)
{
	struct segment_reader s;
	struct entry e;
	int r = segment_open(&s, b->journal, (struct segment_id){p->worker, p->number}, 0);

	if (r)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	*ret = (struct place){.worker = p->worker, .number = p->number};
	while ((r = segment_next(&s, NULL, &e)) > 0)
		if (e.kind == ENTRY_SEGMENT) {
			segment_hash(&s, ret->head);
			ret->has_head = true;
		}
	ret->offset = s.at;
	segment_hash(&s, ret->hash);
	if (!r || r == -EBADMSG)
		r = segment_is_blank(&s);
	if (!r)
		r = segment_goes_on(&s) == 0;
	segment_close(&s);
	return r < 0 ? r : r && ret->has_head;
}

/* The worker's segment before that of p; number 0: there is none. */
static int find_before(struct book *b, const struct place *p, struct place *ret)
{
	struct segment_list l = {NULL};
	struct place at = {.worker = p->worker};
	int r = segment_list_read(b->journal, &l);

	for (size_t i = 0; !r && i < l.n; i++)
		if (l.ids[i].worker == p->worker && l.ids[i].number < p->number)
			at.number = l.ids[i].number;
	segment_list_finish(&l);
	*ret = at;
	if (r || !at.number)
		return r ? r : 1;
	return find_end(b, &at, ret);
}

static bool is_same_segment(const struct place *a, const struct place *b)
{
	return a->has_head && b->has_head && !memcmp(a->head, b->head, sizeof(a->head));
}

/* Where to go on, into ret. 1, 0: that cannot be said; or a negative errno. */
static int find_left(struct book *b, const struct place *p, struct place *ret)
{
	struct segment_id id = {p->worker, p->number};
	int r;

	if (b->keeper && keeper_has_removed(b->keeper, id))
		return find_before(b, p, ret);
	r = find_end(b, p, ret);
	return r > 0 ? is_same_segment(p, ret) && ret->offset < p->offset : r;
}

static int look_at(struct book *b, struct place *p)
{
	struct place left;
	int r = p->number ? is_there(b, p) : 1;

	if (r)
		return r < 0 ? r : 0;
	r = find_left(b, p, &left);
	if (r <= 0)
		return r ? r : book_say_lost(b, p);
	struct gap g = {.id = {p->worker, p->number},
	        .from = left.number == p->number ? left.offset : 0,
	        .to = p->offset};
	r = buf_put(&b->gaps, &g, sizeof(g));
	if (r)
		return r;
	*p = left;
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
