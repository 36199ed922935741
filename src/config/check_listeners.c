/* SPDX-License-Identifier: Apache-2.0 */
/* check_listeners: who could reach what, and whether two want the same place. */
#include "config/address.h"
#include "config/check.h"

static struct place place_in(const struct node *n, const char *key)
{
	const struct node *member = node_member(n, key);

	if (member)
		return member->at;
	return n ? node_place(n) : (struct place){0};
}

static void check_exposure(struct load *l, const struct listener_conf *c, const struct node *n)
{
	const struct node *agent = node_member(n, "default_agent");

	if (c->address.loopback || c->address.none)
		return;
	if (agent) {
		diagnostics_error(
		        l->d, agent->at, "default_agent at an address that others can reach");
		diagnostics_hint(
		        l->d, "listen on 127.0.0.1, [::1] or a unix socket, or give callers keys");
	}
	if (c->kind != LISTENER_HEALTH) {
		diagnostics_warning(l->d, place_in(n, "address"),
		        c->kind == LISTENER_ADMIN
		                ? "operators' keys cross the network in plain text at this address"
		                : "keys and calls cross the network in plain text at this address");
		diagnostics_hint(
		        l->d, "end TLS in front of Weir, or listen on loopback or a unix socket");
	}
}

/* Keys that say nothing at this kind of address. */
static void check_unix_keys(struct load *l, const struct listener_conf *c, const struct node *n)
{
	static const char *const keys[] = {"peer_uid", "mode"};

	for (unsigned i = 0; i < 2; i++) {
		const struct node *member = node_member(n, keys[i]);

		if (!member || c->address.unix_path.len || c->address.none)
			continue;
		diagnostics_error(l->d, member->key_at,
		        "%s is for unix sockets; this listener has a port", keys[i]);
	}
	if (node_member(n, "allow_from") && c->address.unix_path.len)
		diagnostics_error(l->d, node_member(n, "allow_from")->key_at,
		        "allow_from is for ports; this listener has a unix socket");
}

/* What only callers of agents' kind could use. */
static void check_admin_keys(struct load *l, const struct listener_conf *c, const struct node *n)
{
	static const char *const keys[] = {"default_agent", "cors"};

	for (unsigned i = 0; i < 2 && c->kind == LISTENER_ADMIN; i++) {
		const struct node *member = node_member(n, keys[i]);

		if (member)
			diagnostics_error(l->d, member->key_at,
			        "%s is for agents; an admin listener asks everyone for an "
			        "operator's key",
			        keys[i]);
	}
}

static void check_origins(struct load *l, const struct node *n)
{
	const struct node *origins = node_member(node_member(n, "cors"), "origins");

	for (const struct node *o = origins && origins->kind == NODE_LIST ? origins->first : NULL;
	        o; o = o->next) {
		struct endpoint_conf e = {0};

		if (o->kind != NODE_SCALAR)
			continue;
		if (endpoint_url_parse(o->text, &e) || e.base_path.len ||
		        slice_ends(o->text, SLICE("/"))) {
			diagnostics_error(l->d, o->at, "%.*s is no origin", SLICE_FMT(o->text));
			diagnostics_hint(
			        l->d, "an origin is scheme and host, as https://app.example.com");
		}
	}
}

static void check_conflicts(struct load *l, unsigned i)
{
	const struct conf *c = l->conf;
	const struct node *n = load_entry(l, "listeners", i);

	for (unsigned j = 0; j < i; j++) {
		const struct node *other = load_entry(l, "listeners", j);

		if (!listen_addresses_conflict(&c->listeners[i].address, &c->listeners[j].address))
			continue;
		if (n) {
			diagnostics_error(l->d, place_in(n, "address"),
			        "the listener %.*s already listens at %.*s",
			        SLICE_FMT(c->listeners[j].name),
			        SLICE_FMT(c->listeners[j].address.text));
			diagnostics_also(l->d, place_in(other, "address"));
		} else {
			diagnostics_error(l->d, place_in(other, "address"),
			        "the listener %.*s, which opens by itself, already listens at %.*s",
			        SLICE_FMT(c->listeners[i].name),
			        SLICE_FMT(c->listeners[i].address.text));
			diagnostics_hint(l->d, "take another port, or write %.*s: {address: none}",
			        SLICE_FMT(c->listeners[i].name));
		}
		return;
	}
}

/* Those that are closed are gone for whoever runs the policy. */
static void drop_closed(struct conf *c)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < c->n_listeners; i++)
		if (!c->listeners[i].address.none)
			c->listeners[kept++] = c->listeners[i];
	c->n_listeners = kept;
}

void check_listeners(struct load *l)
{
	for (unsigned i = 0; i < l->conf->n_listeners; i++) {
		const struct listener_conf *c = &l->conf->listeners[i];
		const struct node *n = load_entry(l, "listeners", i);

		check_conflicts(l, i);
		if (!n)
			continue;
		check_exposure(l, c, n);
		check_unix_keys(l, c, n);
		check_admin_keys(l, c, n);
		check_origins(l, n);
	}
	drop_closed(l->conf);
}
