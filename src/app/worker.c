/* SPDX-License-Identifier: Apache-2.0 */
/* worker: see worker.h. */
#include <errno.h>
#include <time.h>
#include <unistd.h>
#include "app/budget_gauges.h"
#include "app/health.h"
#include "app/server.h"
#include "app/shared_store.h"
#include "app/worker.h"
#include "base/log.h"
#include "base/mem.h"
#include "exchange/attempt.h"
#include "exchange/joint.h"
#include "exchange/unwatched.h"
#include "journal/keeper.h"
#include "policy/registry.h"
#include "upstream/pool.h"

#define LAST_WORDS (500 * NS_PER_MS)

static void env_set_deadline(struct exchange_env *env, struct deadline *d, uint64_t at)
{
	struct worker *w = env->owner;

	loop_deadline_set(w->loop, d, at);
}

static void env_clear_deadline(struct exchange_env *env, struct deadline *d)
{
	struct worker *w = env->owner;

	loop_deadline_clear(w->loop, d);
}

static void soon_set(void *owner, struct deadline *d, uint64_t at)
{
	loop_soon_set(owner, d, at);
}

static void soon_clear(void *owner, struct deadline *d)
{
	(void)owner;
	loop_soon_clear(d);
}

static bool on_journal(void *owner)
{
	struct worker *w = owner;

	return worker_journal_turn(&w->journal);
}

static void on_log(void *owner)
{
	struct worker *w = owner;

	access_log_flush(w->log);
}

static void init_env(struct worker *w)
{
	w->env = (struct exchange_env){
		.turn = &w->loop->turn,
		.set_deadline = env_set_deadline,
		.clear_deadline = env_clear_deadline,
		.clock = &clock_system,
		.now = &w->loop->now,
		.policies = policy_registry,
		.n_policies = POLICY_COUNT,
		.learn = &w->server->learn,
		.warnings = &w->server->warnings,
		.store = embedded_store(w->server->store),
		.local = embedded_store(w->server->store),
		.cache = w->server->cache,
		.flights = w->server->flights,
		.loop = w->loop,
		.recent = w->server->recent,
		.strangers = w->server->strangers,
		.reach = attempt_open,
		.owner = w,
	};
	head_init(&w->env.scratch);
	list_init(&w->env.unwatched);
	struct observer *log = access_log_observer(w->log), *metrics = metrics_observer(w->metrics);
	log->next = metrics;
	metrics->next = NULL;
	w->env.observers = log;
}

int worker_init(struct worker *w, struct server *server, unsigned index, bool health)
{
	*w = (struct worker){.server = server, .index = index, .health = health};
	list_init(&w->gates);
	list_init(&w->env.unwatched);
	int r = loop_new(&w->loop, NULL);
	if (r < 0)
		return r;
	w->resolver = resolver_new(w->loop);
	w->pools = w->resolver ? pools_new(w->loop, w->resolver, server->contexts, &server->own) : NULL;
	w->log = access_log_new(server->sink, server->log_text);
	w->metrics = metrics_part(server->metrics, index);
	w->budgets = health ? budget_gauges_new() : NULL;
	if (!w->pools || !w->log || !w->metrics || (health && !w->budgets)) {
		worker_finish(w);
		return -ENOMEM;
	}
	init_env(w);
	w->env.joints = joints_new(&w->env, (struct joint_clock){soon_set, soon_clear, w->loop});
	if (!w->env.joints) {
		worker_finish(w);
		return -ENOMEM;
	}
	if (!health)
		worker_journal_init(&w->journal, keeper_journal(server->keeper, index), &w->env, w->loop);
	struct loop_hooks hooks = {.owner = w, .journal = on_journal, .log = on_log};
	loop_set_hooks(w->loop, &hooks);
	return 0;
}

int worker_open_store(struct worker *w, const struct store_conf *c)
{
	int r = shared_store_open(w->loop, w->resolver, w->server->contexts, c, &w->remote);

	if (r == 0)
		w->env.store = w->env.answers = remote_store(w->remote);
	return r;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	loop_run(w->loop);
	return NULL;
}

int worker_start(struct worker *w)
{
	int r = pthread_create(&w->thread, NULL, worker_main, w);

	w->started = r == 0;
	return -r;
}

void worker_stop(struct worker *w)
{
	if (!w->started)
		return;
	loop_stop(w->loop);
	pthread_join(w->thread, NULL);
	w->started = false;
}

static void gate_free(struct worker_gate *g)
{
	list_unlink(&g->link);
	view_unref(g->gate.view);
	mem_free((char *)g->address.at);
	mem_free(g->allow_from);
	mem_free(g);
}

static bool is_owed(const struct worker *w)
{
	struct remote_state state;

	if (!w->remote)
		return false;
	state = remote_state(w->remote);
	return state.settling || state.ending;
}

void worker_end(struct worker *w)
{
	if (!w->loop)
		return;
	w->loop->now_is_stale = true; /* it stood while others were stopped, and what ends here is given time from now */
	loop_enter(w->loop);
	list_foreach_safe(node, after, &w->gates) {
		struct worker_gate *g = container_of(node, struct worker_gate, link);
		if (g->listener)
			listener_close(g->listener);
		g->listener = NULL;
		session_gate_shutdown(&g->gate);
	}
	unwatched_shutdown(&w->env);
	for (unsigned i = 0; i < 8; i++)
		loop_run_once(w->loop, false); /* closed handles call back, the dead are freed */
}

/* What was used, and the end of an answer, is said while somebody listens; what the store does not hear is charged as it was
 * reserved. A loop that has said all still turns, since another may have something for it. */
void workers_say_last_words(struct worker *workers, unsigned n, struct clock *clock)
{
	uint64_t until = clock_mono(clock) + LAST_WORDS;
	bool more = true;

	while (more && clock_mono(clock) < until) {
		more = false;
		for (unsigned i = 0; i < n; i++) {
			if (!workers[i].loop)
				continue;
			loop_run_once(workers[i].loop, false);
			more |= is_owed(&workers[i]) || wires_have_words(workers[i].loop);
		}
		if (more)
			nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
	}
}

void worker_finish(struct worker *w)
{
	if (!w->loop)
		return;
	worker_end(w);
	list_foreach_safe(node, after, &w->gates)
		gate_free(container_of(node, struct worker_gate, link));
	view_unref(w->view);
	w->view = NULL;
	if (w->pools)
		pools_free(w->pools);
	budget_gauges_free(w->budgets);
	remote_free(w->remote);
	if (w->resolver)
		resolver_free(w->resolver);
	head_finish(&w->env.scratch);
	exchange_env_finish(&w->env);
	wires_end(w->loop);
	int left = loop_free(w->loop);
	joints_free(w->env.joints);
	if (left)
		log_warn("worker %u left %d handles open", w->index, left);
	access_log_free(w->log);
	w->loop = NULL;
}

/* ---- policy ---- */

static void on_accept(void *owner, struct wire *wire)
{
	struct worker_gate *g = owner;

	session_open(&g->gate, wire);
}

static struct worker_gate *find_gate(struct worker *w, const struct listener_conf *conf)
{
	for (struct list *n = w->gates.next; n != &w->gates; n = n->next) {
		struct worker_gate *g = container_of(n, struct worker_gate, link);
		if (g->listener && slice_equals(g->address, conf->address.text))
			return g;
	}
	return NULL;
}

static int fill_options(struct worker_gate *g, const struct listener_conf *conf, struct listener_options *o)
{
	unsigned n = conf->n_allow_from;

	g->allow_from = n ? mem_zalloc(n * sizeof(*g->allow_from)) : NULL;
	if (n && !g->allow_from)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		if (cidr_parse(conf->allow_from[i], &g->allow_from[i]) < 0)
			return -EINVAL;
	*o = (struct listener_options){
		.allow_from = g->allow_from,
		.n_allow_from = n,
		.peer_uids = conf->peer_uids,
		.n_peer_uids = conf->n_peer_uids,
		.connections = conf->limits.connections,
		.accept = on_accept,
		.owner = g,
	};
	return 0;
}

static int open_gate(struct worker *w, const struct worker_socket *s)
{
	struct worker_gate *g = mem_zalloc(sizeof(*g));
	struct listener_options options;

	if (!g) {
		close(s->fd);
		return -ENOMEM;
	}
	list_init(&g->link);
	list_push(&w->gates, &g->link);
	session_gate_init(&g->gate, &w->env, w->loop);
	g->gate.owner = w;
	if (s->conf->kind != LISTENER_AGENTS)
		g->gate.service = s->conf->kind == LISTENER_HEALTH ? &health_service : &admin_service;
	g->address.at = mem_dup(s->conf->address.text.at, s->conf->address.text.len);
	g->address.len = s->conf->address.text.len;
	session_gate_set_view(&g->gate, w->view, s->conf);
	int r = g->address.at ? fill_options(g, s->conf, &options) : -ENOMEM;
	if (r < 0)
		close(s->fd);
	else
		r = listener_open(w->loop, s->fd, &options, &g->listener);
	if (r < 0)
		gate_free(g);
	return r;
}

/* Listeners that the new policy does not name stop; their connections end with their next answer. */
static void close_gates(struct worker *w, const struct worker_socket *sockets, unsigned n)
{
	list_foreach_safe(node, after, &w->gates) {
		struct worker_gate *g = container_of(node, struct worker_gate, link);
		bool wanted = false;
		for (unsigned i = 0; i < n; i++)
			wanted |= slice_equals(g->address, sockets[i].conf->address.text);
		if (wanted || !g->listener)
			continue;
		listener_close(g->listener);
		g->listener = NULL;
		session_gate_drain(&g->gate);
	}
}

struct policy_letter {
	struct letter letter;
	struct worker *worker;
	struct snapshot *snapshot; /* counted */
	unsigned n;
	struct worker_socket sockets[];
};

static void deliver_policy(struct letter *l)
{
	struct policy_letter *p = container_of(l, struct policy_letter, letter);
	struct worker *w = p->worker;
	struct view *old = w->view, *view = view_new(p->snapshot, w->health ? NULL : w->pools);

	if (!view) {
		log_error("worker %u has no memory for the new policy and keeps the old one", w->index);
		for (unsigned i = 0; i < p->n; i++)
			if (p->sockets[i].fd >= 0)
				close(p->sockets[i].fd);
		mem_free(p);
		return;
	}
	w->view = view;
	w->env.current = view->snapshot;
	for (unsigned i = 0; i < p->n; i++) {
		struct worker_gate *g = find_gate(w, p->sockets[i].conf);
		if (g)
			session_gate_set_view(&g->gate, view, p->sockets[i].conf);
		else if (p->sockets[i].fd >= 0 && open_gate(w, &p->sockets[i]) < 0)
			log_error("worker %u cannot listen on %.*s", w->index, SLICE_FMT(p->sockets[i].conf->address.text));
	}
	close_gates(w, p->sockets, p->n);
	view_unref(old);
	server_worker_took(w->server, p->snapshot->number);
	mem_free(p);
}

int worker_post_policy(struct worker *w, struct snapshot *snapshot, const struct worker_socket *sockets, unsigned n)
{
	struct policy_letter *p = mem_zalloc(sizeof(*p) + n * sizeof(*sockets));

	if (!p) {
		for (unsigned i = 0; i < n; i++)
			if (sockets[i].fd >= 0)
				close(sockets[i].fd);
		snapshot_unref(snapshot);
		return -ENOMEM;
	}
	p->letter.deliver = deliver_policy;
	p->worker = w;
	p->snapshot = snapshot;
	p->n = n;
	memcpy(p->sockets, sockets, n * sizeof(*sockets));
	mailbox_post(w->loop, &p->letter);
	return 0;
}

/* ---- orders ---- */

struct order_letter {
	struct letter letter;
	struct worker *worker;
	enum worker_order order;
};

static void deliver_order(struct letter *l)
{
	struct order_letter *o = container_of(l, struct order_letter, letter);
	struct worker *w = o->worker;

	w->env.draining = true;
	list_foreach_safe(node, after, &w->gates) {
		struct worker_gate *g = container_of(node, struct worker_gate, link);
		if (g->listener)
			listener_close(g->listener);
		g->listener = NULL;
		if (o->order == WORKER_END_STREAMS)
			session_gate_shutdown(&g->gate);
		else
			session_gate_drain(&g->gate);
	}
	if (o->order == WORKER_END_STREAMS)
		unwatched_shutdown(&w->env);
	mem_free(o);
}

int worker_post_order(struct worker *w, enum worker_order order)
{
	struct order_letter *o = mem_zalloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->letter.deliver = deliver_order;
	o->worker = w;
	o->order = order;
	mailbox_post(w->loop, &o->letter);
	return 0;
}
