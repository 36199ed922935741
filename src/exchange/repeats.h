/* SPDX-License-Identifier: Apache-2.0 */
/* repeats: a tool's call under an idempotency-key runs at most once in 24 hours, for one agent, user and tool. Who repeats it
 * gets the answer of the first, or hears that it still runs, that its arguments are others, or that nobody knows how it ended. */
#pragma once
#include "weir/exchange.h"
#include "weir/value.h"

#define REPEAT_KEY_MAX 255u /* bytes, each visible ASCII */

/* Claims the call, if it has a key; the policy that asks must be the tools policy, and c->tool set. noted: what shadow has let
 * pass, which is the verdict when the claim has nothing against it; else FAULT_NONE. What a claim refuses is enforced. */
enum verdict repeats_claim(struct policy *p, enum fault noted);
void repeats_cancel(struct call *c);
bool repeats_is_found(const struct call *c); /* there is an answer from before, and nothing is asked of the tool */
/* Makes that answer the source of x's. 0 or -ENOMEM. */
int repeats_reach(struct exchange *x);
/* The answer of the call that runs: its head, then what a stream brings. */
void repeats_begin(struct exchange *x, unsigned status, struct slice type);
void repeats_hear(struct exchange *x, struct slice in);
void repeats_end(struct call *c); /* once, when the call ends */
