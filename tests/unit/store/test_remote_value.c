/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of claims and values in store/remote against a real server: their rules are those of
 * test_keep.c, over instances; and whatever becomes of the server, nothing that may have run runs
 * again. */
#include "unit/store/remote_rig.h"

#define KEY SLICE("deployment key of the rig")
#define NEXT_KEY SLICE("the next deployment key")
#define DAY (24ull * 3600 * NS_PER_S)

static struct waiting_claim {
	struct value_claim c;
	char id[32];
	bool done;
	int result;
} k; /* the one that most tests claim with */

static void set_keys(void)
{
	const struct slice keys[] = {KEY};

	memset(&k, 0, sizeof(k));
	for (unsigned i = 0; i < STORES; i++)
		assert_int_equal(remote_set_keys(remotes[i], keys, 1), 0);
}

static int begin(void **state)
{
	int r = rig_begin(state);

	set_keys();
	return r;
}

static int begin_cluster(void **state)
{
	int r = rig_begin_cluster(state);

	set_keys();
	return r;
}

static void enter(void)
{
	loop->now_is_stale = true;
	loop_enter(loop);
}

/* ---- claims */

static void on_claimed(struct ticket *t, int result)
{
	struct waiting_claim *w = container_of(t, struct waiting_claim, c.ticket);

	w->done = true;
	w->result = result;
}

static int put_claim_for(unsigned store, struct waiting_claim *w, const char *name,
        const char *mark, uint64_t until, uint64_t ends)
{
	struct store *s = remote_store(remotes[store]);

	enter();
	w->done = false;
	if (!w->id[0])
		snprintf(w->id, sizeof(w->id), "id%u:1", ids++);
	w->c = (struct value_claim){.group = SLICE("a:one"),
	        .name = slice_str(name),
	        .id = slice_str(w->id),
	        .mark = slice_str(mark),
	        .now_wall_ns = clock_wall(&clock_system)};
	w->c.until = w->c.now_wall_ns + until;
	w->c.ends = w->c.now_wall_ns + ends;
	ticket_init(&w->c.ticket, on_claimed);
	return s->ops->claim(s, &w->c);
}

static int claim_once(unsigned store, struct waiting_claim *w, const char *name, const char *mark,
        uint64_t until, uint64_t ends)
{
	int r = put_claim_for(store, w, name, mark, until, ends);

	if (r != PENDING)
		return r;
	WAIT_FOR(w->done);
	return w->result;
}

/* A busy machine is late for 25 ms now and then, and may have opened the breaker. */
static bool is_late(int result)
{
	return result == -ETIMEDOUT || result == -EHOSTDOWN || result == -ENOTCONN ||
	       result == -ECONNRESET || result == -EAGAIN;
}

static int claim_as(unsigned store, struct waiting_claim *w, const char *name, const char *mark,
        uint64_t until, uint64_t ends)
{
	int r = -ETIMEDOUT;

	for (unsigned i = 0; i < 250 && is_late(r); i++) {
		if (i)
			rest(20);
		w->id[0] = 0;
		r = claim_once(store, w, name, mark, until, ends);
	}
	return r;
}

static int claim_for(
        unsigned store, struct waiting_claim *w, const char *name, uint64_t until, uint64_t ends)
{
	return claim_as(store, w, name, "args", until, ends);
}

static void claim(const char *name)
{
	assert_int_equal(claim_for(0, &k, name, 60 * NS_PER_S, DAY), READY);
}

static void finish_of(unsigned store, struct waiting_claim *w, enum claim_end how, struct slice b)
{
	struct store *s = remote_store(remotes[store]);

	enter();
	s->ops->finish(s, &w->c, how, b);
	assert_int_equal(w->c.state, CLAIM_NOT_ASKED);
}

static void wait_until_said(void)
{
	for (unsigned i = 0; i < STORES; i++)
		WAIT_FOR(!remote_state(remotes[i]).ending && remote_state(remotes[i]).redis.up &&
		         !remote_state(remotes[i]).fenced);
}

static void finish(enum claim_end how, struct slice bytes)
{
	finish_of(0, &k, how, bytes);
	wait_until_said();
}

/* What another instance hears. */
static enum claim_state stands_for(const char *name, const char *mark, struct blob **ret_found)
{

	struct waiting_claim w = {.done = false};

	assert_int_equal(claim_as(1, &w, name, mark, 60 * NS_PER_S, DAY), READY);
	if (ret_found)
		*ret_found = w.c.found;
	else
		blob_unref(w.c.found);
	enum claim_state state = w.c.state;
	if (state == CLAIM_OWNED) {
		finish_of(1, &w, CLAIM_UNUSED, SLICE(""));
		wait_until_said();
	}
	return state;
}

static enum claim_state stands(const char *name)
{
	return stands_for(name, "args", NULL);
}

static void check_found(const char *name, struct slice want)
{
	struct blob *found = NULL;

	assert_int_equal(stands_for(name, "args", &found), CLAIM_FOUND);
	assert_true(slice_equals(blob_slice(found), want));
	blob_unref(found);
}

static void what_is_claimed_is_one_callers_over_instances(void **state)
{
	(void)state;
	claim("k");
	assert_int_equal(k.c.state, CLAIM_OWNED);
	assert_int_equal(remote_state(remotes[0]).claims, 1);
	assert_int_equal(stands("k"), CLAIM_BUSY);
	assert_int_equal(stands("other"), CLAIM_OWNED);
	assert_int_equal(stands_for("k", "other args", NULL), CLAIM_OTHER);
	finish(CLAIM_RECORDED, SLICE("the answer"));
	assert_int_equal(remote_state(remotes[0]).claims, 0);
	check_found("k", SLICE("the answer"));
	check_found("k", SLICE("the answer"));
	assert_int_equal(stands_for("k", "other args", NULL), CLAIM_OTHER);
	claim("empty");
	finish(CLAIM_RECORDED, SLICE(""));
	check_found("empty", SLICE(""));
}

static void what_did_not_happen_is_free_and_what_may_have_is_lost(void **state)
{
	(void)state;
	claim("k");
	finish(CLAIM_UNUSED, SLICE("not looked at"));
	assert_int_equal(stands("k"), CLAIM_OWNED);
	claim("k");
	finish(CLAIM_UNKNOWN, SLICE(""));
	assert_int_equal(stands("k"), CLAIM_LOST);
}

static void answers_may_be_a_mebibyte_and_longer_ones_are_lost(void **state)
{
	char *bytes = mem_alloc(VALUE_MAX + 1);

	(void)state;
	for (size_t i = 0; i < VALUE_MAX; i++)
		bytes[i] = (char)(i * 31 + i / 997);
	claim("k");
	finish(CLAIM_RECORDED, slice_from(bytes, VALUE_MAX));
	check_found("k", slice_from(bytes, VALUE_MAX));
	claim("l");
	finish(CLAIM_RECORDED, slice_from(bytes, VALUE_MAX + 1));
	assert_int_equal(stands("l"), CLAIM_LOST);
	mem_free(bytes);
}

static void a_dead_owners_claim_is_lost_and_not_free(void **state)
{
	(void)state;
	assert_int_equal(claim_for(0, &k, "k", 150 * NS_PER_MS, DAY), READY);
	rest(200);
	assert_int_equal(stands("k"), CLAIM_LOST);
	finish(CLAIM_RECORDED, SLICE("only late"));
	check_found("k", SLICE("only late"));
}

static void what_is_over_is_forgotten(void **state)
{
	struct waiting_claim w = {.done = false};

	(void)state;
	assert_int_equal(claim_for(0, &k, "k", 100 * NS_PER_MS, 300 * NS_PER_MS), READY);
	finish(CLAIM_RECORDED, SLICE("answer"));
	rest(350);
	assert_int_equal(claim_for(2, &w, "k", 60 * NS_PER_S, DAY), READY);
	assert_int_equal(w.c.state, CLAIM_OWNED);
	finish_of(2, &w, CLAIM_UNUSED, SLICE(""));
	wait_until_said();
}

#define MANY 200u

static struct waiting_claim many[MANY][STORES];

static void of_many_who_claim_one_owns(void **state)
{
	char names[MANY][16];

	(void)state;
	memset(many, 0, sizeof(many));
	claim("warm"); /* the script is there from now on */
	for (unsigned i = 0; i < MANY; i++) {
		unsigned owned = 0, busy = 0;
		snprintf(names[i], sizeof(names[i]), "k%u", i);
		for (unsigned s = 0; s < STORES; s++)
			many[i][s].result =
			        put_claim_for(s, &many[i][s], names[i], "args", 60 * NS_PER_S, DAY);
		for (unsigned s = 0; s < STORES; s++) {
			struct waiting_claim *w = &many[i][s];
			if (w->result == PENDING || w->done)
				WAIT_FOR(w->done);
			owned += w->result == READY && w->c.state == CLAIM_OWNED;
			busy += w->result == READY && w->c.state == CLAIM_BUSY;
		}
		assert_true(owned <= 1);
		assert_true(owned == 1 || busy < STORES);
	}
}

static void a_group_has_its_ceiling(void **state)
{
	(void)state;
	claim("k");
	redis_server_must(&server, "EVAL %s 1 %s",
	        "for i = 1, 50000 do redis.call('ZADD', KEYS[1], 9000000000000000, i) end",
	        "weir:{a:one}:cs");
	assert_int_equal(stands("new"), CLAIM_CROWDED);
	assert_int_equal(stands("k"), CLAIM_BUSY);
	finish(CLAIM_RECORDED, SLICE("x"));
	check_found("k", SLICE("x"));
}

/* ---- who asks goes away, the server does */

static void who_cancels_while_it_is_asked_owns_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		k.id[0] = 0;
		if (put_claim_for(0, &k, "k", "args", 60 * NS_PER_S, DAY) != PENDING) {
			rest(20);
			continue;
		}
		if (i % 2)
			loop_run_once(loop, false);
		enter();
		if (!ticket_is_complete(&k.c.ticket) && ticket_is_armed(&k.c.ticket))
			ticket_cancel(&k.c.ticket);
		else if (k.c.state == CLAIM_OWNED)
			finish(CLAIM_UNUSED, SLICE(""));
		wait_until_said();
	}
	assert_int_equal(stands("k"), CLAIM_OWNED);
	assert_int_equal(remote_state(remotes[0]).claims, 0);
}

/* The same id again stands for a question that comes after its own cancellation. */
static void an_id_that_was_given_up_stays_away(void **state)
{
	struct waiting_claim late = {.id = "late:1"};

	(void)state;
	int r;

	assert_int_equal(put_claim_for(0, &late, "k", "args", 60 * NS_PER_S, DAY), PENDING);
	ticket_cancel(&late.c.ticket);
	wait_until_said();
	do
		r = claim_once(1, &late, "k", "args", 60 * NS_PER_S, DAY);
	while (is_late(r));
	assert_int_equal(r, -ECANCELED);
	assert_int_equal(stands("k"), CLAIM_OWNED);
}

static void a_frozen_server_is_waited_for_25_ms_and_keeps_no_claim(void **state)
{
	uint64_t began;

	(void)state;
	claim("warm");
	redis_server_kill(&server, SIGSTOP);
	began = clock_mono(&clock_system);
	k.id[0] = 0;
	assert_true(claim_once(0, &k, "k", "args", 60 * NS_PER_S, DAY) < 0);
	assert_int_equal(k.c.state, CLAIM_NOT_ASKED);
	assert_true(clock_mono(&clock_system) - began < NS_PER_S);
	redis_server_kill(&server, SIGCONT);
	wait_until_said();
	assert_int_equal(stands("k"), CLAIM_OWNED);
}

static void how_it_ended_is_said_until_the_server_answers(void **state)
{
	(void)state;
	claim("k");
	redis_server_kill(&server, SIGSTOP);
	finish_of(0, &k, CLAIM_RECORDED, SLICE("the answer"));
	rest(300);
	assert_int_equal(remote_state(remotes[0]).ending, 1);
	redis_server_kill(&server, SIGCONT);
	wait_until_said();
	check_found("k", SLICE("the answer"));
}

static void a_link_that_is_cut_changes_nothing(void **state)
{
	struct waiting_claim w = {.done = false};

	(void)state;
	claim("k");
	for (unsigned i = 0; i < 5; i++) {
		w.id[0] = 0;
		int r = put_claim_for(0, &w, "cut", "args", 60 * NS_PER_S, DAY);
		redis_server_must(&server, "CLIENT KILL TYPE normal SKIPME yes");
		if (r == PENDING)
			WAIT_FOR(w.done);
		if (r == PENDING && w.result == READY && w.c.state == CLAIM_OWNED)
			finish_of(0, &w, CLAIM_UNUSED, SLICE(""));
		wait_until_said();
		assert_int_equal(stands("cut"), CLAIM_OWNED);
	}
	finish_of(0, &k, CLAIM_RECORDED, SLICE("the answer"));
	redis_server_must(&server, "CLIENT KILL TYPE normal SKIPME yes");
	wait_until_said();
	check_found("k", SLICE("the answer"));
}

/* It comes back without anything: what is owned, and what ended a short while ago, is there before
 * anybody is asked. */
static void after_a_failover_nothing_that_was_claimed_is_free(void **state)
{
	struct waiting_claim owned = {.done = false};

	(void)state;
	assert_int_equal(claim_for(2, &owned, "owned", 60 * NS_PER_S, DAY), READY);
	claim("recorded");
	finish(CLAIM_RECORDED, SLICE("the answer"));
	claim("unknown");
	finish(CLAIM_UNKNOWN, SLICE(""));
	redis_server_kill(&server, SIGKILL);
	redis_server_again(&server);
	assert_int_equal(stands("owned"), CLAIM_BUSY);
	check_found("recorded", SLICE("the answer"));
	assert_int_equal(stands("unknown"), CLAIM_LOST);
	finish_of(2, &owned, CLAIM_RECORDED, SLICE("owned's"));
	wait_until_said();
	check_found("owned", SLICE("owned's"));
}

static void a_server_without_memory_takes_no_claim_and_loses_no_end(void **state)
{
	(void)state;
	claim("k");
	redis_server_must(&server, "CONFIG SET maxmemory 1");
	struct waiting_claim w = {.done = false};
	assert_int_equal(claim_for(0, &w, "l", 60 * NS_PER_S, DAY), -ENOSPC);
	finish_of(0, &k, CLAIM_RECORDED, SLICE("the answer"));
	rest(100);
	assert_int_equal(remote_state(remotes[0]).ending, 1);
	redis_server_must(&server, "CONFIG SET maxmemory 0");
	wait_until_said();
	check_found("k", SLICE("the answer"));
	assert_int_equal(stands("l"), CLAIM_OWNED);
}

static void without_memory_nothing_is_claimed_and_answers_are_lost(void **state)
{
	int r = -1;

	(void)state;
	claim("warm");
	for (long n = 0; r < 0; n++) {
		k.id[0] = 0;
		mem_fail_after(n);
		r = put_claim_for(0, &k, "k", "args", 60 * NS_PER_S, DAY);
		mem_fail_after(-1);
		assert_true(r == PENDING || r == -ENOMEM);
	}
	WAIT_FOR(k.done);
	assert_int_equal(k.result, READY);
	mem_fail_after(0);
	finish_of(0, &k, CLAIM_RECORDED, SLICE("the answer"));
	mem_fail_after(-1);
	wait_until_said();
	assert_int_equal(stands("k"), CLAIM_LOST);
}

/* ---- values */

struct waiting_value {
	struct value v;
	bool done;
	int result;
};

static void on_value(struct ticket *t, int result)
{
	struct waiting_value *w = container_of(t, struct waiting_value, v.ticket);

	w->done = true;
	w->result = result;
}

static struct waiting_value value_of(const char *bytes, uint64_t expected)
{
	uint64_t now = clock_wall(&clock_system);

	return (struct waiting_value){.v = {.group = SLICE("t:crew"),
	                                      .name = SLICE("approval"),
	                                      .now_wall_ns = now,
	                                      .ends = now + 900 * NS_PER_S,
	                                      .bytes = slice_str(bytes),
	                                      .expected = expected}};
}

static int put_value(unsigned store, struct waiting_value *w, bool is_put)
{
	struct store *s = remote_store(remotes[store]);

	enter();
	w->done = false;
	ticket_init(&w->v.ticket, on_value);
	return is_put ? s->ops->put(s, &w->v) : s->ops->get(s, &w->v);
}

static int ask_value(unsigned store, struct waiting_value *w, bool is_put)
{
	int r = put_value(store, w, is_put);

	if (r != PENDING)
		return r;
	WAIT_FOR(w->done);
	return w->result;
}

static struct waiting_value get_for(unsigned store, const char *name)
{
	struct waiting_value w;

	for (;;) {
		w = value_of("", 0);
		w.v.name = slice_str(name);
		w.result = ask_value(store, &w, false);
		if (!is_late(w.result))
			return w;
		rest(5);
	}
}

static struct value get(void)
{
	struct waiting_value w = get_for(3, "approval");

	assert_int_equal(w.result, READY);
	return w.v;
}

/* One that nobody has heard of may have been put all the same. */
static struct value put_as(unsigned store, const char *bytes, uint64_t expected)
{
	struct waiting_value w = value_of(bytes, expected);

	w.result = ask_value(store, &w, true);
	while (is_late(w.result)) {
		struct value now = get();
		if (slice_is(blob_slice(now.found), bytes)) {
			blob_unref(now.found);
			now.found = NULL;
			now.state = VALUE_STORED;
			return now;
		}
		blob_unref(now.found);
		w = value_of(bytes, expected);
		w.result = ask_value(store, &w, true);
	}
	assert_int_equal(w.result, READY);
	return w.v;
}

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

#define T(name) cmocka_unit_test_setup_teardown(name, begin, rig_end)
#define C(name) cmocka_unit_test_setup_teardown(name, begin_cluster, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(what_is_claimed_is_one_callers_over_instances),
	        C(what_is_claimed_is_one_callers_over_instances),
	        T(what_did_not_happen_is_free_and_what_may_have_is_lost),
	        C(what_did_not_happen_is_free_and_what_may_have_is_lost),
	        T(answers_may_be_a_mebibyte_and_longer_ones_are_lost),
	        T(a_dead_owners_claim_is_lost_and_not_free),
	        T(what_is_over_is_forgotten),
	        T(of_many_who_claim_one_owns),
	        T(a_group_has_its_ceiling),
	        T(who_cancels_while_it_is_asked_owns_nothing),
	        T(an_id_that_was_given_up_stays_away),
	        T(a_frozen_server_is_waited_for_25_ms_and_keeps_no_claim),
	        T(how_it_ended_is_said_until_the_server_answers),
	        T(a_link_that_is_cut_changes_nothing),
	        T(after_a_failover_nothing_that_was_claimed_is_free),
	        T(a_server_without_memory_takes_no_claim_and_loses_no_end),
	        T(without_memory_nothing_is_claimed_and_answers_are_lost),
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
