/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of budgets that all groups share, leased to them in parts, against a real server: never
 * more than the limit is good for, whoever dies, and what nobody uses comes back. */
#include "store/owed.h"
#include "store/remote_core.h"
#include "unit/store/remote_rig.h"

static const char *const groups[] = {"a:one", "a:two", "t:three"};

static struct demand leased(const char *group, nanousd cost, uint64_t tokens)
{
	struct demand d = budget("all", cost, tokens);

	d.group = SLICE("g");
	d.lessee = slice_str(group);
	return d;
}

static void hurry(unsigned idle_ms)
{
	for (unsigned i = 0; i < STORES; i++) {
		remotes[i]->leases.tick_ns = 20 * NS_PER_MS;
		remotes[i]->leases.idle_ns = idle_ms * NS_PER_MS;
	}
}

static int begin(void **state)
{
	rig_begin(state);
	hurry(3600000);
	return 0;
}

static int begin_cluster(void **state)
{
	rig_begin_cluster(state);
	hurry(3600000);
	return 0;
}

static int ask_of(unsigned store, struct asked *a, const char *group, nanousd limit, nanousd cost)
{
	memset(a, 0, sizeof(*a));
	a->demands[0] = leased(group, limit, BUDGET_NO_TOKENS);
	a->a.reservation.fixed_cost = cost;
	return admit_for(store, a, 1, 60 * NS_PER_S);
}

/* A call that has run. */
static int call_of(
        unsigned store, const char *group, nanousd limit, nanousd reserves, nanousd costs)
{
	int r = ask_of(store, &x, group, limit, reserves);

	if (r == 1) {
		settle_of(store, &x, true, costs, 0);
		WAIT_FOR(!remote_state(remotes[store]).settling);
	}
	return r;
}

static struct demand pool(void)
{
	return look(leased("", 1000000, BUDGET_NO_TOKENS));
}

static bool pool_is(nanousd spent, nanousd reserved)
{
	struct demand d = pool();

	return d.spent_cost == spent && d.reserved_cost == reserved;
}

static unsigned scripts_run(void)
{
	struct redisReply *r = redis_server_do(&server, "INFO commandstats");
	const char *at = strstr(r->str, "cmdstat_evalsha:calls=");
	unsigned n = at ? (unsigned)strtoul(at + strlen("cmdstat_evalsha:calls="), NULL, 10) : 0;

	freeReplyObject(r);
	return n;
}

static void a_call_takes_from_its_lease_with_its_other_budgets(void **state)
{
	unsigned before;

	(void)state;
	x.demands[0] = leased("a:one", 1000000, BUDGET_NO_TOKENS);
	x.demands[1] = budget("b", 100, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = 10;
	assert_int_equal(admit(2), 1);
	assert_int_equal(x.a.reservation.cost, 10);
	check_budget(x.demands[1], 0, 10);
	assert_true(pool_is(0, 10000)); /* 1% */
	settle(true, 7, 0);
	WAIT_FOR(pool_is(7, 9993));
	check_budget(x.demands[1], 7, 0);
	before = scripts_run();
	x.a.reservation.fixed_cost = 20;
	assert_int_equal(admit(2), 1);
	settle(true, 20, 0);
	assert_int_equal(scripts_run() - before, 2); /* the look at b came before */
	WAIT_FOR(pool_is(27, 9973));
}

static void a_small_budget_is_leased_call_by_call(void **state)
{
	struct asked held[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ask_of(i, &held[i], groups[i], 100, 30), 1);
	assert_true(pool_is(0, 90));
	assert_int_equal(ask_of(3, &x, "a:one", 100, 30), 0);
	assert_int_equal(x.demands[0].state, DEMAND_RESERVED);
	assert_int_equal(x.demands[0].reserved_cost, 90);
	assert_true(x.demands[0].wait_ns > 0);
	for (unsigned i = 0; i < 3; i++)
		settle_of(i, &held[i], true, 30, 0);
	WAIT_FOR(pool_is(90, 0));
	assert_int_equal(ask_of(3, &x, "a:one", 100, 30), 0);
	assert_int_equal(x.demands[0].state, DEMAND_REFUSED);
	assert_int_equal(x.demands[0].spent_cost, 90);
	assert_int_equal(call_of(2, "t:three", 100, 10, 10), 1);
	WAIT_FOR(pool_is(100, 0));
}

/* What was spent beyond the lease stands in the pool already. */
static void what_was_spent_before_there_was_a_limit_counts_once(void **state)
{
	(void)state;
	x.demands[0] = leased("a:one", 1000, BUDGET_NO_TOKENS);
	x.a.reservation = (struct reservation){.fixed_cost = 1, .fixed_tokens = 60};
	assert_int_equal(admit(1), 1);
	settle(true, 1, 60);
	WAIT_FOR(pool().spent_tokens == 60);
	x.demands[0] = leased("a:one", 1000, 100);
	x.a.reservation = (struct reservation){.fixed_cost = 1, .fixed_tokens = 41};
	assert_int_equal(admit(1), 0);
	x.a.reservation = (struct reservation){.fixed_cost = 1, .fixed_tokens = 40};
	assert_int_equal(admit(1), 1);
	settle(true, 1, 40);
	WAIT_FOR(pool().spent_tokens == 100 && pool().reserved_tokens == 0);
}

static void output_is_lowered_to_what_the_pool_has(void **state)
{
	(void)state;
	assert_int_equal(call_of(1, "a:two", 1000, 400, 400), 1);
	x.demands[0] = leased("a:one", 1000, BUDGET_NO_TOKENS);
	x.a.reservation = (struct reservation){
	        .fixed_cost = 100, .out_price = 1000, .out_wanted = 4096, .out_min = 256};
	assert_int_equal(admit(1), 1);
	assert_int_equal(x.a.reservation.out_granted, 500);
	assert_int_equal(x.a.reservation.cost, 600);
	settle(true, 400, 0);
	assert_int_equal(admit(1), 0); /* 200 are left */
	assert_int_equal(x.a.refused_by, 0);
}

static void tokens_are_leased_as_money_is(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		x.demands[0] = leased(groups[i % 2], BUDGET_NO_COST, 100);
		x.a.reservation = (struct reservation){.fixed_cost = 5, .fixed_tokens = 30};
		assert_int_equal(admit(1), i < 3);
		if (i < 3)
			settle(true, 5, 30);
	}
	WAIT_FOR(pool().spent_tokens == 90 && pool().spent_cost == 15);
}

static void what_nobody_uses_is_returned(void **state)
{
	(void)state;
	assert_int_equal(call_of(0, "a:one", 100, 90, 1), 1);
	assert_int_equal(call_of(1, "a:two", 100, 50, 50), 0);
	assert_int_equal(x.demands[0].state, DEMAND_RESERVED);
	hurry(1);
	WAIT_FOR(pool_is(1, 0));
	assert_int_equal(call_of(1, "a:two", 100, 99, 99), 1);
	WAIT_FOR(pool_is(100, 0));
}

static void cycles(nanousd limit, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct demand d;

		WAIT_FOR((d = pool(), d.reserved_cost < 100));
		rest(20); /* several ticks: what is old is seen to */
		assert_int_equal(ask_of(0, &x, "a:one", limit, limit / 2), 1);
		settle_of(0, &x, true, 1, 0);
		WAIT_FOR(!remote_state(remotes[0]).settling);
	}
}

/* However much it was granted in its life, far beyond what numbers tell apart; and calls that run
 * then count twice at most. */
static void a_lease_that_grows_old_is_born_anew(void **state)
{
	struct asked held;
	struct demand d;

	(void)state;
	hurry(1);
	remotes[0]->leases.tick_ns = 2 * NS_PER_MS;
	cycles(1000000000000000, 40);
	WAIT_FOR(pool_is(40, 0));
	assert_int_equal(ask_of(1, &held, "a:one", 1000000000000000, 10), 1);
	cycles(1000000000000000, 40);
	settle_of(1, &held, true, 10, 0);
	WAIT_FOR((d = pool(), d.reserved_cost == 0));
	assert_in_range(d.spent_cost, 90, 130);
}

static void who_is_refused_returns_what_is_too_little(void **state)
{
	(void)state;
	assert_int_equal(call_of(0, "a:one", 100, 60, 30), 1);
	assert_int_equal(call_of(1, "a:two", 100, 40, 20), 1);
	assert_int_equal(ask_of(0, &x, "a:one", 100, 60), 0); /* 30 here, 20 there */
	assert_int_equal(x.demands[0].state, DEMAND_RESERVED);
	WAIT_FOR(pool_is(50, 20));
	assert_int_equal(call_of(1, "a:two", 100, 50, 50), 1);
	WAIT_FOR(pool_is(100, 0));
}

/* What the day has granted by then is returned though it never reached the lease. */
static void who_is_refused_by_one_budget_keeps_nothing_of_another(void **state)
{
	struct demand day = leased("a:one", 1000000, BUDGET_NO_TOKENS);
	struct demand month = leased("a:one", 50, BUDGET_NO_TOKENS);
	struct demand all;

	(void)state;
	day.name = SLICE("day");
	month.name = SLICE("month");
	for (unsigned i = 0; i < 3; i++) {
		x.demands[0] = day;
		x.demands[1] = month;
		x.a.reservation = (struct reservation){.fixed_cost = 100};
		assert_int_equal(admit(2), 0);
		assert_int_equal(x.a.refused_by, 1);
		all = day;
		all.lessee = SLICE("");
		WAIT_FOR(look(all).reserved_cost == 0);
	}
	check_budget(all, 0, 0);
}

/* Asks that are dropped at any moment, then a process that is no more. */
static void a_grant_that_was_lost_is_found_again(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		memset(&x, 0, sizeof(x));
		x.demands[0] = leased("a:one", 1000, BUDGET_NO_TOKENS);
		x.a.reservation.fixed_cost = 100 + i;
		if (put(0, &x, 1, NS_PER_S) != PENDING)
			continue;
		for (unsigned turns = 0; turns < i && !x.done; turns++)
			rig_turn();
		loop_enter(loop);
		if (!x.done)
			ticket_cancel(&x.a.ticket);
		else if (x.a.granted)
			settle(false, 0, 0);
		WAIT_FOR(!remote_state(remotes[0]).settling);
	}
	assert_true(pool().reserved_cost > 0);
	remote_free(remotes[0]);
	remotes[0] = NULL;
	assert_int_equal(call_of(1, "a:one", 1000, 1000, 990), 1);
	WAIT_FOR(pool_is(990, 10));
	assert_int_equal(call_of(1, "a:two", 1000, 11, 11), 0);
}

static void a_lease_that_is_lost_counts_as_spent(void **state)
{
	(void)state;
	assert_int_equal(call_of(0, "a:one", 100, 60, 10), 1);
	redis_server_must(&server, "DEL weir:{a:one}:l:all");
	assert_int_equal(call_of(1, "a:one", 100, 40, 40), 1);
	WAIT_FOR(pool_is(100, 0));
	assert_int_equal(call_of(1, "a:two", 100, 1, 1), 0);
	assert_int_equal(x.demands[0].state, DEMAND_REFUSED);
}

static void a_limit_that_is_lowered_holds_at_once(void **state)
{
	(void)state;
	assert_int_equal(call_of(0, "a:one", 1000000, 10, 10), 1);
	assert_int_equal(call_of(1, "a:two", 1000000, 10, 10), 1);
	assert_int_equal(call_of(0, "a:one", 50, 45, 45), 0);
	assert_int_equal(call_of(1, "a:two", 50, 41, 41), 0);
	WAIT_FOR(pool_is(20, 0));
	assert_int_equal(call_of(1, "a:two", 50, 30, 30), 1);
	assert_int_equal(call_of(0, "a:one", 50, 1, 1), 0);
}

static void in_shadow_it_is_counted_and_never_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		memset(&x, 0, sizeof(x));
		x.demands[0] = leased("a:one", 10, BUDGET_NO_TOKENS);
		x.demands[0].soft = true;
		x.a.reservation.fixed_cost = 6;
		assert_int_equal(admit_for(0, &x, 1, NS_PER_S), 1);
		assert_int_equal(x.demands[0].state, i ? DEMAND_REFUSED : DEMAND_GRANTED);
		settle_of(0, &x, true, 6, 0);
		WAIT_FOR(!remote_state(remotes[0]).settling);
		WAIT_FOR(pool_is(6 * (nanousd)(i + 1), 0));
	}
	assert_int_equal(call_of(1, "a:two", 10, 1, 1), 0);
}

/* Wherever the server's data goes, who lives says what he knows before anything is admitted. */
static void after_a_failover_grants_are_said_again(void **state)
{
	struct asked held;
	int r;

	(void)state;
	assert_int_equal(call_of(0, "a:one", 100, 50, 50), 1);
	assert_int_equal(ask_of(1, &held, "a:two", 100, 30), 1);
	redis_server_kill(&server, SIGKILL);
	redis_server_again(&server);
	do {
		r = ask_of(0, &x, "t:three", 100, 21);
		rest(1);
	} while (r < 0);
	assert_int_equal(r, 0);
	assert_int_equal(x.demands[0].spent_cost + x.demands[0].reserved_cost, 80);
	WAIT_FOR(remote_state(remotes[1]).redis.up && !remote_state(remotes[1]).fenced);
	settle_of(1, &held, true, 20, 0);
	WAIT_FOR(!remote_state(remotes[1]).settling);
	hurry(1);
	WAIT_FOR(pool().spent_cost >= 70 && !pool().reserved_cost);
	assert_int_equal(call_of(0, "t:three", 100, 31, 31), 0);
}

static void failed_over(unsigned store)
{
	struct remote *r = remotes[store];

	remote_failed_over(r);
	leases_failed_over(r);
}

/* As if it had been settled long ago. */
static void forget_settled(unsigned store)
{
	struct remote *r = remotes[store];

	while (!list_is_empty(&r->settled)) {
		hold_free(container_of(r->settled.next, struct hold, link));
		r->n_settled--;
	}
}

/* The group's node has lost all, the pool's has not: what was spent lately, long ago and since is
 * counted at least once. */
static void what_was_spent_of_a_lease_stays_spent_without_it(void **state)
{
	struct asked held;

	(void)state;
	assert_int_equal(call_of(0, "a:one", 1000, 500, 500), 1);
	forget_settled(0);
	assert_int_equal(call_of(0, "a:one", 1000, 400, 400), 1);
	assert_int_equal(ask_of(0, &held, "a:one", 1000, 50), 1);
	WAIT_FOR(pool_is(900, 50));
	redis_server_must(&server, "EVAL %s 0",
	        "for _, k in ipairs(redis.call('KEYS', 'weir:{a:one}:*')) do redis.call('DEL', k) end "
	        "return redis.status_reply('OK')");
	failed_over(0);
	settle_of(0, &held, true, 50, 0);
	WAIT_FOR(!remotes[0]->n_asserting && !remote_state(remotes[0]).settling);
	WAIT_FOR(pool().spent_cost >= 950);
	rest(60); /* whatever else is said */
	assert_true(pool().spent_cost >= 950);
	assert_int_equal(call_of(1, "a:one", 1000, 51, 51), 0);
	assert_int_equal(call_of(1, "a:two", 1000, 51, 51), 0);
}

/* A server of the group's has forgotten the lease, the pool's has not, and who settled is no more,
 * or did so too long ago to say it again: what was spent stays spent. */
static void a_lease_that_a_failover_has_lost_counts_as_spent(void **state)
{
	(void)state;
	assert_int_equal(call_of(0, "a:one", 100, 100, 100), 1);
	WAIT_FOR(pool_is(100, 0));
	assert_int_equal(call_of(1, "a:one", 100, 1, 1), 0); /* so that it knows the lease */
	remote_free(remotes[0]);
	remotes[0] = NULL;
	redis_server_must(&server, "DEL weir:{a:one}:l:all");
	failed_over(1);
	WAIT_FOR(!remote_state(remotes[1]).fenced);
	assert_int_equal(call_of(1, "a:one", 100, 100, 100), 0);
	assert_int_equal(call_of(1, "a:two", 100, 1, 1), 0);
	assert_true(pool_is(100, 0));
}

/* One instance has had it made anew before another says again the lease that was lost: the pool
 * hears the group still. */
static void a_lease_that_was_made_anew_can_ask_after_a_failover(void **state)
{
	(void)state;
	assert_int_equal(call_of(0, "a:one", 100, 100, 100), 1);
	WAIT_FOR(pool_is(100, 0));
	assert_int_equal(call_of(1, "a:one", 100, 1, 1), 0);
	redis_server_must(&server, "DEL weir:{a:one}:l:all");
	assert_int_equal(call_of(2, "a:one", 100, 1, 1), 0);
	failed_over(1);
	WAIT_FOR(!remote_state(remotes[1]).fenced);
	assert_int_equal(call_of(1, "a:one", 1000, 500, 500), 1); /* the limit was raised */
	WAIT_FOR(pool().spent_cost >= 600);
}

/* What the pool has granted is gone before the call can take it. */
static void in_shadow_a_call_is_answered_whatever_becomes_of_its_lease(void **state)
{
	struct hold *h;

	(void)state;
	x.demands[0] = leased("a:one", 1000, BUDGET_NO_TOKENS);
	x.demands[0].soft = true;
	x.a.reservation.fixed_cost = 600;
	assert_int_equal(put(0, &x, 1, 60 * NS_PER_S), PENDING);
	h = container_of(remotes[0]->asking.next, struct hold, link);
	WAIT_FOR(h->rounds);
	redis_server_must(&server, "DEL weir:{a:one}:l:all");
	WAIT_FOR(x.done);
}

/* ---- many */

#define LIMIT 5000
#define CALLS 600u

static struct asked many[CALLS];
static nanousd costs;

static bool is_within(void)
{
	struct demand d = pool();

	return d.spent_cost + d.reserved_cost <= LIMIT && costs <= d.spent_cost + d.reserved_cost;
}

static void put_some(unsigned at, unsigned n)
{
	for (unsigned i = at; i < at + n; i++) {
		struct asked *a = &many[i];

		memset(a, 0, sizeof(*a));
		a->demands[0] = leased(groups[rand() % 3], LIMIT, BUDGET_NO_TOKENS);
		a->demands[1] = budget("own", 1000000, BUDGET_NO_TOKENS);
		a->demands[1].group = a->demands[0].lessee;
		a->a.reservation.fixed_cost = 1 + rand() % 40;
		a->result = put(i % STORES, a, 2, 60 * NS_PER_S);
	}
}

static void end_some(unsigned at, unsigned n)
{
	for (unsigned i = at; i < at + n; i++) {
		struct asked *a = &many[i];

		if (a->result != PENDING)
			continue;
		if (rand() % 8 == 0 && !a->done) {
			ticket_cancel(&a->a.ticket);
			continue;
		}
		WAIT_FOR(a->done);
		if (a->result == 1) {
			nanousd cost =
			        rand() % 3 ? a->a.reservation.cost : a->a.reservation.cost / 3;
			costs += cost;
			settle_of(i % STORES, a, true, cost, 0);
		}
	}
}

static bool is_settled(void)
{
	for (unsigned i = 0; i < STORES; i++)
		if (remote_state(remotes[i]).settling || !remote_state(remotes[i]).redis.up)
			return false;
	return true;
}

static void many_of_several_groups_never_pass_the_limit(void **state)
{
	(void)state;
	srand(7);
	costs = 0;
	hurry(200);
	for (unsigned at = 0; at < CALLS; at += 20) {
		put_some(at, 20);
		end_some(at, 20);
		assert_true(is_within());
		WAIT_FOR(is_settled());
	}
	hurry(1);
	WAIT_FOR(pool_is(costs, 0));
	assert_true(costs > LIMIT * 9 / 10 && costs <= LIMIT);
	WAIT_FOR(call_of(0, "a:one", LIMIT, LIMIT - costs, LIMIT - costs) != -EAGAIN);
	WAIT_FOR(pool_is(LIMIT, 0));
}

/* Its record is the lessee's, and no other budget of the call may say whose that is. */
static void what_a_process_before_took_from_a_lease_is_settled_there(void **state)
{
	struct owed *e = mem_zalloc(sizeof(*e) + sizeof(*e->counters));
	struct redisReply *r;

	(void)state;
	assert_non_null(e);
	x.demands[0] = leased("a:one", 1000, BUDGET_NO_TOKENS);
	x.a.reservation = (struct reservation){.fixed_cost = 100};
	assert_int_equal(admit(1), 1);
	e->id = slice_str(x.id);
	e->cost = 30;
	e->n = 1;
	e->counters[0] = (struct entry_counter){
	        SLICE("g"), SLICE("all"), 0, WINDOW_NEVER_ENDS, SLICE("a:one")};
	loop->now_is_stale = true;
	assert_int_equal(remote_settle_owed(remotes[1], e), 0);
	mem_free(e);
	WAIT_FOR(!remote_state(remotes[1]).settling);
	r = redis_server_do(&server, "GET weir:{a:one}:i:%s", x.id);
	assert_int_equal(r->type, REDIS_REPLY_STRING);
	assert_string_equal(r->str, "s");
	freeReplyObject(r);
	settle(true, 30, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, rig_end)
#define C(name) cmocka_unit_test_setup_teardown(name, begin_cluster, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(a_call_takes_from_its_lease_with_its_other_budgets),
	        T(what_a_process_before_took_from_a_lease_is_settled_there),
	        T(a_small_budget_is_leased_call_by_call),
	        T(what_was_spent_before_there_was_a_limit_counts_once),
	        T(output_is_lowered_to_what_the_pool_has),
	        T(tokens_are_leased_as_money_is),
	        T(what_nobody_uses_is_returned),
	        T(a_lease_that_grows_old_is_born_anew),
	        T(who_is_refused_returns_what_is_too_little),
	        T(who_is_refused_by_one_budget_keeps_nothing_of_another),
	        T(a_grant_that_was_lost_is_found_again),
	        T(a_lease_that_is_lost_counts_as_spent),
	        T(a_limit_that_is_lowered_holds_at_once),
	        T(in_shadow_it_is_counted_and_never_refused),
	        T(in_shadow_a_call_is_answered_whatever_becomes_of_its_lease),
	        T(what_was_spent_of_a_lease_stays_spent_without_it),
	        T(after_a_failover_grants_are_said_again),
	        T(a_lease_that_a_failover_has_lost_counts_as_spent),
	        T(a_lease_that_was_made_anew_can_ask_after_a_failover),
	        T(many_of_several_groups_never_pass_the_limit),
	        C(a_call_takes_from_its_lease_with_its_other_budgets),
	        C(what_nobody_uses_is_returned),
	};

	return redis_server_can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
