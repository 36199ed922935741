/* SPDX-License-Identifier: Apache-2.0 */
/* check_store: keys of a shared store that exclude each other, say nothing, or are missing. */
#include "config/address.h"
#include "config/check.h"

/* Keys that mean nothing to counters in this process. */
static void check_embedded(struct load *l, const struct node *n)
{
	static const char *const keys[] = {"url", "sentinel", "cluster", "username", "password",
	        "tls", "replicas", "on_outage"};

	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const struct node *member = node_member(n, keys[i]);

		if (!member || member->kind == NODE_NULL)
			continue;
		diagnostics_error(
		        l->d, member->key_at, "%s says nothing of an embedded store", keys[i]);
		diagnostics_hint(l->d, "write kind: redis beside it, or leave it out");
	}
}

static void check_finding(struct load *l, const struct store_conf *s, const struct node *n)
{
	const struct node *url = node_member(n, "url"), *sentinel = node_member(n, "sentinel");
	const struct node *cluster = node_member(n, "cluster");

	if (!s->n_urls && !s->has_sentinel) {
		diagnostics_error(l->d, node_place(n), "nothing says where Redis is");
		diagnostics_hint(l->d, "write url: redis://HOST, or sentinel: {master, addresses}");
	} else if (s->n_urls && s->has_sentinel) {
		diagnostics_error(l->d, sentinel->key_at,
		        "url and sentinel stand side by side; write one of them");
		diagnostics_also(l->d, url->key_at);
	} else if (s->cluster && s->has_sentinel) {
		diagnostics_error(l->d, cluster->key_at,
		        "a cluster is not found by sentinels: it fails over by itself");
	} else if (s->n_urls > 1 && !s->cluster) {
		diagnostics_error(l->d, node_place(url), "several URLs are for a cluster");
		diagnostics_hint(l->d, "write cluster: true beside them, or one URL");
	}
}

static void check_tls(struct load *l, const struct store_conf *s, const struct node *n)
{
	const struct node *tls = node_member(n, "tls");

	if (s->has_tls && !s->place.tls && s->n_urls)
		diagnostics_error(l->d, tls->key_at,
		        "tls says nothing here: the URL does not begin with rediss://");
	if (!s->tls_certificate.len != !s->tls_key.len)
		diagnostics_error(l->d, tls->key_at, "certificate and key belong together");
}

static void check_secrecy(struct load *l, const struct store_conf *s, const struct node *n)
{
	const struct node *password = node_member(n, "password");

	if (s->username.len && !s->password) {
		diagnostics_error(l->d, node_member(n, "username")->key_at,
		        "username says nothing without a password");
	}
	if (s->place.tls || !password || !s->place.host.len || s->place.unix_path.len ||
	        host_is_private(s->place.host))
		return;
	diagnostics_warning(l->d, password->key_at,
	        "the password and the counters cross the network in plain text");
	diagnostics_hint(l->d, "write rediss://");
}

/* What is sealed and hashed by one instance is read by all. */
static void check_key(struct load *l, const struct node *n)
{
	if (l->conf->n_deployment_keys || node_member(l->root, "deployment_key"))
		return;
	diagnostics_error(
	        l->d, node_place(n), "instances that share a store need one deployment_key");
	diagnostics_hint(l->d, "write deployment_key: \"${file:/path}\", the same for all of them");
}

void check_store(struct load *l)
{
	const struct store_conf *s = &l->conf->store;
	const struct node *n = node_member(l->root, "store");

	if (!n)
		return;
	if (s->kind != STORE_REDIS) {
		check_embedded(l, n);
		return;
	}
	check_finding(l, s, n);
	check_tls(l, s, n);
	check_secrecy(l, s, n);
	check_key(l, n);
}
