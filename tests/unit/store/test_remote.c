/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/remote against a real server: its rules are those of store/embedded, whose claims
 * stand in test_embedded.c under the same names. */
#include "store/owed.h"
#include "unit/store/remote_rig.h"

static void an_admission_takes_all_that_it_asks(void **state)
{
	(void)state;
	x.demands[0] = rate("r", 10, 3);
	x.demands[1] = slot("s", 2);
	x.demands[2] = budget("b", 1000, 2000);
	x.demands[3] = budget("c", BUDGET_NO_COST, BUDGET_NO_TOKENS);
	x.a.reservation = (struct reservation){.fixed_cost = 10,
	        .fixed_tokens = 20,
	        .out_price = 1001,
	        .out_tokens_each = 2,
	        .out_wanted = 100,
	        .out_min = 50};
	assert_int_equal(admit(4), 1);
	assert_int_equal(x.a.refused_by, 4);
	assert_int_equal(x.a.reservation.out_granted, 100);
	assert_int_equal(x.a.reservation.cost, 10 + 101); /* rounded up once */
	assert_int_equal(x.a.reservation.tokens, 220);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(x.demands[i].state, DEMAND_GRANTED);
	assert_int_equal(x.demands[0].left, 7);
	assert_int_equal(x.demands[0].reset_ns, 300 * NS_PER_MS);
	for (unsigned i = 2; i < 4; i++) {
		assert_int_equal(x.demands[i].reserved_cost, 111);
		assert_int_equal(x.demands[i].reserved_tokens, 220);
	}
	settle(true, 50, 60);
	check_budget(x.demands[2], 50, 0);
	check_budget(x.demands[3], 50, 0);
	assert_int_equal(look(x.demands[3]).spent_tokens, 60);
}

static void a_refusal_leaves_nothing_taken_whoever_refuses(void **state)
{
	struct demand all[] = {rate("r", 10, 1), slot("s", 1), budget("b", 100, BUDGET_NO_TOKENS)};
	struct demand no[] = {rate("n", 10, 11), slot("n", 0), budget("n", 0, BUDGET_NO_TOKENS)};
	static const enum demand_state says[] = {DEMAND_NEVER, DEMAND_REFUSED, DEMAND_REFUSED};

	(void)state;
	x.a.reservation.fixed_cost = 10;
	for (unsigned i = 0; i < 3; i++) {
		memcpy(x.demands, all, sizeof(all));
		x.demands[3] = no[i];
		assert_int_equal(admit(4), 0);
		assert_int_equal(x.a.refused_by, 3);
		assert_int_equal(x.demands[3].state, says[i]);
		assert_int_equal(look(all[0]).left, 10);
		assert_int_equal(look(all[1]).state, DEMAND_GRANTED);
		check_budget(all[2], 0, 0);
	}
}

static void what_did_not_run_gives_all_of_it_back(void **state)
{
	(void)state;
	x.demands[0] = rate("r", 10, 10);
	x.demands[1] = slot("s", 1);
	x.demands[2] = budget("b", 100, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = 100;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(admit(3), 1);
		settle(false, 0, 0);
		check_budget(x.demands[2], 0, 0);
	}
	assert_int_equal(look(rate("r", 10, 1)).left, 10);
}

/* What time has refilled meanwhile does not come back a second time. */
static void a_rate_given_back_late_is_no_second_burst(void **state)
{
	struct asked other = {.demands = {rate("r", 10, 5)}};
	uint64_t began, took, left;

	(void)state;
	x.demands[0] = rate("r", 10, 10);
	assert_int_equal(admit(1), 1);
	rest(600);
	began = clock_mono(&clock_system);
	assert_int_equal(admit_for(1, &other, 1, NS_PER_S), 1); /* of what was refilled */
	settle(false, 0, 0);
	left = look(rate("r", 10, 1)).left;
	took = clock_mono(&clock_system) - began;
	assert_in_range(left, 4, 5 + 1 + took * 10 / NS_PER_S);
	settle_of(1, &other, true, 0, 0);
}

static void what_ran_gives_back_its_slot_and_not_its_rate(void **state)
{
	(void)state;
	x.demands[0] = rate("r", 1, 1);
	x.demands[1] = slot("s", 1);
	assert_int_equal(admit(2), 1);
	assert_int_equal(look(slot("s", 1)).state, DEMAND_REFUSED);
	settle(true, 0, 0);
	assert_int_equal(look(slot("s", 1)).state, DEMAND_GRANTED);
	assert_int_equal(look(rate("r", 1, 1)).left, 0);
}

static void token_rates_are_corrected_to_what_was_used(void **state)
{
	(void)state;
	x.demands[0] = rate("t", 1000, 900);
	x.demands[0].rate.period_ns = 3600 * NS_PER_S;
	x.demands[0].by_tokens = true;
	assert_int_equal(admit(1), 1);
	settle(true, 0, 100);
	x.demands[0].rate.units = 1;
	assert_int_equal(look(x.demands[0]).left, 900);
	x.demands[0].rate.units = 900;
	assert_int_equal(admit(1), 1);
	settle(true, 0, 1900); /* a thousand more than there were */
	x.demands[0].rate.units = 1;
	assert_int_equal(look(x.demands[0]).left, 0);
	assert_in_range(look(x.demands[0]).wait_ns, 3590 * NS_PER_S, 3604 * NS_PER_S);
}

static void the_output_is_lowered_to_what_every_budget_holds(void **state)
{
	const struct reservation wanted = {.fixed_cost = 100,
	        .fixed_tokens = 100,
	        .out_price = 1000,
	        .out_tokens_each = 1,
	        .out_wanted = 4096,
	        .out_min = 256};

	(void)state;
	x.demands[0] = budget("a", 900, BUDGET_NO_TOKENS);
	x.demands[1] = budget("b", 500, BUDGET_NO_TOKENS);
	x.demands[2] = budget("c", BUDGET_NO_COST, 700);
	x.a.reservation = wanted;
	assert_int_equal(admit(3), 1);
	assert_int_equal(x.a.reservation.out_granted, 400);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(x.demands[i].reserved_cost, 500);
	settle(true, 150, 150);
	assert_int_equal(admit(3), 0); /* 350 left: 250 of output are too few */
	assert_int_equal(x.a.refused_by, 1);
	assert_int_equal(x.demands[1].state, DEMAND_REFUSED);
	x.a.reservation.out_min = 250;
	assert_int_equal(admit(3), 1);
	assert_int_equal(x.a.reservation.out_granted, 250);
	settle(false, 0, 0);
}

static void a_budget_held_by_others_says_so_and_until_when(void **state)
{
	struct asked other = {.demands = {budget("b", 1000, BUDGET_NO_TOKENS)},
	        .a.reservation = {.fixed_cost = 600}};

	(void)state;
	assert_int_equal(admit_for(1, &other, 1, 30 * NS_PER_S), 1);
	x.demands[0] = budget("b", 1000, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = 500;
	assert_int_equal(admit(1), 0);
	assert_int_equal(x.demands[0].state, DEMAND_RESERVED);
	assert_in_range(x.demands[0].wait_ns, 25 * NS_PER_S, 30 * NS_PER_S);
	assert_int_equal(x.demands[0].reserved_cost, 600);
	settle_of(1, &other, true, 700, 0);
	WAIT_FOR(!remote_state(remotes[1]).settling);
	assert_int_equal(admit(1), 0);
	assert_int_equal(x.demands[0].state, DEMAND_REFUSED);
	assert_int_equal(x.demands[0].wait_ns, 0);
	check_budget(x.demands[0], 700, 0);
}

static void soft_demands_never_refuse_and_lower_nothing(void **state)
{
	(void)state;
	x.demands[0] = rate("r", 1, 1);
	x.demands[0].rate.period_ns = 3600 * NS_PER_S;
	x.demands[1] = slot("s", 0);
	x.demands[2] = budget("b", 10, BUDGET_NO_TOKENS);
	x.demands[3] = rate("never", 1, 2);
	for (unsigned i = 0; i < 4; i++)
		x.demands[i].soft = true;
	x.a.reservation =
	        (struct reservation){.fixed_cost = 6, .out_price = 1000, .out_wanted = 100};
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(admit(4), 1);
		assert_int_equal(x.a.refused_by, 4);
		assert_int_equal(x.a.reservation.out_granted, 100);
		assert_int_equal(x.demands[0].state, i ? DEMAND_REFUSED : DEMAND_GRANTED);
		assert_int_equal(x.demands[1].state, DEMAND_REFUSED);
		assert_int_equal(x.demands[2].state, i ? DEMAND_REFUSED : DEMAND_GRANTED);
		assert_int_equal(x.demands[3].state, DEMAND_NEVER);
		settle(true, 50, 0);
		check_budget(x.demands[2], 50 * (nanousd)(i + 1), 0); /* spent all the same */
	}
}

static void a_counter_named_twice_is_taken_from_once(void **state)
{
	(void)state;
	x.demands[0] = budget("b", 1000, BUDGET_NO_TOKENS);
	x.demands[1] = budget("b", 300, BUDGET_NO_TOKENS); /* the caller's own, lower */
	x.demands[2] = rate("r", 10, 6);
	x.demands[2].rate.period_ns = 3600 * NS_PER_S;
	x.demands[3] = x.demands[2];
	x.demands[4] = slot("s", 1);
	x.demands[5] = slot("s", 1);
	x.a.reservation =
	        (struct reservation){.fixed_cost = 100, .out_price = 1000, .out_wanted = 900};
	assert_int_equal(admit(6), 1);
	assert_int_equal(x.a.reservation.out_granted, 200);
	check_budget(x.demands[0], 0, 300);
	x.demands[3].rate.units = 1;
	assert_int_equal(look(x.demands[3]).left, 4);
	settle(true, 300, 0);
	check_budget(x.demands[0], 300, 0);
}

static void groups_of_their_own_take_part_in_all_or_nothing(void **state)
{
	(void)state;
	x.demands[0] = rate("r", 1, 1);
	x.demands[0].rate.period_ns = 3600 * NS_PER_S;
	x.demands[0].group = SLICE("tool:search");
	x.demands[1] = budget("b", 100, BUDGET_NO_TOKENS);
	x.demands[1].group = SLICE("g");
	x.demands[2] = budget("b", 10, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = 20;
	assert_int_equal(admit(3), 0);
	assert_int_equal(x.a.refused_by, 2);
	WAIT_FOR(!remote_state(remotes[0]).settling);
	check_budget(x.demands[1], 0, 0);
	assert_int_equal(look(x.demands[0]).left, 1);
	x.a.reservation.fixed_cost = 10;
	assert_int_equal(admit(3), 1);
	check_budget(x.demands[1], 0, 10);
	check_budget(x.demands[2], 0, 10);
	settle(true, 10, 0);
	check_budget(x.demands[1], 10, 0);
	check_budget(x.demands[2], 10, 0);
	assert_int_equal(admit(3), 0);
	assert_int_equal(x.a.refused_by, 0);
}

static void windows_are_counters_of_their_own(void **state)
{
	uint64_t now = clock_wall(&clock_system) / NS_PER_S;
	struct demand old = budget("b", 100, BUDGET_NO_TOKENS), next;

	(void)state;
	old.budget.window = now - now % 3600;
	old.budget.ends = old.budget.window + 3600;
	next = old;
	next.budget.window += 3600;
	next.budget.ends += 3600;
	x.demands[0] = old;
	x.a.reservation.fixed_cost = 100;
	assert_int_equal(admit(1), 1);
	check_budget(old, 0, 100);
	check_budget(next, 0, 0);
	settle(true, 90, 0);
	check_budget(old, 90, 0);
}

/* Who is so late names a window that nobody remembers any more: it would have no limit. */
static void a_window_that_is_forgotten_admits_nothing(void **state)
{
	uint64_t now = clock_wall(&clock_system) / NS_PER_S;

	(void)state;
	x.a.reservation.fixed_cost = 1;
	x.demands[0] = budget_in("b", 10, BUDGET_NO_TOKENS, 1, now - 180);
	assert_int_equal(admit(1), 0);
	assert_int_equal(x.demands[0].state, DEMAND_REFUSED);
	x.demands[0].group = SLICE("g");
	x.demands[0].lessee = SLICE("a:one");
	assert_int_equal(admit(1), 0);
	x.demands[0].soft = true;
	assert_int_equal(admit(1), 1);
	settle(true, 1, 0);
	x.demands[0] = budget_in("b", 10, BUDGET_NO_TOKENS, 1, now - 60); /* not so late */
	assert_int_equal(admit(1), 1);
	settle(true, 1, 0);
	check_budget(x.demands[0], 1, 0);
}

static void looking_takes_and_makes_nothing(void **state)
{
	struct demand d;
	struct redisReply *reply;

	(void)state;
	d = look(rate("r", 10, 1));
	assert_int_equal(d.state, DEMAND_GRANTED);
	assert_int_equal(d.left, 10);
	assert_int_equal(look(rate("r", 10, 11)).state, DEMAND_NEVER);
	assert_int_equal(look(slot("s", 0)).state, DEMAND_REFUSED);
	assert_int_equal(look(budget("b", 0, BUDGET_NO_TOKENS)).state, DEMAND_REFUSED);
	reply = redis_server_do(&server, "DBSIZE");
	assert_true(reply->integer <= 1); /* the mark of the store itself */
	freeReplyObject(reply);
	x.demands[0] = budget("b", 10, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = 10;
	assert_int_equal(admit(1), 1);
	assert_int_equal(look(x.demands[0]).state, DEMAND_RESERVED);
	settle(true, 9, 0);
	assert_int_equal(look(x.demands[0]).state, DEMAND_GRANTED);
}

/* Doubles end at 2^53: up to there every nano-dollar counts. */
static void amounts_are_exact_up_to_nine_million_dollars(void **state)
{
	const nanousd big = 9007199254740990;

	(void)state;
	x.demands[0] = budget("b", big, BUDGET_NO_TOKENS);
	x.a.reservation.fixed_cost = big - 1;
	assert_int_equal(admit(1), 1);
	assert_int_equal(x.a.reservation.cost, big - 1);
	settle(true, big - 1, 0);
	check_budget(x.demands[0], big - 1, 0);
	x.a.reservation.fixed_cost = 2;
	assert_int_equal(admit(1), 0);
	x.a.reservation.fixed_cost = 1;
	assert_int_equal(admit(1), 1);
	check_budget(x.demands[0], big - 1, 1);
	settle(false, 0, 0);
	check_budget(x.demands[0], big - 1, 0);
}

/* As another process reads it in the journal of one that has died: in store 1, which did not ask.
 */
static void say_owed(nanousd cost, uint64_t tokens)
{
	struct owed *e = mem_zalloc(sizeof(*e) + 2 * sizeof(*e->counters));

	assert_non_null(e);
	e->id = slice_str(x.id);
	e->cost = cost;
	e->tokens = tokens;
	e->n = 2;
	for (unsigned i = 0; i < 2; i++)
		e->counters[i] = (struct entry_counter){
		        x.demands[i].group, x.demands[i].name, 0, WINDOW_NEVER_ENDS};
	loop->now_is_stale = true;
	assert_int_equal(remote_settle_owed(remotes[1], e), 0);
	mem_free(e);
	WAIT_FOR(!remote_state(remotes[1]).settling);
}

static void owe_begin(uint64_t ttl_ns)
{
	x.demands[0] = budget("b", 1000, 1000);
	x.demands[1] = budget("all", 1000, 1000);
	x.demands[1].group = SLICE("g");
	x.a.reservation = (struct reservation){.fixed_cost = 100, .fixed_tokens = 10};
	x.id[0] = 0;
	assert_int_equal(admit_for(0, &x, 2, ttl_ns), 1);
}

static void check_both(nanousd spent, nanousd reserved)
{
	check_budget(x.demands[0], spent, reserved);
	check_budget(x.demands[1], spent, reserved);
}

static void what_a_process_before_has_settled_counts_once(void **state)
{
	(void)state;
	owe_begin(60 * NS_PER_S);
	check_both(0, 100);
	say_owed(30, 3);
	check_both(30, 0);
	assert_int_equal(look(x.demands[0]).spent_tokens, 3);
	say_owed(30, 3); /* by one more start */
	check_both(30, 0);
	settle(true, 30, 3); /* and by who did hold it */
	check_both(30, 0);
	owe_begin(60 * NS_PER_S);
	settle(true, 20, 2);
	say_owed(20, 2);
	check_both(50, 0);
}

static void what_was_charged_for_a_dead_process_is_corrected(void **state)
{
	(void)state;
	owe_begin(NS_PER_MS);
	rest(5);
	struct asked other = {.demands = {x.demands[0], x.demands[1]}};
	assert_int_equal(admit_for(2, &other, 2, 60 * NS_PER_S), 1); /* who charges it */
	settle_of(2, &other, false, 0, 0);
	WAIT_FOR(!remote_state(remotes[2]).settling);
	check_both(100, 0);
	say_owed(30, 3);
	check_both(30, 0);
	settle(true, 30, 3);
	check_both(30, 0);
}

static void what_is_not_known_any_more_is_not_charged_anew(void **state)
{
	(void)state;
	owe_begin(60 * NS_PER_S);
	settle(true, 30, 3);
	redis_server_must(&server, "DEL weir:{a:one}:i:%s", x.id); /* as its time passes */
	redis_server_must(&server, "DEL weir:{g}:i:%s", x.id);
	say_owed(30, 3);
	check_both(30, 0);
}

/* The counter is gone, and is made anew for as long as its window is. */
static void what_is_owed_to_a_counter_that_is_gone_is_kept_until_it_ends(void **state)
{
	uint64_t ends = clock_wall(&clock_system) / NS_PER_S + 3600;
	struct redisReply *r;

	(void)state;
	x.demands[0] = budget_in("b", 1000, 1000, 1, ends);
	x.a.reservation = (struct reservation){.fixed_cost = 100, .fixed_tokens = 10};
	x.id[0] = 0;
	assert_int_equal(admit_for(0, &x, 1, 60 * NS_PER_S), 1);
	redis_server_must(&server, "DEL weir:{a:one}:b:b:1 weir:{a:one}:n");
	x.demands[1] = x.demands[0];
	say_owed(30, 3);
	rest(5);
	check_budget(x.demands[0], 30, 0);
	r = redis_server_do(&server, "TTL weir:{a:one}:b:b:1");
	assert_in_range(r->integer, 3600, 3600 + 121);
	freeReplyObject(r);
	settle(true, 30, 3);
	check_budget(x.demands[0], 30, 0);
}

static void without_memory_nothing_is_asked(void **state)
{
	(void)state;
	x.demands[0] = budget("b", 10, BUDGET_NO_TOKENS);
	for (unsigned n = 0; n < 3; n++) {
		mem_fail_after(n);
		assert_int_equal(put(0, &x, 1, NS_PER_S), -ENOMEM);
		mem_fail_after(-1);
	}
	check_budget(x.demands[0], 0, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_begin, rig_end)
#define C(name) cmocka_unit_test_setup_teardown(name, rig_begin_cluster, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(an_admission_takes_all_that_it_asks),
	        T(a_refusal_leaves_nothing_taken_whoever_refuses),
	        T(what_did_not_run_gives_all_of_it_back),
	        T(a_rate_given_back_late_is_no_second_burst),
	        T(what_ran_gives_back_its_slot_and_not_its_rate),
	        T(token_rates_are_corrected_to_what_was_used),
	        T(the_output_is_lowered_to_what_every_budget_holds),
	        T(a_budget_held_by_others_says_so_and_until_when),
	        T(soft_demands_never_refuse_and_lower_nothing),
	        T(a_counter_named_twice_is_taken_from_once),
	        T(groups_of_their_own_take_part_in_all_or_nothing),
	        T(windows_are_counters_of_their_own),
	        T(a_window_that_is_forgotten_admits_nothing),
	        T(looking_takes_and_makes_nothing),
	        T(amounts_are_exact_up_to_nine_million_dollars),
	        T(what_a_process_before_has_settled_counts_once),
	        T(what_was_charged_for_a_dead_process_is_corrected),
	        T(what_is_not_known_any_more_is_not_charged_anew),
	        T(what_is_owed_to_a_counter_that_is_gone_is_kept_until_it_ends),
	        T(without_memory_nothing_is_asked),
	        C(an_admission_takes_all_that_it_asks),
	        C(what_did_not_run_gives_all_of_it_back),
	        C(what_a_process_before_has_settled_counts_once),
	        C(groups_of_their_own_take_part_in_all_or_nothing),
	};

	return redis_server_can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
