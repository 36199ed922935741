/* SPDX-License-Identifier: Apache-2.0 */
/* stale: an answer that has expired stands in for an upstream that has failed, where the policy says so
 * (stale_if_error) and the agent has got nothing yet. */
#pragma once
#include "weir/exchange.h"

/* If x's upstream has failed and an old answer is kept for it, that becomes the source; the agent has got nothing yet. */
bool stale_stand_in(struct exchange *x);
