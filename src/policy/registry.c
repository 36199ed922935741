/* SPDX-License-Identifier: Apache-2.0 */
/* registry: how a call is decided: request top to bottom, answer bottom to top. */
#include "policy/registry.h"

const struct policy_ops *const policy_registry[POLICY_COUNT] = {
	&policy_limits,   /* is it well formed, of a kind and a size that we take? */
	&policy_identity, /* which agent is this? not suspended? whose user? */
	/* the dialect reads the request here, once and strictly, for all below */
	&policy_models,   /* may it use this model; which one is meant? */
	&policy_tools,    /* which declared tools may stay; is this tool call allowed? */
	&policy_rates,    /* requests, tokens, calls at once in their windows; it asks the store, for the next one too */
	&policy_cache,    /* have we this answer already? */
	&policy_budget,   /* is one attempt's worst case reserved in every budget that applies? */
};
