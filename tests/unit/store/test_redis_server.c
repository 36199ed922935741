/* SPDX-License-Identifier: Apache-2.0 */
/* redis against a real server: who it lets in, what happens while it is frozen, when it dies, when
 * it is full or is made a replica; and what is said before what. */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "base/mem.h"
#include "rig/net_rig.h"
#include "rig/redis_server.h"
#include "rig/redis_store.h"
#include "rig/tls_server.h"
#include "rig/unit.h"

#define STALL_MAX                                                                                  \
	(20 * NS_PER_MS) /* of a loop under sanitizers on a busy machine; idle it is far below 5   \
	                    ms */
#define LATE (ASK_TIMEOUT + WHEEL_TICK + 40 * NS_PER_MS)

struct fixture {
	struct redis_server server;
	struct redis_store store;
	bool never;
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	*state = f;
	redis_store_init(&f->store);
	f->store.options.place.target.host = SLICE("127.0.0.1");
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	redis_store_close(&f->store);
	redis_server_remove(&f->server);
	mem_free(f);
	return 0;
}

static void open_store(struct fixture *f)
{
	f->store.options.place.target.port = f->server.port;
	redis_store_open(&f->store);
	assert_true(redis_store_run(&f->store, &f->store.up, 3000));
}

static void begin(struct fixture *f, const char *conf)
{
	redis_server_start(&f->server, conf);
	open_store(f);
}

static void rest(struct fixture *f, unsigned ms)
{
	redis_store_run(&f->store, &f->never, ms);
}

/* ---- ordinary life */

static void asks_are_answered(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0};

	begin(f, NULL);
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "k", "v", NULL), 0);
	assert_string_equal(a.text, "OK");
	assert_int_equal(redis_store_ask(&f->store, &a, "GET", "k", NULL), 0);
	assert_string_equal(a.text, "v");
	assert_int_equal(redis_store_ask(&f->store, &a, "INCR", "n", NULL), 0);
	assert_int_equal(a.integer, 1);
	assert_int_equal(redis_store_ask(&f->store, &a, "NOSUCH", NULL), -EREMOTEIO);
	assert_int_equal(redis_state(f->store.redis).epoch, 1);
	assert_int_equal(strlen(redis_state(f->store.redis).run_id), 40);
	assert_int_equal(f->store.failovers, 0);
	assert_false(redis_state(f->store.redis).evicts);
}

static void a_unix_socket_will_do(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0};

	redis_server_start(&f->server, NULL);
	f->store.options.place.target.unix_path = slice_str(f->server.socket);
	f->store.options.place.db = 3;
	open_store(f);
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "k", "v", NULL), 0);
	redis_server_must(&f->server, "PING");
	{
		redisReply *r = redis_server_do(&f->server, "EXISTS k"); /* database 0 */

		assert_int_equal(r->integer, 0);
		freeReplyObject(r);
	}
}

static void scripts_are_run_by_their_sum(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {.ask.script = &redis_script_time, .ask.n_keys = 1};

	begin(f, NULL);
	assert_int_equal(redis_store_ask(&f->store, &a, "k", NULL), 0);
	assert_int_equal(a.type, REPLY_LIST);
	redis_server_must(&f->server, "SCRIPT FLUSH");
	assert_int_equal(redis_store_ask(&f->store, &a, "k", NULL), 0);
	assert_int_equal(a.type, REPLY_LIST);
	assert_int_equal(a.ask.hops, 1);
	assert_int_equal(redis_store_ask(&f->store, &a, "k", NULL), 0);
	assert_int_equal(a.ask.hops, 0);
}

/* ---- who is let in */

static void users_and_passwords_are_checked(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0};

	redis_server_start(&f->server, "user weir on >right ~weir:* +@all -flushall\n");
	f->store.options.place.user = SLICE("weir");
	f->store.options.place.password = SLICE("wrong");
	f->store.options.place.target.port = f->server.port;
	redis_store_open(&f->store);
	rest(f, 300);
	assert_false(f->store.up);
	assert_int_equal(redis_state(f->store.redis).error, -EACCES);
	assert_non_null(strstr(redis_state(f->store.redis).note, "WRONGPASS"));
	assert_int_equal(redis_store_ask(&f->store, &a, "GET", "weir:k", NULL), -ENOTCONN);
	redis_free(f->store.redis);
	f->store.options.place.password = SLICE("right");
	open_store(f);
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "weir:k", "v", NULL), 0);
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "other", "v", NULL), -EACCES);
	assert_int_equal(redis_store_ask(&f->store, &a, "FLUSHALL", NULL), -EACCES);
}

static void without_a_password_it_stays_out(void **state)
{
	struct fixture *f = *state;

	snprintf(f->server.admin, sizeof(f->server.admin), "secret");
	redis_server_start(&f->server, "requirepass secret\n");
	f->store.options.place.target.port = f->server.port;
	redis_store_open(&f->store);
	rest(f, 200);
	assert_int_equal(redis_state(f->store.redis).error, -EACCES);
	redis_free(f->store.redis);
	f->store.options.place.password = SLICE("secret");
	open_store(f);
}

static void tls_wants_both_certificates(void **state)
{
	struct fixture *f = *state;
	struct tls_server *maker =
	        tls_server_start(&(struct tls_server_options){.does = TLS_SERVER_HANGS});
	struct dial_target *to = &f->store.options.place.target;
	struct store_ask a = {0};
	char conf[512];

	snprintf(conf, sizeof(conf),
	        "tls-cert-file %s\ntls-key-file %s\ntls-ca-cert-file %s\ntls-auth-clients yes\n",
	        maker->client_path, maker->client_path, maker->ca_path);
	close(rig_listen(&f->server.tls_port));
	redis_server_start(&f->server, conf);
	to->tls = true;
	to->port = f->server.tls_port;
	to->tls_ca = slice_str(maker->ca_path);
	redis_store_open(&f->store);
	rest(f, 300);
	assert_false(f->store.up); /* for 127.0.0.1 it has no certificate */
	redis_free(f->store.redis);
	to->tls_server_name = SLICE("client");
	redis_store_open(&f->store);
	rest(f, 300);
	assert_false(f->store.up); /* and we have shown none */
	redis_free(f->store.redis);
	to->tls_certificate = to->tls_key = slice_str(maker->client_path);
	redis_store_open(&f->store);
	assert_true(redis_store_run(&f->store, &f->store.up, 3000));
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "k", "v", NULL), 0);
	rest(f, 5);
	tls_server_stop(maker);
}

/* ---- frozen */

static void assert_late(const struct store_ask *a)
{
	assert_int_equal(a->result, -ETIMEDOUT);
	assert_in_range(a->took, ASK_TIMEOUT, LATE);
}

static void a_pause_costs_25_ms_and_mixes_nothing_up(void **state)
{
	struct fixture *f = *state;
	struct store_ask a[4] = {0}, b = {0};

	begin(f, NULL);
	assert_int_equal(redis_store_ask(&f->store, &b, "SET", "k", "before", NULL), 0);
	rest(f, 50);
	f->store.stall = 0;
	redis_server_must(&f->server, "CLIENT PAUSE 400");
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(redis_store_put(&f->store, &a[i], "GET", "k", NULL), PENDING);
	assert_true(redis_store_run(&f->store, &a[3].done, 1000));
	rest(f, 30);
	for (unsigned i = 0; i < 4; i++)
		assert_late(&a[i]);
	assert_true(f->store.down);
	assert_int_equal(redis_store_ask(&f->store, &b, "GET", "k", NULL), -ENOTCONN);
	assert_true(redis_store_run(&f->store, &f->store.up, 3000));
	assert_true(f->store.mends >= 1);
	assert_int_equal(redis_store_ask(&f->store, &b, "GET", "k", NULL), 0);
	assert_string_equal(b.text, "before");
	assert_int_equal(redis_store_ask(&f->store, &b, "SET", "k2", "x", NULL), 0);
	assert_string_equal(b.text, "OK");
	assert_int_equal(f->store.failovers, 0);
	assert_true(f->store.stall < STALL_MAX);
}

static void a_stopped_server_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0}, b = {0};
	unsigned refused = 0, late = 0;

	begin(f, NULL);
	rest(f, 50);
	f->store.stall = 0;
	redis_server_kill(&f->server, SIGSTOP);
	for (unsigned i = 0; i < 300; i++) {
		int r = redis_store_ask(&f->store, &a, "INCR", "n", NULL);

		if (r == -ETIMEDOUT) {
			assert_late(&a);
			late++;
		} else {
			assert_true(r == -ENOTCONN || r == -EHOSTDOWN);
			refused++;
		}
		rest(f, 5);
	}
	assert_in_range(late, 2, 3);
	assert_true(refused > 200);
	redis_server_kill(&f->server, SIGCONT);
	f->store.up = false;
	assert_true(redis_store_run(&f->store, &f->store.up, 3000));
	assert_int_equal(redis_store_ask(&f->store, &b, "SET", "k", "v", NULL), 0);
	assert_int_equal(f->store.failovers, 0);
	assert_true(f->store.stall < STALL_MAX);
}

static void slow_answers_are_never_anothers(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0}, b = {0};
	char key[16];

	begin(f, NULL);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(redis_store_ask(&f->store, &a, "SET", key, key, NULL), 0);
	}
	for (unsigned i = 0; i < 20; i++) {
		int r;

		if (i % 4 == 0)
			redis_server_must(&f->server, "CLIENT PAUSE 60");
		snprintf(key, sizeof(key), "k%u", i % 5);
		r = redis_store_ask(&f->store, &b, "GET", key, NULL);
		if (!r)
			assert_string_equal(b.text, key);
		else
			assert_true(r == -ETIMEDOUT || r == -ENOTCONN || r == -EHOSTDOWN);
		rest(f, 20);
	}
}

/* ---- dead and born again */

static void assert_failover_came_first(struct fixture *f, unsigned answers)
{
	assert_int_equal(f->store.failovers, 1);
	assert_int_equal(f->store.answers_at_failover, answers);
	assert_int_equal(redis_state(f->store.redis).epoch, 2);
}

static void a_restart_is_seen_before_anything_else(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0};
	unsigned answers = 0;

	begin(f, NULL);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(redis_store_ask(&f->store, &a, "INCR", "n", NULL), 0);
	answers = f->store.answers;
	assert_int_equal(redis_store_put(&f->store, &a, "INCR", "n", NULL), PENDING);
	redis_server_kill(&f->server, SIGKILL);
	redis_store_run(&f->store, &a.done, 1000);
	assert_int_equal(a.result, -ECONNRESET);
	f->store.up = false;
	rest(f, 100);
	assert_int_equal(redis_store_ask(&f->store, &a, "INCR", "n", NULL), -ENOTCONN);
	redis_server_again(&f->server);
	while (redis_store_ask(&f->store, &a, "INCR", "n", NULL))
		rest(f, 1);
	assert_int_equal(a.integer, 1);
	assert_failover_came_first(f, answers);
	assert_true(f->store.mends >= 1);
}

/* ---- the tombstones' moment */

static struct store_ask tombstone;

static void put_tombstone(struct redis_store *s, struct redis_link *l)
{
	static const struct slice words[] = {
	        SLICE_INIT("SET"), SLICE_INIT("k"), SLICE_INIT("mended")};

	if (tombstone.times)
		return;
	tombstone.store = s;
	tombstone.ask.args = words;
	tombstone.ask.n_args = 3;
	assert_int_equal(redis_ask_on(s->redis, l, words[1], &tombstone.ask), PENDING);
}

static void what_mends_comes_first(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0}, b = {0};

	begin(f, NULL);
	f->store.mend = put_tombstone;
	assert_int_equal(redis_store_put(&f->store, &b, "GET", "k", NULL), PENDING);
	tombstone = (struct store_ask){.ask.done = b.ask.done};
	redis_store_run(&f->store, &b.done, 1000);
	redis_server_must(&f->server, "CLIENT PAUSE 200");
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "k", "lost", NULL), -ETIMEDOUT);
	while (redis_store_ask(&f->store, &b, "GET", "k", NULL) || !tombstone.done)
		rest(f, 1);
	assert_int_equal(redis_store_ask(&f->store, &b, "GET", "k", NULL), 0);
	assert_string_equal(b.text, "mended");
	assert_int_equal(tombstone.times, 1);
}

/* ---- errors */

static void a_full_server_says_so(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0};

	begin(f, "maxmemory 1\n");
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "k", "v", NULL), -ENOSPC);
	assert_int_equal(redis_store_ask(&f->store, &a, "GET", "k", NULL), 0);
	assert_false(redis_state(f->store.redis).evicts);
}

static void one_that_evicts_is_noticed(void **state)
{
	struct fixture *f = *state;

	begin(f, "maxmemory-policy allkeys-lru\n");
	assert_true(redis_state(f->store.redis).evicts);
}

static void a_master_made_a_replica_is_left(void **state)
{
	struct fixture *f = *state;
	struct redis_server other = {0};
	struct store_ask a = {0};

	begin(f, NULL);
	redis_server_start(&other, NULL);
	redis_server_must(&f->server, "REPLICAOF 127.0.0.1 %u", other.port);
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "k", "v", NULL), -EROFS);
	rest(f, 10);
	assert_true(f->store.down);
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "k", "v", NULL), -ENOTCONN);
	redis_server_must(&f->server, "REPLICAOF NO ONE");
	assert_true(redis_store_run(&f->store, &f->store.up, 3000));
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "k", "v", NULL), 0);
	assert_int_equal(f->store.failovers, 1); /* the same process, another history */
	redis_server_remove(&other);
}

static void replicas_have_it_when_it_is_done(void **state)
{
	struct fixture *f = *state;
	struct redis_server replica = {0};
	struct store_ask a = {0};
	char conf[64];

	f->store.options.place.replicas = 1;
	begin(f, NULL);
	assert_int_equal(redis_store_ask(&f->store, &a, "SET", "k", "v", NULL), -EAGAIN);
	assert_string_equal(a.text, "OK");
	snprintf(conf, sizeof(conf), "replicaof 127.0.0.1 %u\n", f->server.port);
	redis_server_start(&replica, conf);
	while (redis_store_ask(&f->store, &a, "SET", "k", "w", NULL))
		rest(f, 20);
	{
		redisReply *r = redis_server_do(&replica, "GET k");

		assert_string_equal(r->str, "w");
		freeReplyObject(r);
	}
	redis_server_remove(&replica);
}

/* ---- many at once */

static void thousands_are_each_told_once(void **state)
{
	enum { N = 2000 };
	struct fixture *f = *state;
	struct store_ask *asks = mem_zalloc(N * sizeof(*asks));
	unsigned full = 0, done = 0;

	begin(f, NULL);
	rest(f, 50);
	for (unsigned i = 0; i < N; i++) {
		int r = redis_store_put(&f->store, &asks[i], "INCR", "n", NULL);

		assert_true(r == PENDING || r == -ENOBUFS);
		full += r != PENDING;
	}
	rest(f, 300);
	for (unsigned i = 0; i < N; i++)
		done += asks[i].times;
	assert_int_equal(done + full, N);
	assert_true(f->store.answers > 0);
	mem_free(asks);
}

#define LIFE(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        LIFE(asks_are_answered),
	        LIFE(a_unix_socket_will_do),
	        LIFE(scripts_are_run_by_their_sum),
	        LIFE(users_and_passwords_are_checked),
	        LIFE(without_a_password_it_stays_out),
	        LIFE(tls_wants_both_certificates),
	        LIFE(a_pause_costs_25_ms_and_mixes_nothing_up),
	        LIFE(a_stopped_server_is_left_alone),
	        LIFE(slow_answers_are_never_anothers),
	        LIFE(a_restart_is_seen_before_anything_else),
	        LIFE(what_mends_comes_first),
	        LIFE(a_full_server_says_so),
	        LIFE(one_that_evicts_is_noticed),
	        LIFE(a_master_made_a_replica_is_left),
	        LIFE(replicas_have_it_when_it_is_done),
	        LIFE(thousands_are_each_told_once),
	};

	return redis_server_can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
