/* SPDX-License-Identifier: Apache-2.0 */
/* redis, its face, against scripted servers: how often it follows and dials, what it does without
 * memory, and that it can be let go of at any moment. */
#include <stdio.h>
#include "base/mem.h"
#include "rig/redis_peer.h"
#include "rig/redis_store.h"
#include "rig/unit.h"
#include "store/redis/redis_core.h"

struct fixture {
	struct redis_peer peer;
	struct redis_store store;
	bool never;
	unsigned said; /* answers of the kind that is tried */
	bool frees;
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	*state = f;
	redis_peer_open(&f->peer);
	f->peer.arg = f;
	redis_store_init(&f->store);
	f->store.options.place.target.host = SLICE("127.0.0.1");
	f->store.options.place.target.port = f->peer.port;
	f->store.options.seeds[0] = (struct redis_seed){SLICE("127.0.0.1"), f->peer.port};
	f->store.options.n_seeds = 1;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	redis_store_close(&f->store);
	redis_peer_close(&f->peer);
	mem_free(f);
	return 0;
}

static bool run(struct fixture *f, const bool *done, unsigned ms)
{
	return redis_peer_run(&f->peer, f->store.loop, done, ms);
}

static void open_store(struct fixture *f)
{
	redis_store_open(&f->store);
	assert_true(run(f, &f->store.up, 3000));
	run(f, &f->never, 20); /* both links */
}

/* ---- following has an end */

static bool no_script(struct redis_peer_command *c, struct buf *out)
{
	struct fixture *f = c->peer->arg;

	if (!slice_is(c->words[0], "EVALSHA"))
		return false;
	f->said++;
	buf_put_str(out, "-NOSCRIPT No matching script. Please use EVAL.\r\n");
	return true;
}

static void a_script_is_not_loaded_for_ever(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {.ask.script = &redis_script_time, .ask.timeout = NS_PER_S};

	f->peer.answer = no_script;
	open_store(f);
	assert_int_equal(redis_store_put(&f->store, &a, "k", NULL), PENDING);
	assert_true(run(f, &a.done, 2000));
	assert_int_equal(a.result, -ENOENT);
	assert_int_equal(f->said, 1 + ASK_HOPS_MAX);
}

static bool sent_elsewhere(struct redis_peer_command *c, struct buf *out, const char *how)
{
	struct fixture *f = c->peer->arg;

	if (slice_is(c->words[0], "CLUSTER")) {
		buf_printf(out, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n",
		        f->peer.port);
		return true;
	}
	if (!slice_is(c->words[0], "GET"))
		return false;
	f->said++;
	buf_printf(out, "-%s 1 127.0.0.1:%u\r\n", how, f->peer.port);
	return true;
}

static bool moved(struct redis_peer_command *c, struct buf *out)
{
	return sent_elsewhere(c, out, "MOVED");
}

static bool ask_there(struct redis_peer_command *c, struct buf *out)
{
	return sent_elsewhere(c, out, "ASK");
}

static void a_circle_is_left(struct fixture *f)
{
	struct store_ask a = {.ask.timeout = NS_PER_S};

	f->store.options.kind = REDIS_CLUSTER;
	open_store(f);
	assert_int_equal(redis_store_put(&f->store, &a, "GET", "k", NULL), PENDING);
	assert_true(run(f, &a.done, 2000));
	assert_int_equal(a.result, -ELOOP);
	assert_int_equal(f->said, 1 + ASK_HOPS_MAX);
}

static void moved_in_a_circle_is_left(void **state)
{
	struct fixture *f = *state;

	f->peer.answer = moved;
	a_circle_is_left(f);
}

static void asked_in_a_circle_is_left(void **state)
{
	struct fixture *f = *state;

	f->peer.answer = ask_there;
	a_circle_is_left(f);
}

static bool map_of_nonsense(struct redis_peer_command *c, struct buf *out)
{
	struct fixture *f = c->peer->arg;

	if (!slice_is(c->words[0], "CLUSTER"))
		return false;
	f->said++;
	buf_put_str(out, f->said % 2 ? "*1\r\n*3\r\n:0\r\n:16384\r\n*0\r\n" : "+OK\r\n");
	return true;
}

static bool map_with_a_hole(struct redis_peer_command *c, struct buf *out)
{
	struct fixture *f = c->peer->arg;

	if (!slice_is(c->words[0], "CLUSTER"))
		return false;
	buf_printf(out, "*1\r\n*3\r\n:0\r\n:%u\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n",
	        f->said++ < 3 ? 16382 : 16383, f->peer.port);
	return true;
}

static void a_map_with_a_hole_is_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0};

	f->peer.answer = map_with_a_hole;
	f->store.options.kind = REDIS_CLUSTER;
	redis_store_open(&f->store);
	run(f, &f->store.up, 50);
	assert_false(f->store.up);
	assert_int_equal(redis_store_put(&f->store, &a, "GET", "foo", NULL), PENDING);
	assert_true(run(f, &f->store.up, 3000));
	assert_int_equal(f->said, 4);
}

static void a_map_of_nonsense_is_not_taken(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0};

	f->peer.answer = map_of_nonsense;
	f->store.options.kind = REDIS_CLUSTER;
	redis_store_open(&f->store);
	run(f, &f->store.up, 500);
	assert_false(f->store.up);
	assert_in_range(f->said, 2, 8);
	assert_int_equal(redis_store_put(&f->store, &a, "GET", "k", NULL), -ENOTCONN);
}

/* ---- dialling has a pace */

static void dials_back_off(void **state)
{
	struct fixture *f = *state;

	f->peer.leave_after = 0; /* accepts and leaves */
	redis_store_open(&f->store);
	for (unsigned i = 0; i < 30; i++) {
		run(f, &f->never, 100);
		f->peer.leave_after = 0;
	}
	assert_in_range(f->peer.accepted, 3, 7); /* after 0, 0.1, 0.2, 0.4, 0.8, 1, 1 s */
	f->peer.leave_after = -1;
	assert_true(run(f, &f->store.up, 2000));
}

/* ---- the breaker */

static bool silence(struct redis_peer_command *c, struct buf *out)
{
	(void)out;
	return slice_is(c->words[0], "GET");
}

/* Each silence costs a link; the third opens the breaker, and no ask gets through until the probe
 * has. */
static void three_failures_open_the_breaker(void **state)
{
	struct fixture *f = *state;
	struct store_ask a = {0};
	unsigned late = 0;
	uint64_t began;
	int r;

	f->peer.answer = silence;
	open_store(f);
	began = clock_mono(&clock_system);
	for (unsigned i = 0; i < 200 && clock_mono(&clock_system) - began < 900 * NS_PER_MS; i++) {
		r = redis_store_put(&f->store, &a, "GET", "k", NULL);
		if (r == PENDING) {
			assert_true(run(f, &a.done, 1000));
			assert_int_equal(a.result, -ETIMEDOUT);
			late++;
		} else {
			assert_true(r == -ENOTCONN || r == -EHOSTDOWN);
		}
		run(f, &f->never, 5);
	}
	assert_int_equal(late, NODE_LINKS);
	assert_false(redis_state(f->store.redis).up);
	f->store.up = false;
	assert_true(run(f, &f->store.up, 3000));
	assert_true(f->store.mends >= 1);
}

/* Both are due every second, and once they fall into one tick of the wheel they stay there. */
static void the_probe_of_each_second_will_do_for_the_breaker(void **state)
{
	struct fixture *f = *state;
	struct redis_node *n;

	open_store(f);
	n = f->store.redis->master;
	n->breaker = BREAKER_OPEN;
	loop_deadline_after(f->store.loop, &n->probe, 20 * NS_PER_MS);
	loop_deadline_after(f->store.loop, &n->reopen, 20 * NS_PER_MS);
	for (unsigned i = 0; i < 50 && n->breaker != BREAKER_CLOSED; i++)
		run(f, &f->never, 100);
	assert_int_equal(n->breaker, BREAKER_CLOSED);
}

/* ---- letting go */

static void free_when_done(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct store_ask *a = container_of(ask, struct store_ask, ask);

	(void)result;
	(void)reply;
	a->times++;
	a->done = true;
	if (a->store->redis)
		redis_free(a->store->redis);
	a->store->redis = NULL;
}

static void it_may_be_freed_from_within_an_answer(void **state)
{
	struct fixture *f = *state;
	struct store_ask a[4] = {0};

	for (unsigned how = 0; how < 3; how++) {
		f->store.up = false;
		f->peer.answer = how == 2 ? silence : NULL;
		open_store(f);
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(
			        redis_store_put(&f->store, &a[i], "GET", "k", NULL), PENDING);
			a[i].ask.done = free_when_done;
			a[i].times = 0;
		}
		if (how == 1)
			redis_peer_hang_up(&f->peer);
		assert_true(run(f, &a[0].done, 500) || run(f, &a[1].done, 500));
		assert_null(f->store.redis);
		for (unsigned i = 0; i < 4; i++)
			ask_cancel(&a[i].ask);
		assert_true(a[0].times + a[1].times + a[2].times + a[3].times == 1);
		run(f, &f->never, 20);
	}
}

static struct store_ask doomed[4];

static void cancel_when_down(struct redis_store *s)
{
	for (unsigned i = 0; s->down && i < 4; i++)
		ask_cancel(&doomed[i].ask);
}

static void free_when_down(struct redis_store *s)
{
	if (s->down && s->redis)
		redis_free(s->redis);
	if (s->down)
		s->redis = NULL;
}

/* Down is told when the links have gone, by silence or by a break: those that were ended before are
 * not told again. */
static void all_may_be_cancelled_when_it_goes_down(void **state)
{
	struct fixture *f = *state;
	struct store_ask *asks = doomed;

	for (unsigned how = 0; how < 4; how++) {
		memset(doomed, 0, sizeof(doomed));
		f->store.up = f->store.down = false;
		f->peer.answer = silence;
		f->store.changed = NULL;
		open_store(f);
		f->store.changed = how < 2 ? cancel_when_down : free_when_down;
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(
			        redis_store_put(&f->store, &asks[i], "GET", "k", NULL), PENDING);
		if (how % 2)
			redis_peer_hang_up(&f->peer);
		assert_true(run(f, &f->store.down, 1000));
		run(f, &f->never, 50);
		for (unsigned i = 0; i < 4; i++) {
			assert_true(asks[i].times <= 1);
			assert_false(ask_is_under_way(&asks[i].ask));
		}
		if (f->store.redis)
			redis_free(f->store.redis);
		f->store.redis = NULL;
		redis_peer_hang_up(&f->peer);
		run(f, &f->never, 5);
	}
}

static void it_may_be_freed_at_any_turn(void **state)
{
	struct fixture *f = *state;

	for (unsigned turns = 0; turns < 40; turns++) {
		struct store_ask a = {0};

		f->store.options.kind = turns % 2 ? REDIS_CLUSTER : REDIS_SINGLE;
		f->peer.answer = turns % 4 == 1 ? moved : NULL;
		redis_store_open(&f->store);
		for (unsigned i = 0; i < turns / 2; i++) {
			run(f, &f->never, 1);
			if (!ask_is_under_way(&a.ask))
				redis_store_put(&f->store, &a, "GET", "k", NULL);
		}
		redis_free(f->store.redis);
		f->store.redis = NULL;
		ask_cancel(&a.ask);
		run(f, &f->never, 2);
	}
}

/* ---- without memory */

static void want_of_memory_is_survived(void **state)
{
	struct fixture *f = *state;

	for (long n = 0; n < 80; n++) {
		struct store_ask a = {0};
		int r;

		f->store.options.kind = n % 2 ? REDIS_CLUSTER : REDIS_SINGLE;
		f->store.up = false;
		f->peer.answer = moved;
		mem_fail_after(n / 2);
		r = redis_new(f->store.loop, f->store.resolver, f->store.contexts,
		        &f->store.options, &f->store.redis);
		if (!r)
			run(f, &f->store.up, 30);
		if (!r && redis_store_put(&f->store, &a, "SET", "k", NULL) == PENDING)
			run(f, &a.done, 100);
		mem_fail_after(-1);
		if (r) {
			assert_int_equal(r, -ENOMEM);
			f->store.redis = NULL;
			continue;
		}
		f->store.up = redis_state(f->store.redis).up;
		assert_true(run(f, &f->store.up, 3000)); /* it recovers by itself */
		redis_free(f->store.redis);
		f->store.redis = NULL;
		ask_cancel(&a.ask);
		redis_peer_hang_up(&f->peer);
		run(f, &f->never, 2);
	}
}

#define LIFE(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        LIFE(a_script_is_not_loaded_for_ever),
	        LIFE(moved_in_a_circle_is_left),
	        LIFE(asked_in_a_circle_is_left),
	        LIFE(a_map_with_a_hole_is_asked_for_again),
	        LIFE(a_map_of_nonsense_is_not_taken),
	        LIFE(dials_back_off),
	        LIFE(three_failures_open_the_breaker),
	        LIFE(the_probe_of_each_second_will_do_for_the_breaker),
	        LIFE(it_may_be_freed_from_within_an_answer),
	        LIFE(all_may_be_cancelled_when_it_goes_down),
	        LIFE(it_may_be_freed_at_any_turn),
	        LIFE(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
