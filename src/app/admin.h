/* SPDX-License-Identifier: Apache-2.0 */
/* admin: what the admin listener serves: /api, to operators. It lives on the loop that serves health, away from calls; what
 * takes long is done elsewhere: the ledger on a thread for the one question, reloads by the control thread, and what an
 * operator does is first written into a worker's journal. */
#pragma once
#include <pthread.h>
#include "app/worker_journal.h"
#include "exchange/served.h"

struct server;
extern const struct service admin_service; /* the gate's owner is a worker */

/* What is under way: one reload and one question to the ledger at most, a few about calls. All but the thread's end is for the loop's thread. */
struct ledger_job;
struct admin_desk {
	struct ledger_job *ledger; /* owned: a question that is being read */
	unsigned calls;            /* questions about calls that run */
	bool reloading;
};

/* What served.job points to while an answer is made elsewhere. */
struct admin_wait {
	struct served *q;          /* borrowed; NULL: nobody waits any more */
	void (*forgotten)(struct admin_wait *w); /* NULL: it just goes on */
};

/* Once the loop has stopped and before the book is closed: ends what the ledger's thread does. */
void admin_desk_end(struct admin_desk *d);

/* admin_ledger: starts reading; the answer to q comes later. 0, -EBUSY: another question is being read, or a negative errno. */
struct ledger_ask;
int admin_ledger_ask(struct served *q, const struct ledger_ask *ask);

/* admin_calls: asks the workers what they do; the answer to q comes later. 0, -EBUSY, -ENOMEM. */
int admin_calls_ask(struct served *q, unsigned limit);

/* admin_action: writes down that o does this, then does it; the answer to q comes later. value: "" or what is set. 0, -EBUSY, or a
 * negative errno. */
struct admin_request;
int admin_action_begin(struct served *q, const struct admin_request *a, struct slice value);

/* What the control thread is asked to do. */
struct reload_order {
	struct letter back;      /* posted to loop when it is done */
	struct loop *loop;
	struct buf problems;     /* owned: what is wrong with the policy */
	bool good;
	char version[17];        /* that is in force now */
};
/* The answer's parts, for both. */
int admin_refuse(struct served *q, unsigned status, const char *code, const char *detail, struct slice problems);
void admin_answer(struct served *q, unsigned status, struct slice type);
