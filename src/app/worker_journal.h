/* SPDX-License-Identifier: Apache-2.0 */
/* worker_journal: a worker's end of turn, as its journal sees it: what was put down is written before the sockets are, and
 * where decisions have to be on the disk, the keeper's thread is asked and its word brought back. */
#pragma once
#include "journal/journal.h"
#include "net/mailbox.h"
#include "weir/exchange.h"

struct loop;
struct worker_journal {
	struct journal *journal;   /* borrowed from the keeper; NULL: there is none */
	struct exchange_env *env;  /* borrowed */
	struct loop *loop;         /* borrowed */
	struct journal_wait wait;
	struct letter letter;      /* from the keeper's thread */
	int result;
	uint64_t asked;            /* bytes of the journal that the wait is for */
	bool asking;
};

void worker_journal_init(struct worker_journal *w, struct journal *journal, struct exchange_env *env, struct loop *loop);
void worker_journal_finish(struct worker_journal *w); /* the journal is gone, and nothing is written down any more */
/* The loop's hook: true when steps have to run again. */
bool worker_journal_turn(struct worker_journal *w);
