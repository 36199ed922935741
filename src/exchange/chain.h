/* SPDX-License-Identifier: Apache-2.0 */
/* chain: the policies of a call as an array and a cursor. The runner alone does order, resuming, shadow mode and the
 * record of verdicts; a policy only answers. */
#pragma once
#include "weir/call.h"

enum chain_result {
	CHAIN_DONE,   /* all have passed */
	CHAIN_WAIT,   /* one waits; ask again after the exchange was woken */
	CHAIN_ANSWER, /* one has refused; call->refusal says why */
	CHAIN_ABORT,
};

/* Gives the call its policies. 0 or -ENOMEM. */
int chain_init(struct call *c, const struct policy_ops *const *ops, unsigned n, struct arena *arena);
enum chain_result chain_head(struct call *c);
enum chain_result chain_request(struct call *c);
/* Once the agent is known: which policies are in shadow. */
void chain_set_modes(struct call *c, unsigned shadow_bits);
/* One lap through every policy, last to first, part by part. Tool calls that are refused are marked denied. */
enum chain_result chain_lap(struct call *c, struct lap *lap);
bool chain_reads_text(const struct call *c); /* some policy has on_text */
/* p passes, and the chain then asks from `to` on, which stands before it, once more: what they took was given back. */
void chain_go_back(struct policy *p, const struct policy_ops *to);
void chain_leave_lap(struct call *c); /* its answer is not given: what judged it is cancelled, and another one is judged anew */
/* Nobody waits for a verdict any more: the call is refused, whatever the one that waits would say. */
void chain_cancel(struct call *c);
/* Cancels the one that waits, then tells every policy that the call is over. Once. */
void chain_finish(struct call *c);
