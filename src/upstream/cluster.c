/* SPDX-License-Identifier: Apache-2.0 */
/* cluster: smooth weighted round robin. Each turn every endpoint gains its weight, the richest is
 * chosen and pays the sum, so that the heavy ones are spread among the others instead of coming in
 * a row. */
#include "upstream/cluster.h"
#include <errno.h>
#include "base/mem.h"

struct endpoint {
	const struct endpoint_conf *conf; /* borrowed */
	struct pool *pool;                /* counted */
	int64_t riches;
};

struct cluster {
	const struct upstream_conf *conf; /* borrowed */
	unsigned n;
	struct endpoint endpoints[];
};

static int endpoint_init(struct endpoint *e, const struct upstream_conf *u,
        const struct endpoint_conf *conf, struct pools *pools)
{
	const struct pool_key key = {
	        .host = conf->host,
	        .port = conf->port,
	        .tls = conf->tls,
	        .tls_ca = u->tls_ca,
	        .tls_server_name = u->tls_server_name,
	        .addresses = u->addresses,
	        .n_addresses = u->n_addresses,
	};

	e->conf = conf;
	return pool_get(pools, &key, &e->pool);
}

int cluster_new(const struct upstream_conf *conf, struct pools *pools, struct cluster **ret_cluster)
{
	struct cluster *c = mem_zalloc(sizeof(*c) + conf->n_endpoints * sizeof(struct endpoint));

	if (!c)
		return -ENOMEM;
	c->conf = conf;
	for (unsigned i = 0; i < conf->n_endpoints; i++) {
		int r = endpoint_init(&c->endpoints[i], conf, &conf->endpoints[i], pools);

		if (r) {
			cluster_free(c);
			return r;
		}
		c->n++;
	}
	*ret_cluster = c;
	return 0;
}

void cluster_free(struct cluster *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->n; i++)
		pool_unref(c->endpoints[i].pool);
	mem_free(c);
}

const struct upstream_conf *cluster_conf(const struct cluster *c)
{
	return c->conf;
}

static struct endpoint *cluster_choose(struct cluster *c, const struct endpoint_conf * not )
{
	struct endpoint *best = NULL;
	int64_t sum = 0;

	if (c->n == 1)
		return &c->endpoints[0];
	for (unsigned i = 0; i < c->n; i++) {
		struct endpoint *e = &c->endpoints[i];

		if (e->conf == not )
			continue;
		e->riches += e->conf->weight;
		sum += e->conf->weight;
		if (!best || e->riches > best->riches)
			best = e;
	}
	if (best)
		best->riches -= sum;
	return best;
}

int cluster_take(struct cluster *c, const struct endpoint_conf * not, struct claim *claim)
{
	struct endpoint *e = cluster_choose(c, not );

	if (!e) {
		claim->fault = FAULT_UPSTREAM_UNREACHABLE;
		return -EINVAL;
	}
	claim->endpoint = e->conf;
	return pool_take(e->pool, c->conf->connect_ns, claim);
}
