/* SPDX-License-Identifier: Apache-2.0 */
/* map: bytes to a pointer, open addressing under a keyed hash (SipHash-2-4, key drawn at start), so that callers who
 * choose the keys cannot make it slow. Keys are borrowed: they must live as long as their entry. */
#pragma once
#include "base/slice.h"

struct map_entry;
struct map {
	struct map_entry *entries; /* owned */
	size_t n, cap;
};

void map_init(struct map *m);
void map_finish(struct map *m);
void *map_get(const struct map *m, struct slice key); /* NULL when absent */
/* 0, -EEXIST (the entry stays as it was), -ENOMEM. value must not be NULL. */
int map_add(struct map *m, struct slice key, void *value);
void *map_remove(struct map *m, struct slice key); /* the value, or NULL */
/* Walks in no order: start with *it = 0; false at the end. Adding or removing on the way is a bug. */
bool map_next(const struct map *m, size_t *it, struct slice *ret_key, void **ret_value);
uint64_t hash_bytes(struct slice s); /* the keyed hash itself */
