/* SPDX-License-Identifier: Apache-2.0 */
/* arena: memory that dies at once with the thing it belongs to. Not for secrets: it is not wiped. */
#pragma once
#include "base/slice.h"

struct arena_block;
struct arena {
	struct arena_block *blocks; /* owned, newest first */
	char *at, *end;             /* free room in the newest block */
	size_t used, max;           /* bytes taken from the heap, and their ceiling */
};

void arena_init(struct arena *a, size_t max);
void arena_finish(struct arena *a);
void arena_reset(struct arena *a); /* empty again; as much memory as was used is kept for what comes, 64 KiB at most */
/* Aligned for any type; NULL when memory or the ceiling is spent. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);
/* Copies s with one NUL behind it. On failure 0 is returned by arena_dup as at == NULL. */
struct slice arena_dup(struct arena *a, struct slice s);
