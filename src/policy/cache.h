/* SPDX-License-Identifier: Apache-2.0 */
/* cache: see cache.c. */
#pragma once
#include "weir/call.h"

/* Whether the call is answered from the cache, or may be by somebody else's call that is under way. Asked before the store
 * is: nothing has to be reserved for it then. */
bool cache_answers(struct call *c);
