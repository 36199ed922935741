/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of an admission that names a value which would answer its call: asked in one question with
 * rates and budgets, after the ones and before the others, on a real server. */
#include "crypto/seal.h"
#include "store/errand.h"
#include "unit/store/value_rig.h"

/* A busy machine is late for 25 ms now and then. */
static int ask(unsigned n)
{
	int r = admit(n);

	while (is_late(r)) {
		rest(20);
		r = admit(n);
	}
	return r;
}

/* Left by another instance; waits until it is there. */
static void leave(const char *group, const char *name, struct slice bytes)
{
	struct store *s = remote_store(remotes[1]);
	uint64_t now = clock_wall(&clock_system);
	const struct value v = {.group = slice_str(group),
	        .name = slice_str(name),
	        .now_wall_ns = now,
	        .ends = now + 3600 * NS_PER_S,
	        .bytes = bytes};

	for (unsigned i = 0; i < 100; i++) {
		loop->now_is_stale = true;
		loop_enter(loop);
		s->ops->leave(s, &v);
		rest(10);
		struct redisReply *r =
		        redis_server_do(&server, "EXISTS weir:{%s}:v:%s", group, name);
		bool is_there = r->integer == 1;
		freeReplyObject(r);
		if (is_there)
			return;
	}
	fail_msg("%s was not left", name);
}

static void name_cached(const char *group, const char *name)
{
	x.a.cached_group = slice_str(group);
	x.a.cached = slice_str(name);
}

static void check_hit(struct slice want)
{
	assert_non_null(x.a.found);
	assert_true(x.a.answers);
	assert_true(slice_equals(blob_slice(x.a.found), want));
	blob_unref(x.a.found);
	x.a.found = NULL;
}

static void demand_all(void)
{
	x.demands[0] = rate("r", 10, 1);
	x.demands[0].rate.period_ns = 3600 * NS_PER_S;
	x.demands[1] = slot("s", 1);
	x.demands[2] = budget("b", 100, BUDGET_NO_TOKENS);
	x.a.reservation = (struct reservation){.fixed_cost = 60, .out_wanted = 7};
}

static void what_stands_there_is_found_and_reserves_nothing(void **state)
{
	(void)state;
	leave("a:one", "answer", SLICE("the answer"));
	demand_all();
	name_cached("a:one", "answer");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ask(3), 1);
		assert_int_equal(x.a.refused_by, 3);
		check_hit(SLICE("the answer"));
		assert_int_equal(x.demands[0].state, DEMAND_GRANTED);
		assert_int_equal(x.demands[1].state, DEMAND_GRANTED);
		assert_int_equal(x.demands[2].state, DEMAND_NOT_ASKED);
		assert_int_equal(x.a.reservation.cost, 0);
		check_budget(x.demands[2], 0, 0);
		assert_int_equal(look(slot("s", 1)).state, DEMAND_REFUSED);
		settle(true, 0, 0);
		check_budget(x.demands[2], 0, 0);
		assert_int_equal(look(slot("s", 1)).state, DEMAND_GRANTED);
		assert_true(look(x.demands[0]).left <= 10 - i - 1); /* a hit is a request */
	}
}

static void what_does_not_stand_there_is_reserved_for(void **state)
{
	(void)state;
	leave("a:one", "answer", SLICE("the answer"));
	leave("a:two", "theirs", SLICE("theirs"));
	demand_all();
	for (unsigned i = 0; i < 3; i++) {
		static const char *const groups[] = {"a:one", "a:two", "a:one"};
		static const char *const names[] = {"another", "theirs", ""};
		name_cached(groups[i], names[i]);
		assert_int_equal(ask(3), 1);
		assert_null(x.a.found);
		assert_int_equal(x.a.reservation.out_granted, 7);
		check_budget(x.demands[2], 0, 60);
		settle(false, 0, 0);
	}
}

static void a_rate_refuses_before_and_a_budget_is_not_asked(void **state)
{
	(void)state;
	leave("a:one", "answer", SLICE("the answer"));
	demand_all();
	name_cached("a:one", "answer");
	x.demands[0].rate.units = 11;
	assert_int_equal(ask(3), 0);
	assert_int_equal(x.a.refused_by, 0);
	assert_null(x.a.found);
	x.demands[0].rate.units = 1;
	x.demands[2] = budget("b", 0, BUDGET_NO_TOKENS);
	assert_int_equal(ask(3), 1);
	check_hit(SLICE("the answer"));
	settle(true, 0, 0);
	name_cached("a:one", "another");
	assert_int_equal(ask(3), 0);
	assert_int_equal(x.a.refused_by, 2);
}

static void rates_alone_and_budgets_alone_find_it_too(void **state)
{
	static const char huge[300000];

	(void)state;
	leave("a:one", "answer", slice_from(huge, sizeof(huge)));
	name_cached("a:one", "answer");
	demand_all();
	assert_int_equal(ask(2), 1);
	check_hit(slice_from(huge, sizeof(huge)));
	settle(true, 0, 0);
	x.demands[0] = budget("b", 0, BUDGET_NO_TOKENS);
	assert_int_equal(ask(1), 1);
	check_hit(slice_from(huge, sizeof(huge)));
	settle(true, 0, 0);
	check_budget(x.demands[0], 0, 0);
}

static void what_other_groups_hold_goes_back_when_it_is_settled(void **state)
{
	(void)state;
	leave("a:one", "answer", SLICE("the answer"));
	name_cached("a:one", "answer");
	demand_all();
	x.demands[0].group = SLICE("tool:search");
	x.demands[3] = budget("all", 1000, BUDGET_NO_TOKENS);
	x.demands[3].group = SLICE("g");
	assert_int_equal(ask(4), 1);
	check_hit(SLICE("the answer"));
	settle(true, 0, 0);
	check_budget(x.demands[2], 0, 0);
	check_budget(x.demands[3], 0, 0);
	assert_true(look(x.demands[0]).left <= 9);
	assert_int_equal(look(x.demands[1]).state, DEMAND_GRANTED);
}

/* leave says an hour. */
static void what_is_near_its_end_answers_nothing_and_comes_beside_what_was_granted(void **state)
{
	(void)state;
	leave("a:one", "answer", SLICE("the answer"));
	demand_all();
	name_cached("a:one", "answer");
	x.a.cached_spare_ns = 1800 * NS_PER_S;
	assert_int_equal(ask(3), 1);
	check_hit(SLICE("the answer"));
	settle(true, 0, 0);
	x.a.cached_spare_ns = 7200 * NS_PER_S;
	for (unsigned i = 0; i < 2; i++) { /* what follows in another group changes nothing */
		if (i) {
			x.demands[3] = budget("all", 1000, BUDGET_NO_TOKENS);
			x.demands[3].group = SLICE("a:two");
		}
		assert_int_equal(ask(3 + i), 1);
		assert_false(x.a.answers);
		assert_non_null(x.a.found);
		assert_true(slice_equals(blob_slice(x.a.found), SLICE("the answer")));
		blob_unref(x.a.found);
		check_budget(x.demands[2], 0, 60);
		settle(false, 0, 0);
	}
	x.demands[3] = budget("all", 1, BUDGET_NO_TOKENS);
	x.demands[3].group = SLICE("a:two");
	assert_int_equal(ask(4), 0); /* refused there, it comes with nothing */
	assert_null(x.a.found);
	x.demands[2] = budget("b", 0, BUDGET_NO_TOKENS);
	assert_int_equal(ask(3), 0);
	assert_null(x.a.found);
	x.demands[2] = budget("b", 100, BUDGET_NO_TOKENS);
	redis_server_must(&server, "RENAME weir:{a:one}:v:answer weir:{a:one}:v:moved");
	name_cached("a:one", "moved");
	assert_int_equal(ask(3), 1); /* what cannot be opened is not missed */
	assert_null(x.a.found);
	settle(false, 0, 0);
}

static void what_no_key_opens_is_not_there_and_what_was_changed_is_an_error(void **state)
{
	const struct slice other[] = {SLICE("somebody else's key")};
	struct redis_options options = {.kind = REDIS_SINGLE};

	(void)state;
	leave("a:one", "answer", SLICE("the answer"));
	demand_all();
	redis_server_must(&server, "RENAME weir:{a:one}:v:answer weir:{a:one}:v:moved");
	name_cached("a:one", "moved");
	assert_int_equal(ask(3), -EBADMSG);
	assert_null(x.a.found);
	WAIT_FOR(!remote_state(remotes[0]).settling);
	assert_int_equal(look(x.demands[1]).state, DEMAND_GRANTED); /* nothing is held */
	leave("a:one", "answer", SLICE("the answer"));
	remote_free(remotes[0]);
	options.place.target.host = SLICE("127.0.0.1");
	options.place.target.port = server.port;
	assert_int_equal(remote_new(loop, resolver, contexts, &options, &remotes[0]), 0);
	assert_int_equal(remote_set_keys(remotes[0], other, 1), 0);
	WAIT_FOR(remote_state(remotes[0]).redis.up);
	name_cached("a:one", "answer");
	assert_int_equal(ask(3), 1);
	assert_null(x.a.found);
	check_budget(x.demands[2], 0, 60);
	settle(false, 0, 0);
}

static void who_cancels_gives_back_what_a_hit_took(void **state)
{
	(void)state;
	leave("a:one", "answer", SLICE("the answer"));
	for (unsigned i = 0; i < 10; i++) {
		demand_all();
		name_cached("a:one", "answer");
		x.id[0] = 0;
		if (put(0, &x, 3, NS_PER_S) != PENDING) {
			rest(20);
			continue;
		}
		if (i % 2)
			loop_run_once(loop, false);
		loop_enter(loop);
		if (!ticket_is_complete(&x.a.ticket) && ticket_is_armed(&x.a.ticket)) {
			ticket_cancel(&x.a.ticket);
		} else if (x.a.granted) {
			settle(false, 0, 0);
			blob_unref(x.a.found);
		}
		WAIT_FOR(!remote_state(remotes[0]).settling);
	}
	assert_int_equal(look(slot("s", 1)).state, DEMAND_GRANTED);
}

static void without_memory_it_is_an_error_and_nothing_is_held(void **state)
{
	(void)state;
	leave("a:one", "answer", SLICE("the answer"));
	demand_all();
	name_cached("a:one", "answer");
	for (unsigned i = 0; i < 20; i++) {
		x.id[0] = 0;
		if (put(0, &x, 3, NS_PER_S) != PENDING) {
			rest(20);
			continue;
		}
		mem_fail_after(i);
		for (unsigned turns = 0; turns < 100 && !x.done; turns++)
			rest(1);
		mem_fail_after(-1);
		WAIT_FOR(x.done);
		if (x.result == 1) {
			blob_unref(x.a.found);
			settle(false, 0, 0);
		}
		WAIT_FOR(!remote_state(remotes[0]).settling && remote_state(remotes[0]).redis.up);
	}
	assert_int_equal(look(slot("s", 1)).state, DEMAND_GRANTED);
	check_budget(x.demands[2], 0, 0);
}

/* Nobody waits, and nothing grows while the server does not answer. */
static void what_is_left_has_a_ceiling_and_may_come_to_nothing(void **state)
{
	static const char big[1 << 20];
	struct store *s = remote_store(remotes[0]);
	uint64_t now = clock_wall(&clock_system);
	struct value v = {.group = SLICE("a:one"),
	        .name = SLICE("k"),
	        .now_wall_ns = now,
	        .ends = now + 3600 * NS_PER_S,
	        .bytes = slice_from(big, sizeof(big))};
	long allocations;

	(void)state;
	redis_server_kill(&server, SIGSTOP);
	loop_enter(loop);
	for (unsigned i = 0; i < 3; i++)
		s->ops->leave(s, &v);
	mem_fail_after(-1);
	s->ops->leave(s, &v);
	allocations = mem_count();
	assert_int_equal(allocations, 0);
	rest(200);
	redis_server_kill(&server, SIGCONT);
	WAIT_FOR(remote_state(remotes[0]).redis.up);
	v.bytes = SLICE("after");
	mem_fail_after(0);
	s->ops->leave(s, &v);
	mem_fail_after(-1);
	leave("a:one", "k2", SLICE("after"));
	s->ops->leave(s, &v); /* and it is forgotten with its store */
}

static long values_there(void)
{
	struct redisReply *r = redis_server_do(&server, "KEYS weir:{a:many}:v:*");
	long n = (long)r->elements;

	freeReplyObject(r);
	return n;
}

/* A link takes 1024 commands, and there are two: one call for embeddings may bring 2048 values.
 * Once some have been answered, more are left. */
static void who_leaves_much_takes_the_store_from_nobody(void **state)
{
	struct store *s = remote_store(remotes[0]);
	unsigned n_put = 0, rounds = 0;
	char name[16];

	(void)state;
	while (rounds < 250 && (n_put < 3 || values_there() <= (long)REMOTE_LEFT_MAX)) {
		enter();
		for (unsigned i = 0; i < 2500; i++) {
			uint64_t now = clock_wall(&clock_system);
			snprintf(name, sizeof(name), "k%u-%u", rounds, i);
			s->ops->leave(s, &(struct value){.group = SLICE("a:many"),
			                         .name = slice_str(name),
			                         .now_wall_ns = now,
			                         .ends = now + 3600 * NS_PER_S,
			                         .bytes = SLICE("x")});
		}
		rounds++;
		x.demands[0] = rate("r", 1000, 1);
		x.id[0] = 0;
		int r = put(0, &x, 1, NS_PER_S);
		assert_true(r == PENDING || is_late(r));
		if (r == PENDING) {
			n_put++;
			WAIT_FOR(x.done);
			if (x.result == 1)
				settle(false, 0, 0);
		}
		rest(20);
		assert_true(values_there() <= (long)(rounds * REMOTE_LEFT_MAX));
	}
	assert_true(n_put && values_there() > (long)REMOTE_LEFT_MAX);
}

/* ---- what is left in a room */

#define GROUP_KEY "weir:{a:one}:"

static long told(const char *command, const char *name)
{
	struct redisReply *r = redis_server_do(&server, command, name);
	long n = r->type == REDIS_REPLY_STRING ? strtol(r->str, NULL, 10) : (long)r->integer;

	freeReplyObject(r);
	return n;
}

static bool is_there(const char *name)
{
	return told("EXISTS " GROUP_KEY "v:%s", name) == 1;
}

static void leave_in_room(const char *name, size_t size, uint64_t life_ns, uint64_t room)
{
	static const char bytes[4000];
	struct store *s = remote_store(remotes[1]);
	struct value v = {.group = SLICE("a:one"),
	        .name = slice_str(name),
	        .bytes = slice_from(bytes, size),
	        .room = room};
	size_t sealed = size + SEAL_OVERHEAD;

	for (unsigned i = 0; i < 100; i++) {
		loop->now_is_stale = true;
		loop_enter(loop);
		v.now_wall_ns = clock_wall(&clock_system);
		v.ends = v.now_wall_ns + life_ns;
		s->ops->leave(s, &v);
		rest(10);
		if (sealed + VALUE_AROUND > room ||
		        told("HSTRLEN " GROUP_KEY "v:%s v", name) == (long)sealed)
			return;
	}
	fail_msg("%s was not left", name);
}

static void values_with_a_room_take_no_more_than_that_and_what_ends_first_goes(void **state)
{
	const uint64_t room = 3 * (1000 + SEAL_OVERHEAD + 400);
	static const char *const in_order[] = {"a", "b", "c", "a"};
	static const uint64_t lives[] = {100, 50, 200, 100};

	(void)state;
	leave("a:one", "other", SLICE("without a room it is none of these"));
	for (unsigned i = 0; i < 4; i++)
		leave_in_room(in_order[i], 1000, lives[i] * NS_PER_S, room);
	assert_true(is_there("a") && is_there("b") && is_there("c"));
	assert_int_equal(told("GET " GROUP_KEY "vb", NULL), room);
	leave_in_room("d", 1000, 300 * NS_PER_S, room);
	assert_true(is_there("a") && !is_there("b") && is_there("c") && is_there("d"));
	assert_int_equal(told("GET " GROUP_KEY "vb", NULL), room);
	leave_in_room("e", 2500, 400 * NS_PER_S, room);
	assert_true(!is_there("a") && !is_there("c") && !is_there("d") && is_there("e"));
	/* What can never be in it takes nothing out. */
	for (size_t size = 4000; size > 3999 - SEAL_OVERHEAD - VALUE_AROUND; size -= 10)
		leave_in_room("f", size, 400 * NS_PER_S, 3999);
	assert_true(is_there("e") && !is_there("f"));
	leave_in_room("e", 100, 400 * NS_PER_S, room);
	assert_int_equal(told("GET " GROUP_KEY "vb", NULL), 100 + SEAL_OVERHEAD + 400);
	assert_int_equal(told("ZCARD " GROUP_KEY "vs", NULL), 1);
	assert_true(is_there("other"));
	assert_true(told("TTL " GROUP_KEY "vb", NULL) > 300);
	assert_true(told("TTL " GROUP_KEY "vs", NULL) > 300);
	leave_in_room("g", 1000, NS_PER_S, room);
	WAIT_FOR(!is_there("g"));
	leave_in_room("h", 100, 400 * NS_PER_S, room);
	assert_int_equal(told("ZCARD " GROUP_KEY "vs", NULL), 2);
	assert_int_equal(told("GET " GROUP_KEY "vb", NULL), 2 * (100 + SEAL_OVERHEAD + 400));
}

static struct value put_in_room(size_t size, uint64_t room)
{
	static const char bytes[4000];
	struct waiting_value w = {.result = -ETIMEDOUT};

	for (unsigned i = 0; i < 250 && is_late(w.result); i++) {
		if (i)
			rest(20);
		w = value_of("", VALUE_ANY);
		w.v.group = SLICE("a:one");
		w.v.name = SLICE("put");
		w.v.bytes = slice_from(bytes, size);
		w.v.room = room;
		w.result = ask_value(0, &w, true);
	}
	assert_int_equal(w.result, READY);
	blob_unref(w.v.found);
	return w.v;
}

static long scripts_ran(void)
{
	struct redisReply *r = redis_server_do(&server, "INFO commandstats");
	const char *at = strstr(r->str, "cmdstat_evalsha:calls=");
	long n = at ? strtol(at + strlen("cmdstat_evalsha:calls="), NULL, 10) : 0;

	freeReplyObject(r);
	return n;
}

/* As if the room had been larger before, and full. */
static void fill(unsigned n)
{
	redis_server_must(&server,
	        "EVAL %s 3 " GROUP_KEY "vs " GROUP_KEY "vb " GROUP_KEY "v:small %u",
	        "local ends = redis.call('TIME')[1] * 1000000 + 1000000000 for i = 1, ARGV[1] do "
	        "redis.call('HSET', KEYS[3] .. i, 'v', '') redis.call('ZADD', KEYS[1], ends + i, "
	        "'400 ' .. KEYS[3] .. i) end redis.call('INCRBY', KEYS[2], 400 * ARGV[1]) return 1",
	        n);
}

static void one_put_takes_out_no_more_than_a_server_does_at_once(void **state)
{
	const uint64_t room = 1000 + SEAL_OVERHEAD + VALUE_AROUND;
	long n = 3500;
	struct value v;

	(void)state;
	assert_int_equal(put_in_room(1000, 10 * room).state, VALUE_STORED);
	fill((unsigned)n);
	for (unsigned puts = 0; n; puts++) {
		long before = scripts_ran();
		v = put_in_room(1000, room);
		long left = told("ZCARD " GROUP_KEY "vs", NULL);
		long took = n + (v.state == VALUE_OTHER ? 0 : 1) - left;
		assert_true(took <= 1000 * (scripts_ran() - before) && puts < 4);
		if (v.state == VALUE_STORED)
			break;
		assert_int_equal(v.version, 0);
		assert_false(is_there("put"));
		assert_int_equal(told("GET " GROUP_KEY "vb", NULL), 400 * left);
		assert_true(told("TTL " GROUP_KEY "vb", NULL) > 300);
		n = left;
	}
	assert_int_equal(v.state, VALUE_STORED);
	assert_true(is_there("put"));
	assert_int_equal(told("ZCARD " GROUP_KEY "vs", NULL), 1);
	assert_int_equal(told("GET " GROUP_KEY "vb", NULL), room);
	assert_int_equal(put_in_room(1001, room).state, VALUE_OTHER); /* it never can */
	assert_true(is_there("put"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(what_stands_there_is_found_and_reserves_nothing),
	        C(what_stands_there_is_found_and_reserves_nothing),
	        T(what_does_not_stand_there_is_reserved_for),
	        T(a_rate_refuses_before_and_a_budget_is_not_asked),
	        T(rates_alone_and_budgets_alone_find_it_too),
	        T(what_other_groups_hold_goes_back_when_it_is_settled),
	        C(what_other_groups_hold_goes_back_when_it_is_settled),
	        T(what_is_near_its_end_answers_nothing_and_comes_beside_what_was_granted),
	        T(what_no_key_opens_is_not_there_and_what_was_changed_is_an_error),
	        T(who_cancels_gives_back_what_a_hit_took),
	        T(without_memory_it_is_an_error_and_nothing_is_held),
	        T(what_is_left_has_a_ceiling_and_may_come_to_nothing),
	        T(who_leaves_much_takes_the_store_from_nobody),
	        T(values_with_a_room_take_no_more_than_that_and_what_ends_first_goes),
	        C(values_with_a_room_take_no_more_than_that_and_what_ends_first_goes),
	        T(one_put_takes_out_no_more_than_a_server_does_at_once),
	        C(one_put_takes_out_no_more_than_a_server_does_at_once),
	};

	return redis_server_can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
