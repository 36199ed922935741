/* SPDX-License-Identifier: Apache-2.0 */
/* answers: runs an answer through a dialect as the exchange would: fed in pieces, its calls judged
 * by name, rendered. */
#pragma once
#include "weir/dialect.h"

struct answer_run {
	/* given */
	struct request_facts facts;
	bool stream, want_text, include_cost,
	        keep; /* keep: lap_keep before every render, as when a policy waits */
	unsigned status;
	const char *denied;      /* the name of the tool that is denied; NULL: none */
	bool deny_all, read_all; /* read_all: no event is known by its likeness to another */
	const char *sentence;    /* why; NULL: the fault's own */
	void (*on_text)(void *arg, struct part *part, struct arena *arena); /* NULL: texts stay */
	void *arg;
	nanousd cost;
	struct token_counter *tokens; /* borrowed: counts the text; NULL: nobody does */
	size_t chunk;                 /* bytes a feed; 0: pieces as given */
	bool crlf;                    /* unused by the run: what the test made its input with */
	/* found */
	struct buf out;   /* owned */
	struct buf names; /* owned: of all calls, each with its arguments: name(arguments)\n */
	struct usage usage;
	unsigned calls, calls_denied;
	uint64_t text_bytes;
	unsigned most_out; /* slices of one lap */
	bool complete;
	char model[64];
	struct complaint why;
};

/* Each piece is fed from memory of its own that is gone after its lap. 0 or the dialect's error. */
int answer_run(struct answer_run *run, const struct slice *pieces, unsigned n);
int answer_run_whole(struct answer_run *run, struct slice bytes);
void answer_run_finish(struct answer_run *run);
