/* SPDX-License-Identifier: Apache-2.0 */
/* redis clusters and sentinels, real ones: a slot that moves under load, a node that dies, a master
 * that another replaces. */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/mem.h"
#include "rig/net_rig.h"
#include "rig/redis_server.h"
#include "rig/redis_store.h"
#include "rig/unit.h"
#include "store/redis/slots.h"

#define MASTERS 3
#define LOAD 24

struct fixture {
	struct redis_server servers[MASTERS];
	char ids[MASTERS][64];
	struct redis_server sentinel, replica;
	struct redis_store store;
	bool never;
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	*state = f;
	redis_store_init(&f->store);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	redis_store_close(&f->store);
	for (unsigned i = 0; i < MASTERS; i++)
		if (f->servers[i].port)
			redis_server_remove(&f->servers[i]);
	if (f->replica.port)
		redis_server_remove(&f->replica);
	if (f->sentinel.port)
		redis_server_remove(&f->sentinel);
	mem_free(f);
	return 0;
}

static void rest(struct fixture *f, unsigned ms)
{
	redis_store_run(&f->store, &f->never, ms);
}

/* ---- a cluster */

static void cluster_await(struct redis_server *s, unsigned nodes)
{
	char known[40];

	snprintf(known, sizeof(known), "cluster_known_nodes:%u", nodes);
	for (unsigned i = 0; i < 2000; i++) {
		redisReply *r = redis_server_do(s, "CLUSTER INFO");
		bool good = strstr(r->str, "cluster_state:ok") &&
		            strstr(r->str, "cluster_slots_assigned:16384") && strstr(r->str, known);

		freeReplyObject(r);
		if (good)
			return;
		usleep(5000);
	}
	fail_msg("the cluster does not come together");
}

static void cluster_make(struct fixture *f)
{
	for (unsigned i = 0; i < MASTERS; i++) {
		struct redis_server *s = &f->servers[i];
		redisReply *r;

		close(rig_listen(&s->bus));
		redis_server_start(
		        s, "cluster-require-full-coverage no\ncluster-node-timeout 2000\n");
		redis_server_must(s, "CLUSTER ADDSLOTSRANGE %u %u", SLOTS * i / MASTERS,
		        SLOTS * (i + 1) / MASTERS - 1);
		redis_server_must(s, "CLUSTER SET-CONFIG-EPOCH %u", i + 1);
		r = redis_server_do(s, "CLUSTER MYID");
		snprintf(f->ids[i], sizeof(f->ids[i]), "%s", r->str);
		freeReplyObject(r);
		if (i)
			redis_server_must(s, "CLUSTER MEET 127.0.0.1 %u %u", f->servers[0].port,
			        f->servers[0].bus);
	}
	for (unsigned i = 0; i < MASTERS; i++)
		cluster_await(&f->servers[i], MASTERS);
}

static void cluster_open(struct fixture *f)
{
	cluster_make(f);
	f->store.options.kind = REDIS_CLUSTER;
	f->store.options.seeds[0] = (struct redis_seed){SLICE("localhost"), 1}; /* nobody */
	f->store.options.seeds[1] = (struct redis_seed){SLICE("127.0.0.1"), f->servers[1].port};
	f->store.options.n_seeds = 2;
	redis_store_open(&f->store);
	assert_true(redis_store_run(&f->store, &f->store.up, 5000));
}

static unsigned server_of(const char *key)
{
	unsigned i = 0;

	while (slot_of(slice_str(key)) >= SLOTS * (i + 1) / MASTERS)
		i++;
	return i;
}

static void keys_are_asked_where_they_are(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0};
	unsigned seen[MASTERS] = {0};
	char key[32];

	cluster_open(f);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(key, sizeof(key), "weir:{t:%u}:x", i);
		assert_int_equal(redis_store_ask(&f->store, &a, "SET", key, "v", NULL), 0);
		assert_int_equal(a.ask.hops, 0);
		seen[server_of(key)]++;
	}
	assert_true(seen[0] && seen[1] && seen[2]);
	a.ask.script = &redis_script_time;
	a.ask.n_keys = 1;
	assert_int_equal(redis_store_ask(&f->store, &a, "weir:{t:1}:x", NULL), 0);
	assert_int_equal(f->store.failovers, 0);
}

/* Counters of one slot, added to all the time; each that was told 0 is in them, each that was told
 * nothing may be. */
struct load {
	struct fixture *f;
	struct store_ask asks[LOAD];
	unsigned told, unknown, refused, hops;
	char keys[LOAD][32];
};

static void load_count(struct load *l, struct store_ask *a)
{
	if (!a->result)
		l->told++;
	else if (a->result == -ETIMEDOUT || a->result == -ECONNRESET)
		l->unknown++;
	else
		l->refused++;
	if (a->ask.hops > l->hops)
		l->hops = a->ask.hops;
	a->done = false;
}

static void load_go_on(struct load *l, unsigned ms)
{
	for (unsigned i = 0; i < LOAD; i++) {
		if (l->asks[i].done)
			load_count(l, &l->asks[i]);
		if (ask_is_under_way(&l->asks[i].ask))
			continue;
		l->asks[i].ask.timeout = 250 * NS_PER_MS;
		if (redis_store_put(&l->f->store, &l->asks[i], "INCR", l->keys[i], NULL) != PENDING)
			l->refused++;
	}
	if (ms)
		rest(l->f, ms);
}

static void load_end(struct load *l)
{
	rest(l->f, 500);
	for (unsigned i = 0; i < LOAD; i++) {
		assert_false(ask_is_under_way(&l->asks[i].ask));
		if (l->asks[i].done)
			load_count(l, &l->asks[i]);
	}
}

static long load_sum(struct load *l)
{
	struct store_ask a = {.ask.timeout = NS_PER_S};
	long sum = 0;

	for (unsigned i = 0; i < LOAD; i++) {
		assert_int_equal(redis_store_ask(&l->f->store, &a, "GET", l->keys[i], NULL), 0);
		sum += strtol(a.text, NULL, 10);
	}
	return sum;
}

static void slot_move(struct load *l, unsigned slot, unsigned from, unsigned to)
{
	struct fixture *f = l->f;

	redis_server_must(&f->servers[to], "CLUSTER SETSLOT %u IMPORTING %s", slot, f->ids[from]);
	load_go_on(l, 5);
	redis_server_must(&f->servers[from], "CLUSTER SETSLOT %u MIGRATING %s", slot, f->ids[to]);
	load_go_on(l, 5);
	for (;;) {
		redisReply *keys =
		        redis_server_do(&f->servers[from], "CLUSTER GETKEYSINSLOT %u 1", slot);
		bool more = keys->elements > 0;

		if (more) {
			load_go_on(l, 0);
			redis_server_must(&f->servers[from], "MIGRATE 127.0.0.1 %u %s 0 1000",
			        f->servers[to].port, keys->element[0]->str);
		}
		freeReplyObject(keys);
		load_go_on(l, 3);
		if (!more)
			break;
	}
	redis_server_must(&f->servers[to], "CLUSTER SETSLOT %u NODE %s", slot, f->ids[to]);
	load_go_on(l, 10);
	redis_server_must(&f->servers[from], "CLUSTER SETSLOT %u NODE %s", slot, f->ids[to]);
	load_go_on(l, 20);
}

static void a_slot_moves_under_load(void **state)
{
	struct fixture *f = *state;
	struct load *l = mem_zalloc(sizeof(*l));
	unsigned slot = slot_of(SLICE("t:moved")), home = server_of("{t:moved}");
	long sum;

	l->f = f;
	cluster_open(f);
	for (unsigned i = 0; i < LOAD; i++)
		snprintf(l->keys[i], sizeof(l->keys[i]), "weir:{t:moved}:%u", i);
	load_go_on(l, 20);
	slot_move(l, slot, home, (home + 1) % MASTERS);
	slot_move(l, slot, (home + 1) % MASTERS, (home + 2) % MASTERS);
	load_end(l);
	sum = load_sum(l);
	print_message("told %u, unknown %u, refused %u, hops %u, sum %ld\n", l->told, l->unknown,
	        l->refused, l->hops, sum);
	assert_in_range(sum, l->told, l->told + l->unknown);
	assert_true(l->told > 300 && l->hops >= 1);
	assert_int_equal(l->unknown, 0);
	assert_int_equal(l->refused, 0);
	assert_int_equal(f->store.failovers, 0);
	mem_free(l);
}

static void a_node_that_dies_takes_only_its_own_slots(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0};
	unsigned dead = server_of("{t:a}");
	const char *other = server_of("{t:b}") != dead ? "{t:b}" : "{t:c}";
	unsigned answers;

	cluster_open(f);
	assert_int_not_equal(server_of(other), dead);
	assert_int_equal(redis_store_ask(&f->store, &a, "INCR", "{t:a}", NULL), 0);
	redis_server_kill(&f->servers[dead], SIGKILL);
	rest(f, 100);
	assert_false(redis_state(f->store.redis).up);
	assert_int_equal(redis_store_ask(&f->store, &a, "INCR", "{t:a}", NULL), -ENOTCONN);
	assert_int_equal(redis_store_ask(&f->store, &a, "INCR", other, NULL), 0);
	answers = f->store.answers;
	redis_server_again(&f->servers[dead]);
	cluster_await(&f->servers[dead], MASTERS);
	f->store.up = false;
	assert_true(redis_store_run(&f->store, &f->store.up, 5000));
	assert_int_equal(f->store.failovers, 1);
	assert_int_equal(f->store.answers_at_failover, answers);
	for (unsigned i = 0; i < 500 && redis_store_ask(&f->store, &a, "INCR", "{t:a}", NULL); i++)
		rest(f, 10);
	assert_int_equal(a.integer, 1); /* it had lost the first */
}

static void info_await(struct redis_server *s, const char *section, const char *text)
{
	for (unsigned i = 0; i < 2000; i++) {
		redisReply *r = redis_server_do(s, "INFO %s", section);
		bool good = strstr(r->str, text) != NULL;

		freeReplyObject(r);
		if (good)
			return;
		usleep(5000);
	}
	fail_msg("never comes: %s", text);
}

static void replica_join(struct fixture *f, unsigned of)
{
	struct redis_server *s = &f->replica;

	close(rig_listen(&s->bus));
	redis_server_start(s, "cluster-node-timeout 2000\n");
	redis_server_must(
	        s, "CLUSTER MEET 127.0.0.1 %u %u", f->servers[of].port, f->servers[of].bus);
	for (unsigned i = 0; i < 2000; i++) {
		redisReply *r = redis_server_do(s, "CLUSTER REPLICATE %s", f->ids[of]);
		bool good = r->type != REDIS_REPLY_ERROR;

		freeReplyObject(r);
		if (good)
			break;
		usleep(5000);
	}
	info_await(s, "replication", "master_link_status:up");
}

/* The map shows it: what took over is told before its first answer, though nobody had spoken to it
 * before. */
static void a_replica_that_takes_over_is_told(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {.ask.timeout = NS_PER_S};
	unsigned dead = server_of("{t:a}"), answers;

	cluster_open(f);
	replica_join(f, dead);
	for (unsigned i = 0; i < MASTERS; i++)
		cluster_await(&f->servers[i], MASTERS + 1);
	cluster_await(&f->replica, MASTERS + 1);
	assert_int_equal(redis_store_ask(&f->store, &a, "INCR", "{t:a}", NULL), 0);
	info_await(&f->replica, "keyspace", "keys=1");
	rest(f, 100);
	answers = f->store.answers;
	redis_server_kill(&f->servers[dead], SIGKILL);
	redis_server_must(&f->replica, "CLUSTER FAILOVER TAKEOVER");
	rest(f, 50);
	for (unsigned i = 0; i < 500 && redis_store_ask(&f->store, &a, "INCR", "{t:a}", NULL); i++)
		rest(f, 10);
	assert_int_equal(a.integer, 2);
	assert_int_equal(f->store.failovers, 1);
	assert_int_equal(f->store.answers_at_failover, answers);
}

/* ---- sentinels */

static void sentinel_start(struct fixture *f)
{
	char conf[512];

	f->sentinel.is_sentinel = true;
	snprintf(conf, sizeof(conf),
	        "sentinel monitor prime 127.0.0.1 %u 1\nsentinel down-after-milliseconds prime "
	        "300\n"
	        "sentinel failover-timeout prime 2000\n",
	        f->servers[0].port);
	redis_server_start(&f->sentinel, conf);
}

static void sentinel_await_replica(struct fixture *f)
{
	for (unsigned i = 0; i < 3000; i++) {
		redisReply *r = redis_server_do(&f->sentinel, "SENTINEL replicas prime");
		size_t n = r->elements;

		freeReplyObject(r);
		if (n)
			return;
		usleep(5000);
	}
	fail_msg("the sentinel does not find the replica");
}

static void replica_await(struct fixture *f, const char *value)
{
	for (unsigned i = 0; i < 3000; i++) {
		redisReply *r = redis_server_do(&f->servers[1], "GET k");
		bool good = r->str && !strcmp(r->str, value);

		freeReplyObject(r);
		if (good)
			return;
		usleep(5000);
	}
	fail_msg("the replica does not follow");
}

static void another_master_is_followed(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0};
	char conf[96];
	unsigned answers;

	redis_server_start(&f->servers[0], NULL);
	snprintf(conf, sizeof(conf), "replicaof 127.0.0.1 %u\n", f->servers[0].port);
	redis_server_start(&f->servers[1], conf);
	sentinel_start(f);
	f->store.options.kind = REDIS_SENTINEL;
	f->store.options.master = SLICE("prime");
	f->store.options.seeds[0] = (struct redis_seed){SLICE("127.0.0.1"), 1}; /* nobody */
	f->store.options.seeds[1] = (struct redis_seed){SLICE("127.0.0.1"), f->sentinel.port};
	f->store.options.n_seeds = 2;
	redis_store_open(&f->store);
	assert_true(redis_store_run(&f->store, &f->store.up, 5000));
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "k", "v", NULL), 0);
	sentinel_await_replica(f);
	replica_await(f, "v");
	rest(f, 200);
	answers = f->store.answers;
	redis_server_kill(&f->servers[0], SIGKILL);
	rest(f, 100);
	assert_false(redis_state(f->store.redis).up);
	f->store.up = false;
	assert_true(redis_store_run(&f->store, &f->store.up, 15000));
	assert_int_equal(f->store.failovers, 1);
	assert_int_equal(f->store.answers_at_failover, answers);
	assert_int_equal(redis_store_ask(&f->store, &a, "GET", "k", NULL), 0);
	assert_string_equal(a.text, "v");
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "k", "w", NULL), 0);
	{
		redisReply *r = redis_server_do(&f->servers[1], "GET k");

		assert_string_equal(r->str, "w");
		freeReplyObject(r);
	}
}

static void an_unknown_name_is_said(void **state)
{
	struct fixture *f = *state;

	redis_server_start(&f->servers[0], NULL);
	sentinel_start(f);
	f->store.options.kind = REDIS_SENTINEL;
	f->store.options.master = SLICE("second");
	f->store.options.seeds[0] = (struct redis_seed){SLICE("127.0.0.1"), f->sentinel.port};
	f->store.options.n_seeds = 1;
	redis_store_open(&f->store);
	rest(f, 300);
	assert_false(redis_state(f->store.redis).up);
	assert_string_equal(
	        redis_state(f->store.redis).note, "the sentinel at 127.0.0.1 knows no such master");
}

#define LIFE(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        LIFE(keys_are_asked_where_they_are),
	        LIFE(a_slot_moves_under_load),
	        LIFE(a_node_that_dies_takes_only_its_own_slots),
	        LIFE(a_replica_that_takes_over_is_told),
	        LIFE(another_master_is_followed),
	        LIFE(an_unknown_name_is_said),
	};

	return redis_server_can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
