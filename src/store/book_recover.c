/* SPDX-License-Identifier: Apache-2.0 */
/* book_recover: what a process that died had not finished. One process owns the state, so whatever
 * is held or open at start is a dead one's: it is charged and ended in the journal, and the book
 * learns of it from there. Cut short, it goes on with the next start. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include "base/log.h"
#include "journal/journal.h"
#include "store/book_core.h"

#define A_TURN 64u    /* records */
#define WAIT_MS 5000u /* for the keeper to make room */

struct recover {
	struct book *b;
	struct journal *journal;
	struct unpack unpack; /* users stay sealed */
	uint64_t now;
	unsigned put, charged, ended;
};

static int wait_for_room(struct recover *x)
{
	const struct timespec ms = {.tv_nsec = (long)NS_PER_MS};

	for (unsigned i = 0; i < WAIT_MS; i++) {
		if (journal_is_ready(x->journal))
			return 0;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ms, NULL);
	}
	return -ENOSPC;
}

static int end_turn(struct recover *x)
{
	x->put = 0;
	return journal_end_turn(x->journal);
}

/* Before one is put down. */
static int begin(struct recover *x)
{
	int r = x->put++ < A_TURN ? 0 : end_turn(x);

	return r ? r : wait_for_room(x);
}

static int charge(struct recover *x, sqlite3_stmt *s)
{
	struct entry held;
	int r = entry_unpack(&x->unpack, column_slice(s, 0), &held);

	if (!r && held.kind != ENTRY_RESERVATION)
		r = -EBADMSG;
	if (!r)
		r = begin(x);
	if (r)
		return r;
	struct entry_settlement e = {
	        .id = held.reservation.id,
	        .request_id = held.reservation.request_id,
	        .wall_ns = x->now,
	        .cost = held.reservation.cost,
	        .tokens = held.reservation.tokens,
	        .estimated = true,
	        .by_recovery = true,
	};
	x->charged++;
	return journal_put_settlement(x->journal, &e);
}

/* A call that was refused is over as it was refused; of any other one nobody knows. */
static int end_call(struct recover *x, sqlite3_stmt *s)
{
	bool denied = sqlite3_column_int(s, 1);
	struct entry e;
	int r = entry_unpack(&x->unpack, column_slice(s, 0), &e);

	if (!r && e.kind != ENTRY_DECISION)
		r = -EBADMSG;
	if (!r)
		r = begin(x);
	if (r)
		return r;
	struct entry_outcome o = {
	        .who = e.decision.who,
	        .dialect = e.decision.dialect,
	        .action = e.decision.action,
	        .model = e.decision.model,
	        .upstream = e.decision.upstream,
	        .code = denied && e.decision.code.len ? e.decision.code : SLICE("outcome_unknown"),
	        .ended_by = SLICE("gateway"),
	        .cost = sqlite3_column_int64(s, 3),
	        .estimated = !denied,
	};
	o.who.wall_ns = x->now;
	x->ended++;
	return journal_put_outcome(x->journal, &o);
}

static int each_row(
        struct recover *x, enum book_sql which, int (*fn)(struct recover *x, sqlite3_stmt *s))
{
	sqlite3_stmt *s = book_statement(x->b, which);
	int code = SQLITE_DONE, r = s ? 0 : book_error(x->b);

	while (!r && (code = sqlite3_step(s)) == SQLITE_ROW)
		r = fn(x, s);
	if (!r && code != SQLITE_DONE)
		r = book_error(x->b);
	if (s)
		sqlite3_reset(s);
	return r;
}

static int put_note(struct recover *x)
{
	char text[160];
	int len = snprintf(text, sizeof(text),
	        "A process died: %u reservations that it held were charged, %u calls of it were "
	        "ended.",
	        x->charged, x->ended);
	struct entry_note e = {.wall_ns = x->now, .text = slice_from(text, (size_t)len)};

	log_warn("%s", text);
	return journal_put_note(x->journal, &e);
}

static int recover(struct recover *x)
{
	int r = each_row(x, SQL_HELD_ALL, charge);

	if (!r)
		r = end_turn(x);
	/* What a call was charged is known to the book once that is folded. */
	if (!r && x->charged)
		r = book_fold(x->b);
	if (!r)
		r = each_row(x, SQL_CALLS, end_call);
	if (!r && (x->charged || x->ended))
		r = put_note(x);
	if (!r)
		r = end_turn(x);
	return r || !(x->charged || x->ended) ? r : book_fold(x->b);
}

/* Before the book has moved back: a start that is cut short finds the gap again. */
static int note_gap(struct recover *x, const struct gap *g)
{
	char name[SEGMENT_NAME], text[400], more[100] = "";
	int len;

	segment_name(g->left, name);
	if (g->has_more && g->left.number)
		snprintf(more, sizeof(more), " So may be what stood behind byte %" PRIu64 " of %s.",
		        g->left_at, name);
	else if (g->has_more)
		snprintf(more, sizeof(more), " So may be what stood before it.");
	segment_name(g->id, name);
	len = snprintf(text, sizeof(text),
	        "The power must have failed: %s ends at byte %" PRIu64
	        ", and was read up to byte %" PRIu64 " before. What was counted from there stays "
	        "counted; the records themselves are lost.%s",
	        name, g->from, g->to, more);
	struct entry_note e = {.wall_ns = x->now,
	        .text = slice_from(text, (size_t)len),
	        .lost_worker = g->id.worker,
	        .lost_segment = g->id.number,
	        .lost_from = g->from,
	        .lost_to = g->to};
	int r = begin(x);

	log_warn("%s", text);
	return r ? r : journal_put_note(x->journal, &e);
}

static int note_gaps(struct recover *x)
{
	int r = book_find_gaps(x->b);
	const struct gap *g = (const void *)buf_at(&x->b->gaps);
	size_t n = buf_len(&x->b->gaps) / sizeof(*g);

	for (size_t i = 0; !r && i < n; i++)
		r = note_gap(x, &g[i]);
	/* When the book has moved, nothing in the folder says any more why it had to: that it has
	 * is to be on the disk before. */
	if (!r && n)
		r = book_execute(x->b, "PRAGMA synchronous = FULL");
	return r || !n ? r : end_turn(x);
}

/* Nothing of what processes that died have left is needed any more. */
static int let_go(struct recover *x)
{
	int r = buf_len(&x->b->gaps) ? book_execute(x->b, "PRAGMA synchronous = NORMAL") : 0;

	if (!r && x->b->keeper)
		keeper_end_recovery(x->b->keeper);
	return r;
}

int book_catch_up(struct book *b, struct journal *first)
{
	struct recover x = {
	        .b = b,
	        .journal = first,
	        .unpack = UNPACK_INIT,
	        .now = clock_wall(b->clock),
	};
	int r = note_gaps(&x);

	if (!r)
		r = book_fold(b);
	if (!r)
		r = recover(&x);
	if (!r)
		r = let_go(&x);
	unpack_finish(&x.unpack);
	if (r == -ENOSPC && !*b->note)
		book_say(b, "There is no room in the journal to end what a process that died has "
		            "left; free some.");
	else if (r && !*b->note)
		book_say(b, "What a process that died has left cannot be ended: %s.", strerror(-r));
	return r;
}

int book_each_counter(struct book *b,
        int (*fn)(void *arg, struct slice group, struct slice name, uint64_t window, uint64_t ends,
                nanousd cost, uint64_t tokens),
        void *arg)
{
	sqlite3_stmt *s = book_statement(b, SQL_COUNTERS);
	int code = SQLITE_DONE, r = s ? 0 : book_error(b);

	if (!r)
		sqlite3_bind_int64(s, 1, as_signed(clock_wall(b->clock) / NS_PER_S));
	while (!r && (code = sqlite3_step(s)) == SQLITE_ROW) {
		uint64_t ends = (uint64_t)sqlite3_column_int64(s, 3);

		r = fn(arg, column_slice(s, 0), column_slice(s, 1),
		        (uint64_t)sqlite3_column_int64(s, 2), ends == INT64_MAX ? UINT64_MAX : ends,
		        sqlite3_column_int64(s, 4), (uint64_t)sqlite3_column_int64(s, 5));
	}
	if (!r && code != SQLITE_DONE)
		r = book_error(b);
	if (s)
		sqlite3_reset(s);
	return r;
}
