/* SPDX-License-Identifier: Apache-2.0 */
/* registry: every policy there is, in the one order in which calls are judged. */
#pragma once
#include "weir/policy.h"

#define POLICY_COUNT 7
extern const struct policy_ops *const policy_registry[POLICY_COUNT];

extern const struct policy_ops policy_limits, policy_identity, policy_models, policy_tools, policy_rates, policy_cache,
	policy_budget;
