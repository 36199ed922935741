/* SPDX-License-Identifier: Apache-2.0 */
/* map: linear probing, at most three quarters full; removing shifts what follows back, so there are
 * no tombstones. */
#include "base/map.h"
#include <assert.h>
#include <errno.h>
#include "base/id.h"
#include "base/mem.h"
#include "base/siphash.h"

#define MAP_MIN 8u

struct map_entry {
	struct slice key; /* borrowed */
	uint64_t hash;
	void *value; /* borrowed; NULL: a free place */
};

static struct siphash_key hash_key;

/* Before main, so that no reader has to ask whether it is there. */
__attribute__((constructor)) static void hash_key_draw(void)
{
	random_bytes(&hash_key, sizeof(hash_key));
}

uint64_t hash_bytes(struct slice s)
{
	return siphash(hash_key, s);
}

void map_init(struct map *m)
{
	*m = (struct map){0};
}

void map_finish(struct map *m)
{
	mem_free(m->entries);
	map_init(m);
}

/* The key's place, or the free one where it would go. There is always a free one. */
static struct map_entry *map_place(const struct map *m, struct slice key, uint64_t hash)
{
	size_t mask = m->cap - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct map_entry *e = &m->entries[i];

		if (!e->value || (e->hash == hash && slice_equals(e->key, key)))
			return e;
	}
}

/* Of a map that has never grown: looking at all its places costs less than hashing the key. */
static void *map_look(const struct map *m, struct slice key)
{
	for (size_t i = 0; i < MAP_MIN; i++) {
		const struct map_entry *e = &m->entries[i];

		if (e->key.len == key.len && e->value && slice_equals(e->key, key))
			return e->value;
	}
	return NULL;
}

void *map_get(const struct map *m, struct slice key)
{
	if (!m->n)
		return NULL;
	return m->cap == MAP_MIN ? map_look(m, key) : map_place(m, key, hash_bytes(key))->value;
}

static int map_grow(struct map *m)
{
	size_t cap = m->cap ? m->cap * 2 : MAP_MIN;
	struct map bigger = {.n = m->n, .cap = cap};

	if (cap > SIZE_MAX / sizeof(*bigger.entries))
		return -ENOMEM;
	bigger.entries = mem_zalloc(cap * sizeof(*bigger.entries));
	if (!bigger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		const struct map_entry *e = &m->entries[i];

		if (e->value)
			*map_place(&bigger, e->key, e->hash) = *e;
	}
	mem_free(m->entries);
	*m = bigger;
	return 0;
}

int map_add(struct map *m, struct slice key, void *value)
{
	uint64_t hash = hash_bytes(key);
	struct map_entry *e;

	assert(value);
	if (m->n && map_place(m, key, hash)->value)
		return -EEXIST;
	if (m->n >= m->cap / 4 * 3) {
		int r = map_grow(m);

		if (r)
			return r;
	}
	e = map_place(m, key, hash);
	*e = (struct map_entry){.key = key, .hash = hash, .value = value};
	m->n++;
	return 0;
}

/* An entry may move back into the hole unless its own first place lies behind the hole. */
static void map_close_hole(struct map *m, size_t hole)
{
	size_t mask = m->cap - 1;

	for (size_t i = (hole + 1) & mask; m->entries[i].value; i = (i + 1) & mask) {
		size_t home = m->entries[i].hash & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->entries[hole] = m->entries[i];
			hole = i;
		}
	}
	m->entries[hole] = (struct map_entry){0};
}

void *map_remove(struct map *m, struct slice key)
{
	struct map_entry *e;
	void *value;

	if (!m->n)
		return NULL;
	e = map_place(m, key, hash_bytes(key));
	value = e->value;
	if (!value)
		return NULL;
	map_close_hole(m, (size_t)(e - m->entries));
	m->n--;
	return value;
}

bool map_next(const struct map *m, size_t *it, struct slice *ret_key, void **ret_value)
{
	while (*it < m->cap) {
		const struct map_entry *e = &m->entries[(*it)++];

		if (!e->value)
			continue;
		if (ret_key)
			*ret_key = e->key;
		if (ret_value)
			*ret_value = e->value;
		return true;
	}
	return false;
}
