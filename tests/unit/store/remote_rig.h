/* SPDX-License-Identifier: Apache-2.0 */
/* remote_rig: a real redis-server, some stores on it in one loop, and admissions that are waited
 * for. */
#pragma once
#include <errno.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/mem.h"
#include "rig/net_rig.h"
#include "rig/redis_server.h"
#include "rig/unit.h"
#include "store/remote.h"
#include "unit/store/demand_rig.h"

#define STORES 4u

struct asked {
	struct admission a;
	struct demand demands[8];
	char id[32];
	bool done;
	int result;
};

static struct redis_server server;
static struct loop *loop;
static struct resolver *resolver;
static struct tls_contexts *contexts;
static struct remote *remotes[STORES];
static struct asked x; /* the one that most tests ask with */
static unsigned ids;

static inline void rig_turn(void)
{
	uint64_t turns = loop->turns;

	loop_run_once(loop, false);
	if (loop->turns == turns)
		nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

static inline void rest(unsigned ms)
{
	uint64_t end = clock_mono(&clock_system) + ms * NS_PER_MS;

	while (clock_mono(&clock_system) < end)
		rig_turn();
}

#define WAIT_FOR(what)                                                                             \
	do {                                                                                       \
		uint64_t wait_end = clock_mono(&clock_system) + 5 * NS_PER_S;                      \
		while (!(what) && clock_mono(&clock_system) < wait_end)                            \
			rig_turn();                                                                \
		assert_true(what);                                                                 \
	} while (0)

static inline void rig_open(const struct redis_options *options)
{
	if (loop_new(&loop, NULL))
		abort();
	resolver = resolver_new(loop);
	contexts = tls_contexts_new();
	for (unsigned i = 0; i < STORES; i++)
		if (remote_new(loop, resolver, contexts, options, &remotes[i]))
			abort();
	for (unsigned i = 0; i < STORES; i++)
		WAIT_FOR(remote_state(remotes[i]).redis.up);
	rest(20);
}

static inline int rig_begin(void **state)
{
	struct redis_options options = {.kind = REDIS_SINGLE};

	(void)state;
	memset(&server, 0, sizeof(server));
	memset(&x, 0, sizeof(x));
	redis_server_start(&server, NULL);
	options.place.target.host = SLICE("127.0.0.1");
	options.place.target.port = server.port;
	rig_open(&options);
	return 0;
}

/* One node with all slots: it refuses scripts whose keys are of several, as any node does. */
static inline int rig_begin_cluster(void **state)
{
	struct redis_options options = {.kind = REDIS_CLUSTER, .n_seeds = 1};
	bool is_whole = false;

	(void)state;
	memset(&server, 0, sizeof(server));
	memset(&x, 0, sizeof(x));
	close(rig_listen(&server.bus));
	redis_server_start(&server, NULL);
	redis_server_must(&server, "CLUSTER ADDSLOTSRANGE 0 16383");
	for (unsigned i = 0; i < 2000 && !is_whole; i++) {
		struct redisReply *r = redis_server_do(&server, "CLUSTER INFO");
		is_whole = strstr(r->str, "cluster_state:ok");
		freeReplyObject(r);
		usleep(5000);
	}
	assert_true(is_whole);
	options.seeds[0] = (struct redis_seed){SLICE("127.0.0.1"), server.port};
	rig_open(&options);
	return 0;
}

static inline int rig_end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STORES; i++)
		remote_free(remotes[i]);
	resolver_free(resolver);
	if (loop_free(loop))
		abort();
	tls_contexts_free(contexts);
	redis_server_remove(&server);
	return 0;
}

/* ---- demands */

static inline struct demand budget(const char *name, nanousd cost, uint64_t tokens)
{
	return budget_in(name, cost, tokens, 0, WINDOW_NEVER_ENDS);
}

/* ---- asking */

static inline void on_asked(struct ticket *t, int result)
{
	struct asked *a = container_of(t, struct asked, a.ticket);

	a->done = true;
	a->result = result;
}

/* As store_ops.admit; with an id of its own. */
static inline int put(unsigned store, struct asked *a, unsigned n, uint64_t ttl_ns)
{
	struct store *s = remote_store(remotes[store]);

	if (!a->id[0])
		snprintf(a->id, sizeof(a->id), "id%u:1", ids++);
	loop->now_is_stale = true;
	loop_enter(loop);
	a->done = false;
	a->a.demands = a->demands;
	a->a.n = n;
	a->a.id = slice_str(a->id);
	a->a.now_wall_ns = clock_wall(&clock_system);
	a->a.expires = a->a.now_wall_ns + ttl_ns;
	ticket_init(&a->a.ticket, on_asked);
	return s->ops->admit(s, &a->a);
}

static inline int admit_for(unsigned store, struct asked *a, unsigned n, uint64_t ttl_ns)
{
	int r = put(store, a, n, ttl_ns);

	if (r != PENDING)
		return r;
	WAIT_FOR(a->done);
	assert_int_equal(a->a.granted, a->result == 1);
	return a->result;
}

static inline int admit(unsigned n)
{
	x.id[0] = 0;
	return admit_for(0, &x, n, 60 * NS_PER_S);
}

static inline void settle_of(
        unsigned store, struct asked *a, bool ran, nanousd cost, uint64_t tokens)
{
	struct store *s = remote_store(remotes[store]);

	loop->now_is_stale = true;
	loop_enter(loop);
	s->ops->settle(s, &a->a, &(struct settlement){ran, cost, tokens});
	assert_false(a->a.granted);
}

static inline void settle(bool ran, nanousd cost, uint64_t tokens)
{
	settle_of(0, &x, ran, cost, tokens);
	WAIT_FOR(!remote_state(remotes[0]).settling);
}

static inline struct demand look(struct demand d)
{
	struct store *s = remote_store(remotes[1]);
	struct asked a = {.done = false};

	loop->now_is_stale = true;
	loop_enter(loop);
	ticket_init(&a.a.ticket, on_asked);
	assert_int_equal(s->ops->look(s, &d, 1, 0, &a.a.ticket), PENDING);
	WAIT_FOR(a.done);
	assert_int_equal(a.result, READY);
	return d;
}

static inline void check_budget(struct demand d, nanousd spent, nanousd reserved)
{
	d = look(d);
	assert_int_equal(d.spent_cost, spent);
	assert_int_equal(d.reserved_cost, reserved);
}
