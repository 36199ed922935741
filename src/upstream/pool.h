/* SPDX-License-Identifier: Apache-2.0 */
/* pool: a loop's connections to one place. A place is host, port and how TLS is done there, not an
 * entry of a policy, so connections outlive reloads. The last one given back is the first one
 * taken: what is not needed grows old and is closed. */
#pragma once
#include "net/dial.h"
#include "upstream/channel.h"

#define POOL_IDLE_NS (55 * NS_PER_S) /* less than the minute after which many servers hang up */
#define POOL_IDLE_MAX 128
#define POOL_MAX 1024
#define POOL_WAITING_MAX 4096

/* A wish for a channel. The caller sets up ticket (ticket_init) and hands it to cluster_take;
 * cancel it with claim_cancel. */
struct claim {
	struct ticket ticket;    /* done(0): channel is set; done(negative): fault and note are */
	struct channel *channel; /* the caller's once set: channel_use comes first */
	enum fault fault; /* UPSTREAM_UNREACHABLE UPSTREAM_TIMEOUT DESTINATION_REFUSED OVERLOADED */
	bool tls_failed;  /* do not try this endpoint again */
	char note[DIAL_NOTE];
	const struct endpoint_conf *endpoint; /* borrowed: which one was chosen */
	uint64_t resolved, connected,
	        ready; /* loop times of the dial; 0: an idle channel was taken */
	/* pool's own */
	struct list link;
	struct pool *pool; /* borrowed while it waits or has a channel that nobody took */
	struct deadline deadline;
};

/* What makes two places the same. The address rule is part of it: when a policy narrows addresses,
 * connections that were made under the wider rule are not used again. */
struct pool_key {
	struct slice host;
	uint16_t port;
	bool tls;
	struct slice tls_ca, tls_server_name; /* empty: the system's, the host */
	const struct slice *addresses;        /* CIDRs as written; n == 0: the default rule */
	unsigned n_addresses;
};

/* All pools of a loop. own: borrowed, may be NULL. NULL: no memory. */
struct pools;
struct pools *pools_new(struct loop *l, struct resolver *r, struct tls_contexts *x,
        const struct own_listeners *own);
/* Closes every connection; channels that are in use must have been released or cancelled, claims
 * cancelled, pools unreferenced. */
void pools_free(struct pools *p);
/* Closes idle connections, as when draining. */
void pools_close_idle(struct pools *p);

/* Counts for metrics. */
struct pool_counts {
	unsigned idle, busy, dialling, waiting;
	uint64_t opened, reused, failed;
};
void pools_count(const struct pools *p, struct pool_counts *ret);

/* The pool for key, made when it is missing; counted for the caller. key is copied. 0, -ENOMEM,
 * -EINVAL (CIDR). */
int pool_get(struct pools *p, const struct pool_key *key, struct pool **ret_pool);
/* Without references a pool closes its idle connections, and dies when those in use are back. */
void pool_unref(struct pool *p);

/* READY: claim->channel is set. PENDING: its ticket is done later. Negative errno: claim->fault and
 * note are set, the ticket is not armed. connect_ns: for look-up, TCP and TLS together, and for
 * waiting when the pool is full. */
int pool_take(struct pool *p, uint64_t connect_ns, struct claim *claim);
/* In any state, also twice; a channel that came but of which done has not told yet goes back. */
void claim_cancel(struct claim *claim);

/* For channel.c. */
void pool_give(struct pool *p,
        struct channel *c); /* idle now: to the next waiting claim, or kept, or closed */
void pool_lost(struct pool *p, struct channel *c); /* it is closed: forget it */
/* A connection that was used again turned out dead: the idle ones are likely to be, as after a
 * restart over there. */
void pool_distrust(struct pool *p);
struct loop *pool_loop(struct pool *p);
