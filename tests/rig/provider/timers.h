/* SPDX-License-Identifier: Apache-2.0 */
/* timers: a heap of who wants to be woken when. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct timer {
	uint64_t due; /* monotonic nanoseconds */
	size_t place; /* in the heap, from 1; 0: not set */
};

void timer_set(struct timer *t, uint64_t due); /* again, if it was set */
void timer_unset(struct timer *t);
struct timer *timer_take_due(uint64_t now); /* NULL: none is due */
uint64_t timer_next(void);                  /* UINT64_MAX: none is set */
