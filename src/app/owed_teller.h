/* SPDX-License-Identifier: Apache-2.0 */
/* owed_teller: after a start, tells the store that instances share what processes before have settled in this journal (see
 * store/owed.h). The journal is read by a thread of its own, and the first worker tells a few at a time: calls are taken
 * meanwhile. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "net/deadline.h"
#include "net/mailbox.h"
#include "store/owed.h"

struct keeper;
struct worker;

struct owed_teller {
	struct worker *worker;      /* borrowed: who tells */
	int dir;                    /* borrowed: the journal's folder */
	struct journal_place *own;  /* owned: of each worker, where this process has begun */
	unsigned workers;
	pthread_t thread;
	bool started;
	atomic_bool stop;
	struct owed_list list;      /* the thread's, then the worker's */
	int result;
	struct letter letter;
	struct deadline again;
	unsigned told;
};

/* Before the workers start, of which there are so many with a journal. 0 or -ENOMEM. */
int owed_teller_init(struct owed_teller *t, struct keeper *k, unsigned workers);
/* Once worker runs. 0 or a negative errno. */
int owed_teller_start(struct owed_teller *t, struct worker *worker);
/* After the workers' threads have ended, before their loops go; also of one that was only zeroed. */
void owed_teller_finish(struct owed_teller *t);
