/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: who spent what, asked of the book. Amounts are sums of what the journal says, to the
 * nano-dollar. */
#pragma once
#include "store/book.h"
#include "store/window.h"

enum ledger_by {
	BY_AGENT,
	BY_TEAM,
	BY_USER,
	BY_WORKFLOW,
	BY_WORKFLOW_TYPE,
	BY_SESSION,
	BY_MODEL,
	BY_UPSTREAM,
	BY_TOOL, /* only beside agent, team, user and workflow: then calls are the tool's */
	BY_N,
};
extern const char *const ledger_by_names[BY_N];

struct ledger_query {
	enum ledger_by by[BY_N];
	unsigned n_by;
	enum window_kind per;
	uint64_t since, until; /* wall seconds; whole hours are counted */
	unsigned top;          /* only so many, the dearest; 0: all, in the order of their time */
};

struct ledger_line {
	uint64_t from;            /* of the window, wall seconds */
	struct slice names[BY_N]; /* in the query's order; users are sealed */
	uint64_t calls, refused, tokens_input, tokens_cached, tokens_output, tokens_reasoning,
	        tokens_total;
	nanousd cost, estimated; /* of tools: only calls, refused and cost */
};

/* Whether these may be asked for together. */
bool ledger_can(const struct ledger_query *q);
static inline bool ledger_is_of_tools(const struct ledger_query *q)
{
	for (unsigned i = 0; i < q->n_by; i++)
		if (q->by[i] == BY_TOOL)
			return true;
	return false;
}
/* What to say to who asks for more than can be told. */
#define LEDGER_NARROW "ask for a shorter time (--since, --until) or by fewer names (--by)"

/* Calls fn with each line, whose slices live until it returns; it returns 0 to go on. 0, what fn
 * returned, or a negative errno with the book's note: -ENOBUFS, these are more lines than can be
 * added up; -EINTR, of a reader, that takes too long. */
int ledger_read(struct book *b, const struct ledger_query *q,
        int (*fn)(void *arg, const struct ledger_line *line), void *arg);
/* All of it in one line, also what top leaves out. */
int ledger_total(struct book *b, const struct ledger_query *q, struct ledger_line *ret);
/* The user of a line, opened into text if a key of the book's fits. False: it stays sealed. */
bool ledger_user(struct book *b, struct slice sealed, char text[1024], struct slice *ret);
