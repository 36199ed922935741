/* SPDX-License-Identifier: Apache-2.0 */
/* deadline: a moment by which something must have happened. All of a loop's deadlines share one timer; setting and
 * clearing one costs no system call and no allocation. Resolution 16 ms, never early. */
#pragma once
#include "base/clock.h"
#include "base/list.h"

#define WHEEL_SLOTS 1024u
#define WHEEL_TICK (16 * NS_PER_MS)

struct deadline {
	struct list link;
	uint64_t at; /* monotonic ns; 0 while not set */
	void (*due)(struct deadline *d);
};

struct wheel {
	struct list slots[WHEEL_SLOTS];
	uint64_t occupied[WHEEL_SLOTS / 64]; /* a bit a slot that is not empty */
	uint64_t tick;                       /* the first tick that has not been run */
	unsigned n;                          /* deadlines set */
};

void wheel_init(struct wheel *w, uint64_t now);
/* Calls due for every deadline that has passed; due may set and clear any deadline. */
void wheel_run(struct wheel *w, uint64_t now);
/* When wheel_run should be called next: monotonic ns, UINT64_MAX when nothing is set. May be early, never late. */
uint64_t wheel_next(const struct wheel *w);

void deadline_init(struct deadline *d, void (*due)(struct deadline *d));
void deadline_set(struct wheel *w, struct deadline *d, uint64_t at); /* moves it if it was set */
void deadline_clear(struct wheel *w, struct deadline *d);
