/* SPDX-License-Identifier: Apache-2.0 */
/* check_agents: whether what an agent may do is what was meant. */
#include "base/clock.h"
#include "config/check.h"
#include "config/resolve.h"

/* A tool on the list by its own name, whose scopes are not held: it could never be called. */
static void check_scopes(struct load *l, const struct agent_conf *a, const struct node *item)
{
	const struct conf *c = l->conf;

	for (unsigned i = 0; a->tools && i < c->n_tools; i++) {
		const struct tool_conf *t = &c->tools[i];
		bool named = slice_equals(t->name, item->text);

		if (!a->tools[i] || a->tool_scopes_held[i] ||
		        !slice_matches_glob(t->name, item->text))
			continue;
		for (unsigned s = 0; s < t->n_requires_scopes; s++) {
			bool held = false;

			for (unsigned h = 0; h < a->n_data_access; h++)
				held = held ||
				       slice_equals(a->data_access[h], t->requires_scopes[s]);
			if (held)
				continue;
			if (named)
				diagnostics_error(l->d, item->at,
				        "%.*s lacks the scope %.*s that %.*s requires",
				        SLICE_FMT(a->name), SLICE_FMT(t->requires_scopes[s]),
				        SLICE_FMT(t->name));
			else
				diagnostics_warning(l->d, item->at,
				        "%.*s lacks the scope %.*s that %.*s requires",
				        SLICE_FMT(a->name), SLICE_FMT(t->requires_scopes[s]),
				        SLICE_FMT(t->name));
			diagnostics_hint(l->d,
			        "add \"%.*s\" to its data_access, or take the tool off its list",
			        SLICE_FMT(t->requires_scopes[s]));
		}
	}
}

static void check_tool_list(struct load *l, const struct agent_conf *a, const struct node *n)
{
	const struct node *tools = node_member(n, "tools");

	for (const struct node *item = tools && tools->kind == NODE_LIST ? tools->first : NULL;
	        item; item = item->next) {
		if (item->kind != NODE_SCALAR)
			continue;
		if (node_is(item, "any-local"))
			diagnostics_warning(l->d, item->at,
			        "any-local lets %.*s run functions that this policy does not name",
			        SLICE_FMT(a->name));
		else
			check_scopes(l, a, item);
	}
}

static void check_team(struct load *l, const struct node *n)
{
	const struct node *team = node_member(n, "team");

	/* Without a section of teams the name is a label for records. */
	if (team && team->kind == NODE_SCALAR && node_member(l->root, "teams"))
		resolve_name(l, "teams", "team", team);
}

static void check_mode(struct load *l, const struct agent_conf *a, const struct node *n)
{
	const struct node *until = node_member(node_member(n, "mode"), "until");

	if (until && a->shadow_until && a->shadow_until < clock_wall(&clock_system))
		diagnostics_warning(l->d, until->at, "this date is past: everything is enforced");
}

void check_agents(struct load *l)
{
	for (unsigned i = 0; i < l->conf->n_agents && l->agents; i++) {
		const struct agent_conf *a = &l->conf->agents[i];

		check_tool_list(l, a, l->agents[i]);
		check_team(l, l->agents[i]);
		check_mode(l, a, l->agents[i]);
	}
}
