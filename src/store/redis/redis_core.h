/* SPDX-License-Identifier: Apache-2.0 */
/* redis_core: what redis.c and cluster.c share. */
#pragma once
#include "store/redis/node.h"
#include "store/redis/redis.h"
#include "store/redis/sentinel.h"
#include "store/redis/slots.h"

#define CLUSTER_NODES 128u
#define CLUSTER_PARKED 1024u /* asks that wait for the map */
#define CLUSTER_AGAIN (100 * NS_PER_MS)

struct cluster {
	struct redis_node *nodes[CLUSTER_NODES]; /* owned; NULL: free */
	uint8_t slots[SLOTS];                    /* place in nodes; CLUSTER_NODES: nobody */
	bool known;                              /* slots was filled once */
	unsigned turn;                           /* whom to ask next */
	struct list parked;
	struct redis_ask ask; /* for the map */
	struct deadline again;
};

struct redis {
	struct reapable reapable;
	struct dialler dialler;
	struct redis_options options;
	struct redis_place place; /* of each server */
	struct address_rule rule;
	struct cidr everywhere[2];
	struct redis_node *master;   /* owned; NULL: not known, or a cluster */
	struct sentinels *sentinels; /* owned; NULL: there are none */
	struct cluster *cluster;     /* owned; NULL: it is none */
	struct list asks;            /* under way */
	struct redis_state state;
	char run_id[INFO_ID_MAX + 1], replication[INFO_ID_MAX + 1];
	char note[LINK_NOTE];
	bool closed;
};

/* redis.c */
void redis_look(struct redis *r, int error, const char *note); /* up or not? */
void redis_failed_over(struct redis *r);
int redis_new_node(struct redis *r, struct slice host, uint16_t port, struct redis_node **ret);
/* cluster.c: all with r->cluster. */
int cluster_begin(struct redis *r);
void cluster_end(struct redis *r);
bool cluster_is_up(const struct redis *r);
struct redis_node *cluster_node(
        const struct redis *r, struct slice key);             /* NULL: nobody holds it */
void cluster_refresh(struct redis *r, struct redis_node *by); /* by: whom to ask, may be NULL */
/* A server said MOVED or ASK: 0 when a is under way again, else a negative errno. */
int cluster_follow(
        struct redis *r, struct redis_ask *a, struct redis_link *from, struct slice redirect);
