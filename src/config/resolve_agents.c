/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_agents: lists of names and globs to sets over what is declared, and whether the scopes
 * for it are held. */
#include <limits.h>
#include "config/resolve.h"

static bool is_glob(struct slice s)
{
	return memchr(s.at, '*', s.len);
}

/* Sets set[i] for every declared name that the glob matches. */
static void mark_glob(
        struct load *l, const char *section, const char *what, const struct node *item, bool *set)
{
	const struct node *map = node_member(l->root, section);
	bool any = false;
	unsigned i = 0;

	for (const struct node *n = map ? map->first : NULL; n; n = n->next, i++)
		if (slice_matches_glob(n->key, item->text)) {
			set[i] = true;
			any = true;
		}
	if (any)
		return;
	diagnostics_error(l->d, item->at, "no %s matches %.*s", what, SLICE_FMT(item->text));
	diagnostics_hint(l->d, "it stands for names that are declared under %s:", section);
}

/* A name that only a declared glob covers. */
static bool say_covered(
        struct load *l, const char *section, const char *what, const struct node *item)
{
	const struct node *map = node_member(l->root, section);

	for (const struct node *n = map ? map->first : NULL; n; n = n->next)
		if (is_glob(n->key) && slice_matches_glob(item->text, n->key)) {
			diagnostics_error(l->d, item->at,
			        "no %s is named %.*s; it is only covered by %.*s", what,
			        SLICE_FMT(item->text), SLICE_FMT(n->key));
			diagnostics_hint(l->d,
			        "declare it beside %.*s, or allow \"%.*s\" as a whole",
			        SLICE_FMT(n->key), SLICE_FMT(n->key));
			return true;
		}
	return false;
}

static void mark_list(struct load *l, const char *section, const char *what,
        const struct node *list, unsigned n_declared, bool *set)
{
	for (const struct node *item = list && list->kind == NODE_LIST ? list->first : NULL; item;
	        item = item->next) {
		unsigned index;

		if (item->kind != NODE_SCALAR || node_is(item, "any-local"))
			continue;
		if (is_glob(item->text)) {
			mark_glob(l, section, what, item, set);
		} else if (node_member_slice(node_member(l->root, section), item->text) ||
		           !say_covered(l, section, what, item)) {
			index = resolve_name(l, section, what, item);
			if (index < n_declared)
				set[index] = true;
		}
	}
}

static bool agent_holds(const struct agent_conf *a, struct slice scope)
{
	for (unsigned i = 0; i < a->n_data_access; i++)
		if (slice_equals(a->data_access[i], scope))
			return true;
	return false;
}

static bool agent_holds_all(const struct agent_conf *a, const struct tool_conf *t)
{
	for (unsigned i = 0; i < t->n_requires_scopes; i++)
		if (!agent_holds(a, t->requires_scopes[i]))
			return false;
	return true;
}

static bool list_holds(const struct node *list, const char *word)
{
	for (const struct node *n = list && list->kind == NODE_LIST ? list->first : NULL; n;
	        n = n->next)
		if (node_is(n, word))
			return true;
	return false;
}

static void resolve_agent(struct load *l, struct agent_conf *a, const struct node *n)
{
	struct conf *c = l->conf;
	const struct node *tools = node_member(n, "tools");

	a->tools = reader_alloc(&l->reader, c->n_tools + 1);
	a->tool_scopes_held = reader_alloc(&l->reader, c->n_tools + 1);
	a->models = reader_alloc(&l->reader, c->n_models + 1);
	if (!a->tools || !a->tool_scopes_held || !a->models)
		return;
	mark_list(l, "tools", "tool", tools, c->n_tools, a->tools);
	mark_list(l, "models", "model", node_member(n, "models"), c->n_models, a->models);
	for (unsigned i = 0; i < c->n_tools; i++)
		a->tool_scopes_held[i] = agent_holds_all(a, &c->tools[i]);
	a->any_local = list_holds(tools, "any-local");
	a->privacy_hash_users = true;
}

void resolve_agents(struct load *l)
{
	for (unsigned i = 0; i < l->conf->n_agents; i++) {
		l->conf->agents[i].index = i;
		resolve_agent(l, &l->conf->agents[i], l->agents ? l->agents[i] : NULL);
	}
}
