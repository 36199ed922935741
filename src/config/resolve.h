/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: names to pointers, globs to sets, defaults that depend on other keys. Goes on after a
 * mistake. */
#pragma once
#include "config/load.h"

void policy_resolve(struct load *l);
void resolve_listeners(struct load *l);
void resolve_upstreams(struct load *l);
void resolve_models(struct load *l);
void resolve_tools(struct load *l);
void resolve_tool_form(struct load *l, struct tool_conf *t);
void resolve_agents(struct load *l);
void resolve_budgets(struct load *l);
void resolve_store(struct load *l);

/* The entry of a section that n names, by its index; UINT_MAX: there is none, and it was said with
 * the nearest name. */
unsigned resolve_name(struct load *l, const char *section, const char *what, const struct node *n);
