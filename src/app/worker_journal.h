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
	struct list errands;       /* written down in this turn */
};

/* Something that another thread wants written down before it goes on. Its owner's, and to stay where it is, until done. */
struct journal_errand {
	struct letter letter;
	struct list link;
	struct journal_wait wait;
	struct worker_journal *at; /* borrowed */
	struct loop *home;         /* borrowed: where done is called */
	struct entry_admin_action entry;
	bool strict;               /* it is to be on the disk too */
	int result;                /* 0, or a negative errno: it is not written down */
	void (*done)(struct journal_errand *e);
};

void worker_journal_init(struct worker_journal *w, struct journal *journal, struct exchange_env *env, struct loop *loop);
void worker_journal_finish(struct worker_journal *w); /* the journal is gone, and nothing is written down any more */
/* From any thread while the worker's loop is there. */
void worker_journal_write(struct worker_journal *w, struct journal_errand *e);
/* The loop's hook: true when steps have to run again. */
bool worker_journal_turn(struct worker_journal *w);
