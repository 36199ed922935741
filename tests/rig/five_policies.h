/* SPDX-License-Identifier: Apache-2.0 */
/* five_policies: the policy contract in five tempers, each as small as it can be: synchronous,
 * asking a store, an edit that holds text back, a charge that is reserved and settled, and a long
 * wait. And pick, which stands in for identity and models. What they do and have done is in one
 * struct, reset by five_begin. */
#pragma once
#include "rig/fake_store.h"
#include "weir/exchange.h"

#define FIVE_ASKED_MAX 8

struct five {
	struct fake_store store;
	struct turn *turn; /* borrowed */
	/* what they are told to do */
	unsigned agent;  /* pick: whose call it is, by index */
	unsigned shadow; /* pick: FIVE_* bits in shadow, instead of the agent's own */
	enum verdict gate_head, gate_request, gate_tool; /* gate_tool: for the tool "evil" */
	uint64_t rate_limit;                             /* rate: calls that the store grants */
	uint64_t reserve, budget;   /* reserve: nano-dollars a call, and in all */
	bool ask_head, ask_request; /* ask: waits there */
	/* what they have done */
	struct ticket *asked[FIVE_ASKED_MAX]; /* questions that wait, oldest first */
	unsigned n_asked, n_asks, n_cancels;
	unsigned n_taken, n_settled, n_abandoned;
	uint64_t used; /* what the last charge was settled with */
	unsigned n_heads, n_requests, n_tools, n_texts, n_dones;
	unsigned lasts; /* how often a text was the channel's last, for hold */
};

extern struct five five;
void five_begin(struct turn *turn);
/* Answers the oldest question; false: none waits. VERDICT_ANSWER refuses with APPROVAL_DENIED. */
bool five_answer(enum verdict v);

#define FIVE_GATE (1u << 20) /* shadow bits */
#define FIVE_RATE (1u << 21)
#define FIVE_HOLD (1u << 22)
#define FIVE_RESERVE (1u << 23)
#define FIVE_ASK (1u << 24)

extern const struct policy_ops policy_pick;
extern const struct policy_ops policy_gate; /* says what it is told; in text, '*' becomes '#' */
extern const struct policy_ops policy_rate; /* takes 1 of "rate" from the store */
extern const struct policy_ops
        policy_hold; /* "secret" becomes "******", however it is cut; "forbid" refuses */
extern const struct policy_ops
        policy_reserve; /* takes from "budget", gives back what the call did not cost */
extern const struct policy_ops
        policy_ask; /* a '@' in text, and a call of the tool "ask", wait for five_answer */
