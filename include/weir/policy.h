/* SPDX-License-Identifier: Apache-2.0 */
/* policy: one rule in the chain. It sees a call through its facts, texts and tool calls, never a dialect's structs, and
 * answers with a verdict. The runner (exchange/chain.c) alone does order, resuming, shadow mode, records and metrics. */
#pragma once
#include "base/buf.h"
#include "weir/lap.h"

enum verdict {
	VERDICT_PASS,   /* go on to the next policy */
	VERDICT_WAIT,   /* policy_settle follows, exactly once. In on_text the policy is then asked again with no new input,
	                 * so that it may let go what it held; elsewhere the settled verdict stands for its answer */
	VERDICT_ANSWER, /* refuse: call_refuse or call_deny_tool has said why */
	VERDICT_ABORT,  /* stop: reset the exchange */
};

enum mode { MODE_ENFORCE, MODE_SHADOW };

struct call;
struct policy;
struct answer;

struct policy_ops {
	const char *name;
	size_t state_size;   /* bytes a call, zeroed */
	unsigned shadow_bit; /* of config/conf.h: the mode that an agent's entry can put it in; 0: always enforced */
	/* Request, first policy to last. on_head sees no body: it decides whether one is worth reading. */
	enum verdict (*on_head)(struct policy *p);
	enum verdict (*on_request)(struct policy *p);
	/* Answer, last policy to first. */
	enum verdict (*on_tool_call)(struct policy *p, struct toolcall *tc);
	/* Takes all of in, puts to out what may go on; last: the channel ends, nothing may stay behind. */
	enum verdict (*on_text)(struct policy *p, const struct text_channel *ch, struct slice in, struct buf *out, bool last);
	void (*on_cancel)(struct policy *p); /* it waited and its call died: cancel tickets */
	void (*on_done)(struct policy *p);   /* always, exactly once, whatever happened: settle accounts */
};

struct policy { /* one instance in one call */
	const struct policy_ops *ops;
	void *state;       /* in the call's arena */
	struct call *call; /* borrowed */
	enum mode mode;    /* the agent's, but for a word that holds in shadow too */
	enum mode given;   /* the agent's, fixed once that is known */
	enum verdict settled; /* the runner's: what policy_settle brought */
};

/* Takes a declared tool out of the request, unless the policy is in shadow: then it is only noted. */
void policy_remove_tool(struct policy *p, struct tool_decl *tool);

/* The verdict that a policy owed after VERDICT_WAIT. From a ticket's done, never from inside on_*. */
void policy_settle(struct policy *p, enum verdict v);
