/* SPDX-License-Identifier: Apache-2.0 */
/* slab: where a loop's reads land. What was read stays where it is until the end of the turn, so it
 * can be lent to a gather instead of being copied; at the end of the turn all of it is forgotten at
 * once. */
#pragma once
#include "base/slice.h"

#define SLAB_SIZE (256u << 10)
#define SLAB_READ_MIN (16u << 10) /* less room than this and the turn is ended early */
#define SLAB_READ_MAX (64u << 10) /* offered to one read */

struct slab {
	char *mem; /* owned; its pages are touched only as far as they are used */
	size_t used;
};

int slab_init(struct slab *s); /* 0 or -ENOMEM */
void slab_finish(struct slab *s);

static inline size_t slab_room(const struct slab *s)
{
	size_t room = SLAB_SIZE - s->used;

	return room < SLAB_READ_MAX ? room : SLAB_READ_MAX;
}

static inline char *slab_tail(const struct slab *s)
{
	return s->mem + s->used;
}

/* After len bytes were written at the tail. */
static inline void slab_commit(struct slab *s, size_t len)
{
	s->used += (len + 15) & ~(size_t)15;
	if (s->used > SLAB_SIZE)
		s->used = SLAB_SIZE;
}

static inline void slab_clear(struct slab *s)
{
	s->used = 0;
}
