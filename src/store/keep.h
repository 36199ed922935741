/* SPDX-License-Identifier: Apache-2.0 */
/* keep: the values of a process by group and name, shared by its workers (weir/value.h says what
 * they are for). Nothing grows beyond its ceilings: where there is no room, the answers that were
 * recorded longest ago go first, of the group that wants it; that they were given stays known. */
#pragma once
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "weir/store.h"

#define KEEP_MEMORY ((size_t)128 << 20)
#define KEEP_MEMORY_A_GROUP ((size_t)32 << 20)
#define KEEP_VALUES_A_GROUP 50000u

struct keep_limits {
	size_t memory, group_memory; /* bytes, names and all else included */
	uint32_t values;             /* a group */
};

enum kept_type { KEPT_CLAIM = 1, KEPT_VALUE };
enum kept_state {
	KEPT_OWNED = 1, /* a claim, by whoever has the id */
	KEPT_DONE,      /* the bytes are it */
	KEPT_LOST,      /* a claim that ran, or may have: without bytes */
	KEPT_GONE,      /* nothing stands there any more; only the journal says so */
};

/* One value as it is written down, and read again. */
struct kept_row {
	enum kept_type type;
	enum kept_state state;
	struct slice group, name, id, mark, bytes;
	uint64_t version, until, ends; /* wall ns */
};

struct keep;
struct keep *keep_new(struct keep_limits limits, struct clock *clock); /* NULL: no memory */
void keep_free(struct keep *k);
/* As store_ops; nothing is ever PENDING. */
int keep_claim(struct keep *k, struct value_claim *c);
void keep_finish(struct keep *k, struct value_claim *c, enum claim_end how, struct slice bytes);
int keep_get(struct keep *k, struct value *v);
int keep_put(struct keep *k, struct value *v);
/* What was written down before this process: whoever owned something then is dead. 0, -ENOSPC,
 * -ENOMEM. */
int keep_load(struct keep *k, const struct kept_row *row);
void keep_sweep(struct keep *k); /* some of what is over; from any thread, now and then */
size_t keep_memory(const struct keep *k);
