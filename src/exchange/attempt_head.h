/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_head: see attempt_head.c. */
#pragma once
#include "weir/exchange.h"

/* Adds the headers of the agent that go upstream. 0 or -ENOMEM. */
int attempt_head_agents(struct exchange *x, struct head *to);
/* Fills to with borrowed slices that live as long as x. 0 or -ENOMEM. */
int attempt_head(struct exchange *x, const struct endpoint_conf *e, struct head *to);
