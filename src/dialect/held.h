/* SPDX-License-Identifier: Apache-2.0 */
/* held: events that wait for their tool calls to be whole, byte for byte as they came. Events of a
 * stream are alike, so each is kept as what differs from the one before it. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

#define HELD_UNFOLDED_MAX (16u << 20) /* bytes of all events held, written out */

struct held {
	struct buf records; /* owned */
	struct buf last;    /* owned: the newest event */
	size_t unfolded;
	unsigned n; /* events that were not taken */
};

void held_init(struct held *h, size_t max); /* max: bytes of the records */
void held_finish(struct held *h);
/* 0, -ENOMEM, -ENOBUFS: a ceiling. */
int held_put(struct held *h, uint32_t owner, struct slice event);
/* The owner's events in order, in the arena, one right behind the other; they are held no longer. 0
 * or -ENOMEM. */
int held_take(
        struct held *h, uint32_t owner, struct arena *arena, struct slice **ret, unsigned *ret_n);
