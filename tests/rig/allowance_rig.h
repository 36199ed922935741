/* SPDX-License-Identifier: Apache-2.0 */
/* allowance_rig: an exchange rig whose one agent has rates and budgets, under the real policies and
 * the OpenAI dialect, with a store that the test holds in its hand or with the real one. Its models
 * are m (1 and 2 USD a million tokens), capped (no more than 500 of output) and dear (no price); shop is an
 * upstream of tools. */
#pragma once
#include "exchange/admission.h"
#include "rig/exchange_rig.h"
#include "rig/fake_store.h"
#include "store/embedded.h"

struct allowance_rig {
	struct exchange_rig x;
	struct fake_store fake;
	struct embedded *embedded; /* owned; NULL: the fake one is asked */
	struct loopback_answer answer;
};

/* agent: more keys of the agent, as flow YAML with a comma before each; top: more top-level lines.
 * 0 or -ENOMEM. */
int allowance_begin(struct allowance_rig *r, const char *agent, const char *top, bool embedded);
void allowance_end(struct allowance_rig *r);

/* A chat call to m of one short message; more: further members, with a comma before each. */
void allowance_ask(struct allowance_rig *r, const char *more, const char *headers);
void allowance_post(
        struct allowance_rig *r, const char *path, const char *body, const char *headers);
/* The provider answers with so much usage; negative: it does not say. */
void allowance_reply(struct allowance_rig *r, int input, int output);
/* Asks, has it answered if it went upstream, and returns the status that the agent sees. */
unsigned allowance_call(struct allowance_rig *r, const char *more, const char *headers);
void allowance_read(struct allowance_rig *r); /* what the agent has been sent */

/* Of the last answer; "" when it has no such header. */
const char *allowance_header(const struct allowance_rig *r, const char *name);
const char *allowance_code(const struct allowance_rig *r);
/* The number behind a member's name in what went upstream; 0: there is no such member. */
unsigned long long allowance_sent(const struct allowance_rig *r, const char *member);
/* Of the call that runs; NULL: none, or it has asked for nothing. */
const struct admitted *allowance_admitted(const struct allowance_rig *r);
/* Units of every counter of the fake store that begins so, in all. */
uint64_t allowance_held(const struct allowance_rig *r, const char *prefix);
