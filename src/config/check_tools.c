/* SPDX-License-Identifier: Apache-2.0 */
/* check_tools: keys that say nothing about a tool that the agent runs itself: whoever wrote them
 * thinks that they hold. */
#include "config/check.h"

static const char *const over_http[] = {
        "method", "path", "timeout", "upstream_name", "rate_limit", "concurrency", "cache"};

static void check_one(struct load *l, const struct tool_conf *t, const struct node *n)
{
	for (unsigned i = 0; i < sizeof(over_http) / sizeof(over_http[0]); i++) {
		const struct node *key = node_member(n, over_http[i]);

		if (!key || key->kind == NODE_NULL || node_is(key, "none") ||
		        (key->kind == NODE_LIST && !key->n))
			continue;
		diagnostics_error(l->d, key->key_at,
		        "%s says nothing here: the agent runs %.*s itself", over_http[i],
		        SLICE_FMT(t->name));
		diagnostics_hint(l->d, "name the upstream that serves it, or leave this out");
	}
}

/* A call that is answered from the cache does not happen: that must be as good as if it did. */
static void check_cache(struct load *l, const struct tool_conf *t, const struct node *n)
{
	if (!n || !t->upstream || !t->cache.ttl_ns || t->idempotent)
		return;
	diagnostics_error(l->d, n->key_at,
	        "results of %.*s cannot be cached: it is not said to be idempotent",
	        SLICE_FMT(t->name));
	diagnostics_hint(l->d, "write idempotent: true if a call may be left out that was made "
	                       "before, else leave cache out");
}

static void check_rates(struct load *l, const struct tool_conf *t, const struct node *n)
{
	for (unsigned i = 0; n && i < t->n_rates; i++) {
		if (t->rates[i].by == RATE_BY_AGENT)
			continue;
		diagnostics_error(l->d, node_place(n), "a rate of %.*s is over all agents",
		        SLICE_FMT(t->name));
		diagnostics_hint(l->d, "leave \"per user\" or \"per key\" out");
		return;
	}
}

void check_tools(struct load *l)
{
	for (unsigned i = 0; i < l->conf->n_tools; i++) {
		const struct node *n = load_entry(l, "tools", i);

		const struct node *upstream = node_member(n, "upstream");

		if (n && (!upstream || upstream->kind == NODE_NULL))
			check_one(l, &l->conf->tools[i], n);
		check_cache(l, &l->conf->tools[i], node_member(n, "cache"));
		check_rates(l, &l->conf->tools[i], node_member(n, "rate_limit"));
	}
}
