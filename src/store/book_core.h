/* SPDX-License-Identifier: Apache-2.0 */
/* book_core: what the parts of the book share. */
#pragma once
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include "journal/keeper.h"
#include "journal/read.h"
#include "store/book.h"
#include "store/tally.h"

enum book_sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_PLACES,
	SQL_PLACE,
	SQL_CALL,
	SQL_CALL_SETTLED,
	SQL_CALL_OF,
	SQL_CALL_OVER,
	SQL_CALLS,
	SQL_HELD,
	SQL_HELD_OF,
	SQL_HELD_OVER,
	SQL_HELD_CHARGED,
	SQL_HELD_ALL,
	SQL_COUNTER,
	SQL_COUNTERS,
	SQL_LEDGER,
	SQL_TOOL,
	SQL_OLD_COUNTERS,
	SQL_OLD_HELD,
	SQL_KEPT,
	SQL_KEPT_PART,
	SQL_KEPT_PARTS_OVER,
	SQL_KEPT_ALL,
	SQL_KEPT_BYTES,
	SQL_OLD_KEPT,
	SQL_LOST_PARTS,
	SQL_N,
};

struct place {                   /* how far one worker's journal was read */
	uint32_t worker, number; /* number 0: nothing was */
	uint64_t offset;
	uint8_t hash[SHA256_LEN]; /* of the last record */
	uint8_t head[SHA256_LEN]; /* of the segment's first one, which tells it from any other */
	bool has_head;            /* false: it was read by a Weir that did not write that down */
};

struct gap { /* of a worker's segment: what was read once and is not there any more */
	struct segment_id id;
	uint64_t from, to;
	struct segment_id left; /* where the worker's journal ends before it */
	uint64_t left_at;
	bool has_more; /* what stood between there and id may be lost too */
};

struct places {
	struct place *list; /* owned */
	unsigned n;
};

struct book {
	sqlite3 *db;                     /* owned */
	sqlite3_stmt *statements[SQL_N]; /* owned; NULL: not needed so far */
	struct clock *clock;             /* borrowed */
	int journal;                     /* borrowed */
	struct keeper *keeper;           /* borrowed */
	unsigned workers;
	bool lenient; /* a copy: the tail of a journal may be torn or still be written */

	struct places committed, read;
	struct buf gaps; /* owned; of struct gap: found at this start */
	bool is_moved;   /* read stands before committed, because of them */
	bool is_full;    /* a sum has reached what it can hold, and that was said */
	struct tally tally;
	struct unpack unpack; /* of the fold: users stay sealed */
	struct seal seals[BOOK_KEYS_MAX];
	struct seal kept_seals[BOOK_KEYS_MAX]; /* of the same keys, in the same order */
	unsigned n_seals;
	char note[BOOK_NOTE];

	/* the thread's */
	struct embedded *store; /* borrowed */
	pthread_t thread;
	bool started;
	uint64_t retry_at, swept_at, forgot_at; /* monotonic */
	bool failing;
	sem_t wake;
	atomic_bool stop;
	_Atomic uint64_t behind_since; /* monotonic; 0: it is not */
	_Atomic uint64_t folded;
	_Atomic uint64_t looks, looked; /* how many it has begun; the last one that folded all */

	/* a reader's */
	uint64_t until;
	const atomic_bool *ending; /* borrowed */
};

/* A statement that is ready to be bound; NULL: book_sql_error says why. */
sqlite3_stmt *book_statement(struct book *b, enum book_sql which);
/* Runs it to its end and makes it ready again. 0 or a negative errno, with the note. */
int book_run(struct book *b, sqlite3_stmt *s);
int book_do(struct book *b, enum book_sql which);
int book_execute(struct book *b, const char *sql);
int book_error(struct book
                *b); /* of the last thing that SQLite was asked: a negative errno and the note */
void book_say(struct book *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

void book_say_full(struct book *b); /* once: a sum in it is larger than it shows */

static inline void bind_text(sqlite3_stmt *s, int at, struct slice text)
{
	sqlite3_bind_text(s, at, text.len ? text.at : "", (int)text.len, SQLITE_STATIC);
}

static inline void bind_blob(sqlite3_stmt *s, int at, struct slice bytes)
{
	sqlite3_bind_blob(s, at, bytes.len ? bytes.at : "", (int)bytes.len, SQLITE_STATIC);
}

static inline struct slice column_slice(sqlite3_stmt *s, int at)
{
	const void *bytes = sqlite3_column_blob(s, at);

	return bytes ? slice_from(bytes, (size_t)sqlite3_column_bytes(s, at))
	             : (struct slice){"", 0};
}

/* book_places: what was read so far, of each worker. */
int places_copy(struct places *to, const struct places *from);
struct place *places_get(struct places *p, uint32_t worker); /* NULL: no memory */
int book_places_read(struct book *b);

/* book_gap: moves the places of read back to where the journal ends, if it provably lost what comes
 * behind. 0, or a negative errno with the note. */
int book_find_gaps(struct book *b);
int book_say_lost(struct book *b, const struct place *p);

/* book_kept: one record of a value, within a commit. */
int book_take_kept(struct book *b, const struct entry_kept *e);
int book_forget_kept(struct book *b);

/* book_write: the tally and the places in one commit. The tally is empty afterwards, whatever
 * happens; what was not committed is to be read again. */
int book_write(struct book *b);
int book_forget_old(
        struct book *b); /* counters whose window is long over, reservations long charged */
