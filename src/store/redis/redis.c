/* SPDX-License-Identifier: Apache-2.0 */
/* redis: routes an ask to the server that holds its key, follows what servers say about scripts and
 * slots, and notices when another server, or another past, answers. */
#include "store/redis/redis.h"
#include <errno.h>
#include <stdio.h>
#include "base/log.h"
#include "base/mem.h"
#include "store/redis/error.h"
#include "store/redis/redis_core.h"

/* ---- up and down */

static bool redis_is_up(const struct redis *r)
{
	return r->cluster ? cluster_is_up(r) : r->master && r->master->is_up;
}

void redis_look(struct redis *r, int error, const char *note)
{
	bool up = redis_is_up(r);

	r->state.error = up ? 0 : error;
	snprintf(r->note, sizeof(r->note), "%s", up ? "" : note);
	if (up == r->state.up || r->closed)
		return;
	r->state.up = up;
	r->state.since = r->dialler.loop->now;
	if (up && !r->state.epoch)
		r->state.epoch = 1;
	if (up)
		log_info("the store answers");
	else
		log_warn("the store cannot be used: %s", r->note);
	if (r->options.events->changed)
		r->options.events->changed(r->options.owner);
}

void redis_failed_over(struct redis *r)
{
	r->state.epoch += r->state.epoch ? 1 : 2;
	log_warn("the store has failed over: another server, or another past, answers");
	if (r->options.events->failover)
		r->options.events->failover(r->options.owner, r->state.epoch);
}

/* ---- what nodes say */

/* Of a cluster each node has its own past; of a single master and of sentinels' it is one for all.
 * A history that is new because the first replica came has lost nothing. */
static bool identity_changed(
        const struct redis *r, const struct redis_node *n, const struct redis_info *info)
{
	const char *run_id = r->cluster ? n->run_id : r->run_id;
	const char *replication = r->cluster ? n->replication : r->replication;

	return run_id[0] && (strcmp(run_id, info->run_id) ||
	                            (info->was_replica && strcmp(replication, info->replication)));
}

static void on_identified(void *owner, struct redis_node *n, const struct redis_info *info)
{
	struct redis *r = owner;
	bool changed = identity_changed(r, n, info);

	if (!r->cluster) {
		memcpy(r->run_id, info->run_id, sizeof(r->run_id));
		memcpy(r->replication, info->replication, sizeof(r->replication));
		r->state.offset = info->offset;
	}
	if (info->evicts && !r->state.evicts)
		log_warn("the store's server may forget keys (maxmemory-policy is not noeviction)");
	r->state.evicts = info->evicts || (r->cluster && r->state.evicts);
	if (changed)
		redis_failed_over(r);
}

static void on_mend(void *owner, struct redis_node *n, struct redis_link *l)
{
	struct redis *r = owner;

	(void)n;
	if (r->options.events->mend)
		r->options.events->mend(r->options.owner, l);
}

static void on_up(void *owner, struct redis_node *n)
{
	struct redis *r = owner;

	if (r->cluster && !r->cluster->known)
		cluster_refresh(r, n);
	redis_look(r, 0, "");
}

static void on_down(void *owner, struct redis_node *n, int error)
{
	redis_look(owner, error, n->note);
}

static void on_failed(void *owner, struct redis_node *n, int error)
{
	struct redis *r = owner;

	redis_look(r, error, n->note);
	if (r->closed)
		return;
	if (r->cluster)
		cluster_refresh(r, NULL);
	if (r->sentinels)
		sentinels_ask_again(r->sentinels);
}

static const struct redis_node_events node_events = {
        .identified = on_identified,
        .mend = on_mend,
        .up = on_up,
        .down = on_down,
        .failed = on_failed,
};

int redis_new_node(struct redis *r, struct slice host, uint16_t port, struct redis_node **ret)
{
	struct redis_place place = r->place;

	if (!place.target.unix_path.len) {
		place.target.host = host;
		place.target.port = port;
	}
	return node_new(&r->dialler, &place, &node_events, r, ret);
}

/* ---- what sentinels say */

static void on_found(void *owner, struct slice host, uint16_t port)
{
	struct redis *r = owner;
	struct redis_node *old = r->master, *n;
	bool is_same =
	        old && slice_equals(old->place.target.host, host) && old->place.target.port == port;

	if (is_same)
		return;
	if (redis_new_node(r, host, port, &n)) {
		sentinels_ask_again(r->sentinels);
		return;
	}
	n->owes = old != NULL;
	r->master = n;
	if (old)
		node_close(old);
	redis_look(r, -ENOTCONN, "the sentinels have named another master");
}

/* ---- asks */

static struct redis_node *redis_node_of(const struct redis *r, struct slice key)
{
	return r->cluster ? cluster_node(r, key) : r->master;
}

/* The script was not there, or it was flushed. */
static int redis_load_script(struct redis_ask *a, struct redis_link *from)
{
	const struct slice words[] = {SLICE("SCRIPT"), SLICE("LOAD"), a->script->text};
	int r = link_tell(from, words, 3);

	return r ? r : link_put(from, a);
}

/* 0: a is under way again. */
static int redis_follow(struct redis *r, struct redis_ask *a, struct redis_link *from, int error,
        const struct redis_reply *reply)
{
	if (error == -ENOENT && a->script && a->hops++ < ASK_HOPS_MAX)
		return redis_load_script(a, from);
	if (error == -EXDEV && r->cluster)
		return a->hops++ < ASK_HOPS_MAX ? cluster_follow(r, a, from, reply->text) : -ELOOP;
	return error;
}

static void redis_on_answer(
        struct redis_ask *a, struct redis_link *from, int result, const struct redis_reply *reply)
{
	struct redis *r = a->owner;
	struct redis_node *n;
	bool is_refused = reply && reply->type == REPLY_ERROR;

	if (!result && reply) {
		result = redis_error_of(reply);
		if (result)
			result = redis_follow(r, a, from, result, reply);
		if (!result && is_refused)
			return;
	}
	n = result == -EROFS && from ? from->owner : NULL;
	ask_end(a, result, reply);
	if (n && n->events && !r->closed && !r->cluster)
		node_demote(n);
	else if (result == -EAGAIN && is_refused && !r->closed && r->cluster)
		cluster_refresh(r, NULL);
}

static void redis_begin(struct redis *r, struct slice key, struct redis_ask *a)
{
	ask_begin(a, r->dialler.loop);
	list_push(&r->asks, &a->peers);
	a->key = key;
	a->owner = r;
	a->answer = redis_on_answer;
}

static int redis_begun(struct redis_ask *a, int error)
{
	if (!error)
		return PENDING;
	ask_cancel(a);
	return error;
}

int redis_ask(struct redis *r, struct slice key, struct redis_ask *a)
{
	struct redis_node *n = redis_node_of(r, key);

	if (!n)
		return -ENOTCONN;
	redis_begin(r, key, a);
	return redis_begun(a, node_put(n, a));
}

int redis_ask_on(struct redis *r, struct redis_link *l, struct slice key, struct redis_ask *a)
{
	redis_begin(r, key, a);
	return redis_begun(a, link_put(l, a));
}

struct redis_state redis_state(const struct redis *r)
{
	struct redis_state state = r->state;

	state.run_id = r->run_id;
	state.note = r->note;
	if (r->sentinels && !r->master && sentinels_note(r->sentinels)[0])
		state.note = sentinels_note(r->sentinels);
	return state;
}

/* ---- life */

static void redis_reap(struct reapable *reapable)
{
	struct redis *r = container_of(reapable, struct redis, reapable);

	mem_free(r->cluster);
	mem_free(r);
}

void redis_free(struct redis *r)
{
	r->closed = true;
	while (!list_is_empty(&r->asks))
		ask_cancel(container_of(r->asks.next, struct redis_ask, peers));
	if (r->master)
		node_close(r->master);
	r->master = NULL;
	if (r->sentinels)
		sentinels_free(r->sentinels);
	r->sentinels = NULL;
	if (r->cluster)
		cluster_end(r);
	turn_bury(&r->dialler.loop->turn, &r->reapable);
}

/* Its owner has named the servers, so any address will do but those that no rule allows. */
static void redis_allow(struct redis *r)
{
	cidr_parse(SLICE("0.0.0.0/0"), &r->everywhere[0]);
	cidr_parse(SLICE("::/0"), &r->everywhere[1]);
	r->rule = (struct address_rule){.allowed = r->everywhere, .n_allowed = 2};
	if (!r->place.target.rule)
		r->place.target.rule = &r->rule;
}

static int redis_begin_kind(struct redis *r)
{
	const struct redis_options *o = &r->options;

	switch (o->kind) {
	case REDIS_SINGLE:
		return redis_new_node(r, r->place.target.host, r->place.target.port, &r->master);
	case REDIS_SENTINEL:
		r->place.target.unix_path = (struct slice){0};
		return sentinels_new(&r->dialler, o, &r->place, on_found, r, &r->sentinels);
	case REDIS_CLUSTER:
		break;
	}
	r->place.target.unix_path = (struct slice){0};
	r->place.any_role = true;
	r->place.db = 0;
	return cluster_begin(r);
}

int redis_new(struct loop *l, struct resolver *resolver, struct tls_contexts *contexts,
        const struct redis_options *options, struct redis **ret_redis)
{
	struct redis *r;
	int error;

	if ((options->kind != REDIS_SINGLE && !options->n_seeds) ||
	        options->n_seeds > REDIS_SEEDS_MAX)
		return -EINVAL;
	r = mem_zalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->reapable.free = redis_reap;
	list_init(&r->reapable.link);
	list_init(&r->asks);
	r->dialler = (struct dialler){.loop = l, .resolver = resolver, .contexts = contexts};
	r->options = *options;
	r->place = options->place;
	r->state.since = l->now;
	r->state.error = -ENOTCONN;
	snprintf(r->note, sizeof(r->note), "it has not been reached yet");
	redis_allow(r);
	error = redis_begin_kind(r);
	if (error) {
		redis_free(r);
		return error;
	}
	*ret_redis = r;
	return 0;
}
