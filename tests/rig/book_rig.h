/* SPDX-License-Identifier: Apache-2.0 */
/* book_rig: a state folder with a journal that a test writes to by hand, a book over it, and what
 * the journal says if it is simply added up from its first record on. */
#pragma once
#include "journal/journal.h"
#include "store/book.h"

#define BOOK_RIG_COUNTERS 5                /* "g", and "a:0" to "a:3" */
#define BOOK_RIG_HOUR UINT64_C(1790000000) /* wall seconds, within an hour */
#define BOOK_RIG_WALL (BOOK_RIG_HOUR * UINT64_C(1000000000))

struct book_rig {
	char folder[64];
	struct keeper *keeper; /* owned; NULL while it is stopped */
	struct book *book;     /* owned; the same */
	struct slice keys[2];
	unsigned n_keys, workers;
	char note[BOOK_NOTE];
	int made; /* the folder is this rig's */
};

struct book_rig_call {
	unsigned number; /* its request id is made of that; an agent "a:0" to "a:3" too */
	const char *user, *workflow, *tool;
	nanousd reserved, cost;
	uint64_t tokens_reserved, tokens;
	bool denied, tool_denied, estimated, by_recovery;
	uint64_t wall_s; /* 0: BOOK_RIG_HOUR */
};

struct book_rig_truth { /* of the whole journal */
	int64_t spent[BOOK_RIG_COUNTERS],
	        tokens[BOOK_RIG_COUNTERS]; /* the first settlement of each, corrected */
	int64_t cost;                      /* of all outcomes */
	unsigned decisions, outcomes, held, open, charged;
	bool is_doubled; /* two outcomes of one call, or two settlements by recovery */
};

void book_rig_make(struct book_rig *r, unsigned workers);
/* Starts keeper and book; 0 or what book_open said, with the note. */
int book_rig_start(struct book_rig *r);
void book_rig_start_surely(struct book_rig *r);
void book_rig_stop(struct book_rig *r);
void book_rig_remove(struct book_rig *r); /* stops too */
struct journal *book_rig_journal(struct book_rig *r, unsigned worker);

void book_rig_decide(struct journal *j, const struct book_rig_call *c);
void book_rig_reserve(struct journal *j, const struct book_rig_call *c);
void book_rig_settle(struct journal *j, const struct book_rig_call *c);
void book_rig_outcome(struct journal *j, const struct book_rig_call *c);
void book_rig_whole(struct journal *j, const struct book_rig_call *c); /* all four */
void book_rig_turn(struct journal *j);
void book_rig_fold(struct book_rig *r);

int64_t book_rig_number(struct book_rig *r, const char *sql);
void book_rig_read_truth(struct book_rig *r, struct book_rig_truth *ret);
/* That the book holds what the journal says. */
void book_rig_assert_equal(struct book_rig *r);
