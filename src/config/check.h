/* SPDX-License-Identifier: Apache-2.0 */
/* check: mistakes of meaning in what was read and resolved. */
#pragma once
#include "config/load.h"

void policy_check(struct load *l);
void check_listeners(struct load *l);
void check_upstreams(struct load *l);
void check_models(struct load *l);
void check_tools(struct load *l);
void check_agents(struct load *l);
void check_budgets(struct load *l);
void check_store(struct load *l);
void check_identities(struct load *l);
void check_operators(struct load *l);
