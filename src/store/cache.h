/* SPDX-License-Identifier: Apache-2.0 */
/* cache: whole answers by a 32-byte key, shared by the workers of a process. What it holds never
 * weighs more than its memory: whoever was not asked for longest goes first. An entry is immutable
 * and counted, so it is read without a lock, also after it was thrown out. Whose key it is and what
 * may be kept is for others to say. */
#pragma once
#include <stdatomic.h>
#include "base/list.h"
#include "base/slice.h"

#define CACHE_KEY_LEN 32

struct cache_limits {
	size_t memory; /* bytes of all entries, what they need beside their bytes included */
	size_t entry;  /* bytes of one entry's parts */
};

struct cache_entry {
	atomic_uint refs;
	struct cache_entry *next; /* in its chain */
	struct list recent;       /* in its shard: the one that was asked for last comes first */
	uint64_t used;            /* when that was, counted in questions */
	uint64_t expires, gone;   /* monotonic ns: when it is stale, and of no use at all */
	uint8_t key[CACHE_KEY_LEN];
	struct slice type, body; /* in place */
	char bytes[];
};

struct cache_content {
	struct slice type, body;
	uint64_t expires;  /* monotonic ns */
	uint64_t stale_ns; /* how much longer it is kept for cache_find_stale */
};

struct cache;
struct cache *cache_new(struct cache_limits limits); /* NULL: no memory */
void cache_free(
        struct cache *c); /* entries that were handed out live on until they are given back */
/* From any thread; what does not fit any more goes at once. */
void cache_set_limits(struct cache *c, struct cache_limits limits);
size_t cache_entry_max(const struct cache *c); /* bytes that one entry may have now */

/* The live entry under this key, counted for the caller; NULL: there is none. now: monotonic ns. */
struct cache_entry *cache_find(struct cache *c, const uint8_t key[CACHE_KEY_LEN], uint64_t now);
/* The same, also one that has expired and is kept. */
struct cache_entry *cache_find_stale(
        struct cache *c, const uint8_t key[CACHE_KEY_LEN], uint64_t now);
static inline bool cache_entry_is_stale(const struct cache_entry *e, uint64_t now)
{
	return now >= e->expires;
}
/* Keeps a copy until expires, instead of what was there. 0, -ENOSPC (larger than an entry or all
 * memory may be) or -ENOMEM; what was there before stays then. */
int cache_put(struct cache *c, const uint8_t key[CACHE_KEY_LEN], struct slice type,
        struct slice body, uint64_t expires);
/* As cache_put. ret_entry: the copy, counted for the caller; NULL: the caller has no use for it. */
int cache_keep(struct cache *c, const uint8_t key[CACHE_KEY_LEN], const struct cache_content *what,
        struct cache_entry **ret_entry);
/* One that is in no cache, the caller's. NULL: no memory. */
struct cache_entry *cache_entry_new(
        const uint8_t key[CACHE_KEY_LEN], struct slice type, struct slice body);
static inline struct cache_entry *cache_entry_ref(struct cache_entry *e)
{
	atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	return e;
}
void cache_entry_unref(struct cache_entry *e); /* NULL: nothing */
size_t cache_memory(const struct cache *c);
