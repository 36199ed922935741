/* SPDX-License-Identifier: Apache-2.0 */
/* redis link: answers find their asks in order, late ones find nobody, and whatever breaks ends
 * every ask once. */
#include <stdio.h>
#include <time.h>
#include "base/mem.h"
#include "rig/fake_clock.h"
#include "rig/redis_peer.h"
#include "rig/starve.h"
#include "rig/unit.h"
#include "store/redis/error.h"
#include "store/redis/link.h"

#define ASKS 8

struct fixture {
	struct redis_peer peer;
	struct loop *loop;
	struct dialler by;
	struct address_rule rule;
	struct redis_place place;
	struct redis_link *link;
	bool ready, closed, doubted, settled, never;
	int error;
	char note[LINK_NOTE];
	unsigned heard, pushed;
	char answers[512]; /* what asks were told, in order */
};

static struct fixture *current;

struct test_ask {
	struct redis_ask ask;
	struct slice words[4];
	bool done;
	unsigned times;
	int result;
	char text[64];
	struct test_ask *cancels; /* when it is done */
	bool closes;
};

/* ---- what is heard */

static void on_ready(void *owner, struct redis_link *l)
{
	(void)l;
	((struct fixture *)owner)->ready = true;
}

static void on_heard(void *owner, struct redis_link *l)
{
	(void)l;
	((struct fixture *)owner)->heard++;
}

static void on_doubted(void *owner, struct redis_link *l)
{
	(void)l;
	((struct fixture *)owner)->doubted = true;
}

static void on_settled(void *owner, struct redis_link *l)
{
	(void)l;
	((struct fixture *)owner)->settled = true;
}

static void on_closed(void *owner, struct redis_link *l, int error)
{
	struct fixture *f = owner;

	f->closed = true;
	f->error = error;
	memcpy(f->note, l->note, sizeof(f->note));
	f->link = NULL;
}

static const struct redis_link_events events = {
        .ready = on_ready,
        .heard = on_heard,
        .doubted = on_doubted,
        .settled = on_settled,
        .closed = on_closed,
};

static void on_answer(
        struct redis_ask *a, struct redis_link *l, int result, const struct redis_reply *reply)
{
	(void)l;
	ask_end(a, result ? result : redis_error_of(reply), reply);
}

static void on_done(struct redis_ask *a, int result, const struct redis_reply *reply)
{
	struct test_ask *t = container_of(a, struct test_ask, ask);
	struct slice text = reply ? reply->text : SLICE("");
	size_t len = strlen(current->answers);

	t->done = true;
	t->times++;
	t->result = result;
	snprintf(t->text, sizeof(t->text), "%.*s", SLICE_FMT(text));
	snprintf(current->answers + len, sizeof(current->answers) - len, "%.*s,", SLICE_FMT(text));
	if (t->cancels)
		ask_cancel(&t->cancels->ask);
	if (t->closes) {
		link_close(current->link);
		current->link = NULL;
	}
}

static int put(struct fixture *f, struct test_ask *t, const char *command, const char *word)
{
	int r;

	t->words[0] = slice_str(command);
	t->words[1] = slice_str(word);
	t->ask.args = t->words;
	t->ask.n_args = 2;
	t->ask.done = on_done;
	t->ask.answer = on_answer;
	t->done = false;
	f->loop->now_is_stale = true;
	loop_enter(f->loop);
	ask_begin(&t->ask, f->loop);
	r = link_put(f->link, &t->ask);
	if (r)
		ask_cancel(&t->ask);
	return r;
}

/* "ECHO x" gets x; "HELD x" too, but our own loop comes to it too late; "LATE x" nothing until
 * "FLUSH" comes; "ASK …" is an error; "BAD" is no Redis. */
static struct buf late = BUF_INIT(65536);

static bool echo(struct redis_peer_command *c, struct buf *out)
{
	if (slice_is(c->words[0], "ECHO"))
		buf_printf(out, "+%.*s\r\n", SLICE_FMT(c->words[1]));
	else if (slice_is(c->words[0], "HELD") &&
	         !nanosleep(&(struct timespec){.tv_nsec = 2 * ASK_TIMEOUT}, NULL))
		buf_printf(out, "+%.*s\r\n", SLICE_FMT(c->words[1]));
	else if (slice_is(c->words[0], "LATE"))
		buf_printf(&late, "+%.*s\r\n", SLICE_FMT(c->words[1]));
	else if (slice_is(c->words[0], "RAW"))
		buf_put_slice(out, c->words[1]);
	else if (slice_is(c->words[0], "WAIT"))
		buf_put_str(out, c->peer->arg);
	else
		return false;
	return true;
}

/* ---- life */

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	*state = current = f;
	loop_new(&f->loop, NULL);
	redis_peer_open(&f->peer);
	f->peer.answer = echo;
	f->by.loop = f->loop;
	f->by.resolver = resolver_new(f->loop);
	f->by.contexts = tls_contexts_new();
	f->place.target = (struct dial_target){
	        .host = SLICE("127.0.0.1"), .port = f->peer.port, .rule = &f->rule};
	f->place.name = SLICE("weir");
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->link)
		link_close(f->link);
	redis_peer_close(&f->peer);
	buf_finish(&late);
	resolver_free(f->by.resolver);
	assert_int_equal(loop_free(f->loop), 0);
	tls_contexts_free(f->by.contexts);
	mem_free(f);
	return 0;
}

static bool run(struct fixture *f, const bool *done)
{
	return redis_peer_run(&f->peer, f->loop, done, 3000);
}

static void open_link(struct fixture *f)
{
	f->ready = f->closed = false;
	assert_int_equal(link_new(&f->by, &f->place, &events, f, &f->link), 0);
	assert_true(run(f, &f->ready));
}

/* ---- claims */

static void a_master_is_greeted(void **state)
{
	struct fixture *f = *state;

	open_link(f);
	assert_string_equal(f->link->info.run_id, "0123456789abcdef0123456789abcdef01234567");
	assert_true(f->link->info.is_master);
	assert_true(link_is_usable(f->link));
	assert_int_equal(link_load(f->link), 0);
	assert_int_equal(f->heard, 0);
}

static void answers_come_in_order(void **state)
{
	static const char *const words[ASKS] = {"0", "1", "2", "3", "4", "5", "6", "7"};
	struct fixture *f = *state;
	struct test_ask asks[ASKS] = {0};
	unsigned commands;

	open_link(f);
	commands = f->peer.commands;
	for (unsigned i = 0; i < ASKS; i++)
		assert_int_equal(put(f, &asks[i], "ECHO", words[i]), 0);
	assert_false(asks[0].done);
	assert_true(run(f, &asks[ASKS - 1].done));
	assert_string_equal(f->answers, "0,1,2,3,4,5,6,7,");
	assert_int_equal(f->heard, ASKS);
	assert_int_equal(f->peer.commands - commands, ASKS);
}

static void a_replica_is_refused(void **state)
{
	struct fixture *f = *state;

	f->peer.info = "run_id:abc\r\nrole:slave\r\n";
	assert_int_equal(link_new(&f->by, &f->place, &events, f, &f->link), 0);
	assert_true(run(f, &f->closed));
	assert_int_equal(f->error, -EROFS);
	assert_string_equal(f->note, "it is a replica, not the master");
	f->place.any_role = true;
	open_link(f);
}

static void one_that_loads_is_refused(void **state)
{
	struct fixture *f = *state;

	f->peer.info = "run_id:abc\r\nrole:master\r\nloading:1\r\n";
	assert_int_equal(link_new(&f->by, &f->place, &events, f, &f->link), 0);
	assert_true(run(f, &f->closed));
	assert_int_equal(f->error, -EAGAIN);
}

static bool refuse_auth(struct redis_peer_command *c, struct buf *out)
{
	if (!slice_is(c->words[0], "AUTH"))
		return false;
	assert_int_equal(c->n, 3);
	buf_put_str(out, "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
	return true;
}

static void a_wrong_password_is_said(void **state)
{
	struct fixture *f = *state;

	f->peer.answer = refuse_auth;
	f->place.user = SLICE("weir");
	f->place.password = SLICE("secret");
	assert_int_equal(link_new(&f->by, &f->place, &events, f, &f->link), 0);
	assert_true(run(f, &f->closed));
	assert_int_equal(f->error, -EACCES);
	assert_non_null(strstr(f->note, "WRONGPASS"));
}

static void silence_ends_the_greeting(void **state)
{
	struct fixture *f = *state;
	uint64_t began = clock_mono(&clock_system);

	f->peer.mute = true;
	assert_int_equal(link_new(&f->by, &f->place, &events, f, &f->link), 0);
	assert_true(run(f, &f->closed));
	assert_int_equal(f->error, -ETIMEDOUT);
	assert_in_range(clock_mono(&clock_system) - began, LINK_CONNECT, LINK_CONNECT + NS_PER_S);
}

static void nobody_there_is_said(void **state)
{
	struct fixture *f = *state;

	f->place.target.port = 1;
	assert_int_equal(link_new(&f->by, &f->place, &events, f, &f->link), 0);
	assert_true(run(f, &f->closed));
	assert_non_null(strstr(f->note, "connection refused"));
	f->closed = false;
	f->place.target.unix_path = SLICE("/nonexistent/redis.sock");
	assert_int_equal(link_new(&f->by, &f->place, &events, f, &f->link), 0);
	assert_true(run(f, &f->closed));
	assert_int_equal(f->error, -ENOENT);
}

/* The answer to the one that was late must not be taken for that of the next. */
static void a_late_answer_is_dropped(void **state)
{
	struct fixture *f = *state;
	struct test_ask slow = {0}, other = {0}, next = {0};
	uint64_t began;

	open_link(f);
	began = clock_mono(&clock_system);
	assert_int_equal(put(f, &slow, "LATE", "slow"), 0);
	assert_true(run(f, &slow.done));
	assert_int_equal(slow.result, -ETIMEDOUT);
	assert_in_range(clock_mono(&clock_system) - began, ASK_TIMEOUT, ASK_TIMEOUT + NS_PER_S);
	assert_true(f->doubted && !f->settled);
	assert_false(link_is_usable(f->link));
	assert_int_equal(put(f, &other, "LATE", "other"), 0);
	assert_true(run(f, &other.done));
	buf_put_slice(&f->peer.out[0], buf_slice(&late));
	assert_true(run(f, &f->settled));
	assert_true(link_is_usable(f->link));
	assert_int_equal(put(f, &next, "ECHO", "next"), 0);
	assert_true(run(f, &next.done));
	assert_int_equal(next.result, 0);
	assert_string_equal(next.text, "next");
	assert_string_equal(f->answers, ",,next,");
}

static void an_answer_that_lies_in_the_socket_is_not_late(void **state)
{
	struct fixture *f = *state;
	struct test_ask a = {0};

	open_link(f);
	assert_int_equal(put(f, &a, "HELD", "a"), 0);
	assert_true(run(f, &a.done));
	assert_int_equal(a.result, 0);
	assert_string_equal(a.text, "a");
	assert_false(f->doubted);
}

static void patience_ends(void **state)
{
	struct fixture *f = *state;
	struct test_ask slow = {0};

	open_link(f);
	assert_int_equal(put(f, &slow, "LATE", "slow"), 0);
	assert_true(run(f, &f->closed));
	assert_int_equal(f->error, -ETIMEDOUT);
	assert_int_equal(slow.times, 1);
	assert_string_equal(f->note, "no answer came for a second");
}

static void a_cancelled_ask_is_never_done(void **state)
{
	struct fixture *f = *state;
	struct test_ask a = {0}, b = {0}, c = {0}, unused = {0};

	open_link(f);
	put(f, &a, "ECHO", "a");
	put(f, &b, "ECHO", "b");
	put(f, &c, "ECHO", "c");
	ask_cancel(&a.ask);
	ask_cancel(&a.ask);
	ask_cancel(&unused.ask);
	assert_true(run(f, &c.done));
	assert_string_equal(f->answers, "b,c,");
	assert_false(f->doubted);
	b.cancels = &c; /* from within done, with both answers in one read */
	b.done = c.done = false;
	put(f, &b, "ECHO", "b");
	put(f, &c, "ECHO", "c");
	put(f, &a, "ECHO", "a");
	assert_true(run(f, &a.done));
	assert_string_equal(f->answers, "b,c,b,a,");
}

static void a_break_ends_every_ask_once(void **state)
{
	struct fixture *f = *state;
	struct test_ask a = {0}, b = {0}, c = {0};

	open_link(f);
	put(f, &a, "LATE", "a");
	put(f, &b, "LATE", "b");
	put(f, &c, "LATE", "c");
	a.cancels = &c; /* while the others are being ended */
	loop_run_once(f->loop, false);
	redis_peer_hang_up(&f->peer);
	assert_true(run(f, &f->closed));
	assert_int_equal(a.result, -ECONNRESET);
	assert_int_equal(b.result, -ECONNRESET);
	assert_int_equal(a.times + b.times, 2);
	assert_int_equal(c.times, 0);
}

static void it_may_be_closed_from_within_an_answer(void **state)
{
	struct fixture *f = *state;
	struct test_ask a = {0}, b = {0};

	open_link(f);
	a.closes = true;
	put(f, &a, "ECHO", "a");
	put(f, &b, "ECHO", "b");
	assert_true(run(f, &a.done));
	assert_false(f->closed);
	assert_true(run(f, &b.done)); /* its deadline ends it */
	assert_int_equal(b.result, -ETIMEDOUT);
}

static void nonsense_closes_it(void **state)
{
	static const char *const raw[] = {
	        "what?\r\n", "$3\r\nabcd\r\n", "*1\r\n", "+one\r\n+two\r\n"};
	struct fixture *f = *state;

	for (unsigned i = 0; i < 4; i++) {
		struct test_ask a = {0};

		open_link(f);
		put(f, &a, "RAW", raw[i]);
		assert_true(run(f, &f->closed));
		assert_int_equal(a.times, 1);
		if (i != 2)
			assert_int_equal(f->error, -EPROTO);
	}
}

static void what_nobody_asked_for_closes_it(void **state)
{
	struct fixture *f = *state;

	open_link(f);
	buf_put_str(&f->peer.out[0], "+surprise\r\n");
	assert_true(run(f, &f->closed));
	assert_int_equal(f->error, -EPROTO);
	assert_non_null(strstr(f->note, "nobody had asked"));
}

static void queues_have_a_ceiling(void **state)
{
	struct fixture *f = *state;
	struct test_ask *many = mem_zalloc((LINK_ENTRIES + 1) * sizeof(*many));

	open_link(f);
	for (unsigned i = 0; i < LINK_ENTRIES; i++)
		assert_int_equal(put(f, &many[i], "ECHO", "x"), 0);
	assert_int_equal(put(f, &many[LINK_ENTRIES], "ECHO", "x"), -ENOBUFS);
	for (unsigned i = 0; i < LINK_ENTRIES; i++)
		many[i].ask.timeout = 0;
	run(f, &many[LINK_ENTRIES - 1].done);
	assert_int_equal(put(f, &many[LINK_ENTRIES], "ECHO", "x"), 0);
	run(f, &many[LINK_ENTRIES].done);
	for (unsigned i = 0; i <= LINK_ENTRIES; i++)
		assert_int_equal(many[i].times, 1);
	mem_free(many);
}

static void replicas_are_waited_for(void **state)
{
	struct fixture *f = *state;
	struct test_ask a = {0}, b = {0}, c = {0};
	unsigned commands;

	f->place.replicas = 1;
	f->peer.arg = (void *)(uintptr_t) ":1\r\n";
	open_link(f);
	commands = f->peer.commands;
	put(f, &a, "ECHO", "a");
	put(f, &b, "ECHO", "b");
	c.ask.reads = true;
	put(f, &c, "ECHO", "c");
	assert_true(run(f, &b.done));
	assert_string_equal(f->answers, "c,a,b,"); /* what only reads does not wait */
	assert_int_equal(a.result, 0);
	assert_int_equal(f->peer.commands - commands, 4); /* one WAIT for all of the turn */
}

static void too_few_replicas_are_said(void **state)
{
	struct fixture *f = *state;
	struct test_ask a = {0}, b = {0};

	f->place.replicas = 2;
	f->peer.arg = (void *)(uintptr_t) ":1\r\n";
	open_link(f);
	put(f, &a, "ECHO", "a");
	assert_true(run(f, &a.done));
	assert_int_equal(a.result, -EAGAIN);
	assert_string_equal(a.text, "a");
	put(f, &a, "RAW", "-ERR no\r\n"); /* nothing was written: no need to wait */
	assert_true(run(f, &a.done));
	assert_int_equal(a.result, -EREMOTEIO);
	f->peer.arg = (void *)(uintptr_t) ""; /* WAIT is not answered */
	put(f, &b, "ECHO", "b");
	assert_true(run(f, &b.done));
	assert_int_equal(b.result, -EAGAIN);
	assert_string_equal(b.text, "b");
	put(f, &b, "ECHO", "b"); /* nor before the connection breaks */
	run(f, &f->never);
	assert_int_equal(b.times, 2);
}

/* Whatever the peer has sent before it leaves, each ask ends once and nothing is made of half an
 * answer. */
static void cut_anywhere(void **state)
{
	struct fixture *f = *state;

	for (long cut = 0; cut < 260; cut++) {
		struct test_ask asks[3] = {0};
		unsigned put_n = 0;

		f->ready = f->closed = f->doubted = false;
		f->peer.leave_after = cut;
		f->peer.piece = cut % 3 ? 0 : 1;
		assert_int_equal(link_new(&f->by, &f->place, &events, f, &f->link), 0);
		while (!f->closed) {
			redis_peer_run(&f->peer, f->loop, &f->ready, 1);
			if (f->ready && f->link && !put_n)
				for (; put_n < 3; put_n++)
					put(f, &asks[put_n], "ECHO", "0123456789");
			if (f->ready)
				redis_peer_run(&f->peer, f->loop, &f->closed, 1000);
			if (put_n && asks[2].done && !f->closed)
				break;
		}
		for (unsigned i = 0; i < put_n; i++) {
			assert_int_equal(asks[i].times, 1);
			if (!asks[i].result)
				assert_string_equal(asks[i].text, "0123456789");
		}
		if (f->link)
			link_close(f->link);
		f->link = NULL;
		redis_peer_hang_up(&f->peer);
	}
}

static void split_anywhere(void **state)
{
	struct fixture *f = *state;

	for (size_t piece = 1; piece < 40; piece++) {
		struct test_ask a = {0}, b = {0};

		f->peer.piece = piece;
		open_link(f);
		a.ask.timeout = b.ask.timeout = NS_PER_S;
		put(f, &a, "ECHO", "first answer");
		put(f, &b, "ECHO", "second answer");
		assert_true(run(f, &b.done));
		assert_string_equal(a.text, "first answer");
		assert_string_equal(b.text, "second answer");
		link_close(f->link);
		f->link = NULL;
		redis_peer_hang_up(&f->peer);
	}
}

/* ---- with a clock that stands still */

static void deadlines_go_by_the_loops_clock(void **state)
{
	struct fixture *f = *state;
	struct fake_clock clock;
	struct test_ask a = {0}, b = {0};

	open_link(f);
	fake_clock_init(&clock);
	clock.mono = f->loop->now;
	f->loop->clock = &clock.clock;
	a.ask.timeout = 100 * NS_PER_MS;
	put(f, &a, "LATE", "a");
	put(f, &b, "LATE", "b");
	redis_peer_run(&f->peer, f->loop, &f->never, 80);
	assert_false(a.done || b.done);
	fake_clock_advance(&clock, ASK_TIMEOUT + WHEEL_TICK);
	assert_true(run(f, &b.done));
	assert_false(a.done);
	fake_clock_advance(&clock, 100 * NS_PER_MS);
	assert_true(run(f, &a.done));
	assert_int_equal(a.result, -ETIMEDOUT);
	f->loop->clock = &clock_system;
}

/* ---- without memory */

static int whole_life(void *arg)
{
	struct fixture *f = arg;
	struct test_ask a = {0};
	int r;

	f->ready = f->closed = f->doubted = false;
	f->link = NULL;
	r = link_new(&f->by, &f->place, &events, f, &f->link);
	while (!r && !f->ready && !f->closed)
		redis_peer_run(&f->peer, f->loop, &f->ready, 2);
	if (!r && f->closed)
		r = -ENOMEM;
	if (!r)
		r = put(f, &a, "ECHO", "a");
	if (!r) {
		run(f, &a.done);
		r = a.result ? -ENOMEM : 0;
	}
	if (f->link)
		link_close(f->link);
	f->link = NULL;
	mem_fail_after(-1);
	redis_peer_hang_up(&f->peer);
	loop_run_once(f->loop, false);
	loop_run_once(f->loop, false);
	return r;
}

static void want_of_memory_ends_it(void **state)
{
	struct fixture *f = *state;

	for (long n = 0; n < 60; n++) {
		int r;

		mem_fail_after(n);
		r = whole_life(f);
		mem_fail_after(-1);
		assert_true(r == 0 || r == -ENOMEM);
	}
	assert_int_equal(whole_life(f), 0);
}

#define LIFE(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        LIFE(a_master_is_greeted),
	        LIFE(answers_come_in_order),
	        LIFE(a_replica_is_refused),
	        LIFE(one_that_loads_is_refused),
	        LIFE(a_wrong_password_is_said),
	        LIFE(silence_ends_the_greeting),
	        LIFE(nobody_there_is_said),
	        LIFE(a_late_answer_is_dropped),
	        LIFE(an_answer_that_lies_in_the_socket_is_not_late),
	        LIFE(patience_ends),
	        LIFE(a_cancelled_ask_is_never_done),
	        LIFE(a_break_ends_every_ask_once),
	        LIFE(it_may_be_closed_from_within_an_answer),
	        LIFE(nonsense_closes_it),
	        LIFE(what_nobody_asked_for_closes_it),
	        LIFE(queues_have_a_ceiling),
	        LIFE(replicas_are_waited_for),
	        LIFE(too_few_replicas_are_said),
	        LIFE(cut_anywhere),
	        LIFE(split_anywhere),
	        LIFE(deadlines_go_by_the_loops_clock),
	        LIFE(want_of_memory_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
