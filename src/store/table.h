/* SPDX-License-Identifier: Apache-2.0 */
/* table: the counters of a process, shared by its workers. A shard holds all counters of its groups
 * under one lock, which is held for a few hundred nanoseconds and never across a wait; who needs
 * several locks them in ascending order. Nothing grows beyond its ceilings, and what nobody needs
 * any more is swept a few chains at a time. */
#pragma once
#include "base/slice.h"
#include "store/cells.h"

#define TABLE_SHARDS 64u
#define TABLE_QUIET_NS (60ull * 1000000000) /* counters that say nothing stay that long unasked */

struct table_limits {
	uint32_t ids;  /* counters a group */
	size_t memory; /* bytes in all */
};

struct table_time {
	uint64_t mono, wall; /* ns */
};

struct cell_key {
	struct slice group, name;
	uint64_t window, hash; /* hash: cell_hash of the others */
	enum demand_kind kind;
};

/* A budget's counter as a walk shows it. */
struct counter {
	struct slice group, name;
	uint64_t window, ends; /* as weir/store.h */
	nanousd spent_cost, reserved_cost;
	uint64_t spent_tokens, reserved_tokens;
};

struct table;
struct table *table_new(struct table_limits limits); /* NULL: no memory */
void table_free(struct table *t);

/* Of one counter. Its highest bits name the shard, and come from the group alone; group_hash is
 * hash_bytes of the group, so that it is worked out once for all its counters. */
uint64_t cell_hash(uint64_t group_hash, struct slice name, uint64_t window, enum demand_kind kind);
static inline uint64_t shard_bit(uint64_t hash)
{
	return 1ull << (hash >> 58);
}

void table_lock(struct table *t, uint64_t shards); /* a bit each */
void table_unlock(struct table *t, uint64_t shards);

/* The rest with the shard's lock held. */
struct cell *table_find(
        const struct table *t, const struct cell_key *key); /* NULL: there is none */
/* Finds or makes it. 0, -ENOSPC (a ceiling), -ENOMEM. What *ret_cell points to stays at least until
 * the lock is given back, and as long as the cell is held. */
int table_get(
        struct table *t, const struct cell_key *key, struct table_time now, struct cell **ret_cell);

/* Without a lock held. */
void table_sweep(struct table *t, struct table_time now); /* some chains of each shard */
/* Visits the counters of all budgets, each once; what comes or goes meanwhile may be missed. No
 * lock is held while fn runs, so it may ask the table; but not walk it. */
void table_walk(struct table *t, void (*fn)(void *arg, const struct counter *c), void *arg);
size_t table_memory(const struct table *t);
size_t table_count(struct table *t); /* counters in all */
