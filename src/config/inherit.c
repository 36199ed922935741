/* SPDX-License-Identifier: Apache-2.0 */
/* inherit: merged nodes are copies whose layer says which level they came from; what stands below a
 * merged map is shared with the tree. Depth is bounded by YAML_DEPTH_MAX. */
#include "config/inherit.h"
#include "config/keys.h"
#include "config/load.h"

const char layer_defaults[] = "defaults", layer_team[] = "team";

struct layers {
	struct reader *r;
	struct arena *arena; /* the load's */
	bool failed;
};

static struct node *copy_as(struct layers *l, const struct node *from, const char *layer)
{
	struct node *n = node_copy(l->arena, from);

	if (!n) {
		diagnostics_no_memory(l->r->d);
		l->failed = true;
		return NULL;
	}
	n->next = NULL;
	if (layer)
		n->layer = layer;
	return n;
}

/* from and all below it, marked with the layer. */
static struct node *copy_deep(struct layers *l, const struct node *from, const char *layer)
{
	struct node *n = copy_as(l, from, layer);

	if (!n)
		return NULL;
	n->first = n->last = NULL;
	n->n = 0;
	for (const struct node *child = from->first; child; child = child->next) {
		struct node *copy = copy_deep(l, child, layer);

		if (copy)
			node_append(n, copy);
	}
	return n;
}

static void node_replace(struct node *map, struct node *old, struct node *new)
{
	struct node **link = &map->first;

	while (*link != old)
		link = &(*link)->next;
	new->next = old->next;
	*link = new;
	if (map->last == old)
		map->last = new;
}

/* Lays over on top of base, which is ours to change. A null stays as a null: it reads as absent. */
static void lay_over(
        struct layers *l, struct node *base, const struct node *over, const char *layer)
{
	for (const struct node *member = over->first; member; member = member->next) {
		struct node *old = node_member_slice(base, member->key);
		struct node *new;

		if (old && old->kind == NODE_MAP && member->kind == NODE_MAP) {
			lay_over(l, old, member, layer);
			continue;
		}
		new = copy_deep(l, member, layer);
		if (!new)
			return;
		if (old)
			node_replace(base, old, new);
		else
			node_append(base, new);
	}
}

static const struct node *map_or_null(const struct node *n)
{
	return n && n->kind == NODE_MAP ? n : NULL;
}

/* The team of an agent, looked for before inheritance: its own word, else that of defaults. */
static const struct node *team_of(const struct load *l, const struct node *agent)
{
	const struct node *name = node_member(agent, "team");

	if (!name)
		name = node_member(node_member(l->root, "defaults"), "team");
	if (!name || name->kind != NODE_SCALAR)
		return NULL;
	return map_or_null(node_member_slice(node_member(l->root, "teams"), name->text));
}

static struct node *agent_merge(struct layers *l, const struct load *load, const struct node *agent)
{
	const struct node *defaults = map_or_null(node_member(load->root, "defaults"));
	const struct node *team = team_of(load, agent);
	struct node *merged = copy_as(l, agent, NULL);

	if (!merged)
		return NULL;
	merged->kind = NODE_MAP; /* an agent without a key of its own is a name alone */
	merged->first = merged->last = NULL;
	merged->n = 0;
	if (defaults)
		lay_over(l, merged, defaults, layer_defaults);
	if (team)
		lay_over(l, merged, team, layer_team);
	lay_over(l, merged, agent, NULL);
	return l->failed ? NULL : merged;
}

static void check_own(struct reader *r, const struct node *level)
{
	for (const struct node *n = level->first; n; n = n->next) {
		if (agent_key_is_own(n->key)) {
			diagnostics_error(
			        r->d, n->key_at, "%.*s is not inherited", SLICE_FMT(n->key));
			diagnostics_hint(r->d, "write it at each agent");
		}
		if (!slice_is(n->key, "tools"))
			continue;
		for (const struct node *tool = n->first; tool; tool = tool->next)
			if (node_is(tool, "any-local")) {
				diagnostics_error(r->d, tool->at, "any-local is not inherited");
				diagnostics_hint(r->d, "write it at each agent that may run what "
				                       "the policy does not name");
			}
	}
}

static void level_read(struct reader *r, const struct directive *d, const struct node *n)
{
	struct directive block = {
	        .name = d->name, .kind = DIRECTIVE_BLOCK, .block = agent_directives};

	if (n->kind == NODE_NULL)
		return;
	value_read(r, &block, n, NULL);
	if (n->kind == NODE_MAP)
		check_own(r, n);
}

void defaults_read(struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	(void)base;
	if (n)
		level_read(r, d, n);
}

void teams_read(struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	struct directive names = *d;

	(void)base;
	if (!n)
		return;
	names.kind = DIRECTIVE_ANY;
	names.read = NULL;
	names.stored = false;
	directive_read(r, &names, n, NULL); /* the shape and the names; the blocks are read here */
	if (n->kind != NODE_MAP)
		return;
	for (const struct node *team = n->first; team; team = team->next)
		level_read(r, d, team);
}

/* The agents' map again, with every agent merged. */
static struct node *agents_merge(struct reader *r, const struct node *n)
{
	struct layers l = {.r = r, .arena = &r->load->arena};
	struct node *all = copy_as(&l, n, NULL);
	unsigned i = 0;

	r->load->agents = arena_zalloc(l.arena, (n->n + 1) * sizeof(*r->load->agents));
	if (!all || !r->load->agents) {
		diagnostics_no_memory(r->d);
		return NULL;
	}
	all->first = all->last = NULL;
	all->n = 0;
	for (const struct node *agent = n->first; agent; agent = agent->next) {
		bool good = agent->kind == NODE_MAP || agent->kind == NODE_NULL;
		struct node *merged =
		        good ? agent_merge(&l, r->load, agent) : copy_as(&l, agent, NULL);

		if (!merged)
			return NULL;
		r->load->agents[i++] = merged;
		node_append(all, merged);
	}
	return all;
}

void agents_read(struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	struct directive plain = *d;

	plain.read = NULL;
	if (n && n->kind == NODE_MAP)
		n = agents_merge(r, n);
	if (n)
		directive_read(r, &plain, n, base);
}
