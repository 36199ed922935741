/* SPDX-License-Identifier: Apache-2.0 */
/* check_identities: whether each agent can be told from the others, and be seen at all. */
#include "base/clock.h"
#include "config/check.h"

struct seen_key {
	const struct agent_conf *agent;
	struct place at;
};

static void check_key(struct load *l, const struct agent_conf *a, const struct identity_conf *id,
        const struct node *item, struct map *seen)
{
	struct slice hash = {(const char *)id->key_sha256, SHA256_LEN};
	struct place at = node_member(item, "api_key")->at;
	struct seen_key *other = map_get(seen, hash), *new;

	if (other) {
		if (other->agent == a)
			diagnostics_error(
			        l->d, at, "this key stands twice at %.*s", SLICE_FMT(a->name));
		else
			diagnostics_error(l->d, at,
			        "%.*s and %.*s have the same key: nobody could tell them apart",
			        SLICE_FMT(other->agent->name), SLICE_FMT(a->name));
		diagnostics_also(l->d, other->at);
		return;
	}
	new = arena_alloc(&l->arena, sizeof(*new));
	if (!new || map_add(seen, hash, new)) {
		diagnostics_no_memory(l->d);
		return;
	}
	*new = (struct seen_key){a, at};
}

static bool is_zero(const uint8_t hash[SHA256_LEN])
{
	static const uint8_t zero[SHA256_LEN];

	return !memcmp(hash, zero, SHA256_LEN);
}

static void check_identity(struct load *l, const struct agent_conf *a,
        const struct identity_conf *id, const struct node *item, struct map *seen)
{
	static const char *const kinds[] = {
	        "api_key", "spiffe", "certificate", "jwt", "service_account"};
	const struct node *end = node_member(item, "not_after");
	unsigned n = 0;

	if (item->kind != NODE_MAP)
		return;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		n += node_member(item, kinds[i]) != NULL;
	if (n != 1) {
		diagnostics_error(l->d, item->at,
		        "an identity is one of api_key, spiffe, certificate, jwt and "
		        "service_account");
		diagnostics_hint(l->d, "several ways to be known are several items of the list");
		return;
	}
	if (end && !node_member(item, "api_key"))
		diagnostics_error(l->d, end->key_at, "not_after belongs to an api_key");
	else if (end && id->not_after && id->not_after < clock_wall(&clock_system))
		diagnostics_warning(
		        l->d, end->at, "this key of %.*s has ended", SLICE_FMT(a->name));
	/* A hash that could not be read is zero, and was said. */
	if (node_member(item, "api_key") && !is_zero(id->key_sha256))
		check_key(l, a, id, item, seen);
}

static bool is_default_agent(const struct conf *c, const struct agent_conf *a)
{
	for (unsigned i = 0; i < c->n_listeners; i++)
		if (c->listeners[i].default_agent == a)
			return true;
	return false;
}

static bool any_agents_listener(const struct conf *c)
{
	for (unsigned i = 0; i < c->n_listeners; i++)
		if (c->listeners[i].kind == LISTENER_AGENTS)
			return true;
	return false;
}

static void check_reach(struct load *l, const struct agent_conf *a, const struct node *n)
{
	const struct node *identity = node_member(n, "identity");

	if (!a->n_identities && !is_default_agent(l->conf, a)) {
		diagnostics_warning(l->d, node_place(n),
		        "nobody can be %.*s: it has no identity and is no listener's default_agent",
		        SLICE_FMT(a->name));
		diagnostics_hint(l->d, "weir key new %.*s prints a key and the line to paste",
		        SLICE_FMT(a->name));
	}
	if (identity && a->n_identities && !any_agents_listener(l->conf))
		diagnostics_error(l->d, node_place(identity),
		        "no listener can see this identity: all for agents are closed");
}

void check_identities(struct load *l)
{
	struct map seen;

	map_init(&seen);
	for (unsigned i = 0; i < l->conf->n_agents && l->agents; i++) {
		const struct agent_conf *a = &l->conf->agents[i];
		const struct node *list = node_member(l->agents[i], "identity");
		unsigned k = 0;

		for (const struct node *item = list && list->kind == NODE_LIST ? list->first : NULL;
		        item && k < a->n_identities; item = item->next, k++)
			check_identity(l, a, &a->identities[k], item, &seen);
		check_reach(l, a, l->agents[i]);
	}
	map_finish(&seen);
}
