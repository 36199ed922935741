/* SPDX-License-Identifier: Apache-2.0 */
/* cluster: the map of slots and the servers in it. A map is asked for when none is known, when a
 * server says MOVED or fails, and is put in place whole, never one with holes over one without;
 * what waits for it is sent then. Where a server has lost all of its slots, what took them over may
 * lack what it knew last. */
#include <errno.h>
#include "base/mem.h"
#include "store/redis/error.h"
#include "store/redis/redis_core.h"

static bool node_is_at(const struct redis_node *n, struct slice host, uint16_t port)
{
	return n && slice_equals(n->place.target.host, host) && n->place.target.port == port;
}

/* Its place, or a new one; CLUSTER_NODES: there is no room or no memory. */
static unsigned cluster_place(struct redis *r, struct slice host, uint16_t port)
{
	struct cluster *c = r->cluster;
	unsigned empty = CLUSTER_NODES;

	for (unsigned i = 0; i < CLUSTER_NODES; i++) {
		if (node_is_at(c->nodes[i], host, port))
			return i;
		if (!c->nodes[i] && empty == CLUSTER_NODES)
			empty = i;
	}
	if (empty < CLUSTER_NODES && redis_new_node(r, host, port, &c->nodes[empty])) {
		c->nodes[empty] = NULL;
		return CLUSTER_NODES;
	}
	return empty;
}

static void cluster_later(struct redis *r)
{
	struct cluster *c = r->cluster;

	if (!c->again.at)
		loop_deadline_after(r->dialler.loop, &c->again, CLUSTER_AGAIN);
}

static void cluster_add_seeds(struct redis *r)
{
	for (unsigned i = 0; i < r->options.n_seeds; i++)
		if (cluster_place(r, r->options.seeds[i].host, r->options.seeds[i].port) ==
		        CLUSTER_NODES)
			cluster_later(r);
}

struct redis_node *cluster_node(const struct redis *r, struct slice key)
{
	unsigned at = r->cluster->slots[slot_of(key)];

	return at < CLUSTER_NODES ? r->cluster->nodes[at] : NULL;
}

bool cluster_is_up(const struct redis *r)
{
	const struct cluster *c = r->cluster;
	bool up[CLUSTER_NODES + 1] = {false};

	for (unsigned i = 0; i < CLUSTER_NODES; i++)
		up[i] = c->nodes[i] && c->nodes[i]->is_up;
	for (unsigned i = 0; i < SLOTS; i++)
		if (!up[c->slots[i]])
			return false;
	return true;
}

/* ---- a new map */

static int map_read(
        struct redis *r, const struct redis_reply *reply, struct slice asked, uint8_t slots[SLOTS])
{
	struct slot_range range;
	int error = 0;

	memset(slots, CLUSTER_NODES, SLOTS);
	for (unsigned i = 0; !(error = slots_range(reply, i, &range)); i++) {
		unsigned at = cluster_place(r, range.host.len ? range.host : asked, range.port);

		if (at == CLUSTER_NODES)
			return -ENOBUFS;
		memset(slots + range.first, (int)at, range.last - range.first + 1);
	}
	return error == -ENOENT ? 0 : error;
}

/* Who has just joined, or is cut off, does not know of every slot. */
static bool map_has_holes(const uint8_t slots[SLOTS])
{
	return memchr(slots, CLUSTER_NODES, SLOTS) != NULL;
}

/* Somebody who held slots holds none any more. */
static bool map_lost_one(const uint8_t before[SLOTS], const uint8_t after[SLOTS])
{
	bool had[CLUSTER_NODES + 1] = {false}, has[CLUSTER_NODES + 1] = {false};

	for (unsigned i = 0; i < SLOTS; i++) {
		had[before[i]] = true;
		has[after[i]] = true;
	}
	for (unsigned i = 0; i < CLUSTER_NODES; i++)
		if (had[i] && !has[i])
			return true;
	return false;
}

static void cluster_sweep(struct redis *r)
{
	struct cluster *c = r->cluster;
	bool has[CLUSTER_NODES + 1] = {false};

	for (unsigned i = 0; i < SLOTS; i++)
		has[c->slots[i]] = true;
	for (unsigned i = 0; i < CLUSTER_NODES; i++) {
		if (!c->nodes[i] || has[i])
			continue;
		node_close(c->nodes[i]);
		c->nodes[i] = NULL;
	}
}

/* Where a puts itself now; it waits when its server is only being dialled. */
static int cluster_send(struct redis *r, struct redis_ask *a)
{
	struct redis_node *n = cluster_node(r, a->key);

	return n ? node_put_patiently(n, a) : -EAGAIN;
}

static unsigned cluster_parked(struct cluster *c)
{
	unsigned n = 0;

	list_foreach_safe(node, after, &c->parked) n++;
	return n;
}

/* Each that waits now once; what its end does may end the others, too. */
static void cluster_unpark(struct redis *r)
{
	struct list *parked = &r->cluster->parked;
	unsigned n = cluster_parked(r->cluster);

	while (n-- && !list_is_empty(parked)) {
		struct redis_ask *a = container_of(list_pop(parked), struct redis_ask, seat);
		int error = cluster_send(r, a);

		if (error)
			a->answer(a, NULL, error, NULL);
	}
}

static int cluster_apply(struct redis *r, const struct redis_reply *reply, struct slice asked)
{
	struct cluster *c = r->cluster;
	uint8_t slots[SLOTS];
	bool lost;
	int error = map_read(r, reply, asked, slots);

	if (error)
		return error;
	if (c->known && map_has_holes(slots) && !map_has_holes(c->slots))
		return -EAGAIN;
	lost = c->known && map_lost_one(c->slots, slots);
	memcpy(c->slots, slots, SLOTS);
	c->known = true;
	cluster_sweep(r);
	if (map_has_holes(slots))
		cluster_later(r);
	if (lost)
		redis_failed_over(r);
	return 0;
}

/* ---- asking for it */

static void on_done(struct redis_ask *a, int result, const struct redis_reply *reply)
{
	(void)a;
	(void)result;
	(void)reply;
}

static void on_answer(
        struct redis_ask *a, struct redis_link *from, int result, const struct redis_reply *reply)
{
	struct redis *r = a->owner;
	struct redis_node *n = from && from->events ? from->owner : NULL;
	char host[NODE_HOST_MAX + 1];
	struct slice asked = {0};

	if (n) {
		memcpy(host, n->host, sizeof(host));
		asked = slice_from(host, n->place.target.host.len);
	}
	if (!result)
		result = n ? redis_error_of(reply) : -ECONNRESET;
	ask_end(a, result, NULL);
	if (!result)
		result = cluster_apply(r, reply, asked);
	if (r->closed)
		return;
	if (result)
		cluster_later(r);
	else
		cluster_unpark(r);
	if (!r->closed)
		redis_look(r, -ENOTCONN, "not every slot of the cluster is served");
}

/* Whoever can be asked now, by turns; NULL: nobody. */
static struct redis_link *cluster_link(struct cluster *c, struct redis_node *by)
{
	for (unsigned i = 0; i <= CLUSTER_NODES; i++) {
		struct redis_node *n = i ? c->nodes[c->turn++ % CLUSTER_NODES] : by;

		for (unsigned k = 0; n && k < NODE_LINKS; k++)
			if (n->links[k] && link_is_usable(n->links[k]))
				return n->links[k];
	}
	return NULL;
}

void cluster_refresh(struct redis *r, struct redis_node *by)
{
	static const struct slice words[] = {SLICE_INIT("CLUSTER"), SLICE_INIT("SLOTS")};
	struct cluster *c = r->cluster;
	struct redis_link *l;

	if (ask_is_under_way(&c->ask) || c->again.at)
		return;
	l = cluster_link(c, by);
	c->ask = (struct redis_ask){.args = words,
	        .n_args = 2,
	        .reads = true,
	        .timeout = LINK_CONNECT,
	        .done = on_done,
	        .answer = on_answer,
	        .owner = r};
	if (!l) {
		cluster_later(r);
		return;
	}
	ask_begin(&c->ask, r->dialler.loop);
	if (link_put(l, &c->ask)) {
		ask_cancel(&c->ask);
		cluster_later(r);
	}
}

static void on_again(struct deadline *d)
{
	struct cluster *c = container_of(d, struct cluster, again);
	struct redis *r = c->ask.owner;

	if (!cluster_link(c, NULL) || map_has_holes(c->slots))
		cluster_add_seeds(r);
	cluster_refresh(r, NULL);
}

/* ---- what servers say */

static int cluster_park(struct redis *r, struct redis_ask *a, struct redis_node *by)
{
	if (cluster_parked(r->cluster) >= CLUSTER_PARKED)
		return -ENOBUFS;
	list_push(&r->cluster->parked, &a->seat);
	cluster_refresh(r, by);
	return 0;
}

int cluster_follow(
        struct redis *r, struct redis_ask *a, struct redis_link *from, struct slice redirect)
{
	struct redis_node *by = from && from->events ? from->owner : NULL;
	struct slice host;
	unsigned slot, at;
	uint16_t port;

	if (!by || redirect_parse(redirect, &slot, &host, &port))
		return -EPROTO;
	if (slice_starts(redirect, SLICE("MOVED")))
		return cluster_park(r, a, by);
	at = cluster_place(r, host.len ? host : by->place.target.host, port);
	if (at == CLUSTER_NODES)
		return -ENOBUFS;
	a->asking = true;
	return node_put_patiently(r->cluster->nodes[at], a);
}

/* ---- life */

void cluster_end(struct redis *r)
{
	struct cluster *c = r->cluster;

	ask_cancel(&c->ask);
	loop_deadline_clear(r->dialler.loop, &c->again);
	while (list_pop(&c->parked))
		;
	for (unsigned i = 0; i < CLUSTER_NODES; i++) {
		if (c->nodes[i])
			node_close(c->nodes[i]);
		c->nodes[i] = NULL;
	}
}

int cluster_begin(struct redis *r)
{
	struct cluster *c = mem_zalloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	r->cluster = c;
	c->ask.owner = r;
	list_init(&c->parked);
	deadline_init(&c->again, on_again);
	memset(c->slots, CLUSTER_NODES, SLOTS);
	cluster_add_seeds(r);
	return 0;
}
