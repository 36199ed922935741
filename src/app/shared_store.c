/* SPDX-License-Identifier: Apache-2.0 */
/* shared_store: see shared_store.h. */
#include "app/shared_store.h"
#include <assert.h>
#include "config/conf.h"

static_assert(STORE_SEEDS_MAX <= REDIS_SEEDS_MAX, "every seed of a policy has room");

static struct slice password_of(const struct secret *s)
{
	return s ? secret_slice(s) : (struct slice){"", 0};
}

static void place_fill(struct redis_place *p, const struct store_conf *c)
{
	p->target = (struct dial_target){
		.host = c->place.host,
		.port = c->place.port,
		.tls = c->place.tls,
		.unix_path = c->place.unix_path,
		.tls_ca = c->tls_ca,
		.tls_certificate = c->tls_certificate,
		.tls_key = c->tls_key,
		.tls_server_name = c->tls_server_name,
		.not_http = true,
	};
	p->user = c->username;
	p->password = password_of(c->password);
	p->db = c->place.db;
	p->name = SLICE("weir");
	p->replicas = c->replicas;
}

int shared_store_open(struct loop *l, struct resolver *resolver, struct tls_contexts *contexts,
	const struct store_conf *c, struct remote **ret_remote)
{
	static const enum redis_kind kinds[] = {
		[STORE_BY_URL] = REDIS_SINGLE, [STORE_BY_SENTINEL] = REDIS_SENTINEL, [STORE_BY_CLUSTER] = REDIS_CLUSTER,
	};
	struct redis_options o = {
		.kind = kinds[c->finding],
		.master = c->master,
		.sentinel_user = c->sentinel_username,
		.sentinel_password = password_of(c->sentinel_password),
		.sentinel_tls = c->place.tls,
	};

	place_fill(&o.place, c);
	for (unsigned i = 0; i < c->n_seeds; i++)
		o.seeds[o.n_seeds++] = (struct redis_seed){c->seeds[i].host, c->seeds[i].port};
	return remote_new(l, resolver, contexts, &o, ret_remote);
}

static bool secrets_are_same(const struct secret *a, const struct secret *b)
{
	return slice_equals(password_of(a), password_of(b));
}

static bool seeds_are_same(const struct store_conf *a, const struct store_conf *b)
{
	if (a->n_seeds != b->n_seeds)
		return false;
	for (unsigned i = 0; i < a->n_seeds; i++)
		if (!slice_equals(a->seeds[i].host, b->seeds[i].host) || a->seeds[i].port != b->seeds[i].port)
			return false;
	return true;
}

static bool tls_is_same(const struct store_conf *a, const struct store_conf *b)
{
	return a->place.tls == b->place.tls && slice_equals(a->tls_ca, b->tls_ca) &&
		slice_equals(a->tls_certificate, b->tls_certificate) && slice_equals(a->tls_key, b->tls_key) &&
		slice_equals(a->tls_server_name, b->tls_server_name);
}

bool shared_store_is_same(const struct store_conf *a, const struct store_conf *b)
{
	if (a->kind != b->kind || a->kind != STORE_REDIS)
		return a->kind == b->kind;
	return a->finding == b->finding && slice_equals(a->place.host, b->place.host) && a->place.port == b->place.port &&
		slice_equals(a->place.unix_path, b->place.unix_path) && a->place.db == b->place.db &&
		slice_equals(a->master, b->master) && seeds_are_same(a, b) && tls_is_same(a, b) &&
		slice_equals(a->username, b->username) && secrets_are_same(a->password, b->password) &&
		slice_equals(a->sentinel_username, b->sentinel_username) &&
		secrets_are_same(a->sentinel_password, b->sentinel_password) && a->replicas == b->replicas;
}
