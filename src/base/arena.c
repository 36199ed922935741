/* SPDX-License-Identifier: Apache-2.0 */
/* arena: blocks that double with what is used, from 1 KiB to 64 KiB. */
#include "base/arena.h"
#include "base/mem.h"

#define ARENA_ALIGN _Alignof(max_align_t)
#define BLOCK_MIN 1024u
#define BLOCK_MAX 65536u

struct arena_block {
	struct arena_block *next; /* owned, older */
	_Alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){.max = max};
}

void arena_finish(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;

		mem_free(a->blocks);
		a->blocks = next;
	}
	arena_init(a, a->max);
}

static void arena_start_block(struct arena *a, struct arena_block *block, size_t size)
{
	*a = (struct arena){.max = a->max, .blocks = block, .used = size};
	block->next = NULL;
	a->at = block->bytes;
	a->end = (char *)block + size;
}

/* What took several blocks gets one of their size, so that doing the same again allocates nothing.
 */
static void arena_unite(struct arena *a)
{
	size_t size = a->used;
	struct arena_block *block;

	arena_finish(a);
	block = mem_alloc(size);
	if (block)
		arena_start_block(a, block, size);
}

void arena_reset(struct arena *a)
{
	struct arena_block *kept = a->blocks;

	if (!kept)
		return;
	if (kept->next && a->used <= BLOCK_MAX) {
		arena_unite(a);
		return;
	}
	size_t size = (size_t)(a->end - (char *)kept);

	a->blocks = kept->next;
	arena_finish(a);
	arena_start_block(a, kept, size);
}

static size_t block_size(const struct arena *a, size_t need)
{
	size_t size = a->used;

	if (size < BLOCK_MIN)
		size = BLOCK_MIN;
	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size > a->max - a->used)
		size = a->max - a->used;
	return size < need ? need : size;
}

/* A block that the request fills alone goes behind the newest one, whose free room stays in use. */
static char *arena_grow(struct arena *a, size_t size)
{
	size_t need = size + sizeof(struct arena_block), got;
	struct arena_block *block;

	if (need < size || need > a->max - a->used)
		return NULL;
	got = block_size(a, need);
	block = mem_alloc(got);
	if (!block)
		return NULL;
	a->used += got;
	if (a->blocks && got - need < (size_t)(a->end - a->at)) {
		block->next = a->blocks->next;
		a->blocks->next = block;
		return block->bytes;
	}
	block->next = a->blocks;
	a->blocks = block;
	a->at = block->bytes + size;
	a->end = (char *)block + got;
	return block->bytes;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t pad = -(uintptr_t)a->at & (ARENA_ALIGN - 1);
	size_t room = (size_t)(a->end - a->at);
	char *at;

	size += !size;
	if (__builtin_expect(room < pad || room - pad < size, 0))
		return arena_grow(a, size);
	at = a->at + pad;
	a->at = at + size;
	return at;
}

void *arena_zalloc(struct arena *a, size_t size)
{
	void *at = arena_alloc(a, size);

	return at ? memset(at, 0, size) : NULL;
}

/* Text needs no alignment, so short names stand close together. */
struct slice arena_dup(struct arena *a, struct slice s)
{
	char *at;

	if (s.len < (size_t)(a->end - a->at)) {
		at = a->at;
		a->at += s.len + 1;
	} else {
		at = s.len < SIZE_MAX ? arena_grow(a, s.len + 1) : NULL;
		if (!at)
			return (struct slice){NULL, 0};
	}
	if (s.len)
		memcpy(at, s.at, s.len);
	at[s.len] = '\0';
	return (struct slice){at, s.len};
}
