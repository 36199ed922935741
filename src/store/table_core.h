/* SPDX-License-Identifier: Apache-2.0 */
/* table_core: what table.c keeps and table_walk.c reads. The walk's lock is taken before a shard's.
 */
#pragma once
#include <pthread.h>
#include "base/map.h"
#include "store/table.h"

struct shard {
	pthread_mutex_t lock;
	struct cells cells;
	struct map groups; /* name to struct group, owned */
	size_t swept;      /* the chain to sweep next */
	char apart[64];    /* so that two shards share no cache line */
};

struct table {
	struct table_limits limits;
	_Atomic size_t memory;     /* of cells and groups */
	pthread_mutex_t walk_lock; /* one walk at a time; over walk */
	uint32_t walk;
	struct shard shards[TABLE_SHARDS];
};
