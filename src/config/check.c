/* SPDX-License-Identifier: Apache-2.0 */
/* check: the list of what is looked at. */
#include "config/check.h"

void policy_check(struct load *l)
{
	if (l->d->no_memory)
		return; /* what is missing then is no mistake of the policy's */
	check_listeners(l);
	check_upstreams(l);
	check_models(l);
	check_tools(l);
	check_agents(l);
	check_budgets(l);
	check_store(l);
	check_identities(l);
	check_operators(l);
}
