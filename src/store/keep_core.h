/* SPDX-License-Identifier: Apache-2.0 */
/* keep_core: what keep.c has in its table and keep_ops.c asks of it. A group's values stand in one
 * shard, all under its lock, which is held while a few fields are read and written, never while
 * bytes are copied or anything is written down. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "store/keep.h"

#define KEEP_SHARDS 32u
#define KEEP_KEY_MAX (2u + VALUE_GROUP_MAX + VALUE_NAME_MAX)

struct kept_group {
	uint32_t n;
	size_t memory;
	struct list recorded; /* claims that have bytes, by kept.recorded: the oldest first */
	size_t name_len;
	char name[];
};

struct kept {
	struct kept_group *group; /* counted by n */
	struct list recorded;
	uint64_t version, until, ends; /* wall ns */
	struct blob *bytes;            /* counted; NULL: none */
	uint8_t type, state, id_len, mark_len;
	uint16_t key_len;
	char id[CLAIM_ID_MAX], mark[CLAIM_MARK_MAX];
	char key[]; /* of the shard's map */
};

struct keep_shard {
	pthread_mutex_t lock;
	struct map values; /* by type, group and name: struct kept, owned */
	struct map groups; /* by name: struct kept_group, owned */
	size_t swept;      /* where the next sweep begins */
	char apart[64];    /* so that two shards share no cache line */
};

struct keep {
	struct keep_limits limits;
	struct clock *clock; /* borrowed */
	bool loading;        /* before anybody asks: what was granted once is never refused */
	_Atomic size_t memory;
	_Atomic uint64_t version; /* of the latest change */
	struct keep_shard shards[KEEP_SHARDS];
};

/* What stands for one value while it is asked for. */
struct keep_key {
	struct slice group;
	struct slice bytes; /* in room */
	char room[KEEP_KEY_MAX];
};

/* 0 or -EMSGSIZE. */
int keep_key(struct keep_key *ret, enum kept_type type, struct slice group, struct slice name);
struct keep_shard *keep_lock(struct keep *k, const struct keep_key *key);
void keep_unlock(struct keep_shard *s);

/* The rest with the lock of the key's shard. */
struct kept *keep_find(struct keep *k, struct keep_shard *s, const struct keep_key *key,
        uint64_t now); /* NULL: none, or it is over */
/* Where none stands. 0, -ENOSPC, -ENOMEM. All but key and group are zero. */
int keep_make(
        struct keep *k, struct keep_shard *s, const struct keep_key *key, struct kept **ret_kept);
void keep_drop(struct keep *k, struct keep_shard *s, struct kept *e);
/* Takes the count of bytes (NULL: none) if there is room, else nothing changes: false. What was
 * there is given back by the caller. */
bool keep_bytes(struct keep *k, struct kept *e, struct blob *bytes, struct blob **ret_before);
/* Larger than every one before, also of processes before this one whose clock was not ahead. */
uint64_t keep_version(struct keep *k);

static inline struct slice kept_id(const struct kept *e)
{
	return slice_from(e->id, e->id_len);
}

static inline struct slice kept_mark(const struct kept *e)
{
	return slice_from(e->mark, e->mark_len);
}
