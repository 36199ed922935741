/* SPDX-License-Identifier: Apache-2.0 */
/* joint: small calls for embeddings that come at about the same time and differ in nothing but their items are one call
 * upstream. Each was judged and has reserved by itself; each gets its own part of the answer and pays its own share of it, and
 * all shares together are what the joint call used and cost, to the token and to the nano-dollar. */
#pragma once
#include "net/deadline.h"
#include "weir/exchange.h"

/* How a moment is waited for that may be too near for the worker's wheel. */
struct joint_clock {
	void (*set)(void *owner, struct deadline *d, uint64_t at); /* monotonic ns */
	void (*clear)(void *owner, struct deadline *d);
	void *owner; /* borrowed */
};

/* One a worker. others: its env, borrowed. NULL: no memory. */
struct joints;
struct joints *joints_new(struct exchange_env *others, struct joint_clock clock);
void joints_free(struct joints *js); /* once every exchange has ended */

/* Whether x's call may be made with others. */
bool joint_takes(const struct exchange *x);
/* Instead of env->reach: x's source is then the joint call. 0 or -ENOMEM. */
int joint_reach(struct exchange *x);
