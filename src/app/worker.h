/* SPDX-License-Identifier: Apache-2.0 */
/* worker: a thread with one loop and all that lives on it: listeners, sessions, its own upstream connections. Between
 * workers nothing is shared but counted snapshots and a few tables of their own lock. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "app/worker_journal.h"
#include "exchange/session.h"
#include "exchange/view.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/mailbox.h"
#include "net/resolve.h"
#include "observe/access_log.h"
#include "observe/metrics.h"

struct server;
struct tls_contexts;
struct remote;
struct store_conf;

/* One listener of this worker. It outlives its listening, since sessions may still run. */
struct worker_gate {
	struct list link;
	struct session_gate gate;
	struct listener *listener;  /* owned; NULL once closed */
	struct slice address;       /* as written: what makes two listeners the same over a reload; owned copy */
	struct cidr *allow_from;    /* owned */
};

struct worker {
	struct server *server;      /* borrowed */
	unsigned index;
	bool health;                /* the one that serves the health and admin listeners, and no agent */
	pthread_t thread;
	bool started;
	struct loop *loop;          /* owned */
	struct resolver *resolver;  /* owned */
	struct pools *pools;        /* owned */
	struct remote *remote;      /* owned: this loop's way to the store that instances share; NULL: counters are this process's */
	struct exchange_env env;
	struct worker_journal journal;
	struct view *view;          /* counted */
	struct list gates;
	struct budget_gauges *budgets; /* owned: of the one that serves health; else NULL */
	struct access_log *log;     /* owned */
	struct metrics_part *metrics; /* owned by the server's metrics */
};

/* Everything but the thread. 0 or a negative errno. */
int worker_init(struct worker *w, struct server *server, unsigned index, bool health);
/* Before it starts, where the policy has a store that instances share; c as long as the worker. 0, -ENOMEM, -EINVAL. */
int worker_open_store(struct worker *w, const struct store_conf *c);
int worker_start(struct worker *w);
void worker_stop(struct worker *w);   /* from another thread: ends the loop and joins */
void worker_end(struct worker *w);    /* after that: what still runs ends here, and is written down */
/* After that: one time for all of them, so that a stop is not as long as there are workers. */
void workers_say_last_words(struct worker *workers, unsigned n, struct clock *clock);
void worker_finish(struct worker *w); /* after the thread has ended, or if it never began */

/* What a reload hands to a worker: the new policy and descriptors for listeners that are new. From any thread; takes over
 * one reference of snapshot and the descriptors. */
struct worker_socket {
	const struct listener_conf *conf; /* the snapshot's */
	int fd;                           /* bound, not yet listening; -1: it listens already */
};
int worker_post_policy(struct worker *w, struct snapshot *snapshot, const struct worker_socket *sockets, unsigned n);

enum worker_order {
	WORKER_STOP_ACCEPTING, /* listeners close, idle connections too, answers say that theirs will */
	WORKER_END_STREAMS,    /* what still runs ends well-formed, now */
};
int worker_post_order(struct worker *w, enum worker_order order);
