/* SPDX-License-Identifier: Apache-2.0 */
/* node: one server: two links to it, made again when they fail, a breaker of its own, and who the
 * server is. An ask goes out at once or is refused: nothing waits here for better times but what a
 * cluster sent us. */
#pragma once
#include "store/redis/link.h"

#define NODE_LINKS 2u
#define NODE_BACKOFF_MIN (100 * NS_PER_MS)
#define NODE_BACKOFF_MAX (1 * NS_PER_S)
#define NODE_FAILURES 3u          /* in a row open the breaker */
#define NODE_OPEN (1 * NS_PER_S)  /* so long */
#define NODE_PROBE (1 * NS_PER_S) /* it is asked who it is so often */
#define NODE_WAITING_MAX 256u
#define NODE_HOST_MAX 255u

struct redis_node;
struct redis_node_events {
	/* A server has said who it is, on a new link or on one that is in use; nothing that is
	 * asked from now on has been answered yet. */
	void (*identified)(void *owner, struct redis_node *n, const struct redis_info *info);
	/* Before the first ask on a link after answers were lost on this server: what is put on l
	 * now comes before it. */
	void (*mend)(void *owner, struct redis_node *n, struct redis_link *l);
	void (*up)(void *owner, struct redis_node *n);              /* it has a usable link again */
	void (*down)(void *owner, struct redis_node *n, int error); /* it has none; n->note */
	/* A dial or a greeting failed, or it is no master any more. */
	void (*failed)(void *owner, struct redis_node *n, int error);
};

enum node_breaker { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };

struct redis_node {
	struct reapable reapable;
	struct dialler *dialler;                /* borrowed */
	const struct redis_node_events *events; /* borrowed; NULL once closed */
	void *owner;                            /* borrowed */
	struct redis_place place;               /* its host stands in host, the rest is borrowed */
	char host[NODE_HOST_MAX + 1];
	struct redis_link *links[NODE_LINKS]; /* owned */
	struct list waiting;                  /* asks that were sent here and wait for a link */
	struct deadline retry, probe, reopen;
	struct redis_ask probe_ask;
	char run_id[INFO_ID_MAX + 1]; /* as it was last; empty: it never said */
	char replication[INFO_ID_MAX + 1];
	uint64_t offset;
	unsigned attempts; /* that failed in a row */
	unsigned failures; /* asks that were lost in a row */
	enum node_breaker breaker;
	bool is_up;
	bool owes; /* answers were lost: mend is due */
	int error;
	char note[LINK_NOTE]; /* what went wrong last, for the log */
};

/* Begins to connect. host may be NULL: place's. 0 or -ENOMEM, -EINVAL. */
int node_new(struct dialler *by, const struct redis_place *place,
        const struct redis_node_events *events, void *owner, struct redis_node **ret_node);
/* Tells nobody; freed at the turn's end. Asks that are with it end by their deadlines. */
void node_close(struct redis_node *n);
/* 0: it left; -ENOTCONN: no link can be used; -EHOSTDOWN: the breaker is open; else as link_put. */
int node_put(struct redis_node *n, struct redis_ask *a);
/* The same, and it may wait for a link. */
int node_put_patiently(struct redis_node *n, struct redis_ask *a);
/* It has shown that it is no master: all links are closed, their asks end by their
 * deadlines, and it is tried again. */
void node_demote(struct redis_node *n);
