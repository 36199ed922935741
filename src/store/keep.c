/* SPDX-License-Identifier: Apache-2.0 */
/* keep: the table; see keep.h and keep_core.h. Memory is counted before it is used, in a sum over
 * all groups and in the group's own. */
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "store/keep_core.h"

#define HEAP_SHARE 64u /* what the heap and the map need beside a value */
#define SWEEP_LOOKS 512u
#define SWEEP_DROPS 64u

int keep_key(struct keep_key *ret, enum kept_type type, struct slice group, struct slice name)
{
	if (group.len > VALUE_GROUP_MAX || name.len > VALUE_NAME_MAX)
		return -EMSGSIZE;
	ret->group = group;
	ret->room[0] = (char)type;
	ret->room[1] = (char)group.len; /* so that no two pairs of names look alike */
	bytes_copy(ret->room + 2, group.at, group.len);
	bytes_copy(ret->room + 2 + group.len, name.at, name.len);
	ret->bytes = slice_from(ret->room, 2 + group.len + name.len);
	return 0;
}

struct keep_shard *keep_lock(struct keep *k, const struct keep_key *key)
{
	struct keep_shard *s = &k->shards[hash_bytes(key->group) % KEEP_SHARDS];

	pthread_mutex_lock(&s->lock);
	return s;
}

void keep_unlock(struct keep_shard *s)
{
	pthread_mutex_unlock(&s->lock);
}

uint64_t keep_version(struct keep *k)
{
	uint64_t now = clock_wall(k->clock), before = atomic_load(&k->version), next;

	do
		next = now > before ? now : before + 1;
	while (!atomic_compare_exchange_weak(&k->version, &before, next));
	return next;
}

/* ---- room */

static size_t value_weight(const struct kept *e)
{
	return sizeof(*e) + e->key_len + HEAP_SHARE;
}

static size_t blob_weight(const struct blob *b)
{
	return b ? sizeof(*b) + b->len + HEAP_SHARE : 0;
}

static void give_room(struct keep *k, struct kept_group *g, size_t weight)
{
	assert(g->memory >= weight);
	g->memory -= weight;
	atomic_fetch_sub(&k->memory, weight);
}

static bool try_room(struct keep *k, struct kept_group *g, size_t weight)
{
	if (weight > k->limits.group_memory || g->memory > k->limits.group_memory - weight)
		return false;
	if (atomic_fetch_add(&k->memory, weight) + weight > k->limits.memory) {
		atomic_fetch_sub(&k->memory, weight);
		return false;
	}
	g->memory += weight;
	return true;
}

/* The answer that was recorded longest ago goes; the claim stays. */
static bool lose_oldest(struct keep *k, struct kept_group *g)
{
	struct list *node = list_pop(&g->recorded);
	struct kept *e = node ? container_of(node, struct kept, recorded) : NULL;

	if (!e)
		return false;
	give_room(k, g, blob_weight(e->bytes));
	blob_unref(e->bytes);
	e->bytes = NULL;
	e->state = KEPT_LOST;
	return true;
}

static bool take_room(struct keep *k, struct kept_group *g, size_t weight)
{
	if (weight > k->limits.group_memory)
		return false;
	while (!try_room(k, g, weight))
		if (!lose_oldest(k, g))
			return false;
	return true;
}

/* ---- groups */

static struct kept_group *group_get(struct keep_shard *s, struct slice name)
{
	struct kept_group *g = map_get(&s->groups, name);

	if (g)
		return g;
	g = mem_zalloc(sizeof(*g) + name.len);
	if (!g)
		return NULL;
	list_init(&g->recorded);
	g->name_len = name.len;
	bytes_copy(g->name, name.at, name.len);
	if (!map_add(&s->groups, slice_from(g->name, name.len), g))
		return g;
	mem_free(g);
	return NULL;
}

static void group_put(struct keep_shard *s, struct kept_group *g)
{
	if (g->n)
		return;
	assert(!g->memory);
	map_remove(&s->groups, slice_from(g->name, g->name_len));
	mem_free(g);
}

/* ---- values */

struct kept *keep_find(
        struct keep *k, struct keep_shard *s, const struct keep_key *key, uint64_t now)
{
	struct kept *e = map_get(&s->values, key->bytes);

	if (!e || now < e->ends)
		return e;
	keep_drop(k, s, e);
	return NULL;
}

static struct kept *kept_new(const struct keep_key *key)
{
	struct kept *e = mem_zalloc(sizeof(*e) + key->bytes.len);

	if (!e)
		return NULL;
	list_init(&e->recorded);
	e->type = (uint8_t)key->room[0];
	e->key_len = (uint16_t)key->bytes.len;
	bytes_copy(e->key, key->bytes.at, key->bytes.len);
	return e;
}

static int kept_add(struct keep *k, struct keep_shard *s, struct kept_group *g, struct kept *e)
{
	bool room = g->n < k->limits.values && take_room(k, g, value_weight(e));
	int r;

	if (!room && !k->loading)
		return -ENOSPC;
	if (!room) {
		g->memory += value_weight(e);
		atomic_fetch_add(&k->memory, value_weight(e));
	}
	r = map_add(&s->values, slice_from(e->key, e->key_len), e);
	assert(r != -EEXIST);
	if (r) {
		give_room(k, g, value_weight(e));
		return r;
	}
	e->group = g;
	g->n++;
	return 0;
}

int keep_make(
        struct keep *k, struct keep_shard *s, const struct keep_key *key, struct kept **ret_kept)
{
	struct kept_group *g = group_get(s, key->group);
	struct kept *e = g ? kept_new(key) : NULL;
	int r = e ? kept_add(k, s, g, e) : -ENOMEM;

	if (!r) {
		*ret_kept = e;
		return 0;
	}
	mem_free(e);
	if (g)
		group_put(s, g);
	return r;
}

void keep_drop(struct keep *k, struct keep_shard *s, struct kept *e)
{
	struct kept_group *g = e->group;

	map_remove(&s->values, slice_from(e->key, e->key_len));
	list_unlink(&e->recorded);
	give_room(k, g, value_weight(e) + blob_weight(e->bytes));
	blob_unref(e->bytes);
	mem_free(e);
	g->n--;
	group_put(s, g);
}

bool keep_bytes(struct keep *k, struct kept *e, struct blob *bytes, struct blob **ret_before)
{
	size_t before = blob_weight(e->bytes), after = blob_weight(bytes);

	list_unlink(&e->recorded); /* it makes no room for itself */
	if (after > before && !take_room(k, e->group, after - before))
		after = SIZE_MAX;
	else if (after < before)
		give_room(k, e->group, before - after);
	if (after != SIZE_MAX) {
		*ret_before = e->bytes;
		e->bytes = bytes;
	}
	if (e->type == KEPT_CLAIM && e->bytes)
		list_push(&e->group->recorded, &e->recorded);
	return after != SIZE_MAX;
}

/* ---- sweeping */

/* Takes note of what is over among the next few, then drops it: a map is not to change on the way.
 */
static void shard_sweep(struct keep *k, struct keep_shard *s, uint64_t now)
{
	struct kept *over[SWEEP_DROPS];
	struct slice key;
	unsigned n = 0;
	void *value;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < SWEEP_LOOKS && n < SWEEP_DROPS; i++) {
		if (!map_next(&s->values, &s->swept, &key, &value)) {
			s->swept = 0;
			break;
		}
		if (now >= ((struct kept *)value)->ends)
			over[n++] = value;
	}
	for (unsigned i = 0; i < n; i++)
		keep_drop(k, s, over[i]);
	pthread_mutex_unlock(&s->lock);
}

void keep_sweep(struct keep *k)
{
	uint64_t now = clock_wall(k->clock);

	for (unsigned i = 0; i < KEEP_SHARDS; i++)
		shard_sweep(k, &k->shards[i], now);
}

/* ---- life */

struct keep *keep_new(struct keep_limits limits, struct clock *clock)
{
	struct keep *k = mem_zalloc(sizeof(*k));

	if (!k)
		return NULL;
	k->limits = limits;
	k->clock = clock;
	for (unsigned i = 0; i < KEEP_SHARDS; i++) {
		pthread_mutex_init(&k->shards[i].lock, NULL);
		map_init(&k->shards[i].values);
		map_init(&k->shards[i].groups);
	}
	return k;
}

static void shard_finish(struct keep_shard *s)
{
	struct slice key;
	void *value;

	for (size_t it = 0; map_next(&s->values, &it, &key, &value);) {
		blob_unref(((struct kept *)value)->bytes);
		mem_free(value);
	}
	for (size_t it = 0; map_next(&s->groups, &it, &key, &value);)
		mem_free(value);
	map_finish(&s->values);
	map_finish(&s->groups);
	pthread_mutex_destroy(&s->lock);
}

void keep_free(struct keep *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < KEEP_SHARDS; i++)
		shard_finish(&k->shards[i]);
	mem_free(k);
}

size_t keep_memory(const struct keep *k)
{
	return atomic_load(&k->memory);
}
