/* SPDX-License-Identifier: Apache-2.0 */
/* gather: bytes on their way out, as a list of segments for one gathered write. A segment is copied into it or lent to
 * it; what was lent must stay where it is until the end of the turn, when gather_keep copies what was not sent. */
#pragma once
#include <sys/uio.h>
#include "base/buf.h"
#include "base/stock.h"

#define GATHER_INLINE 4

struct gather_segment {
	const char *at; /* lent: borrowed; NULL: the next len bytes of own */
	size_t len;
};

struct gather {
	struct buf own;                              /* owned: copied bytes, in order */
	struct gather_segment few[GATHER_INLINE];
	struct gather_segment *segments;             /* few, or owned when there are more */
	unsigned first, n, cap;                      /* segments[first .. n) are left */
	size_t len;                                  /* bytes in all */
	struct stock *stock;                         /* borrowed: where own comes from; NULL: the heap */
	int error;                                   /* sticks: a put failed, so what stands here is not to be sent */
};

void gather_init(struct gather *g, size_t max); /* max: ceiling for copied bytes */
void gather_finish(struct gather *g);
void gather_rest(struct gather *g); /* it is empty: a block goes back to stock, what has outgrown one is kept */
void gather_copy(struct gather *g, struct slice s);
/* The same in two steps: room for len bytes at the end, then as many of them as were written. NULL: it failed. */
char *gather_room(struct gather *g, size_t len);
void gather_wrote(struct gather *g, size_t len);
void gather_lend(struct gather *g, struct slice s);
/* Points at most max vectors at what is left; returns how many. */
unsigned gather_vectors(const struct gather *g, struct iovec *ret, unsigned max);
void gather_take(struct gather *g, size_t len); /* len bytes were sent */
void gather_keep(struct gather *g);             /* copies what was lent and is still here */
void gather_clear(struct gather *g);
