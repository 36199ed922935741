/* SPDX-License-Identifier: Apache-2.0 */
/* unwatched: an exchange whose agent has left and that goes on, since others wait for what its upstream says. What would
 * have gone to the agent goes nowhere; all else, from the chain to the books, is as if the agent were there. */
#pragma once
#include "weir/exchange.h"

/* Whether x, whose agent has just left, goes on without one. If so its downstream writes nothing any more, keeps the
 * request's head, and is told when x ends. */
bool unwatched_begin(struct exchange *x);
void unwatched_end(struct exchange *x); /* nobody wants it any more */
/* Shows fn at most max of them, the newest first, until it says false. How many were looked at. */
unsigned unwatched_each(
	const struct exchange_env *env, unsigned max, bool (*fn)(void *arg, const struct exchange *x), void *arg);
/* The process stops now. */
void unwatched_shutdown(struct exchange_env *env);

static inline bool exchange_is_unwatched(const struct exchange *x)
{
	return x->client_gone && !x->aborted;
}
