/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: one policy in force: its conf and what was compiled from it. Immutable and counted; shared by all threads. A
 * call holds the one it began under to its end. */
#pragma once
#include <stdatomic.h>
#include "config/conf.h"
#include "price/price_table.h"
#include "price/usage.h"
#include "weir/policy.h"

struct snapshot_key { /* the SHA-256 of one key and whose it is */
	uint8_t sha256[SHA256_LEN];
	const struct agent_conf *agent;
	uint64_t not_after; /* wall ns; 0: never */
};

struct model_price { /* by model index */
	bool fixed;                      /* the policy itself says it */
	struct price price;
	const struct price_model *table; /* or the table; NULL for a glob, whose names are looked up call by call */
};

struct upstream_facts { /* by upstream index */
	struct slice provider;           /* the price table's name for it; empty: it does not know it */
	const struct usage_rules *usage_rules;
	uint8_t credential[SHA256_LEN];  /* a keyed hash of what Weir shows there; zeros: nothing of its own */
};

struct snapshot {
	atomic_uint refs;
	struct conf *conf;             /* owned */
	struct snapshot_key *keys;     /* owned: open addressing by the first bytes of the hash */
	unsigned n_keys, cap_keys;     /* cap is a power of two */
	struct model_price *prices;    /* owned */
	struct upstream_facts *upstreams; /* owned */
	struct excess *excess;         /* owned; NULL where no call is made. The one thing that changes, by itself: what went beyond its reservation */
	uint8_t user_key[SHA256_LEN];  /* for hashed user ids, from the deployment key */
	unsigned long number;          /* 1, 2, 3 ... of this process */
};

/* A key that holds for this run only, as a command that Weir starts is given. */
struct run_key {
	uint8_t sha256[SHA256_LEN];
	char agent[64];      /* name; empty: there is no such key */
};

/* Takes conf. run_key may be NULL; it counts for nothing when the policy has no such agent. NULL: no memory (conf is freed
 * then too). */
struct snapshot *snapshot_new(
	struct conf *conf, struct slice deployment_key, const struct run_key *run_key, unsigned long number);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);
/* Whose key has this SHA-256: NULL when nobody's. Compared in constant time. */
const struct snapshot_key *snapshot_find_key(const struct snapshot *s, const uint8_t sha256[SHA256_LEN]);
/* The table's price of a model that a glob stands for; NULL: unknown. */
const struct price_model *snapshot_table_price(const struct snapshot *s, const struct upstream_conf *upstream,
	struct slice upstream_model);
/* What a model costs at a time, by the policy's own price or the table's, also where no snapshot was made yet. False: nobody
 * knows. */
bool snapshot_price_of(const struct model_conf *m, struct slice asked, uint64_t wall_ns, struct price *ret);
