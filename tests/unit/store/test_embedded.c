/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/embedded: one question admits a call or takes nothing, and what was admitted is
 * settled with what it used. */
#include "unit/store/store_rig.h"
#include <stdio.h>
#include "rig/starve.h"

static void an_admission_takes_all_that_it_asks(void **state)
{
	(void)state;
	demands[0] = rate("r", 10, 3);
	demands[1] = slot("s", 2);
	demands[2] = budget("b", 1000, 2000);
	demands[3] = budget("c", BUDGET_NO_COST, BUDGET_NO_TOKENS);
	a.reservation = (struct reservation){.fixed_cost = 10,
	        .fixed_tokens = 20,
	        .out_price = 1001,
	        .out_tokens_each = 2,
	        .out_wanted = 100,
	        .out_min = 50};
	assert_int_equal(admit(4), READY);
	assert_true(a.granted);
	assert_int_equal(a.refused_by, 4);
	assert_int_equal(a.reservation.out_granted, 100);
	assert_int_equal(a.reservation.cost, 10 + 101); /* rounded up once */
	assert_int_equal(a.reservation.tokens, 220);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(demands[i].state, DEMAND_GRANTED);
	assert_int_equal(demands[0].left, 7);
	assert_int_equal(demands[0].reset_ns, 300 * NS_PER_MS);
	for (unsigned i = 2; i < 4; i++) {
		assert_int_equal(demands[i].reserved_cost, 111);
		assert_int_equal(demands[i].reserved_tokens, 220);
	}
	settle(true, 50, 60);
	assert_false(a.granted);
	check_budget(demands[2], 50, 0);
	check_budget(demands[3], 50, 0);
	assert_int_equal(look(demands[3]).spent_tokens, 60);
	assert_int_equal(look(rate("r", 10, 1)).left, 7);
}

static void a_refusal_leaves_nothing_taken_whoever_refuses(void **state)
{
	(void)state;
	for (unsigned by = 0; by < 4; by++) {
		demands[0] = rate("r", 10, by == 0 ? 11 : 1);
		demands[1] = slot("s", by == 1 ? 0 : 1);
		demands[2] = budget("b", 1000, by == 2 ? 19 : 2000);
		demands[3] = budget("c", by == 3 ? 9 : 1000, BUDGET_NO_TOKENS);
		a.reservation = (struct reservation){.fixed_cost = 10, .fixed_tokens = 20};
		assert_int_equal(admit(4), READY);
		assert_false(a.granted);
		assert_int_equal(a.refused_by, by);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(demands[i].state, i < by   ? DEMAND_GRANTED
			                                   : i > by ? DEMAND_NOT_ASKED
			                                   : by     ? DEMAND_REFUSED
			                                            : DEMAND_NEVER);
		assert_int_equal(look(rate("r", 10, 1)).left, 10);
		check_budget(demands[2], 0, 0);
		demands[1] = slot("s", 1);
		demands[0] = demands[1];
		assert_int_equal(admit(1), READY);
		assert_true(a.granted);
		settle(true, 0, 0);
	}
}

static void what_did_not_run_gives_all_of_it_back(void **state)
{
	(void)state;
	demands[0] = rate("r", 10, 10);
	demands[1] = rate("t", 1000, 1000);
	demands[1].by_tokens = true;
	demands[2] = slot("s", 1);
	demands[3] = budget("b", 1000, 1000);
	a.reservation = (struct reservation){.fixed_cost = 1000, .fixed_tokens = 1000};
	for (unsigned i = 0; i < 3; i++) {
		admit(4);
		assert_true(a.granted);
		settle(false, 0, 0);
		fake_clock_advance(&fake, 1);
	}
	check_budget(demands[3], 0, 0);
}

static void what_ran_gives_back_its_slot_and_not_its_rate(void **state)
{
	(void)state;
	demands[0] = slot("s", 1);
	demands[1] = rate("r", 2, 1);
	for (unsigned i = 0; i < 2; i++) {
		admit(2);
		assert_true(a.granted);
		settle(true, 0, 0);
	}
	admit(2);
	assert_int_equal(a.refused_by, 1);
	assert_int_equal(demands[1].wait_ns, NS_PER_S / 2);
	fake_clock_advance(&fake, NS_PER_S / 2 - 1);
	admit(2);
	assert_false(a.granted);
	fake_clock_advance(&fake, 1);
	admit(2);
	assert_true(a.granted);
	settle(true, 0, 0);
}

/* Whoever asks is judged by the rate that it brings, and settled by that, also between others of
 * another policy. */
static void a_counter_goes_by_the_rate_of_who_asks(void **state)
{
	(void)state;
	demands[0] = rate("r", 10, 1);
	admit(1);
	assert_int_equal(demands[0].left, 9);
	assert_int_equal(look(rate("r", 20, 1)).left, 18); /* a tenth of a second is used */
	settle(true, 0, 0);
	demands[0] = rate("r", 2, 1);
	admit(1);
	assert_true(a.granted);
	assert_int_equal(demands[0].reset_ns, 600 * NS_PER_MS);
	assert_int_equal(look(rate("r", 10, 1)).left, 4);
	assert_int_equal(look(rate("r", 0, 1)).state, DEMAND_NEVER);
	demands[1] = demands[0];
	struct admission first = a;
	first.demands = &demands[1];
	demands[0] = rate("r", 10, 1);
	admit(1);
	assert_true(a.granted);
	settle(true, 0, 0);
	store->ops->settle(store, &first, &(struct settlement){.ran = false});
	assert_int_equal(look(rate("r", 10, 1)).reset_ns, 200 * NS_PER_MS);
	demands[0] = rate("r", 10, 1);
	demands[0].rate.period_ns = 10 * NS_PER_S;
	admit(1);
	assert_int_equal(demands[0].reset_ns, 1200 * NS_PER_MS);
	settle(true, 0, 0);
}

static void token_rates_are_corrected_to_what_was_used(void **state)
{
	(void)state;
	demands[0] = rate("t", 1000, 600);
	demands[0].by_tokens = true;
	admit(1);
	settle(true, 0, 100);
	assert_int_equal(look(rate("t", 1000, 1)).left, 900);
	admit(1);
	settle(true, 0, 1900); /* a thousand more than there were */
	assert_int_equal(look(rate("t", 1000, 1)).left, 0);
	assert_int_equal(look(rate("t", 1000, 1)).wait_ns, 1001 * NS_PER_MS);
}

/* Setting the time gives nobody another burst, and takes it from nobody. */
static void rates_do_not_go_by_the_wall_clock(void **state)
{
	(void)state;
	demands[0] = rate("r", 10, 10);
	admit(1);
	settle(true, 0, 0);
	fake.wall += 3600 * NS_PER_S;
	admit(1);
	assert_false(a.granted);
	fake.wall -= 7200 * NS_PER_S;
	fake.mono += NS_PER_S;
	admit(1);
	assert_true(a.granted);
	settle(true, 0, 0);
}

static void the_output_is_lowered_to_what_every_budget_holds(void **state)
{
	(void)state;
	demands[0] = budget("a", 900, BUDGET_NO_TOKENS);
	demands[1] = budget("b", 500, BUDGET_NO_TOKENS);
	demands[2] = budget("c", BUDGET_NO_COST, 700);
	a.reservation = (struct reservation){.fixed_cost = 100,
	        .fixed_tokens = 100,
	        .out_price = 1000,
	        .out_tokens_each = 1,
	        .out_wanted = 4096,
	        .out_min = 256};
	admit(3);
	assert_true(a.granted);
	assert_int_equal(a.reservation.out_granted, 400);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(demands[i].reserved_cost, 500);
	settle(true, 150, 150);
	admit(3); /* 350 left: 250 of output are too few */
	assert_false(a.granted);
	assert_int_equal(a.refused_by, 1);
	assert_int_equal(demands[1].state, DEMAND_REFUSED);
	a.reservation.out_min = 250;
	admit(3);
	assert_true(a.granted);
	assert_int_equal(a.reservation.out_granted, 250);
	settle(false, 0, 0);
}

static void a_budget_held_by_others_says_so_and_until_when(void **state)
{
	struct demand mine = budget("b", 1000, BUDGET_NO_TOKENS);
	struct admission other = {.demands = &mine,
	        .n = 1,
	        .now_wall_ns = fake.wall,
	        .expires = fake.wall + 30 * NS_PER_S,
	        .reservation = {.fixed_cost = 600}};

	(void)state;
	store->ops->admit(store, &other);
	demands[0] = budget("b", 1000, BUDGET_NO_TOKENS);
	a.reservation.fixed_cost = 500;
	admit(1);
	assert_false(a.granted);
	assert_int_equal(demands[0].state, DEMAND_RESERVED);
	assert_int_equal(demands[0].wait_ns, 30 * NS_PER_S);
	assert_int_equal(demands[0].reserved_cost, 600);
	store->ops->settle(store, &other, &(struct settlement){.ran = true, .cost = 700});
	admit(1);
	assert_int_equal(demands[0].state, DEMAND_REFUSED);
	assert_int_equal(demands[0].wait_ns, 0);
	check_budget(demands[0], 700, 0);
}

static void soft_demands_never_refuse_and_lower_nothing(void **state)
{
	(void)state;
	demands[0] = rate("r", 1, 1);
	demands[1] = slot("s", 0);
	demands[2] = budget("b", 10, BUDGET_NO_TOKENS);
	demands[3] = rate("never", 1, 2);
	for (unsigned i = 0; i < 4; i++)
		demands[i].soft = true;
	a.reservation = (struct reservation){.fixed_cost = 6, .out_price = 1000, .out_wanted = 100};
	for (unsigned i = 0; i < 3; i++) {
		admit(4);
		assert_true(a.granted);
		assert_int_equal(a.refused_by, 4);
		assert_int_equal(a.reservation.out_granted, 100);
		assert_int_equal(demands[0].state, i ? DEMAND_REFUSED : DEMAND_GRANTED);
		assert_int_equal(demands[1].state, DEMAND_REFUSED);
		assert_int_equal(demands[2].state, i ? DEMAND_REFUSED : DEMAND_GRANTED);
		assert_int_equal(demands[3].state, DEMAND_NEVER);
		settle(true, 50, 0);
		check_budget(demands[2], 50 * (nanousd)(i + 1), 0); /* it is spent all the same */
	}
	fake_clock_advance(&fake, NS_PER_S); /* what would have been refused used up no rate */
	admit(1);
	assert_int_equal(demands[0].state, DEMAND_GRANTED);
	settle(true, 0, 0);
}

static void a_counter_named_twice_is_taken_from_once(void **state)
{
	(void)state;
	demands[0] = budget("b", 1000, BUDGET_NO_TOKENS);
	demands[1] = budget("b", 300, BUDGET_NO_TOKENS); /* the caller's own, lower */
	demands[2] = rate("r", 10, 6);
	demands[3] = rate("r", 20, 6);
	demands[4] = slot("s", 1);
	demands[5] = slot("s", 1);
	a.reservation =
	        (struct reservation){.fixed_cost = 100, .out_price = 1000, .out_wanted = 900};
	admit(6);
	assert_true(a.granted);
	assert_int_equal(a.reservation.out_granted, 200);
	check_budget(demands[0], 0, 300);
	assert_int_equal(look(rate("r", 10, 1)).left, 4);
	settle(true, 300, 0);
	check_budget(demands[0], 300, 0);
	admit(6);
	assert_int_equal(a.refused_by, 1);
}

static void groups_of_their_own_take_part_in_all_or_nothing(void **state)
{
	(void)state;
	demands[0] = rate("r", 1, 1);
	demands[0].group = SLICE("tool:search");
	demands[1] = budget("b", 100, BUDGET_NO_TOKENS);
	demands[1].group = SLICE("g");
	demands[2] = budget("b", 10, BUDGET_NO_TOKENS);
	a.reservation.fixed_cost = 20;
	admit(3);
	assert_int_equal(a.refused_by, 2);
	check_budget(demands[1], 0, 0);
	a.reservation.fixed_cost = 10;
	admit(3);
	assert_true(a.granted);
	check_budget(demands[1], 0, 10);
	settle(true, 10, 0);
	check_budget(demands[1], 10, 0);
	admit(3);
	assert_int_equal(a.refused_by, 0);
}

static void a_new_window_begins_with_nothing_and_the_old_one_is_settled_in_its_own(void **state)
{
	struct demand old = budget("b", 100, BUDGET_NO_TOKENS), next = old;

	(void)state;
	next.budget.window += 3600;
	next.budget.ends += 3600;
	demands[0] = old;
	a.reservation.fixed_cost = 100;
	admit(1);
	fake_clock_advance(&fake, 7200 * NS_PER_S);
	for (unsigned i = 0; i < 10; i++)
		embedded_sweep(embedded);
	check_budget(next, 0, 0);
	check_budget(old, 0, 100); /* held, so it is not forgotten */
	settle(true, 90, 0);
	check_budget(old, 90, 0);
	fake_clock_advance(&fake, TABLE_QUIET_NS);
	for (unsigned i = 0; i < 10; i++)
		embedded_sweep(embedded);
	check_budget(old, 0, 0);
	assert_int_equal(embedded_memory(embedded), 0);
}

static void each_call_moves_the_end_of_a_counter_without_window(void **state)
{
	(void)state;
	for (unsigned call = 1; call < 10; call++) {
		demands[0] = budget("w", 1000, BUDGET_NO_TOKENS);
		demands[0].budget.window = 0;
		demands[0].budget.ends = fake.wall / NS_PER_S + 86400;
		a.reservation.fixed_cost = 1;
		admit(1);
		settle(true, 1, 0);
		fake_clock_advance(&fake, 80000 * NS_PER_S);
		for (unsigned i = 0; i < 10; i++)
			embedded_sweep(embedded);
		check_budget(demands[0], call, 0);
	}
	fake_clock_advance(&fake, 6400 * NS_PER_S);
	for (unsigned i = 0; i < 10; i++)
		embedded_sweep(embedded);
	check_budget(demands[0], 0, 0);
}

/* Making a counter sweeps; what the same admission has found before stays. */
static void what_was_quiet_for_long_may_be_asked_with_what_is_new(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e"};

	(void)state;
	demands[0] = slot("old", 1);
	admit(1);
	settle(true, 0, 0);
	fake_clock_advance(&fake, 10 * TABLE_QUIET_NS);
	for (unsigned i = 0; i < 5; i++)
		demands[i + 1] = budget(names[i], 100, BUDGET_NO_TOKENS);
	admit(6);
	assert_true(a.granted);
	settle(true, 1, 0);
	assert_true(look(slot("old", 1)).state == DEMAND_GRANTED);
}

static void a_crowded_group_refuses_new_counters_only(void **state)
{
	char name[16];

	embedded_free(embedded);
	assert_int_equal(rig_begin_with((struct table_limits){.ids = 10, .memory = 1u << 20}), 0);
	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		demands[0] = rate("r", 100, 1);
		demands[1] = budget(name, 1000, BUDGET_NO_TOKENS);
		a.reservation.fixed_cost = 1;
		admit(2);
		assert_int_equal(a.granted, i < 9);
		if (a.granted)
			settle(true, 1, 0);
		else
			assert_int_equal(demands[1].state, DEMAND_CROWDED);
	}
	assert_int_equal(look(rate("r", 100, 1)).left, 91);
	demands[1].soft = true;
	admit(2);
	assert_true(a.granted);
	assert_int_equal(demands[1].state, DEMAND_CROWDED);
	settle(true, 1, 0);
	demands[1] = budget("u3", 1000, BUDGET_NO_TOKENS);
	admit(2);
	assert_true(a.granted);
	settle(true, 1, 0);
}

static void looking_takes_and_makes_nothing(void **state)
{
	struct demand d;

	(void)state;
	d = look(rate("r", 10, 1));
	assert_int_equal(d.state, DEMAND_GRANTED);
	assert_int_equal(d.left, 10);
	assert_int_equal(look(rate("r", 10, 11)).state, DEMAND_NEVER);
	assert_int_equal(look(slot("s", 0)).state, DEMAND_REFUSED);
	assert_int_equal(look(budget("b", 0, BUDGET_NO_TOKENS)).state, DEMAND_REFUSED);
	assert_int_equal(embedded_memory(embedded), 0);
	demands[0] = budget("b", 10, BUDGET_NO_TOKENS);
	a.reservation.fixed_cost = 10;
	admit(1);
	assert_int_equal(look(demands[0]).state, DEMAND_RESERVED);
	assert_int_equal(look(demands[0]).wait_ns, 60 * NS_PER_S);
	settle(true, 9, 0);
	assert_int_equal(look(demands[0]).state, DEMAND_GRANTED);
}

static void check_visit(void *arg, const struct counter *c)
{
	++*(unsigned *)arg;
	assert_slice(c->group, "a:one");
	assert_slice(c->name, "b");
	assert_int_equal(c->window, WALL_S);
	assert_int_equal(c->ends, WALL_S + 3600);
	assert_int_equal(c->spent_cost, 77);
	assert_int_equal(c->spent_tokens, 88);
	assert_int_equal(c->reserved_cost, 5);
}

static void what_was_loaded_counts_and_is_walked(void **state)
{
	unsigned visits = 0;

	(void)state;
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(embedded_load(embedded, SLICE("a:one"), SLICE("b"), WALL_S,
		                         WALL_S + 3600, 11, 12),
		        0);
	assert_int_equal(
	        embedded_load(embedded, SLICE("a:one"), SLICE("b"), WALL_S, WALL_S, 0, 4), 0);
	demands[0] = budget("b", 82, BUDGET_NO_TOKENS);
	demands[1] = rate("r", 1, 1);
	a.reservation.fixed_cost = 5;
	admit(2);
	assert_true(a.granted);
	embedded_walk(embedded, check_visit, &visits);
	assert_int_equal(visits, 1);
	settle(true, 5, 0);
	admit(2);
	assert_false(a.granted);
}

static int admit_something(void *arg)
{
	int r = rig_begin_with((struct table_limits){.ids = 100, .memory = 1u << 20});

	(void)arg;
	if (r)
		return r;
	demands[0] = rate("r", 10, 4);
	demands[0].group = SLICE("tool:x");
	demands[1] = slot("s", 1);
	demands[2] = budget("b", 100, BUDGET_NO_TOKENS);
	demands[3] = demands[2];
	demands[3].group = SLICE("g");
	a.reservation.fixed_cost = 60;
	r = admit(4);
	assert_int_equal(a.granted, !r);
	check_budget(demands[2], 0, r ? 0 : 60);
	check_budget(demands[3], 0, r ? 0 : 60);
	if (a.granted)
		settle(false, 0, 0);
	demands[4] = rate("r", 10, 1);
	demands[4].group = SLICE("tool:x");
	assert_int_equal(look(demands[4]).left, 10);
	embedded_free(embedded);
	return r;
}

static void without_memory_nothing_is_taken(void **state)
{
	(void)state;
	assert_true(starve(admit_something, NULL) > 10);
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(an_admission_takes_all_that_it_asks),
	        T(a_refusal_leaves_nothing_taken_whoever_refuses),
	        T(what_did_not_run_gives_all_of_it_back),
	        T(what_ran_gives_back_its_slot_and_not_its_rate),
	        T(a_counter_goes_by_the_rate_of_who_asks),
	        T(token_rates_are_corrected_to_what_was_used),
	        T(rates_do_not_go_by_the_wall_clock),
	        T(the_output_is_lowered_to_what_every_budget_holds),
	        T(a_budget_held_by_others_says_so_and_until_when),
	        T(soft_demands_never_refuse_and_lower_nothing),
	        T(a_counter_named_twice_is_taken_from_once),
	        T(groups_of_their_own_take_part_in_all_or_nothing),
	        T(a_new_window_begins_with_nothing_and_the_old_one_is_settled_in_its_own),
	        T(each_call_moves_the_end_of_a_counter_without_window),
	        T(what_was_quiet_for_long_may_be_asked_with_what_is_new),
	        T(a_crowded_group_refuses_new_counters_only),
	        T(looking_takes_and_makes_nothing),
	        T(what_was_loaded_counts_and_is_walked),
	        cmocka_unit_test(without_memory_nothing_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
