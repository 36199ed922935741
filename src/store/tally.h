/* SPDX-License-Identifier: Apache-2.0 */
/* tally: what the journal has said and the book does not hold yet, as sums. Most calls begin and
 * end between two commits: of those only their part of the sums reaches the database. */
#pragma once
#include "base/arena.h"
#include "base/map.h"
#include "journal/pack.h"

#define TALLY_FULL ((size_t)256 << 10) /* bytes in use: to be written down then */
#define TALLY_RECORDS 20000u           /* and after so many */
#define TALLY_BLOCK ((size_t)256)      /* what most calls and reservations fit into */
#define TALLY_SPARE 256u               /* of such blocks that are kept */
#define HOUR_S 3600u

enum ledger_name {
	LEDGER_AGENT,
	LEDGER_TEAM,
	LEDGER_USER, /* sealed */
	LEDGER_WORKFLOW,
	LEDGER_WORKFLOW_TYPE,
	LEDGER_SESSION,
	LEDGER_MODEL,
	LEDGER_UPSTREAM,
	LEDGER_NAMES,
};

struct ledger_sums {
	uint64_t calls, refused;
	uint64_t tokens_input, tokens_cached, tokens_output, tokens_reasoning, tokens_total;
	nanousd cost, estimated; /* estimated: the part of cost that is */
};

struct ledger_row {
	struct ledger_row *next;
	uint64_t hour; /* its start, wall seconds */
	struct slice names[LEDGER_NAMES];
	struct ledger_sums sums;
};

enum tool_name { TOOL_AGENT, TOOL_TEAM, TOOL_USER, TOOL_WORKFLOW, TOOL_TOOL, TOOL_NAMES };

struct tool_row {
	struct tool_row *next;
	uint64_t hour;
	struct slice names[TOOL_NAMES];
	uint64_t calls, denied;
	nanousd cost;
};

struct counter_row { /* what is to be added */
	struct counter_row *next;
	struct slice group, name;
	uint64_t window, ends;
	int64_t cost, tokens;
};

struct open_call {                       /* decided and not over */
	struct slice request_id, record; /* the second holds the first */
	bool denied, estimated;
	int64_t cost, tokens; /* settled so far */
	char bytes[];
};

struct held { /* a reservation that is not settled */
	struct slice id, request_id, record;
	uint64_t expires;
	unsigned n;
	struct entry_counter counters[]; /* and behind them the record's bytes */
};

struct late { /* about something that the book may know: to be asked there; or a value, which only
	       * the book has */
	struct late *next;
	struct slice record;
};

struct tally {
	struct arena arena; /* of rows and of what came late */
	size_t live;        /* bytes of calls and reservations, each freed when it is over */
	unsigned records;
	struct map calls, held, sums; /* sums: of the rows, by all that tells them apart */
	struct map over;              /* calls whose outcome is among what came late */
	struct ledger_row *ledger;
	struct tool_row *tools;
	struct counter_row *counters;
	struct ledger_row *last; /* of the call before, whose sums are mostly the next one's too */
	struct counter_row *last_counter;
	struct late *late, **late_end; /* in order */
	struct buf key;
	struct spare *spare; /* owned: of TALLY_BLOCK bytes each, from calls that are over */
	unsigned n_spare;
};

void tally_init(struct tally *t);
void tally_finish(struct tally *t);
void tally_clear(struct tally *t);
static inline bool tally_is_full(const struct tally *t)
{
	return t->live + t->arena.used > TALLY_FULL || t->records >= TALLY_RECORDS;
}
static inline bool tally_is_empty(const struct tally *t)
{
	return !t->calls.n && !t->held.n && !t->late && !t->ledger && !t->tools && !t->counters;
}
/* record is what e was read from, and e's slices lie in it. 0 or -ENOMEM: then the tally is to be
 * cleared. */
int tally_take(struct tally *t, const struct entry *e, struct slice record);
/* The parts that need the book's word first. Slices are to live as long as the tally. */
int tally_outcome(struct tally *t, const struct entry_outcome *o, bool denied);
int tally_spend(struct tally *t, const struct entry_counter *counters, unsigned n, int64_t cost,
        int64_t tokens);

/* Saturating; amounts never go below zero in the book. */
static inline int64_t plus(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static inline int64_t as_signed(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}
