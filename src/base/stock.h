/* SPDX-License-Identifier: Apache-2.0 */
/* stock: blocks of memory that change hands instead of going back to the heap. What one connection
 * has done with is the next one's, so that those which rest hold nothing and what is used is warm.
 * One a loop. As on the heap, blocks are not wiped: heads have stood in them, and
 * their keys with them, so a block is written before it is read. */
#pragma once
#include "base/mem.h"

#define STOCK_BLOCK 1024u /* bytes of each */
#define STOCK_BLOCKS 64u

struct stock {
	void *blocks[STOCK_BLOCKS]; /* owned */
	unsigned n;
};

/* STOCK_BLOCK bytes, the caller's from now on; NULL when there is no memory. s may be NULL. */
static inline void *stock_take(struct stock *s)
{
	return s && s->n ? s->blocks[--s->n] : mem_alloc(STOCK_BLOCK);
}

/* Memory from the heap of any size: it is kept when it is a block and there is room, else freed. */
static inline void stock_give(struct stock *s, void *at, size_t size)
{
	if (s && at && size == STOCK_BLOCK && s->n < STOCK_BLOCKS)
		s->blocks[s->n++] = at;
	else
		mem_free(at);
}

static inline void stock_finish(struct stock *s)
{
	while (s->n)
		mem_free(s->blocks[--s->n]);
}
