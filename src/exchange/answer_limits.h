/* SPDX-License-Identifier: Apache-2.0 */
/* answer_limits: what an answer's head says about rates and budgets: draft-ietf-httpapi-ratelimit-headers-10's RateLimit and
 * RateLimit-Policy, the x-ratelimit-* that OpenAI's SDKs read, and Weir's own. */
#pragma once
#include "weir/exchange.h"

/* To the answer's head. 0 or -ENOMEM. */
int answer_limits_add(struct exchange *x, struct head *to);
