/* SPDX-License-Identifier: Apache-2.0 */
/* table: see table.h. */
#include "store/table.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/table_core.h"

#define SWEEP_CHAINS 8u
#define NAME_MAX_LEN 65535u
#define HEAP_SHARE 32u /* what the heap and the chains need beside it */

struct table *table_new(struct table_limits limits)
{
	struct table *t = mem_zalloc(sizeof(*t));
	int r = 0;

	if (!t)
		return NULL;
	t->limits = limits;
	pthread_mutex_init(&t->walk_lock, NULL);
	for (unsigned i = 0; i < TABLE_SHARDS; i++) {
		pthread_mutex_init(&t->shards[i].lock, NULL);
		map_init(&t->shards[i].groups);
		if (cells_init(&t->shards[i].cells) < 0)
			r = -ENOMEM;
	}
	if (!r)
		return t;
	table_free(t);
	return NULL;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < TABLE_SHARDS; i++) {
		struct shard *s = &t->shards[i];
		void *group;

		cells_finish(&s->cells);
		for (size_t it = 0; map_next(&s->groups, &it, NULL, &group);)
			mem_free(group);
		map_finish(&s->groups);
		pthread_mutex_destroy(&s->lock);
	}
	pthread_mutex_destroy(&t->walk_lock);
	mem_free(t);
}

uint64_t cell_hash(uint64_t group_hash, struct slice name, uint64_t window, enum demand_kind kind)
{
	uint64_t hash = hash_bytes(name) ^ group_hash;

	/* The name's hash is keyed; that windows and kinds fall apart is all that is left to do. */
	hash += (window * 4 + kind) * 0x9e3779b97f4a7c15u;
	hash ^= hash >> 29;
	return (group_hash >> 58 << 58) | (hash << 6 >> 6);
}

void table_lock(struct table *t, uint64_t shards)
{
	for (; shards; shards &= shards - 1)
		pthread_mutex_lock(&t->shards[__builtin_ctzll(shards)].lock);
}

void table_unlock(struct table *t, uint64_t shards)
{
	for (; shards; shards &= shards - 1)
		pthread_mutex_unlock(&t->shards[__builtin_ctzll(shards)].lock);
}

static bool cell_is(const struct cell *c, const struct cell_key *key)
{
	return c->hash == key->hash && c->window == key->window && c->kind == key->kind &&
	       slice_equals(slice_from(c->name, c->name_len), key->name) &&
	       slice_equals(slice_from(c->group->name, c->group->name_len), key->group);
}

struct cell *table_find(const struct table *t, const struct cell_key *key)
{
	struct cell *c = *cells_chain(&t->shards[key->hash >> 58].cells, key->hash);

	while (c && !cell_is(c, key))
		c = c->next;
	return c;
}

/* ---- what it weighs ---- */

static size_t cell_size(const struct cell *c)
{
	return sizeof(*c) + c->name_len + HEAP_SHARE;
}

static size_t group_size(const struct group *g)
{
	return sizeof(*g) + g->name_len + HEAP_SHARE;
}

static bool table_has_room(const struct table *t, size_t more)
{
	size_t used = table_memory(t);

	return used <= t->limits.memory && more <= t->limits.memory - used;
}

static void table_weigh(struct table *t, size_t more, size_t less)
{
	atomic_fetch_add_explicit(&t->memory, more - less, memory_order_relaxed);
}

size_t table_memory(const struct table *t)
{
	return atomic_load_explicit(&t->memory, memory_order_relaxed);
}

/* ---- sweeping ---- */

/* Nothing would be told otherwise without it. */
static bool cell_is_dead(const struct cell *c, struct table_time now)
{
	if (c->held || c->pinned || now.mono < c->touched ||
	        now.mono - c->touched <= TABLE_QUIET_NS)
		return false;
	if (c->kind == DEMAND_RATE)
		return gcra_is_full(&c->rate, now.mono);
	if (c->kind == DEMAND_SLOT)
		return true;
	if (!c->budget.spent_cost && !c->budget.spent_tokens)
		return true;
	return c->budget.ends != WINDOW_NEVER_ENDS && now.wall / NS_PER_S >= c->budget.ends;
}

static void group_drop(struct table *t, struct shard *s, struct group *g)
{
	map_remove(&s->groups, slice_from(g->name, g->name_len));
	table_weigh(t, 0, group_size(g));
	mem_free(g);
}

static void shard_sweep(struct table *t, struct shard *s, unsigned n, struct table_time now)
{
	for (; n; n--) {
		struct cell **place;

		if (s->swept >= s->cells.chains)
			s->swept = 0;
		place = cells_chain_at(&s->cells, s->swept++);
		while (*place) {
			struct cell *c = *place;

			if (!cell_is_dead(c, now)) {
				place = &c->next;
				continue;
			}
			cells_remove(&s->cells, place);
			table_weigh(t, 0, cell_size(c));
			if (!--c->group->n)
				group_drop(t, s, c->group);
			mem_free(c);
		}
	}
}

void table_sweep(struct table *t, struct table_time now)
{
	for (unsigned i = 0; i < TABLE_SHARDS; i++) {
		struct shard *s = &t->shards[i];

		pthread_mutex_lock(&s->lock);
		shard_sweep(t, s, SWEEP_CHAINS, now);
		pthread_mutex_unlock(&s->lock);
	}
}

/* ---- making ---- */

static int group_get(struct table *t, struct shard *s, struct slice name, struct group **ret)
{
	struct group *g = map_get(&s->groups, name);
	int r;

	if (g) {
		*ret = g;
		return g->n < t->limits.ids ? 0 : -ENOSPC;
	}
	if (!t->limits.ids || !table_has_room(t, sizeof(*g) + name.len + HEAP_SHARE))
		return -ENOSPC;
	g = mem_alloc(sizeof(*g) + name.len);
	if (!g)
		return -ENOMEM;
	g->n = 0;
	g->name_len = (uint32_t)name.len;
	bytes_copy(g->name, name.at, name.len);
	r = map_add(&s->groups, slice_from(g->name, name.len), g);
	if (r < 0) {
		mem_free(g);
		return r;
	}
	table_weigh(t, group_size(g), 0);
	*ret = g;
	return 0;
}

static int cell_make(struct table *t, struct shard *s, const struct cell_key *key,
        struct table_time now, struct cell **ret_cell)
{
	struct group *g = NULL;
	struct cell *c = NULL;
	int r = group_get(t, s, key->group, &g);

	if (r < 0)
		return r;
	if (!table_has_room(t, sizeof(*c) + key->name.len + HEAP_SHARE))
		r = -ENOSPC;
	else if (!(c = mem_alloc(sizeof(*c) + key->name.len)))
		r = -ENOMEM;
	if (r < 0) {
		if (!g->n)
			group_drop(t, s, g);
		return r;
	}
	*c = (struct cell){.group = g,
	        .hash = key->hash,
	        .window = key->window,
	        .touched = now.mono,
	        .kind = (uint8_t)key->kind,
	        .name_len = (uint16_t)key->name.len};
	bytes_copy(c->name, key->name.at, key->name.len);
	g->n++;
	table_weigh(t, cell_size(c), 0);
	cells_add(&s->cells, c);
	*ret_cell = c;
	return 0;
}

/* Whoever adds a cell sweeps some chains first, so that what is dead goes as fast as new ones come.
 * What was asked just now is not quiet: nothing that this admission has found goes. */
int table_get(
        struct table *t, const struct cell_key *key, struct table_time now, struct cell **ret_cell)
{
	struct cell *c = table_find(t, key);
	struct shard *s = &t->shards[key->hash >> 58];

	assert(key->name.len <= NAME_MAX_LEN && key->group.len <= NAME_MAX_LEN);
	if (!c) {
		shard_sweep(t, s, SWEEP_CHAINS, now);
		return cell_make(t, s, key, now, ret_cell);
	}
	c->touched = now.mono;
	*ret_cell = c;
	return 0;
}
