/* SPDX-License-Identifier: Apache-2.0 */
/* attempt: a source that asks an upstream. It claims a channel, sends the request, reports the answer. A connection that
 * had been idle and died before it said a byte is replaced by a new one once: the peer had hung up while we wrote. */
#pragma once
#include "weir/exchange.h"

/* For exchange_env.reach: 0 and x->source set, or -ENOMEM. */
int attempt_open(struct exchange_env *env, struct exchange *x);
