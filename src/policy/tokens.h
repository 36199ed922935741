/* SPDX-License-Identifier: Apache-2.0 */
/* tokens: how many tokens a call may be, before anyone knows: a bound that holds, and an estimate that is near. */
#pragma once
#include "weir/call.h"

/* No more than so many tokens of input: bytes of text, and what each message and tool adds; a window where more than text is
 * read. */
uint64_t tokens_input_bound(const struct call *c);
/* About so many, as this agent's calls to this model have shown. */
uint64_t tokens_input_estimate(const struct call *c);
/* Before the body is read: has its text counted where somebody wants to know. One without memory is estimated by its bytes. */
void tokens_count(struct call *c);
/* Before the answer comes: the same for what is written, where that is bounded. */
void tokens_count_answer(struct call *c);
/* Learns from what the provider said. */
void tokens_settle(const struct call *c);
/* Of output, for one answer: the caller's bound, or what the model is expected to write; never above what it can. 0 for
 * calls that write nothing. */
uint64_t tokens_output_wanted(const struct call *c);
/* About so many in all, input and output of all answers. */
uint64_t tokens_expected(const struct call *c);
