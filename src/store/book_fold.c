/* SPDX-License-Identifier: Apache-2.0 */
/* book_fold: reads the journal from where the last commit stands. Recovery writes into the first
 * worker's journal what it has to say about all workers' calls, so that one is read last. */
#include <errno.h>
#include <inttypes.h>
#include "base/log.h"
#include "base/mem.h"
#include "store/book_core.h"

enum { STOP = 1 }; /* of a copy: what follows cannot be read yet */

static int say_segment(struct book *b, struct segment_id id, int error, const char *what)
{
	char name[SEGMENT_NAME];

	segment_name(id, name);
	book_say(b, "%s %s.", name, what);
	return error;
}

static int say_bad(struct book *b, const struct segment_reader *s)
{
	char name[SEGMENT_NAME];

	segment_name(s->id, name);
	book_say(b,
	        "%s is damaged at byte %" PRIu64
	        " (%s): what was spent after that is not known. Put back a good copy of "
	        "it; `weir audit verify` shows more.",
	        name, s->at, s->problem);
	return -EBADMSG;
}

/* That no segment between the last one and this is missing. */
static int check_first(struct book *b, const struct place *p, const struct segment_reader *s,
        const struct entry_segment *e)
{
	char name[SEGMENT_NAME];

	if (e->previous == p->number)
		return 0;
	segment_name((struct segment_id){p->worker, e->previous}, name);
	if (!p->number) {
		log_warn("%s is missing in the journal: what was spent before the next segment is "
		         "not counted",
		        name);
		return 0;
	}
	segment_name(s->id, name);
	book_say(b,
	        "Before %s a segment of the journal is missing (number %" PRIu32
	        "): what was spent in it is not known. Put "
	        "it back.",
	        name, e->previous);
	return -EBADMSG;
}

static int take(
        struct book *b, struct place *p, const struct segment_reader *s, const struct entry *e)
{
	int r = e->kind == ENTRY_SEGMENT ? check_first(b, p, s, &e->segment)
	                                 : tally_take(&b->tally, e, s->record);

	if (r)
		return r;
	p->number = s->id.number;
	p->offset = s->at;
	segment_hash(s, p->hash);
	if (e->kind == ENTRY_SEGMENT) {
		segment_hash(s, p->head);
		p->has_head = true;
	}
	atomic_fetch_add_explicit(&b->folded, 1, memory_order_relaxed);
	return tally_is_full(&b->tally) ? book_write(b) : 0;
}

static int open_at(
        struct book *b, const struct place *p, struct segment_id id, struct segment_reader *s)
{
	uint64_t from = id.number == p->number ? p->offset : 0;
	uint8_t hash[SHA256_LEN];
	int r = segment_open(s, b->journal, id, from);

	if (from && (r == -ENOENT || r == -EBADMSG))
		return book_say_lost(b, p);
	if (r == -EPROTONOSUPPORT)
		return say_segment(b, id, r, "is of a later Weir");
	if (r)
		return r == -ENOMEM
		               ? r
		               : say_segment(b, id, r, "cannot be read as a segment of a journal");
	segment_hash(s, hash);
	if (from && memcmp(hash, p->hash, sizeof(hash)) != 0) {
		segment_close(s);
		return book_say_lost(b, p);
	}
	return 0;
}

/* 0: all of it that counts was read. The segment that is being written is this process's own from
 * its first byte on, so that what was written is believed: that its frames end where the writer's
 * do, and the last one's hash, show that it is still the same file. All others are checked whole.
 */
static int fold_segment(
        struct book *b, struct place *p, uint32_t number, struct journal_place limit)
{
	struct segment_reader s;
	struct entry e;
	int r = open_at(b, p, (struct segment_id){p->worker, number}, &s);

	if (r)
		return r;
	if (limit.number == number)
		s.limit = s.trusted = limit.size;
	while (!r && (r = segment_next(&s, &b->unpack, &e)) > 0)
		r = take(b, p, &s, &e);
	if (!r && limit.number == number && s.at != limit.size) {
		s.problem = "it ends before what was written into it";
		r = -EBADMSG;
	}
	if (r == -EBADMSG && !*b->note)
		r = b->lenient ? STOP : say_bad(b, &s);
	if (r == -EPROTONOSUPPORT)
		say_segment(b, s.id, r, "is of a later Weir");
	segment_close(&s);
	return r;
}

static int next_number(struct book *b, uint32_t worker, uint32_t from, uint32_t *ret)
{
	struct segment_list l = {NULL};
	int r = segment_list_read(b->journal, &l);
	const struct segment_id *id = r ? NULL : segment_list_find(&l, worker, from);

	*ret = id && id < l.ids + l.n && id->worker == worker ? id->number : 0;
	segment_list_finish(&l);
	return r;
}

/* limit.number 0: there is none. */
static int fold_worker(struct book *b, struct place *p, struct journal_place limit)
{
	uint32_t number = p->number;
	int r = number ? 0 : next_number(b, p->worker, 0, &number);

	/* It was begun anew: all of it is gone. */
	if (limit.number && number > limit.number)
		return book_say_lost(b, p);
	while (!r && number && (!limit.number || number <= limit.number)) {
		r = fold_segment(b, p, number, limit);
		if (r || number == limit.number)
			break;
		r = next_number(b, p->worker, number + 1, &number);
	}
	return r == STOP ? 0 : r;
}

/* Before the thread runs: whoever has a place, or segments, also workers that are no more. */
static int find_workers(struct book *b)
{
	struct segment_list l = {NULL};
	int r = segment_list_read(b->journal, &l);

	for (size_t i = 0; !r && i < l.n; i++)
		r = places_get(&b->read, l.ids[i].worker) ? 0 : -ENOMEM;
	for (uint32_t w = 0; !r && w < b->workers; w++)
		r = places_get(&b->read, w) ? 0 : -ENOMEM;
	segment_list_finish(&l);
	return r;
}

static int fold_one(struct book *b, struct place *p)
{
	struct journal_place limit = {.number = 0};

	if (p->worker < b->workers)
		limit = journal_place(keeper_journal(b->keeper, p->worker));
	if (b->started && !limit.number)
		return 0;
	return fold_worker(b, p, limit);
}

int book_fold(struct book *b)
{
	struct place *first = NULL;
	int r;

	b->note[0] = '\0';
	r = b->started ? 0 : find_workers(b);
	if (!r && b->lenient)
		r = book_find_gaps(b);
	for (unsigned i = 0; !r && i < b->read.n; i++) {
		if (b->read.list[i].worker)
			r = fold_one(b, &b->read.list[i]);
		else
			first = &b->read.list[i];
	}
	if (!r && first)
		r = fold_one(b, first);
	if (!r)
		r = book_write(b);
	if (!r)
		return 0;
	if (!*b->note)
		book_say(b,
		        r == -ENOMEM ? "There is not enough memory to read the journal."
		                     : "The journal cannot be read: %s.",
		        strerror(-r));
	tally_clear(&b->tally);
	if (b->read.list && places_copy(&b->read, &b->committed) == 0)
		return r;
	b->read.n = 0;
	return r;
}
