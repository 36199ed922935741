/* SPDX-License-Identifier: Apache-2.0 */
/* shared_items: the items of a call for embeddings that this process does not know are asked of the store that instances share,
 * all at once and before the call's rates and budgets, which are for what is missing then. */
#pragma once
#include "exchange/caching.h"
#include "weir/embeddings.h"
#include "weir/policy.h"

#define SHARED_ITEMS_MAX 64u /* of one call; who misses more has them all asked of the provider */

/* c has looked for its items here, and is to ask there. */
bool shared_items_are_wanted(const struct call *c);
/* Asks, for p's call, if it is to. `then` gives p's verdict, at once or after VERDICT_WAIT. */
enum verdict shared_items_ask(struct policy *p, enum verdict (*then)(struct policy *p));
void shared_items_cancel(struct call *c);
/* Leaves one item as it came. */
void shared_items_leave(const struct exchange *x, const uint8_t key[CACHE_KEY_LEN], const struct embedding *got, struct slice model);
