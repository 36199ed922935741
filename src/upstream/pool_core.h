/* SPDX-License-Identifier: Apache-2.0 */
/* pool_core: what a pool is to the two files that make it: pool.c serves claims, pools.c makes
 * pools and ends them. */
#pragma once
#include "upstream/pool.h"

struct pools {
	struct dialler dialler;
	const struct own_listeners *own; /* borrowed */
	struct list list;
	uint64_t opened, reused, failed;
};

struct pool {
	struct list link; /* in pools->list */
	struct pools *pools;
	unsigned refs;
	struct dial_target target; /* its slices: owned */
	struct slice *addresses;   /* owned; owned slices */
	struct cidr *cidrs;        /* owned */
	unsigned n_addresses;
	struct address_rule rule;
	struct tls_memory memory;
	struct list idle;    /* channels, the newest first */
	struct list waiting; /* claims, the oldest first */
	struct list dials;
	unsigned n_idle, n_busy, n_waiting, n_dials;
};

struct pool_dial {
	struct list link; /* in pool->dials */
	struct pool *pool;
	struct dial_target target;
	struct dial dial;
	struct ticket ticket;
};

/* pool.c: the dial is given up, whatever it has reached. */
void pool_dial_free(struct pool_dial *pd);
/* pools.c: frees a pool that nobody refers to and in which nothing is left. */
void pool_may_die(struct pool *p);
