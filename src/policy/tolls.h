/* SPDX-License-Identifier: Apache-2.0 */
/* tolls: what the calls of an answer cost whose tools the agent runs itself. How many there will be nobody knows before, so each
 * is reserved by itself, in every budget of its call, before it is let through; one that no longer fits is denied. */
#pragma once
#include "weir/call.h"

/* Judges one call of an answer for p, which is the policy of budgets. */
enum verdict tolls_take(struct policy *p, struct toolcall *tc);
void tolls_cancel(struct call *c); /* nobody waits for the store any more */
/* Once, when the call ends: what was let through and got to the agent is charged, the rest goes back. */
void tolls_settle(struct call *c);
