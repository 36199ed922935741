/* SPDX-License-Identifier: Apache-2.0 */
/* tools: what others have to know of it. */
#pragma once
#include "weir/call.h"

/* Whether the agent's list lets a call that an answer makes through, or is a shadow. */
bool tools_let_through(const struct call *c, const struct toolcall *tc);
/* Says so to the model; text: a sentence about what to do. Returns VERDICT_ANSWER. */
enum verdict tools_deny(struct call *c, struct toolcall *tc, enum fault why, const char *text);
