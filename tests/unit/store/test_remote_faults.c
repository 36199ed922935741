/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/remote when many ask at once, when who asked goes away or dies, and when the
 * server is frozen, gone, or has forgotten. The claims are those of tests/model/budget.pml. */
#include "store/remote_core.h"
#include "store/times.h"
#include "store/redis/slots.h"
#include "unit/store/remote_rig.h"

/* ---- many at once */

#define CALLS 1000u
#define PRICE 7

static struct asked many[CALLS];

static void put_some(unsigned at, unsigned n)
{
	for (unsigned i = at; i < at + n; i++) {
		memset(&many[i], 0, sizeof(many[i]));
		many[i].demands[0] = budget("b", 500 * PRICE, BUDGET_NO_TOKENS);
		many[i].a.reservation.fixed_cost = PRICE;
		many[i].result = put(i % STORES, &many[i], 1, 60 * NS_PER_S);
	}
}

/* Returns how many were granted; they have run. */
static unsigned end_some(unsigned at, unsigned n)
{
	unsigned granted = 0;

	for (unsigned i = at; i < at + n; i++) {
		if (many[i].result != PENDING && !many[i].done)
			continue; /* refused at once */
		WAIT_FOR(many[i].done);
		if (many[i].result == 1)
			settle_of(i % STORES, &many[i], true, PRICE, 0);
		granted += many[i].result == 1;
	}
	return granted;
}

static void wait_until_settled(void)
{
	for (unsigned i = 0; i < STORES; i++)
		WAIT_FOR(!remote_state(remotes[i]).settling && remote_state(remotes[i]).redis.up &&
		         !remote_state(remotes[i]).fenced);
}

static void a_budget_for_500_calls_admits_500(void **state)
{
	unsigned granted = 0;

	(void)state;
	check_budget(budget("b", 0, 0), 0, 0); /* the script is there from now on */
	for (unsigned at = 0; at < CALLS; at += 40) {
		put_some(at, 40);
		granted += end_some(at, 40);
		wait_until_settled(); /* a busy machine may have opened the breaker */
	}
	assert_int_equal(granted, 500);
	wait_until_settled();
	check_budget(budget("b", 0, 0), 500 * PRICE, 0);
}

/* It comes back without anything, in the middle of calls that are asked, that run, that settle. */
static void a_server_that_forgets_lets_none_too_many_through(void **state)
{
	unsigned granted = 0;

	(void)state;
	for (unsigned at = 0; at < CALLS; at += 40) {
		bool dies = at % 240 == 200;
		put_some(at, 40);
		if (dies) {
			granted += end_some(at, 10);
			for (unsigned i = 0; i < at % 7; i++)
				rig_turn();
			redis_server_kill(&server, SIGKILL);
			redis_server_again(&server);
		}
		granted += end_some(dies ? at + 10 : at, dies ? 30 : 40);
		if (dies) {
			rest(1100);
			wait_until_settled();
		}
	}
	assert_in_range(granted, 300, 500);
	wait_until_settled();
	check_budget(budget("b", 0, 0), granted * PRICE, 0);
}

static void a_rate_admits_its_limit_and_its_burst(void **state)
{
	struct asked one;
	unsigned granted = 0, asked = 0;
	uint64_t began = clock_mono(&clock_system), took;

	(void)state;
	do {
		memset(&one, 0, sizeof(one));
		one.demands[0] = rate("r", 300, 1);
		one.demands[0].rate.burst = 20;
		if (admit_for(asked % STORES, &one, 1, NS_PER_S) < 0)
			wait_until_settled(); /* a busy machine was late */
		granted += one.a.granted;
		asked++;
		if (one.a.granted)
			settle_of((asked - 1) % STORES, &one, true, 0, 0);
		took = clock_mono(&clock_system) - began;
	} while (took < NS_PER_S);
	assert_true(granted <= 20 + took * 300 / NS_PER_S + 1);
	assert_true(asked < 600 || granted >= 200); /* who is held up loses what refills then */
}

/* ---- who asked goes away, or dies */

static void what_expires_is_charged_and_its_slot_comes_back(void **state)
{
	struct asked dead = {.demands = {budget("b", 1000, BUDGET_NO_TOKENS), slot("s", 1)},
	        .a.reservation = {.fixed_cost = 600}};

	(void)state;
	assert_int_equal(admit_for(1, &dead, 2, 400 * NS_PER_MS), 1);
	x.demands[0] = budget("b", 1000, BUDGET_NO_TOKENS);
	x.demands[1] = slot("s", 1);
	x.a.reservation.fixed_cost = 500;
	assert_int_equal(admit(2), 0);
	assert_int_equal(x.demands[0].state, DEMAND_RESERVED);
	rest(450);
	assert_int_equal(admit(2), 0);
	assert_int_equal(x.demands[0].state, DEMAND_REFUSED);
	check_budget(x.demands[0], 600, 0);
	x.a.reservation.fixed_cost = 400;
	assert_int_equal(admit(2), 1);
	settle(true, 1, 0);
	/* It was not dead: what it used corrects what it was charged. */
	settle_of(1, &dead, true, 250, 0);
	WAIT_FOR(!remote_state(remotes[1]).settling);
	check_budget(x.demands[0], 251, 0);
}

static void who_cancels_while_it_is_asked_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		x.demands[0] = budget("b", 10, BUDGET_NO_TOKENS);
		x.demands[1] = slot("s", 1);
		x.demands[2] = rate("r", 1, 1);
		x.demands[2].rate.period_ns = 3600 * NS_PER_S;
		x.a.reservation.fixed_cost = 10;
		x.id[0] = 0;
		assert_int_equal(put(0, &x, 3, NS_PER_S), PENDING);
		if (i % 2)
			loop_run_once(loop, false);
		loop_enter(loop);
		if (!ticket_is_complete(&x.a.ticket) && ticket_is_armed(&x.a.ticket))
			ticket_cancel(&x.a.ticket);
		else if (x.a.granted)
			settle(false, 0, 0);
		WAIT_FOR(!remote_state(remotes[0]).settling);
	}
	check_budget(x.demands[0], 0, 0);
	assert_int_equal(look(x.demands[1]).state, DEMAND_GRANTED);
	assert_int_equal(look(x.demands[2]).left, 1);
	assert_int_equal(remote_state(remotes[0]).held, 0);
}

/* The same id again stands for a question that comes after its own cancellation. */
static void an_id_that_was_cancelled_stays_away(void **state)
{
	struct asked late = {.demands = {budget("b", 10, BUDGET_NO_TOKENS)},
	        .a.reservation = {.fixed_cost = 10}};

	(void)state;
	snprintf(late.id, sizeof(late.id), "late:1");
	assert_int_equal(put(0, &late, 1, NS_PER_S), PENDING);
	ticket_cancel(&late.a.ticket);
	WAIT_FOR(!remote_state(remotes[0]).settling);
	assert_int_equal(admit_for(1, &late, 1, NS_PER_S), -ECANCELED);
	check_budget(late.demands[0], 0, 0);
}

/* ---- the server */

static void settlements_are_kept_until_the_server_answers(void **state)
{
	uint64_t began;

	(void)state;
	rest(300);
	x.demands[0] = budget("b", 100, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = 60;
	assert_int_equal(admit(1), 1);
	redis_server_kill(&server, SIGSTOP);
	began = clock_mono(&clock_system);
	settle_of(0, &x, true, 40, 0);
	rest(300);
	assert_int_equal(remote_state(remotes[0]).settling, 1);
	for (unsigned i = 0; i < 3; i++) {
		x.id[0] = 0;
		assert_true(admit_for(0, &x, 1, NS_PER_S) < 0);
	}
	assert_true(clock_mono(&clock_system) - began < 3 * NS_PER_S);
	redis_server_kill(&server, SIGCONT);
	WAIT_FOR(!remote_state(remotes[0]).settling);
	WAIT_FOR(remote_state(remotes[1]).redis.up);
	rest(1500);
	check_budget(x.demands[0], 40, 0);
}

static uint64_t times_of(enum store_op op, enum store_outcome how)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= STORE_TIMES_BOUNDS; i++)
		n += atomic_load(&remote_times(remotes[0])->n[op][how][i]);
	return n;
}

static void a_frozen_server_is_waited_for_25_ms(void **state)
{
	uint64_t began;

	(void)state;
	x.demands[0] = budget("b", 100, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = 60;
	redis_server_kill(&server, SIGSTOP);
	began = clock_mono(&clock_system);
	assert_true(admit(1) < 0);
	assert_true(clock_mono(&clock_system) - began < 200 * NS_PER_MS);
	assert_true(times_of(STORE_ADMIT, STORE_TIMEOUT) == 1);
	redis_server_kill(&server, SIGCONT);
	WAIT_FOR(!remote_state(remotes[0]).settling); /* its cancellation */
	rest(1500);
	check_budget(x.demands[0], 0, 0);
}

/* A server that comes back empty is told what was spent and what is held before it admits. */
static void after_a_failover_all_that_is_held_comes_first(void **state)
{
	struct asked held = {.demands = {budget("b", 100, BUDGET_NO_TOKENS), slot("s", 1)},
	        .a.reservation = {.fixed_cost = 30}};
	int r;

	(void)state;
	x.demands[0] = budget("b", 100, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = 50;
	assert_int_equal(admit(1), 1);
	settle(true, 50, 0);
	assert_int_equal(admit_for(0, &held, 2, 60 * NS_PER_S), 1);
	redis_server_kill(&server, SIGKILL);
	redis_server_again(&server);
	do {
		x.id[0] = 0;
		x.a.reservation.fixed_cost = 21;
		r = admit_for(0, &x, 1, NS_PER_S);
		rest(1);
	} while (r < 0);
	assert_int_equal(r, 0);
	assert_int_equal(x.demands[0].state, DEMAND_RESERVED);
	assert_int_equal(x.demands[0].spent_cost, 50);
	assert_int_equal(x.demands[0].reserved_cost, 30);
	assert_false(remote_state(remotes[0]).fenced);
	WAIT_FOR(remote_state(remotes[1]).redis.up);
	rest(50);
	assert_int_equal(look(slot("s", 1)).state, DEMAND_REFUSED);
	settle_of(0, &held, true, 20, 0);
	WAIT_FOR(!remote_state(remotes[0]).settling);
	check_budget(x.demands[0], 70, 0);
	assert_int_equal(look(slot("s", 1)).state, DEMAND_GRANTED);
}

/* What others hold counts as well: nobody admits before they have had time to say it. */
static void after_a_failover_the_others_are_waited_for(void **state)
{
	struct asked others[STORES];
	int r;

	(void)state;
	memset(others, 0, sizeof(others));
	for (unsigned i = 1; i < STORES; i++) {
		others[i].demands[0] = budget("b", 100, BUDGET_NO_TOKENS);
		others[i].a.reservation.fixed_cost = 30;
		assert_int_equal(admit_for(i, &others[i], 1, 60 * NS_PER_S), 1);
	}
	redis_server_kill(&server, SIGKILL);
	redis_server_again(&server);
	do {
		x.demands[0] = budget("b", 100, BUDGET_NO_TOKENS);
		x.a.reservation.fixed_cost = 11;
		x.id[0] = 0;
		r = admit_for(0, &x, 1, NS_PER_S);
		rest(1);
	} while (r < 0);
	assert_int_equal(r, 0);
	assert_int_equal(x.demands[0].reserved_cost, 90);
	for (unsigned i = 1; i < STORES; i++) {
		settle_of(i, &others[i], true, 1, 0);
		WAIT_FOR(!remote_state(remotes[i]).settling);
	}
	check_budget(x.demands[0], 3, 0);
}

/* ---- settled long ago */

static void fail_over(void)
{
	redis_server_kill(&server, SIGKILL);
	redis_server_again(&server);
	WAIT_FOR(remote_state(remotes[0]).fenced);
	WAIT_FOR(!remote_state(remotes[0]).fenced && !remote_state(remotes[0]).settling);
	WAIT_FOR(remote_state(remotes[1]).redis.up);
	rest(50);
}

static void settle_long_ago(bool ran, nanousd cost)
{
	settle(ran, cost, 0);
	container_of(remotes[0]->settled.prev, struct hold, link)->told_at -= 600 * NS_PER_S;
}

/* The server has kept all but the id, whose ten minutes are over, and what was settled since. */
static void what_was_settled_long_ago_is_not_charged_again(void **state)
{
	(void)state;
	x.demands[0] = budget("b", 100, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = 10;
	assert_int_equal(admit(1), 1);
	settle_long_ago(true, 7);
	redis_server_must(&server, "DEL weir:{a:one}:i:%s", x.id);
	redis_server_must(&server, "SAVE");
	assert_int_equal(admit(1), 1);
	settle(true, 5, 0);
	check_budget(x.demands[0], 12, 0);
	fail_over();
	check_budget(x.demands[0], 12, 0);
}

/* It has lost the settlement, and knows who was admitted. */
static void what_is_still_held_is_settled_however_long_ago(void **state)
{
	(void)state;
	x.demands[0] = budget("b", 100, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = 10;
	assert_int_equal(admit(1), 1);
	redis_server_must(&server, "SAVE");
	settle_long_ago(true, 7);
	fail_over();
	check_budget(x.demands[0], 7, 0);
	assert_int_equal(admit(1), 1);
	redis_server_must(&server, "SAVE");
	settle_long_ago(false, 3);
	fail_over();
	check_budget(x.demands[0], 7, 0);
}

/* ---- a slot that moves away */

static void begin_moving(struct redis_server *to)
{
	struct redisReply *id, *r = NULL;
	bool is_known = false;

	close(rig_listen(&to->bus));
	redis_server_start(to, NULL);
	id = redis_server_do(to, "CLUSTER MYID");
	redis_server_must(&server, "CLUSTER MEET 127.0.0.1 %u %u", to->port, to->bus);
	for (unsigned i = 0; i < 2000 && !is_known; i++) {
		r = redis_server_do(&server, "CLUSTER SETSLOT %u MIGRATING %s",
		        slot_of(SLICE("weir:{a:one}:")), id->str);
		is_known = r->type != REDIS_REPLY_ERROR;
		freeReplyObject(r);
		usleep(5000);
	}
	freeReplyObject(id);
	assert_true(is_known);
}

/* A key that a script has deleted is gone for the rest of it: it would be asked of the other one.
 */
static void what_ends_while_its_slot_moves_away_is_settled_once_and_gives_all_back(void **state)
{
	struct redis_server to = {0};
	struct asked other = {.demands = {budget("b", 100, BUDGET_NO_TOKENS), slot("s", 2)},
	        .a.reservation = {.fixed_cost = 10}};

	(void)state;
	memcpy(x.demands, other.demands, sizeof(x.demands));
	x.a.reservation.fixed_cost = 10;
	assert_int_equal(admit(2), 1);
	assert_int_equal(admit_for(1, &other, 2, 60 * NS_PER_S), 1);
	begin_moving(&to);
	settle(true, 7, 0);
	settle_of(1, &other, false, 0, 0);
	WAIT_FOR(!remote_state(remotes[1]).settling);
	redis_server_must(&server, "CLUSTER SETSLOT %u STABLE", slot_of(SLICE("weir:{a:one}:")));
	check_budget(x.demands[0], 7, 0);
	assert_int_equal(look(slot("s", 1)).state, DEMAND_GRANTED);
	redis_server_remove(&to);
}

/* While it moves no new key is made, so nothing is admitted; and nothing is left behind. */
static void what_a_moving_slot_refuses_is_not_cancelled(void **state)
{
	struct redis_server to = {0};

	(void)state;
	x.demands[0] = budget("b", 100, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = 10;
	assert_int_equal(admit(1), 1);
	settle(true, 7, 0);
	begin_moving(&to);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(admit(1), -EAGAIN);
		assert_int_equal(remote_state(remotes[0]).settling, 0);
	}
	redis_server_must(&server, "CLUSTER SETSLOT %u STABLE", slot_of(SLICE("weir:{a:one}:")));
	assert_int_equal(admit(1), 1);
	settle(true, 7, 0);
	check_budget(x.demands[0], 14, 0);
	redis_server_remove(&to);
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_begin, rig_end)
#define C(name) cmocka_unit_test_setup_teardown(name, rig_begin_cluster, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(a_budget_for_500_calls_admits_500),
	        T(a_server_that_forgets_lets_none_too_many_through),
	        T(a_rate_admits_its_limit_and_its_burst),
	        T(what_expires_is_charged_and_its_slot_comes_back),
	        C(what_expires_is_charged_and_its_slot_comes_back),
	        T(who_cancels_while_it_is_asked_leaves_nothing),
	        T(an_id_that_was_cancelled_stays_away),
	        T(settlements_are_kept_until_the_server_answers),
	        T(a_frozen_server_is_waited_for_25_ms),
	        T(after_a_failover_all_that_is_held_comes_first),
	        T(after_a_failover_the_others_are_waited_for),
	        T(what_was_settled_long_ago_is_not_charged_again),
	        T(what_is_still_held_is_settled_however_long_ago),
	        C(what_ends_while_its_slot_moves_away_is_settled_once_and_gives_all_back),
	        C(what_a_moving_slot_refuses_is_not_cancelled),
	};

	return redis_server_can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
