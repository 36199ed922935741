/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_store: from the texts that name a shared store to where it is asked first. */
#include "config/resolve.h"

static bool seed_add(struct load *l, struct slice host, uint16_t port, const struct node *n)
{
	struct store_conf *s = &l->conf->store;

	if (s->n_seeds == STORE_SEEDS_MAX) {
		diagnostics_error(
		        l->d, node_place(n), "more than %u of them are not used", STORE_SEEDS_MAX);
		diagnostics_hint(l->d, "a few are enough: they name the others");
		return false;
	}
	s->seeds[s->n_seeds++] = (struct store_seed){host, port};
	return true;
}

static void resolve_sentinels(struct load *l, const struct node *n)
{
	struct store_conf *s = &l->conf->store;
	const struct node *list = node_member(node_member(n, "sentinel"), "addresses");

	s->finding = STORE_BY_SENTINEL;
	s->place.tls = s->has_tls;
	for (unsigned i = 0; i < s->n_sentinels; i++) {
		const struct node *at = node_item(list, i);
		struct slice host;
		uint16_t port;

		if (redis_host_parse(s->sentinels[i], SENTINEL_PORT, &host, &port)) {
			diagnostics_error(l->d, node_place(at), "%.*s is no address of a sentinel",
			        SLICE_FMT(s->sentinels[i]));
			diagnostics_hint(l->d, "write HOST or HOST:PORT");
		} else if (!seed_add(l, host, port, at)) {
			return;
		}
	}
}

static void check_node(struct load *l, const struct redis_url *u, const struct node *at)
{
	if (u->unix_path.len)
		diagnostics_error(l->d, node_place(at), "a cluster has no unix socket");
	else if (u->db)
		diagnostics_error(l->d, node_place(at), "a cluster has no numbered databases");
	else if (u->tls != l->conf->store.place.tls)
		diagnostics_error(
		        l->d, node_place(at), "nodes of one cluster all speak TLS, or none does");
}

static void resolve_urls(struct load *l, const struct node *n)
{
	struct store_conf *s = &l->conf->store;
	const struct node *list = node_member(n, "url");

	s->finding = s->cluster ? STORE_BY_CLUSTER : STORE_BY_URL;
	for (unsigned i = 0; i < s->n_urls; i++) {
		const struct node *at = node_item(list, i);
		const char *why;
		struct redis_url u;

		if (redis_url_parse(s->urls[i], &u, &why)) {
			diagnostics_error(l->d, node_place(at), "this is no URL of Redis: %s", why);
			continue;
		}
		if (!i)
			s->place = u;
		if (!s->cluster)
			continue;
		check_node(l, &u, at);
		if (!seed_add(l, u.host, u.port, at))
			return;
	}
}

/* After its budgets have been resolved. */
static bool agent_needs(const struct agent_conf *a, uint8_t rates_on_outage)
{
	const struct allowance_conf *all = &a->allowance;
	bool has_rates = all->n_rates || all->n_token_rates || all->concurrency;

	if (has_rates && rates_on_outage == OUTAGE_CLOSED && !(a->shadow & SHADOW_RATES))
		return true;
	for (unsigned i = 0; i < all->n_budgets && !(a->shadow & SHADOW_BUDGET); i++)
		if (all->budgets[i].scope != BUDGET_REQUEST)
			return true;
	return false;
}

static bool tool_needs(const struct tool_conf *t, uint8_t rates_on_outage)
{
	return (t->n_rates || t->concurrency) && rates_on_outage == OUTAGE_CLOSED;
}

void resolve_store(struct load *l)
{
	const struct node *n = node_member(l->root, "store");

	if (l->conf->store.kind != STORE_REDIS)
		return;
	if (l->conf->store.has_sentinel)
		resolve_sentinels(l, n);
	else
		resolve_urls(l, n);
	for (unsigned i = 0; i < l->conf->n_agents; i++)
		if (agent_needs(&l->conf->agents[i], l->conf->store.rates_on_outage))
			l->conf->store.is_needed = true;
	for (unsigned i = 0; i < l->conf->n_tools; i++)
		if (tool_needs(&l->conf->tools[i], l->conf->store.rates_on_outage))
			l->conf->store.is_needed = true;
}
