/* SPDX-License-Identifier: Apache-2.0 */
/* node: the first link is made alone; once it is ready the others follow. What an operator has to
 * hear of is told by its owner. */
#include "store/redis/node.h"
#include <errno.h>
#include <stdio.h>
#include "base/id.h"
#include "base/mem.h"
#include "store/redis/error.h"

static const struct redis_link_events link_events;

static struct loop *node_loop(const struct redis_node *n)
{
	return n->dialler->loop;
}

static struct redis_link *node_link(const struct redis_node *n)
{
	struct redis_link *best = NULL;

	for (unsigned i = 0; i < NODE_LINKS; i++) {
		struct redis_link *l = n->links[i];

		if (l && link_is_usable(l) && (!best || link_load(l) < link_load(best)))
			best = l;
	}
	return best;
}

/* ---- making links */

static uint64_t jitter(uint64_t ns)
{
	uint32_t random;

	random_bytes(&random, sizeof(random));
	return ns * 3 / 4 + ns / 2 * (random >> 16) / 65536;
}

static void node_retry_later(struct redis_node *n)
{
	uint64_t after = NODE_BACKOFF_MIN << (n->attempts < 4 ? n->attempts : 4);

	if (n->retry.at)
		return;
	n->attempts++;
	loop_deadline_after(node_loop(n), &n->retry,
	        jitter(after < NODE_BACKOFF_MAX ? after : NODE_BACKOFF_MAX));
}

/* One at a time until one is ready. */
static void node_connect(struct redis_node *n)
{
	unsigned wanted = node_link(n) ? NODE_LINKS : 1, have = 0;

	for (unsigned i = 0; i < NODE_LINKS; i++)
		have += n->links[i] != NULL;
	for (unsigned i = 0; i < NODE_LINKS && have < wanted; i++) {
		if (n->links[i])
			continue;
		if (link_new(n->dialler, &n->place, &link_events, n, &n->links[i])) {
			n->links[i] = NULL;
			node_retry_later(n);
			return;
		}
		have++;
	}
}

static void node_on_retry(struct deadline *d)
{
	node_connect(container_of(d, struct redis_node, retry));
}

/* ---- up and down */

static void node_send_waiting(struct redis_node *n)
{
	struct list *node;

	while (node_link(n) && (node = list_pop(&n->waiting))) {
		struct redis_ask *a = container_of(node, struct redis_ask, seat);
		int r = link_put(node_link(n), a);

		if (r)
			a->answer(a, NULL, r, NULL);
	}
}

static void node_look(struct redis_node *n)
{
	bool is_up = node_link(n) && n->breaker == BREAKER_CLOSED;

	if (is_up == n->is_up || !n->events)
		return;
	n->is_up = is_up;
	if (is_up)
		n->events->up(n->owner, n);
	else
		n->events->down(n->owner, n, n->error);
}

/* ---- the breaker */

static void breaker_close(struct redis_node *n)
{
	n->breaker = BREAKER_CLOSED;
	n->failures = 0;
	loop_deadline_clear(node_loop(n), &n->reopen);
}

static void breaker_open(struct redis_node *n)
{
	n->breaker = BREAKER_OPEN;
	loop_deadline_after(node_loop(n), &n->reopen, NODE_OPEN);
}

static void breaker_count(struct redis_node *n)
{
	if (++n->failures >= NODE_FAILURES && n->breaker == BREAKER_CLOSED)
		breaker_open(n);
}

/* ---- who it is */

/* True: it is what it has to be. */
static bool node_identify(struct redis_node *n, const struct redis_info *info)
{
	if (!info->is_master && !n->place.any_role)
		return false;
	n->events->identified(n->owner, n, info);
	memcpy(n->run_id, info->run_id, sizeof(n->run_id));
	memcpy(n->replication, info->replication, sizeof(n->replication));
	n->offset = info->offset;
	return true;
}

static void probe_on_done(struct redis_ask *a, int result, const struct redis_reply *reply)
{
	(void)a;
	(void)result;
	(void)reply;
}

static void node_probe_failed(struct redis_node *n, int error, const char *note)
{
	n->error = error;
	snprintf(n->note, sizeof(n->note), "%s", note);
	if (n->breaker == BREAKER_PROBING)
		breaker_open(n);
}

static void probe_on_answer(
        struct redis_ask *a, struct redis_link *l, int result, const struct redis_reply *reply)
{
	struct redis_node *n = a->owner;
	struct redis_info info;

	(void)l;
	if (!result && (redis_error_of(reply) || info_parse(reply_text(reply), &info)))
		result = -EPROTO;
	ask_end(a, result, reply);
	if (!n->events)
		return;
	if (result)
		node_probe_failed(n, result, "it did not say who it is");
	else if (!node_identify(n, &info))
		node_demote(n);
	else if (n->breaker == BREAKER_PROBING)
		breaker_close(n);
	node_look(n);
}

static int node_ask_probe(struct redis_node *n)
{
	static const struct slice words[] = {SLICE_INIT("INFO")};
	struct redis_link *l = node_link(n);
	int r;

	if (!l || ask_is_under_way(&n->probe_ask))
		return -ENOTCONN;
	n->probe_ask = (struct redis_ask){.args = words,
	        .n_args = 1,
	        .reads = true,
	        .done = probe_on_done,
	        .answer = probe_on_answer,
	        .owner = n};
	ask_begin(&n->probe_ask, node_loop(n));
	r = link_put(l, &n->probe_ask);
	if (r)
		ask_cancel(&n->probe_ask);
	return r;
}

static void node_on_probe(struct deadline *d)
{
	struct redis_node *n = container_of(d, struct redis_node, probe);

	node_ask_probe(n);
	loop_deadline_after(node_loop(n), &n->probe, NODE_PROBE);
}

/* One that is on its way will do: both come every second, and may fall together for ever. Without a
 * link there is nothing to probe: the greeting of the next one, or the next second, tells. */
static void node_on_reopen(struct deadline *d)
{
	struct redis_node *n = container_of(d, struct redis_node, reopen);

	if (ask_is_under_way(&n->probe_ask) || !node_ask_probe(n))
		n->breaker = BREAKER_PROBING;
	else
		breaker_open(n);
}

/* ---- what links say */

static void node_mend(struct redis_node *n, struct redis_link *l)
{
	if (!n->owes)
		return;
	n->owes = false;
	n->events->mend(n->owner, n, l);
}

static void on_ready(void *owner, struct redis_link *l)
{
	struct redis_node *n = owner;

	if (!node_identify(n, &l->info) || !n->events)
		return;
	n->attempts = 0;
	loop_deadline_clear(node_loop(n), &n->retry);
	loop_deadline_after(node_loop(n), &n->probe, NODE_PROBE);
	breaker_close(n);
	node_mend(n, l);
	if (n->events)
		node_send_waiting(n);
	node_look(n);
	if (n->events)
		node_connect(n);
}

static void on_heard(void *owner, struct redis_link *l)
{
	struct redis_node *n = owner;

	(void)l;
	n->failures = 0;
}

static void on_doubted(void *owner, struct redis_link *l)
{
	struct redis_node *n = owner;

	(void)l;
	n->owes = true;
	n->error = -ETIMEDOUT;
	snprintf(n->note, sizeof(n->note), "it did not answer in time");
	breaker_count(n);
	node_look(n);
}

static void on_settled(void *owner, struct redis_link *l)
{
	struct redis_node *n = owner;

	node_mend(n, l);
	if (n->events && n->breaker == BREAKER_CLOSED)
		node_send_waiting(n);
	node_look(n);
}

static void on_closed(void *owner, struct redis_link *l, int error)
{
	struct redis_node *n = owner;

	for (unsigned i = 0; i < NODE_LINKS; i++)
		if (n->links[i] == l)
			n->links[i] = NULL;
	n->error = error;
	snprintf(n->note, sizeof(n->note), "%s", l->note);
	n->owes = true;
	if (n->is_up)
		breaker_count(n);
	node_retry_later(n);
	node_look(n);
	if (n->events)
		n->events->failed(n->owner, n, error);
}

static const struct redis_link_events link_events = {
        .ready = on_ready,
        .heard = on_heard,
        .doubted = on_doubted,
        .settled = on_settled,
        .closed = on_closed,
};

void node_demote(struct redis_node *n)
{
	struct redis_link *links[NODE_LINKS];

	n->error = -EROFS;
	snprintf(n->note, sizeof(n->note), "it is a replica now, not the master");
	memcpy(links, n->links, sizeof(links));
	for (unsigned i = 0; i < NODE_LINKS; i++) {
		n->links[i] = NULL;
		if (links[i])
			link_close(links[i]);
	}
	n->owes = true;
	node_retry_later(n);
	node_look(n);
	if (n->events)
		n->events->failed(n->owner, n, -EROFS);
}

/* ---- from outside */

int node_put(struct redis_node *n, struct redis_ask *a)
{
	struct redis_link *l = node_link(n);

	if (!l)
		return -ENOTCONN;
	if (n->breaker != BREAKER_CLOSED)
		return -EHOSTDOWN;
	return link_put(l, a);
}

int node_put_patiently(struct redis_node *n, struct redis_ask *a)
{
	unsigned waiting = 0;
	int r = node_put(n, a);

	if (r != -ENOTCONN)
		return r;
	list_foreach_safe(node, after, &n->waiting) waiting++;
	if (waiting >= NODE_WAITING_MAX)
		return -ENOBUFS;
	list_push(&n->waiting, &a->seat);
	return 0;
}

static void node_free(struct reapable *r)
{
	mem_free(container_of(r, struct redis_node, reapable));
}

void node_close(struct redis_node *n)
{
	struct list *node;

	n->events = NULL;
	ask_cancel(&n->probe_ask);
	loop_deadline_clear(node_loop(n), &n->retry);
	loop_deadline_clear(node_loop(n), &n->probe);
	loop_deadline_clear(node_loop(n), &n->reopen);
	while ((node = list_pop(&n->waiting)))
		;
	for (unsigned i = 0; i < NODE_LINKS; i++) {
		if (n->links[i])
			link_close(n->links[i]);
		n->links[i] = NULL;
	}
	turn_bury(&node_loop(n)->turn, &n->reapable);
}

int node_new(struct dialler *by, const struct redis_place *place,
        const struct redis_node_events *events, void *owner, struct redis_node **ret_node)
{
	struct slice host = place->target.host;
	struct redis_node *n = host.len <= NODE_HOST_MAX ? mem_zalloc(sizeof(*n)) : NULL;

	if (!n)
		return host.len <= NODE_HOST_MAX ? -ENOMEM : -EINVAL;
	n->reapable.free = node_free;
	list_init(&n->reapable.link);
	n->dialler = by;
	n->events = events;
	n->owner = owner;
	n->place = *place;
	memcpy(n->host, host.at ? host.at : "", host.len);
	n->place.target.host.at = n->host;
	list_init(&n->waiting);
	deadline_init(&n->retry, node_on_retry);
	deadline_init(&n->probe, node_on_probe);
	deadline_init(&n->reopen, node_on_reopen);
	node_connect(n);
	*ret_node = n;
	return 0;
}
