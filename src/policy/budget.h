/* SPDX-License-Identifier: Apache-2.0 */
/* budget: what one attempt may cost at worst, put into the question that the store is asked. */
#pragma once
#include "weir/call.h"

/* Adds what this call's budgets need to its admission; marks it hopeless when a limit that needs no counter forbids it. */
void budget_plan(struct call *c);
