/* SPDX-License-Identifier: Apache-2.0 */
/* check_operators: whether each operator can be told from the others, and from every agent. */
#include "config/check.h"

static const struct node *operator_node(const struct load *l, unsigned index)
{
	const struct node *list = node_member(node_member(l->root, "admin"), "operators");
	const struct node *n = list && list->kind == NODE_LIST ? list->first : NULL;

	while (n && index--)
		n = n->next;
	return n;
}

static bool is_agents(const struct conf *c, const uint8_t key[SHA256_LEN], struct slice *ret)
{
	for (unsigned i = 0; i < c->n_agents; i++)
		for (unsigned k = 0; k < c->agents[i].n_identities; k++)
			if (!memcmp(c->agents[i].identities[k].key_sha256, key, SHA256_LEN)) {
				*ret = c->agents[i].name;
				return true;
			}
	return false;
}

static void check_others(struct load *l, unsigned i, const struct node *n, struct place at)
{
	const struct operator_conf *all = l->conf->operators;

	for (unsigned j = 0; j < i; j++) {
		bool same_key = !memcmp(all[i].key_sha256, all[j].key_sha256, SHA256_LEN);

		if (slice_equals(all[i].name, all[j].name)) {
			diagnostics_error(l->d, node_place(n), "two operators are named %.*s",
			        SLICE_FMT(all[i].name));
			diagnostics_also(l->d, node_place(operator_node(l, j)));
		} else if (same_key) {
			diagnostics_error(l->d, at, "%.*s and %.*s have the same key",
			        SLICE_FMT(all[j].name), SLICE_FMT(all[i].name));
			diagnostics_also(l->d, node_place(operator_node(l, j)));
		} else {
			continue;
		}
		return;
	}
}

static void check_one(struct load *l, unsigned i)
{
	static const uint8_t none[SHA256_LEN];
	const struct operator_conf *o = &l->conf->operators[i];
	const struct node *n = operator_node(l, i), *key = node_member(n, "api_key");
	struct slice agent;

	if (!n || n->kind != NODE_MAP)
		return;
	if (!key) {
		diagnostics_error(
		        l->d, node_place(n), "nobody can be this operator: api_key is missing");
		diagnostics_hint(l->d, "`weir key new NAME` makes a key and prints its hash");
		return;
	}
	/* A hash that could not be read is zero, and was said. */
	if (!memcmp(o->key_sha256, none, SHA256_LEN))
		return;
	check_others(l, i, n, key->at);
	if (is_agents(l->conf, o->key_sha256, &agent)) {
		diagnostics_error(l->d, key->at,
		        "this is the key of the agent %.*s: no agent may be an operator",
		        SLICE_FMT(agent));
		diagnostics_hint(l->d, "give the operator a key of its own");
	}
}

void check_operators(struct load *l)
{
	for (unsigned i = 0; i < l->conf->n_operators; i++)
		check_one(l, i);
}
