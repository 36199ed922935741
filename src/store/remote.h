/* SPDX-License-Identifier: Apache-2.0 */
/* remote: the store that instances share, on Redis or Valkey. One a worker. Nothing waits for it
 * longer than 25 ms, and when it cannot be asked, the answer is an error at once. What was admitted
 * is kept here until it has been settled there, and a little longer: after a fail-over all of it is
 * said again before anything new is admitted. */
#pragma once
#include "store/redis/redis.h"
#include "weir/store.h"

#define REMOTE_SETTLING_MAX 65536u        /* settlements that wait; beyond, the oldest is dropped */
#define REMOTE_SETTLED_MAX 4096u          /* so many that were settled are remembered, */
#define REMOTE_SETTLED_NS (10 * NS_PER_S) /* and so long */
/* After a fail-over nothing is admitted that long, so that every instance that lives has noticed it
 * and said again what it holds: a way that is down is dialled again within a second. */
#define REMOTE_FENCE_NS (2 * NS_PER_S)

#define REMOTE_IDS_MAX 1000000u /* counters of ids a group: one more is DEMAND_CROWDED */
#define REMOTE_KEYS_MAX 9u
#define REMOTE_LEFT_BYTES                                                                          \
	((size_t)5 << 18) /* under way without anybody who waits; more is dropped: what is asked   \
	                     behind it has to be answered within 25 ms, also over a gigabit */
#define REMOTE_LEFT_MAX                                                                            \
	64u /* the same, so many at once: they take no link from what is waited for, and a         \
	       server does not work on them for long */
#define REMOTE_ENDING_BYTES ((size_t)32 << 20) /* of answers that wait to be recorded there */

struct remote;
struct store_times;
/* As redis_new; of options events and owner are not looked at. */
int remote_new(struct loop *l, struct resolver *resolver, struct tls_contexts *contexts,
        const struct redis_options *options, struct remote **ret_remote);
/* Deployment keys, before anything is asked about values: the first seals, all open. Without one,
 * values are -ENOKEY. 0 or -ENOMEM. */
int remote_set_keys(struct remote *r, const struct slice *keys, unsigned n);
/* No ticket may be armed. What waits to be settled is forgotten: journals have it. */
void remote_free(struct remote *r);
struct store *remote_store(struct remote *r); /* borrowed: valid as long as r */

/* Settles what a process before has held there, if it is still held or was charged since; what is
 * not known there any more stays as it is. 0, -ENOMEM, -EMSGSIZE. */
struct owed;
int remote_settle_owed(struct remote *r, const struct owed *e);

struct remote_state {
	struct redis_state redis;
	bool fenced;   /* it has failed over, and not all that is held has surely been said again */
	unsigned held; /* admissions that were granted and not settled */
	unsigned settling; /* settlements and cancellations that were not answered yet */
	unsigned claims;   /* that are owned */
	unsigned ending;   /* ends of claims that were not answered yet */
	uint64_t dropped;  /* of those, by the ceiling */
	unsigned leases;   /* that are looked after */
};
struct remote_state remote_state(const struct remote *r);
/* As long as r; may be read from any thread. */
const struct store_times *remote_times(const struct remote *r);
