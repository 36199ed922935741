/* SPDX-License-Identifier: Apache-2.0 */
/* excess: which calls have cost more than was reserved for them: a combination of a model, what goes with it and the tools
 * that its provider runs. Under a budget no more such calls are made until the policy is loaded anew: what it bounds would
 * not hold. Each policy in force has its own, which all workers share. */
#pragma once
#include "weir/call.h"

struct excess;

struct excess *excess_new(void); /* NULL: no memory */
void excess_free(struct excess *e);

/* Whether a budget cannot bound this call, since one like it went beyond. */
bool excess_blocks(const struct call *c);
/* Whether more kinds of calls went beyond than it remembers, so that budgets bound none; the log says so once. */
bool excess_is_full(const struct excess *e);
/* Tokens that a provider was seen to put before the caller's own, to be reserved beside them. */
uint64_t excess_input(const struct call *c);
/* Once, when the call is settled: whether it went beyond what its budgets held for it. What it was is kept. */
bool excess_note(const struct exchange *x, struct call *c);
