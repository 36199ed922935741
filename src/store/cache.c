/* SPDX-License-Identifier: Apache-2.0 */
/* cache: see cache.h. A key's shard and chain are bytes of the key, which is a digest: nobody
 * chooses where it falls. One lock is held at a time, and never while bytes are copied. Room is
 * taken from one sum before an entry is let in, so all shards share all memory. */
#include "store/cache.h"
#include <errno.h>
#include <pthread.h>
#include "base/mem.h"

#define SHARDS 16u
#define CHAINS 1024u
#define HEAP_SHARE 32u /* what the heap needs beside an entry */

struct shard {
	pthread_mutex_t lock;
	struct list recent;
	_Atomic uint64_t oldest; /* used of the last one in recent; UINT64_MAX: there is none */
	char apart[64];          /* so that two shards share no cache line */
};

struct cache {
	_Atomic size_t memory, max_memory, max_entry;
	_Atomic uint64_t questions;
	struct shard shards[SHARDS];
	/* Counted. Behind all else, so that memory which no entry needed yet is never touched. */
	struct cache_entry *chains[SHARDS][CHAINS];
};

struct cache *cache_new(struct cache_limits limits)
{
	struct cache *c = mem_zalloc(sizeof(*c));

	if (!c)
		return NULL;
	atomic_init(&c->max_memory, limits.memory);
	atomic_init(&c->max_entry, limits.entry);
	for (unsigned i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&c->shards[i].lock, NULL);
		list_init(&c->shards[i].recent);
		atomic_init(&c->shards[i].oldest, UINT64_MAX);
	}
	return c;
}

void cache_entry_unref(struct cache_entry *e)
{
	if (e && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1)
		mem_free(e);
}

static size_t entry_weight(size_t len)
{
	return sizeof(struct cache_entry) + len + HEAP_SHARE;
}

static struct shard *shard_of(struct cache *c, const uint8_t *key)
{
	return &c->shards[key[0] % SHARDS];
}

static struct cache_entry **place_of(struct cache *c, const uint8_t *key)
{
	struct cache_entry **place =
	        &c->chains[key[0] % SHARDS][(key[1] | (unsigned)key[2] << 8) % CHAINS];

	while (*place && memcmp((*place)->key, key, CACHE_KEY_LEN) != 0)
		place = &(*place)->next;
	return place;
}

static void note_oldest(struct shard *s)
{
	uint64_t oldest = UINT64_MAX;

	if (!list_is_empty(&s->recent))
		oldest = container_of(s->recent.prev, struct cache_entry, recent)->used;
	atomic_store_explicit(&s->oldest, oldest, memory_order_relaxed);
}

/* Takes it out; the shard's count of it is the caller's now. */
static struct cache_entry *take_out(struct cache *c, struct shard *s, struct cache_entry **place)
{
	struct cache_entry *e = *place;

	*place = e->next;
	list_unlink(&e->recent);
	note_oldest(s);
	atomic_fetch_sub(&c->memory, entry_weight(e->type.len + e->body.len));
	return e;
}

static void move_to_front(struct cache *c, struct shard *s, struct cache_entry *e)
{
	e->used = atomic_fetch_add_explicit(&c->questions, 1, memory_order_relaxed);
	list_unlink(&e->recent);
	list_push_front(&s->recent, &e->recent);
	note_oldest(s);
}

static struct cache_entry *find(struct cache *c, const uint8_t *key, uint64_t now, bool stale)
{
	struct shard *s = shard_of(c, key);
	struct cache_entry *found, *dead = NULL;

	pthread_mutex_lock(&s->lock);
	struct cache_entry **place = place_of(c, key);
	found = *place;
	if (found && now >= found->gone)
		dead = take_out(c, s, place);
	if (dead || (found && !stale && cache_entry_is_stale(found, now)))
		found = NULL;
	if (found) {
		atomic_fetch_add_explicit(&found->refs, 1, memory_order_relaxed);
		move_to_front(c, s, found);
	}
	pthread_mutex_unlock(&s->lock);
	cache_entry_unref(dead);
	return found;
}

struct cache_entry *cache_find(struct cache *c, const uint8_t key[CACHE_KEY_LEN], uint64_t now)
{
	return find(c, key, now, false);
}

struct cache_entry *cache_find_stale(
        struct cache *c, const uint8_t key[CACHE_KEY_LEN], uint64_t now)
{
	return find(c, key, now, true);
}

/* Throws out the one that was not asked for longest, as far as can be seen without all locks.
 * False: there is none. */
static bool throw_one(struct cache *c)
{
	struct shard *s = NULL;
	struct cache_entry *e = NULL;
	uint64_t oldest = UINT64_MAX;

	for (unsigned i = 0; i < SHARDS; i++) {
		uint64_t at = atomic_load_explicit(&c->shards[i].oldest, memory_order_relaxed);

		if (at < oldest) {
			oldest = at;
			s = &c->shards[i];
		}
	}
	if (!s)
		return false;
	pthread_mutex_lock(&s->lock);
	if (!list_is_empty(&s->recent)) {
		e = container_of(s->recent.prev, struct cache_entry, recent);
		take_out(c, s, place_of(c, e->key));
	}
	pthread_mutex_unlock(&s->lock);
	cache_entry_unref(e);
	return true;
}

/* Takes so many bytes of the memory; throws out what stands in the way. */
static bool take_room(struct cache *c, size_t weight)
{
	size_t used = atomic_load(&c->memory);

	for (;;) {
		size_t max = atomic_load(&c->max_memory);

		if (weight > max)
			return false;
		if (used <= max - weight) {
			if (atomic_compare_exchange_weak(&c->memory, &used, used + weight))
				return true;
			continue;
		}
		if (!throw_one(c))
			return false;
		used = atomic_load(&c->memory);
	}
}

struct cache_entry *cache_entry_new(
        const uint8_t key[CACHE_KEY_LEN], struct slice type, struct slice body)
{
	struct cache_entry *e = mem_alloc(sizeof(*e) + type.len + body.len);

	if (!e)
		return NULL;
	atomic_init(&e->refs, 1);
	memcpy(e->key, key, CACHE_KEY_LEN);
	bytes_copy(e->bytes, type.at, type.len);
	bytes_copy(e->bytes + type.len, body.at, body.len);
	e->type = slice_from(e->bytes, type.len);
	e->body = slice_from(e->bytes + type.len, body.len);
	list_init(&e->recent);
	e->next = NULL;
	e->used = 0;
	e->expires = e->gone = UINT64_MAX; /* in no cache it does not age */
	return e;
}

int cache_keep(struct cache *c, const uint8_t key[CACHE_KEY_LEN], const struct cache_content *what,
        struct cache_entry **ret_entry)
{
	struct slice type = what->type, body = what->body;
	struct shard *s = shard_of(c, key);
	struct cache_entry *e, *before = NULL;
	size_t max = cache_entry_max(c);

	if (type.len > max || body.len > max - type.len)
		return -ENOSPC;
	e = cache_entry_new(key, type, body);
	if (!e)
		return -ENOMEM;
	if (!take_room(c, entry_weight(type.len + body.len))) {
		cache_entry_unref(e);
		return -ENOSPC;
	}
	e->expires = e->gone = what->expires;
	if (__builtin_add_overflow(e->gone, what->stale_ns, &e->gone))
		e->gone = UINT64_MAX;
	if (ret_entry) {
		atomic_store_explicit(&e->refs, 2, memory_order_relaxed);
		*ret_entry = e;
	}
	pthread_mutex_lock(&s->lock);
	struct cache_entry **place = place_of(c, key);
	if (*place)
		before = take_out(c, s, place);
	e->next = *place;
	*place = e;
	move_to_front(c, s, e);
	pthread_mutex_unlock(&s->lock);
	cache_entry_unref(before);
	return 0;
}

int cache_put(struct cache *c, const uint8_t key[CACHE_KEY_LEN], struct slice type,
        struct slice body, uint64_t expires)
{
	const struct cache_content what = {.type = type, .body = body, .expires = expires};

	return cache_keep(c, key, &what, NULL);
}

void cache_set_limits(struct cache *c, struct cache_limits limits)
{
	atomic_store(&c->max_memory, limits.memory);
	atomic_store(&c->max_entry, limits.entry);
	while (cache_memory(c) > limits.memory && throw_one(c))
		;
}

size_t cache_entry_max(const struct cache *c)
{
	return atomic_load(&c->max_entry);
}

size_t cache_memory(const struct cache *c)
{
	return atomic_load(&c->memory);
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	while (throw_one(c))
		;
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&c->shards[i].lock);
	mem_free(c);
}
