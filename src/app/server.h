/* SPDX-License-Identifier: Apache-2.0 */
/* server: the whole program put together: workers, the policy in force, what they share. The thread that makes it is the
 * control thread: it alone reloads and stops. */
#pragma once
#include <stdatomic.h>
#include "app/admin.h"
#include "app/confine.h"
#include "app/owed_teller.h"
#include "app/state.h"
#include "app/worker.h"
#include "base/sink.h"
#include "exchange/recent.h"
#include "exchange/warnings.h"
#include "store/embedded.h"
#include "text/tokens_learn.h"
#include "exchange/strangers.h"
#include "net/address_rule.h"
#include "net/tls_context.h"

#define SERVER_WORKERS_MAX 256

struct book;
struct diagnostics;
struct server {
	const char *const *paths; /* borrowed: where the policy is read from */
	unsigned n_paths;
	struct run_key run_key;   /* no agent: none */
	uint16_t agents_port;     /* of the first TCP listener for agents; 0: there is none */
	struct state state;
	char state_path[4096];
	struct operator_conf first_operator; /* of the key beside the state, where the policy names none; no role: not read yet */
	bool admin_key_made;      /* by this process */
	struct admin_desk desk;   /* the last worker's */
	_Atomic(struct reload_order *) reload_asked; /* by an operator; the control thread takes it */
	int control_fd;           /* an eventfd: something is asked of the control thread */
	bool starts_command;      /* which would inherit what confines us, so that comes after its start */
	struct confinement confinement;
	struct sink *sink;        /* owned: standard output */
	bool log_text;
	struct metrics *metrics;  /* owned */
	struct recent *recent;    /* owned */
	struct keeper *keeper;    /* owned: writes down what is decided */
	struct tokens_learn learn; /* how far estimates of tokens are off */
	struct book *book;        /* owned: keeps what budgets have spent, and who spent it */
	struct warnings warnings; /* which budgets have warned */
	struct cache *cache;      /* owned: answers that may be given again */
	struct flights *flights;  /* owned: which answers are on their way */
	struct embedded *store;   /* owned: rates, calls at once and budgets of all workers */
	struct snapshot *first;   /* counted: the policy that says where the store is which instances share; NULL: there is none */
	const struct store_times **store_times; /* owned: how the ways there do, one a worker; n 0: none */
	unsigned n_store_times;
	struct owed_teller owed;  /* to that store, of processes before */
	struct strangers *strangers; /* owned */
	struct tls_contexts *contexts; /* owned */
	struct own_listeners own;
	struct worker *workers;   /* owned; the last one serves health and admin */
	unsigned n_workers;
	struct snapshot *snapshot; /* counted: the policy in force */
	unsigned long number;      /* of the newest snapshot */
	struct worker_socket *sockets; /* owned: those that listen, one set for all workers; fd as bound first */
	unsigned n_sockets;
	_Atomic unsigned long taken; /* workers that run under snapshot number, summed over reloads */
	/* read by the health worker */
	atomic_bool ready;
	atomic_bool last_reload_good;
	_Atomic uint64_t last_reload_wall;
	_Atomic uint64_t reloads_failed;
};

/* s: zeroed but for paths, n_paths, run_key. Takes over conf. 0, or a negative errno and one sentence in ret_note. Nothing is bound before the state is locked. */
int server_start(struct server *s, struct conf *conf, bool log_text, char ret_note[512]);
/* Reads the policy again and puts it in force if it is good; else the old one stays and the log says why, and problems
 * (NULL: nobody asks) too. */
bool server_reload(struct server *s, struct buf *problems);
/* For an operator: from any thread. The order comes back when it is done. One at a time. */
void server_order_reload(struct server *s, struct reload_order *o);
struct reload_order *server_take_order(struct server *s); /* for the control thread; NULL: there is none */
/* Whichever users' ids may be sealed with: the policy's keys, and the state folder's from before it had one.
 * keys: room for BOOK_KEYS_MAX, borrowed from both; how many there are. */
unsigned server_keys(const struct server *s, const struct conf *conf, struct slice keys[]);
unsigned server_sessions(const struct server *s);     /* connections of agents that are open */
unsigned server_in_flight(const struct server *s);    /* exchanges that have not ended */
void server_order(struct server *s, enum worker_order order);
void server_stop(struct server *s);
void server_worker_took(struct server *s, unsigned long number); /* from a worker */
