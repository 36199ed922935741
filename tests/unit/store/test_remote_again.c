/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/remote against a scripted server that is slow or silent: how much of what has to
 * reach it is said again at once. */
#include <stdio.h>
#include "base/mem.h"
#include "rig/net_rig.h"
#include "rig/redis_peer.h"
#include "rig/unit.h"
#include "store/remote_core.h"

#define CALLS 200u

static struct redis_peer peer;
static struct loop *loop;
static struct resolver *resolver;
static struct tls_contexts *contexts;
static struct remote *remote;
static struct {
	struct admission a;
	struct demand demand;
	char id[32];
	int result;
	bool done;
} calls[CALLS];
static unsigned said; /* scripts that came */
static bool answers, never;

static bool on_script(struct redis_peer_command *c, struct buf *out)
{
	if (!slice_is(c->words[0], "EVALSHA"))
		return false;
	said++;
	if (answers)
		buf_put_str(out, "*1\r\n:1\r\n");
	return true;
}

static int setup(void **state)
{
	struct redis_options options = {.kind = REDIS_SINGLE};

	(void)state;
	said = 0;
	answers = false;
	redis_peer_open(&peer);
	peer.answer = on_script;
	options.place.target.host = SLICE("127.0.0.1");
	options.place.target.port = peer.port;
	if (loop_new(&loop, NULL))
		return -1;
	resolver = resolver_new(loop);
	contexts = tls_contexts_new();
	return remote_new(loop, resolver, contexts, &options, &remote);
}

static int teardown(void **state)
{
	(void)state;
	remote_free(remote);
	resolver_free(resolver);
	if (loop_free(loop))
		return -1;
	tls_contexts_free(contexts);
	redis_peer_close(&peer);
	return 0;
}

static void rest(unsigned ms)
{
	redis_peer_run(&peer, loop, &never, ms);
}

static void on_asked(struct ticket *t, int result)
{
	size_t i = (size_t)((char *)t - (char *)calls) / sizeof(calls[0]);

	calls[i].done = true;
	calls[i].result = result;
}

static void ask_all(void)
{
	struct store *s = remote_store(remote);

	for (unsigned i = 0; i < CALLS; i++) {
		memset(&calls[i], 0, sizeof(calls[i]));
		calls[i].demand = (struct demand){.kind = DEMAND_BUDGET,
		        .group = SLICE("a:one"),
		        .name = SLICE("b"),
		        .budget = {1000000, BUDGET_NO_TOKENS, 0, WINDOW_NEVER_ENDS}};
		snprintf(calls[i].id, sizeof(calls[i].id), "id%u:1", i);
		loop->now_is_stale = true;
		loop_enter(loop);
		calls[i].a.demands = &calls[i].demand;
		calls[i].a.n = 1;
		calls[i].a.id = slice_str(calls[i].id);
		calls[i].a.now_wall_ns = clock_wall(&clock_system);
		calls[i].a.expires = calls[i].a.now_wall_ns + 60 * NS_PER_S;
		ticket_init(&calls[i].a.ticket, on_asked);
		assert_int_equal(s->ops->admit(s, &calls[i].a), PENDING);
	}
}

/* A crowd whose answers all came too late leaves as many cancellations. */
static void what_waits_is_said_again_a_few_at_a_time(void **state)
{
	unsigned most = 0;

	(void)state;
	for (unsigned i = 0; i < 100 && !remote_state(remote).redis.up; i++)
		rest(20);
	assert_true(remote_state(remote).redis.up);
	rest(20);
	ask_all();
	rest(100);
	assert_in_range(said, CALLS, CALLS + 2); /* the other link still looked good */
	for (unsigned i = 0; i < CALLS; i++)
		assert_true(calls[i].done && calls[i].result == -ETIMEDOUT);
	assert_int_equal(remote_state(remote).settling, CALLS);
	/* links are given up and made anew, and all stay without an answer */
	for (unsigned i = 0; i < 200; i++) {
		said = 0;
		rest(20);
		most = said > most ? said : most;
	}
	assert_in_range(most, 1, REMOTE_AGAIN_FIRST);
	assert_true(remote->again_max < REMOTE_AGAIN_FIRST);
	answers = true;
	for (unsigned i = 0; i < 100 && remote_state(remote).settling; i++)
		rest(50);
	assert_int_equal(remote_state(remote).settling, 0);
	assert_int_equal(remote->n_again, 0);
	assert_true(remote->again_max > REMOTE_AGAIN_FIRST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                what_waits_is_said_again_a_few_at_a_time, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
