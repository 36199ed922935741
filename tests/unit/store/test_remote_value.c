/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of claims and values in store/remote against a real server: their rules are those of
 * test_keep.c, over instances; and whatever becomes of the server, nothing that may have run runs
 * again. */
#include "unit/store/value_rig.h"

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
	};

	return redis_server_can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
