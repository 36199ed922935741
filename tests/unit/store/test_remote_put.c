/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of values in store/remote that are put under a version, against a real server; and that
 * whatever lies there, of claims too, is sealed for its own name. */
#include "unit/store/value_rig.h"

static void a_value_is_changed_only_by_who_knows_what_stands_there(void **state)
{
	struct value v, other;

	(void)state;
	assert_int_equal(get().state, VALUE_ABSENT);
	v = put_as(0, "proposed", 0);
	assert_int_equal(v.state, VALUE_STORED);
	other = put_as(1, "proposed too", 0);
	assert_int_equal(other.state, VALUE_OTHER);
	assert_int_equal(other.version, v.version);
	assert_slice(blob_slice(other.found), "proposed");
	blob_unref(other.found);
	other = put_as(1, "approved", v.version);
	assert_int_equal(other.state, VALUE_STORED);
	assert_true(other.version > v.version);
	v = put_as(0, "denied", v.version);
	assert_int_equal(v.state, VALUE_OTHER);
	blob_unref(v.found);
	v = get();
	assert_int_equal(v.state, VALUE_FOUND);
	assert_int_equal(v.version, other.version);
	assert_slice(blob_slice(v.found), "approved");
	blob_unref(v.found);
	assert_int_equal(put_as(2, "anything", VALUE_ANY).state, VALUE_STORED);
	struct waiting_value gone;
	do {
		gone = value_of("", VALUE_ANY);
		gone.v.ends = 0;
		gone.result = ask_value(0, &gone, true);
	} while (is_late(gone.result));
	assert_int_equal(gone.v.state, VALUE_STORED);
	assert_int_equal(get().state, VALUE_ABSENT);
	v = put_as(0, "used", other.version);
	assert_int_equal(v.state, VALUE_OTHER);
	assert_int_equal(v.version, 0);
}

static void a_value_goes_when_its_time_is_over(void **state)
{
	struct waiting_value w = value_of("for a while", 0);

	(void)state;
	w.v.ends = w.v.now_wall_ns + 150 * NS_PER_MS;
	assert_int_equal(put_value(0, &w, true), PENDING);
	WAIT_FOR(w.done);
	rest(200);
	assert_int_equal(get().state, VALUE_ABSENT);
}

static void of_many_who_use_it_up_one_does(void **state)
{
	struct waiting_value all[STORES];

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		uint64_t version = put_as(0, "approved", VALUE_ANY).version;
		unsigned stored = 0, failed = 0;
		for (unsigned i = 0; i < STORES; i++) {
			all[i] = value_of("used", version);
			all[i].result = put_value(i, &all[i], true);
		}
		for (unsigned i = 0; i < STORES; i++) {
			if (all[i].result == PENDING || all[i].done)
				WAIT_FOR(all[i].done);
			failed += all[i].result < 0;
			stored += all[i].result == READY && all[i].v.state == VALUE_STORED;
			blob_unref(all[i].v.found);
		}
		assert_true(stored == 1 || (!stored && failed));
	}
}

static void who_wants_no_answer_any_more_gets_none(void **state)
{
	struct waiting_value w = value_of("x", VALUE_ANY);

	(void)state;
	assert_int_equal(put_value(0, &w, true), PENDING);
	ticket_cancel(&w.v.ticket);
	rest(20);
	assert_false(w.done);
	assert_int_equal(put_value(0, &w, false), PENDING);
	ticket_cancel(&w.v.ticket);
	rest(20);
	assert_false(w.done);
}

/* ---- sealed */

static bool server_holds(const char *what)
{
	struct redisReply *r = redis_server_do(&server, "EVAL %s 0 %s",
	        "for _, k in ipairs(redis.call('KEYS', '*')) do if string.find(k, ARGV[1], 1, "
	        "true) "
	        "then return 1 end if redis.call('TYPE', k).ok == 'hash' then for _, v in "
	        "ipairs(redis.call('HGETALL', k)) do if string.find(v, ARGV[1], 1, true) then "
	        "return 1 end end end end return 0",
	        what);
	bool holds = r->integer == 1;

	assert_int_equal(r->type, REDIS_REPLY_INTEGER);
	freeReplyObject(r);
	return holds;
}

static void what_lies_there_is_sealed_for_its_own_name(void **state)
{

	(void)state;
	claim("k");
	finish(CLAIM_RECORDED, SLICE("plain as day"));
	put_as(0, "plain as day", VALUE_ANY);
	assert_true(server_holds(k.id));
	assert_false(server_holds("plain as day"));
	assert_false(server_holds("args"));
	/* Whoever can write there gives nobody another's answer. */
	redis_server_must(&server, "RENAME weir:{a:one}:c:k weir:{a:one}:c:l");
	assert_int_equal(stands("l"), CLAIM_LOST);
	redis_server_must(&server, "RENAME weir:{t:crew}:v:approval weir:{t:crew}:v:other");
	assert_int_equal(get_for(0, "other").result, -EBADMSG);
}

static void what_was_sealed_with_the_key_before_opens(void **state)
{
	const struct slice keys[] = {NEXT_KEY, KEY};
	struct redis_options options = {.kind = REDIS_SINGLE};

	(void)state;
	claim("k");
	finish(CLAIM_RECORDED, SLICE("the answer"));
	put_as(0, "approved", VALUE_ANY);
	options.place.target.host = SLICE("127.0.0.1");
	options.place.target.port = server.port;
	for (unsigned n = 2; n; n--) {
		remote_free(remotes[3]);
		assert_int_equal(remote_new(loop, resolver, contexts, &options, &remotes[3]), 0);
		WAIT_FOR(remote_state(remotes[3]).redis.up);
		struct waiting_claim w = {.done = false};
		assert_int_equal(claim_for(3, &w, "k", 60 * NS_PER_S, DAY), -ENOKEY);
		assert_int_equal(remote_set_keys(remotes[3], keys, n), 0);
		assert_int_equal(claim_for(3, &w, "k", 60 * NS_PER_S, DAY), READY);
		assert_int_equal(w.c.state, n == 2 ? CLAIM_FOUND : CLAIM_LOST);
		blob_unref(w.c.found);
		struct waiting_value v = get_for(3, "approval");
		assert_int_equal(v.result, n == 2 ? READY : -EBADMSG);
		blob_unref(v.v.found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(a_value_is_changed_only_by_who_knows_what_stands_there),
	        C(a_value_is_changed_only_by_who_knows_what_stands_there),
	        T(a_value_goes_when_its_time_is_over),
	        T(of_many_who_use_it_up_one_does),
	        T(who_wants_no_answer_any_more_gets_none),
	        T(what_lies_there_is_sealed_for_its_own_name),
	        T(what_was_sealed_with_the_key_before_opens),
	};

	return redis_server_can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
