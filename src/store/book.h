/* SPDX-License-Identifier: Apache-2.0 */
/* book: the database behind the embedded store: what was spent, what is held, who spent what. It
 * is made from the journal alone, on a thread of its own, and no call ever waits for it. What one
 * commit holds (sums, open calls, how far the journal was read) moves together: whenever the
 * process dies, nothing is counted twice and nothing is left out. */
#pragma once
#include <stdatomic.h>
#include "base/clock.h"
#include "base/money.h"
#include "base/slice.h"
#include "crypto/seal.h"

#define BOOK_FILE "book.db"
#define BOOK_NOTE 512
#define BOOK_KEYS_MAX 9 /* the policy's eight, the state folder's */
#define BOOK_SCHEMA 3   /* PRAGMA user_version */

struct book;
struct embedded;
struct journal;
struct keeper;

struct book_options {
	const char *path;         /* of the folder that the database lies in; must exist */
	int journal;              /* the journal's folder, borrowed */
	struct keeper *keeper;    /* borrowed: who writes there; NULL: nobody does */
	unsigned workers;         /* of the keeper */
	const struct slice *keys; /* deployment keys: users' ids are opened with whichever fits */
	unsigned n_keys;          /* at most BOOK_KEYS_MAX */
	struct clock *clock;      /* borrowed; NULL: the system's */
};

/* 0, or a negative errno and one sentence in ret_note. */
int book_open(struct book **ret, const struct book_options *o, char ret_note[BOOK_NOTE]);
/* A copy in memory of the database that lies there (an empty one where there is none), which can be
 * folded further without changing it; also beside a Weir that runs. */
int book_open_copy(struct book **ret, const struct book_options *o, char ret_note[BOOK_NOTE]);
/* A connection of its own that reads what the book's thread has written, for one other thread at a
 * time; the database must be there. What it is asked ends with -EINTR at `until` (monotonic ns) or
 * soon after *stop is set (borrowed; may be NULL). journal, keeper and workers of o are not used.
 */
int book_open_reader(struct book **ret, const struct book_options *o, uint64_t until,
        const atomic_bool *stop, char ret_note[BOOK_NOTE]);
void book_close(struct book *b); /* may be NULL; ends the thread after a last fold */

/* Reads what the journal holds and the book does not. 0, or a negative errno: then book_note says
 * why, and the next call begins again at the last commit. */
int book_fold(struct book *b);
const char *book_note(const struct book *b);

/* To be called once, at start, before any call: looks where the journal ends before what was read
 * of it, since the power failed before all of it was on the disk (what was counted stays counted,
 * and a note in the journal tells of the gap); folds, then charges what processes that died held in
 * reserve and ends their calls, in the first worker's journal, and folds again. */
int book_catch_up(struct book *b, struct journal *first);
/* Every counter that is still in its window and has spent something. fn returns 0 to go on. */
int book_each_counter(struct book *b,
        int (*fn)(void *arg, struct slice group, struct slice name, uint64_t window, uint64_t ends,
                nanousd cost, uint64_t tokens),
        void *arg);

/* Every value whose time is not over, the earliest first. One whose bytes no key opens any more is
 * a claim that is lost, or is passed over. fn returns 0 to go on. */
struct kept_row;
int book_each_kept(struct book *b, int (*fn)(void *arg, const struct kept_row *row), void *arg);

/* From now on the book is its thread's, until it is closed. store is swept by it; may be NULL. */
int book_start(struct book *b, struct embedded *store);
/* How long something has been waiting to be folded, from any thread; 0: nothing has. */
uint64_t book_lag_ns(struct book *b);
/* Waits until what the journal held at this moment is folded, at most until then (monotonic ns).
 * False: it is not. From any thread but its own. */
bool book_wait(struct book *b, uint64_t until);
uint64_t book_folded(struct book *b); /* records, since it was opened; from any thread */
