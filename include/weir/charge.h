/* SPDX-License-Identifier: Apache-2.0 */
/* charge: something taken that must be given back or settled: budget, rate, concurrency. It is reserved while a call is
 * judged and settled with what was really used; if its call dies first it settles itself by its safe rule. It cannot leak. */
#pragma once
#include <stdint.h>
#include "base/list.h"

struct charge;
struct charge_ops {
	const char *name;
	void (*settle)(struct charge *c, uint64_t used); /* once */
	void (*abandon)(struct charge *c);               /* the safe rule; instead of settle, once */
};

struct charge {
	struct list link; /* in its call's list */
	const struct charge_ops *ops;
	uint64_t reserved;
};

void charge_take(struct charge *c, const struct charge_ops *ops, uint64_t reserved, struct list *charges);
void charge_settle(struct charge *c, uint64_t used); /* nothing if it was settled or abandoned before */
void charge_abandon_all(struct list *charges);
