/* SPDX-License-Identifier: Apache-2.0 */
/* budget: what one attempt may cost at worst, put into the question that the store is asked. */
#pragma once
#include "weir/call.h"
#include "weir/store.h"

#define BUDGET_TEXT 256 /* bytes of a sentence about one */

/* Adds what this call's budgets need to its admission; marks it hopeless when a limit that needs no counter forbids it. */
void budget_plan(struct call *c);
/* What the answer to d means, and what to do about it; FAULT_NONE: b has room. */
enum fault budget_says(const struct demand *d, const struct budget_conf *b, char text[BUDGET_TEXT]);
