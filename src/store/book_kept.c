/* SPDX-License-Identifier: Apache-2.0 */
/* book_kept: the values of the store in the book. Each record is the whole of a value from then on,
 * and the latest version counts, in whatever order journals are read. The pieces of its bytes come
 * before it; those that no record follows are a turn that was torn. */
#include <errno.h>
#include "base/log.h"
#include "base/mem.h"
#include "store/book_core.h"
#include "store/keep.h"

/* Until every journal has been read that may still say something of it. */
#define KEPT_LONGER_NS (3600 * NS_PER_S)

static void bind_name(sqlite3_stmt *s, uint32_t type, struct slice group, struct slice name)
{
	sqlite3_bind_int64(s, 1, type);
	bind_text(s, 2, group);
	bind_text(s, 3, name);
}

static int take_part(struct book *b, const struct entry_kept *e)
{
	sqlite3_stmt *s = book_statement(b, SQL_KEPT_PART);

	if (!s)
		return book_error(b);
	bind_name(s, e->type, e->group, e->name);
	sqlite3_bind_int64(s, 4, as_signed(e->version));
	sqlite3_bind_int64(s, 5, e->part);
	bind_blob(s, 6, e->sealed);
	return book_run(b, s);
}

static int drop_parts(struct book *b, const struct entry_kept *e)
{
	sqlite3_stmt *s = book_statement(b, SQL_KEPT_PARTS_OVER);

	if (!s)
		return book_error(b);
	bind_name(s, e->type, e->group, e->name);
	return book_run(b, s);
}

int book_take_kept(struct book *b, const struct entry_kept *e)
{
	sqlite3_stmt *s = e->part ? NULL : book_statement(b, SQL_KEPT);
	int r;

	if (e->part)
		return take_part(b, e);
	if (!s)
		return book_error(b);
	bind_name(s, e->type, e->group, e->name);
	sqlite3_bind_int64(s, 4, as_signed(e->version));
	sqlite3_bind_int64(s, 5, e->state);
	bind_text(s, 6, e->id);
	bind_blob(s, 7, e->mark);
	sqlite3_bind_int64(s, 8, as_signed(e->until));
	sqlite3_bind_int64(s, 9, as_signed(e->ends));
	sqlite3_bind_int64(s, 10, e->parts);
	r = book_run(b, s);
	return r ? r : drop_parts(b, e);
}

int book_forget_kept(struct book *b)
{
	uint64_t now = clock_wall(b->clock);
	sqlite3_stmt *s = book_statement(b, SQL_OLD_KEPT);
	int r;

	if (!s)
		return book_error(b);
	sqlite3_bind_int64(s, 1, as_signed(now > KEPT_LONGER_NS ? now - KEPT_LONGER_NS : 0));
	r = book_run(b, s);
	/* Most often nothing went, and no part can be without its value. */
	return r || !sqlite3_changes(b->db) ? r : book_do(b, SQL_LOST_PARTS);
}

/* ---- reading them again */

struct reading {
	struct book *book;
	struct buf sealed; /* owned */
	char *text;        /* owned: of the seal's largest */
};

/* The pieces put together. 0, or a negative errno: -EBADMSG where some are missing. */
static int read_parts(struct reading *x, const struct entry_kept *e)
{
	struct book *b = x->book;
	sqlite3_stmt *s = book_statement(b, SQL_KEPT_BYTES);
	int code, r = 0;
	uint32_t n = 0;

	if (!s)
		return book_error(b);
	bind_name(s, e->type, e->group, e->name);
	sqlite3_bind_int64(s, 4, as_signed(e->version));
	buf_clear(&x->sealed);
	for (; !r && (code = sqlite3_step(s)) == SQLITE_ROW; n++)
		r = buf_put_slice(&x->sealed, column_slice(s, 0));
	if (!r && code != SQLITE_DONE)
		r = book_error(b);
	sqlite3_reset(s);
	if (r == -ENOBUFS)
		return -EBADMSG;
	return r || n == e->parts ? r : -EBADMSG;
}

static int open_bytes(struct reading *x, const struct entry_kept *e, struct slice *ret)
{
	struct slice sealed = buf_slice(&x->sealed);
	char room[KEPT_ABOUT_MAX];
	struct slice about = kept_about(e, room);

	for (unsigned i = 0; i < x->book->n_seals; i++) {
		struct seal *seal = &x->book->kept_seals[i];
		int r = seal_knows(seal, sealed) ? seal_open_about(seal, about, sealed, x->text)
		                                 : -EBADMSG;

		if (!r)
			*ret = slice_from(x->text, sealed.len - SEAL_OVERHEAD);
		if (r != -EBADMSG)
			return r;
	}
	return -EBADMSG;
}

static struct entry_kept row_of(sqlite3_stmt *s)
{
	return (struct entry_kept){
	        .type = (uint32_t)sqlite3_column_int64(s, 0),
	        .group = column_slice(s, 1),
	        .name = column_slice(s, 2),
	        .version = (uint64_t)sqlite3_column_int64(s, 3),
	        .state = (uint32_t)sqlite3_column_int64(s, 4),
	        .id = column_slice(s, 5),
	        .mark = column_slice(s, 6),
	        .until = (uint64_t)sqlite3_column_int64(s, 7),
	        .ends = (uint64_t)sqlite3_column_int64(s, 8),
	        .parts = (uint32_t)sqlite3_column_int64(s, 9),
	};
}

static int each_row(struct reading *x, sqlite3_stmt *s,
        int (*fn)(void *arg, const struct kept_row *row), void *arg)
{
	struct entry_kept e = row_of(s);
	struct kept_row row = {.type = (enum kept_type)e.type,
	        .state = (enum kept_state)e.state,
	        .group = e.group,
	        .name = e.name,
	        .id = e.id,
	        .mark = e.mark,
	        .bytes = {"", 0},
	        .version = e.version,
	        .until = e.until,
	        .ends = e.ends};
	int r = e.parts ? read_parts(x, &e) : 0;

	if (!r && e.parts)
		r = open_bytes(x, &e, &row.bytes);
	if (r == -EBADMSG) {
		log_warn("a value of %.*s that the store has kept cannot be read any more: it was "
		         "sealed with another key, or is damaged",
		        SLICE_FMT(e.group));
		row.state = KEPT_LOST;
		r = 0;
		if (e.type == KEPT_VALUE)
			return 0;
	}
	return r ? r : fn(arg, &row);
}

int book_each_kept(struct book *b, int (*fn)(void *arg, const struct kept_row *row), void *arg)
{
	struct reading x = {b, BUF_INIT(VALUE_MAX + SEAL_OVERHEAD), mem_alloc(VALUE_MAX)};
	sqlite3_stmt *s = x.text ? book_statement(b, SQL_KEPT_ALL) : NULL;
	int code = SQLITE_DONE, r = !x.text ? -ENOMEM : s ? 0 : book_error(b);

	if (!r) {
		sqlite3_bind_int64(s, 1, as_signed(clock_wall(b->clock)));
		sqlite3_bind_int(s, 2, KEPT_GONE);
	}
	while (!r && (code = sqlite3_step(s)) == SQLITE_ROW)
		r = each_row(&x, s, fn, arg);
	if (!r && code != SQLITE_DONE)
		r = book_error(b);
	if (s)
		sqlite3_reset(s);
	buf_wipe(&x.sealed);
	if (x.text)
		wipe(x.text, VALUE_MAX);
	mem_free(x.text);
	return r;
}
