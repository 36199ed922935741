/* SPDX-License-Identifier: Apache-2.0 */
/* pools: a loop's pools by key. Clusters refer to them; one that nobody refers to closes what is
 * idle and dies when what is in use has come back. */
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "upstream/pool_core.h"

static void pool_free(struct pool *p)
{
	list_unlink(&p->link);
	for (unsigned i = 0; i < p->n_addresses && p->addresses; i++)
		mem_free((void *)p->addresses[i].at);
	mem_free(p->addresses);
	mem_free(p->cidrs);
	mem_free((void *)p->target.host.at);
	mem_free((void *)p->target.tls_ca.at);
	mem_free((void *)p->target.tls_server_name.at);
	tls_memory_finish(&p->memory);
	mem_free(p);
}

void pool_may_die(struct pool *p)
{
	if (!p->refs && !p->n_idle && !p->n_busy && !p->n_dials && !p->n_waiting)
		pool_free(p);
}

static void pool_close_idle(struct pool *p)
{
	struct list now;
	struct list *node;

	list_init(&now);
	list_splice(&now, &p->idle);
	while ((node = list_pop(&now)))
		channel_close(container_of(node, struct channel, link), WIRE_CLOSE_NOW);
}

static bool slice_copy(struct slice *to, struct slice from)
{
	*to = slice_from(mem_dup(from.at, from.len), from.len);
	return to->at != NULL;
}

static int pool_copy_addresses(struct pool *p, const struct pool_key *key)
{
	if (!key->n_addresses)
		return 0;
	p->addresses = mem_zalloc(key->n_addresses * sizeof(*p->addresses));
	p->cidrs = mem_zalloc(key->n_addresses * sizeof(*p->cidrs));
	if (!p->addresses || !p->cidrs)
		return -ENOMEM;
	for (unsigned i = 0; i < key->n_addresses; i++) {
		if (cidr_parse(key->addresses[i], &p->cidrs[i]))
			return -EINVAL;
		if (!slice_copy(&p->addresses[i], key->addresses[i]))
			return -ENOMEM;
		p->n_addresses++;
	}
	return 0;
}

static int pool_copy_key(struct pool *p, const struct pool_key *key)
{
	int r = pool_copy_addresses(p, key);

	if (r)
		return r;
	if (!slice_copy(&p->target.host, key->host) ||
	        !slice_copy(&p->target.tls_ca, key->tls_ca) ||
	        !slice_copy(&p->target.tls_server_name, key->tls_server_name))
		return -ENOMEM;
	p->target.port = key->port;
	p->target.tls = key->tls;
	p->target.memory = &p->memory;
	p->target.rule = &p->rule;
	p->target.connect_ns = 5 * NS_PER_S;
	p->rule = (struct address_rule){p->cidrs, p->n_addresses, p->pools->own};
	return 0;
}

static bool pool_is(const struct pool *p, const struct pool_key *key)
{
	const struct dial_target *t = &p->target;

	if (t->port != key->port || t->tls != key->tls || !slice_equals(t->host, key->host) ||
	        !slice_equals(t->tls_ca, key->tls_ca) ||
	        !slice_equals(t->tls_server_name, key->tls_server_name) ||
	        p->n_addresses != key->n_addresses)
		return false;
	for (unsigned i = 0; i < p->n_addresses; i++)
		if (!slice_equals(p->addresses[i], key->addresses[i]))
			return false;
	return true;
}

static int pool_new(struct pools *all, const struct pool_key *key, struct pool **ret_pool)
{
	struct pool *p = mem_zalloc(sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->pools = all;
	p->refs = 1;
	list_init(&p->link);
	list_init(&p->idle);
	list_init(&p->waiting);
	list_init(&p->dials);
	r = pool_copy_key(p, key);
	if (r) {
		pool_free(p);
		return r;
	}
	list_push(&all->list, &p->link);
	*ret_pool = p;
	return 0;
}

int pool_get(struct pools *all, const struct pool_key *key, struct pool **ret_pool)
{
	list_foreach_safe(node, after, &all->list)
	{
		struct pool *p = container_of(node, struct pool, link);

		if (pool_is(p, key)) {
			p->refs++;
			*ret_pool = p;
			return 0;
		}
	}
	return pool_new(all, key, ret_pool);
}

void pool_unref(struct pool *p)
{
	if (!p || --p->refs)
		return;
	p->n_busy++; /* it must not die while its channels are closed */
	pool_close_idle(p);
	p->n_busy--;
	pool_may_die(p);
}

struct pools *pools_new(
        struct loop *l, struct resolver *r, struct tls_contexts *x, const struct own_listeners *own)
{
	struct pools *all = mem_zalloc(sizeof(*all));

	if (!all)
		return NULL;
	all->dialler = (struct dialler){.loop = l, .resolver = r, .contexts = x};
	all->own = own;
	list_init(&all->list);
	return all;
}

void pool_distrust(struct pool *p)
{
	pool_close_idle(p);
}

void pools_close_idle(struct pools *all)
{
	list_foreach_safe(node, after, &all->list)
	{
		struct pool *p = container_of(node, struct pool, link);

		p->refs++;
		pool_close_idle(p);
		p->refs--;
		pool_may_die(p);
	}
}

void pools_free(struct pools *all)
{
	if (!all)
		return;
	list_foreach_safe(node, after, &all->list)
	{
		struct pool *p = container_of(node, struct pool, link);

		while (!list_is_empty(&p->dials))
			pool_dial_free(container_of(p->dials.next, struct pool_dial, link));
	}
	pools_close_idle(all);
	assert(list_is_empty(&all->list));
	mem_free(all);
}

void pools_count(const struct pools *all, struct pool_counts *ret)
{
	struct pool_counts n = {
	        .opened = all->opened, .reused = all->reused, .failed = all->failed};

	list_foreach_safe(node, after, &all->list)
	{
		const struct pool *p = container_of(node, struct pool, link);

		n.idle += p->n_idle;
		n.busy += p->n_busy;
		n.dialling += p->n_dials;
		n.waiting += p->n_waiting;
	}
	*ret = n;
}
