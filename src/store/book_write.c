/* SPDX-License-Identifier: Apache-2.0 */
/* book_write: one commit. What the tally could not decide is asked of the database first: a
 * settlement of what is held there, an outcome of a call that is open there. */
#include <errno.h>
#include "base/mem.h"
#include "store/book_core.h"

/* For a settlement that comes very late, and so that a clock which was set ahead for a while makes
 * the book forget nothing. */
#define KEPT_NS (24 * 3600 * NS_PER_S)

static int write_calls(struct book *b)
{
	sqlite3_stmt *s = b->tally.calls.n ? book_statement(b, SQL_CALL) : NULL;
	struct slice key;
	void *value;
	int r = 0;

	if (b->tally.calls.n && !s)
		return book_error(b);
	for (size_t it = 0; !r && map_next(&b->tally.calls, &it, &key, &value);) {
		const struct open_call *c = value;

		bind_text(s, 1, c->request_id);
		sqlite3_bind_int(s, 2, c->denied);
		sqlite3_bind_int(s, 3, c->estimated);
		sqlite3_bind_int64(s, 4, c->cost);
		sqlite3_bind_int64(s, 5, c->tokens);
		bind_blob(s, 6, c->record);
		r = book_run(b, s);
	}
	return r;
}

static int write_held(struct book *b)
{
	sqlite3_stmt *s = b->tally.held.n ? book_statement(b, SQL_HELD) : NULL;
	struct slice key;
	void *value;
	int r = 0;

	if (b->tally.held.n && !s)
		return book_error(b);
	for (size_t it = 0; !r && map_next(&b->tally.held, &it, &key, &value);) {
		const struct held *h = value;

		bind_text(s, 1, h->id);
		bind_text(s, 2, h->request_id);
		sqlite3_bind_int64(s, 3, as_signed(h->expires));
		bind_blob(s, 4, h->record);
		r = book_run(b, s);
	}
	return r;
}

/* ---- what came late ---- */

struct was_held {
	struct slice record; /* in the tally's arena */
	bool charged;        /* recovery has: so much */
	int64_t cost, tokens;
};

static int take_out(struct book *b, enum book_sql which, struct slice id)
{
	sqlite3_stmt *s = book_statement(b, which);

	if (!s)
		return book_error(b);
	bind_text(s, 1, id);
	return book_run(b, s);
}

/* Takes a reservation out of the book; recovery's stays. 1, 0 when there is none, or a negative
 * errno. */
static int take_held(struct book *b, const struct entry_settlement *e, struct was_held *ret)
{
	sqlite3_stmt *s = book_statement(b, SQL_HELD_OF);
	int code, r = 0;

	if (!s)
		return book_error(b);
	bind_text(s, 1, e->id);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		ret->record = arena_dup(&b->tally.arena, column_slice(s, 0));
		ret->charged = sqlite3_column_int(s, 1);
		ret->cost = sqlite3_column_int64(s, 2);
		ret->tokens = sqlite3_column_int64(s, 3);
		r = 1;
	}
	if (code != SQLITE_DONE)
		r = book_error(b);
	sqlite3_reset(s);
	if (r == 1 && !ret->record.at)
		return -ENOMEM;
	if (r == 1 && !e->by_recovery) {
		int gone = take_out(b, SQL_HELD_OVER, e->id);

		r = gone ? gone : r;
	}
	return r;
}

static int mark_charged(
        struct book *b, const struct entry_settlement *e, int64_t cost, int64_t tokens)
{
	sqlite3_stmt *s = book_statement(b, SQL_HELD_CHARGED);

	if (!s)
		return book_error(b);
	bind_text(s, 1, e->id);
	sqlite3_bind_int64(s, 2, cost);
	sqlite3_bind_int64(s, 3, tokens);
	return book_run(b, s);
}

static int tell_call(struct book *b, const struct entry_settlement *e, int64_t cost, int64_t tokens)
{
	sqlite3_stmt *s = book_statement(b, SQL_CALL_SETTLED);

	if (!s)
		return book_error(b);
	bind_text(s, 1, e->request_id);
	sqlite3_bind_int64(s, 2, cost);
	sqlite3_bind_int64(s, 3, tokens);
	sqlite3_bind_int(s, 4, e->estimated || e->by_recovery);
	return book_run(b, s);
}

/* Only the first settlement counts, but that one which comes after recovery's corrects it. */
static int late_settlement(struct book *b, const struct entry_settlement *e)
{
	int64_t cost = e->cost > 0 ? e->cost : 0, tokens = as_signed(e->tokens);
	struct was_held was = {.cost = 0};
	struct entry held;
	int r = take_held(b, e, &was);

	if (r <= 0 || (was.charged && e->by_recovery))
		return r < 0 ? r : 0;
	r = entry_unpack(&b->unpack, was.record, &held);
	if (r || held.kind != ENTRY_RESERVATION)
		return r ? r : -EBADMSG;
	r = tally_spend(&b->tally, held.reservation.counters, held.reservation.n, cost - was.cost,
	        tokens - was.tokens);
	/* What the call's own outcome says comes with it. */
	if (!r && !map_get(&b->tally.over, e->request_id))
		r = tell_call(b, e, cost - was.cost, tokens - was.tokens);
	return r || !e->by_recovery ? r : mark_charged(b, e, cost, tokens);
}

/* A second outcome of a call says nothing more. */
static int late_outcome(struct book *b, const struct entry_outcome *o)
{
	sqlite3_stmt *s = book_statement(b, SQL_CALL_OF);
	int code, r = 0, denied = -1;

	if (!s)
		return book_error(b);
	bind_text(s, 1, o->who.request_id);
	while ((code = sqlite3_step(s)) == SQLITE_ROW)
		denied = sqlite3_column_int(s, 0);
	if (code != SQLITE_DONE)
		r = book_error(b);
	sqlite3_reset(s);
	if (r || denied < 0)
		return r;
	r = take_out(b, SQL_CALL_OVER, o->who.request_id);
	return r ? r : tally_outcome(&b->tally, o, denied);
}

static int write_late(struct book *b, const struct entry *e)
{
	switch (e->kind) {
	case ENTRY_SETTLEMENT:
		return late_settlement(b, &e->settlement);
	case ENTRY_OUTCOME:
		return late_outcome(b, &e->outcome);
	default:
		return book_take_kept(b, &e->kept);
	}
}

static int settle_late(struct book *b)
{
	int r = 0;

	for (struct late *l = b->tally.late; !r && l; l = l->next) {
		struct entry e;

		r = entry_unpack(&b->unpack, l->record, &e);
		if (!r)
			r = write_late(b, &e);
	}
	return r;
}

/* ---- sums ---- */

static void bind_sum(struct book *b, sqlite3_stmt *s, int at, int64_t sum)
{
	if (sum == INT64_MAX)
		book_say_full(b);
	sqlite3_bind_int64(s, at, sum);
}

static int write_counters(struct book *b)
{
	sqlite3_stmt *s = b->tally.counters ? book_statement(b, SQL_COUNTER) : NULL;
	int r = !b->tally.counters || s ? 0 : book_error(b);

	for (const struct counter_row *c = b->tally.counters; !r && c; c = c->next) {
		bind_text(s, 1, c->group);
		bind_text(s, 2, c->name);
		sqlite3_bind_int64(s, 3, as_signed(c->window));
		sqlite3_bind_int64(s, 4, as_signed(c->ends));
		bind_sum(b, s, 5, c->cost);
		bind_sum(b, s, 6, c->tokens);
		r = book_run(b, s);
	}
	return r;
}

static void bind_sums(struct book *b, sqlite3_stmt *s, int at, const struct ledger_sums *sums)
{
	const int64_t all[] = {as_signed(sums->calls), as_signed(sums->refused),
	        as_signed(sums->tokens_input), as_signed(sums->tokens_cached),
	        as_signed(sums->tokens_output), as_signed(sums->tokens_reasoning),
	        as_signed(sums->tokens_total), sums->cost, sums->estimated};

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		bind_sum(b, s, at++, all[i]);
}

static int write_ledger(struct book *b)
{
	sqlite3_stmt *s = b->tally.ledger ? book_statement(b, SQL_LEDGER) : NULL;
	int r = !b->tally.ledger || s ? 0 : book_error(b);

	for (const struct ledger_row *row = b->tally.ledger; !r && row; row = row->next) {
		sqlite3_bind_int64(s, 1, as_signed(row->hour));
		for (int i = 0; i < LEDGER_NAMES; i++)
			(i == LEDGER_USER ? bind_blob : bind_text)(s, 2 + i, row->names[i]);
		bind_sums(b, s, 2 + LEDGER_NAMES, &row->sums);
		r = book_run(b, s);
	}
	return r;
}

static int write_tools(struct book *b)
{
	sqlite3_stmt *s = b->tally.tools ? book_statement(b, SQL_TOOL) : NULL;
	int r = !b->tally.tools || s ? 0 : book_error(b);

	for (const struct tool_row *row = b->tally.tools; !r && row; row = row->next) {
		sqlite3_bind_int64(s, 1, as_signed(row->hour));
		for (int i = 0; i < TOOL_NAMES; i++)
			(i == TOOL_USER ? bind_blob : bind_text)(s, 2 + i, row->names[i]);
		sqlite3_bind_int64(s, 2 + TOOL_NAMES, as_signed(row->calls));
		sqlite3_bind_int64(s, 3 + TOOL_NAMES, as_signed(row->denied));
		bind_sum(b, s, 4 + TOOL_NAMES, row->cost);
		r = book_run(b, s);
	}
	return r;
}

static bool place_is_same(const struct places *all, const struct place *p)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->list[i].worker == p->worker)
			return all->list[i].number == p->number && all->list[i].offset == p->offset;
	return !p->number;
}

static int write_places(struct book *b)
{
	sqlite3_stmt *s = book_statement(b, SQL_PLACE);
	int r = s ? 0 : book_error(b);

	for (unsigned i = 0; !r && i < b->read.n; i++) {
		const struct place *p = &b->read.list[i];

		if (place_is_same(&b->committed, p))
			continue;
		sqlite3_bind_int64(s, 1, p->worker);
		sqlite3_bind_int64(s, 2, p->number);
		sqlite3_bind_int64(s, 3, as_signed(p->offset));
		bind_blob(s, 4, slice_from(p->hash, sizeof(p->hash)));
		if (p->has_head)
			bind_blob(s, 5, slice_from(p->head, sizeof(p->head)));
		else
			sqlite3_bind_null(s, 5);
		r = book_run(b, s);
	}
	return r;
}

/* ---- the commit ---- */

static int write_all(struct book *b)
{
	static int (*const parts[])(struct book * b) = {write_calls, write_held, settle_late,
	        write_counters, write_ledger, write_tools, write_places};
	int r = 0;

	for (unsigned i = 0; !r && i < sizeof(parts) / sizeof(*parts); i++)
		r = parts[i](b);
	return r;
}

/* Also of one that could not be rolled back when it failed. */
static int roll_back(struct book *b)
{
	return sqlite3_get_autocommit(b->db) ? 0 : book_do(b, SQL_ROLLBACK);
}

static int commit(struct book *b)
{
	int r = roll_back(b);

	if (!r)
		r = book_do(b, SQL_BEGIN);
	if (!r)
		r = write_all(b);
	return r ? r : book_do(b, SQL_COMMIT);
}

/* Records that change nothing may be read again: most starts find no others, and wait for no disk.
 */
static int skip(struct book *b)
{
	tally_clear(&b->tally);
	for (unsigned i = 0; i < b->read.n; i++)
		if (!places_get(&b->committed, b->read.list[i].worker))
			return -ENOMEM;
	return 0;
}

int book_write(struct book *b)
{
	struct places next = {NULL, 0}, old = b->committed;
	char why[BOOK_NOTE];
	int r;

	if (tally_is_empty(&b->tally) && !b->is_moved)
		return skip(b);
	r = places_copy(&next, &b->read);

	if (!r)
		r = commit(b);
	if (r) {
		memcpy(why, b->note, sizeof(why));
		roll_back(b);
		memcpy(b->note, why, sizeof(why));
	} else {
		b->committed = next;
		b->is_moved = false;
		next = old;
	}
	mem_free(next.list);
	tally_clear(&b->tally);
	return r;
}

static int delete_until(struct book *b, enum book_sql which, int64_t until)
{
	sqlite3_stmt *s = book_statement(b, which);

	if (!s)
		return book_error(b);
	sqlite3_bind_int64(s, 1, until);
	return book_run(b, s);
}

int book_forget_old(struct book *b)
{
	uint64_t now = clock_wall(b->clock), until = now > KEPT_NS ? now - KEPT_NS : 0;
	int r = delete_until(b, SQL_OLD_COUNTERS, as_signed(until / NS_PER_S));

	if (!r)
		r = delete_until(b, SQL_OLD_HELD, as_signed(until));
	return r ? r : book_forget_kept(b);
}
