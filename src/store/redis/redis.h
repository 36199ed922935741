/* SPDX-License-Identifier: Apache-2.0 */
/* redis: a store on Redis or Valkey as one worker sees it: a single server, the master that
 * sentinels name, or a cluster. One a loop; nothing here ever blocks it. An ask goes out at once or
 * is refused at once. */
#pragma once
#include "store/redis/link.h"

#define REDIS_SEEDS_MAX 16u

enum redis_kind { REDIS_SINGLE, REDIS_SENTINEL, REDIS_CLUSTER };

/* Where to ask first: the server itself, sentinels, or some nodes of a cluster. */
struct redis_seed {
	struct slice host;
	uint16_t port;
};

struct redis_events {
	/* Data may have gone: another process, another history of the data, or another master
	 * answers from now on. Comes before anything it answers. */
	void (*failover)(void *owner, uint64_t epoch);
	/* Answers were lost on the server that l leads to; what is put there now, with
	 * redis_ask_on, comes before any other ask on this link. */
	void (*mend)(void *owner, struct redis_link *l);
	/* redis_state says something else. */
	void (*changed)(void *owner);
};

/* Slices are borrowed as long as the redis. */
struct redis_options {
	enum redis_kind kind;
	struct redis_place
	        place; /* of single: where; of all: who we are, TLS, db, replicas, rule */
	struct redis_seed seeds[REDIS_SEEDS_MAX]; /* of the other kinds */
	unsigned n_seeds;
	struct slice master; /* the name by which sentinels know it */
	struct slice sentinel_user, sentinel_password;
	bool sentinel_tls;
	const struct redis_events *events; /* borrowed; each may be NULL */
	void *owner;                       /* borrowed */
};

struct redis_state {
	bool up;        /* asks can leave; of a cluster: for every slot */
	bool evicts;    /* a server forgets keys when its memory is full: no place for budgets */
	uint64_t since; /* loop time at which up changed */
	uint64_t epoch; /* 0: never up; one more with each fail-over */
	const char *run_id; /* of a single master; "" before */
	uint64_t offset;    /* of its data's history, when last asked */
	int error;          /* why it is down */
	const char *note;   /* the same as a clause */
};

struct redis;
/* Begins to connect. 0, -ENOMEM, -EINVAL. */
int redis_new(struct loop *l, struct resolver *resolver, struct tls_contexts *contexts,
        const struct redis_options *options, struct redis **ret_redis);
/* Asks that are under way are forgotten: done is not called. */
void redis_free(struct redis *r);

/* key: any of those that the command names, all being of one slot. PENDING, done follows; or at
 * once, and nothing left: -ENOTCONN (no server can be reached), -EHOSTDOWN (it has failed and is
 * left alone for now), -ENOBUFS (too much waits), -EMSGSIZE, -ENOMEM. */
int redis_ask(struct redis *r, struct slice key, struct redis_ask *a);
/* On this very link, from within mend. */
int redis_ask_on(struct redis *r, struct redis_link *l, struct slice key, struct redis_ask *a);
struct redis_state redis_state(const struct redis *r);
