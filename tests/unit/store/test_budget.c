/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/budget: what fits, to the nano-dollar and the token, and what is left in the
 * books. */
#include "rig/unit.h"
#include "store/budget.h"

static struct demand limit(nanousd cost, uint64_t tokens)
{
	return (struct demand){
	        .kind = DEMAND_BUDGET, .budget = {.limit_cost = cost, .limit_tokens = tokens}};
}

static void the_output_is_lowered_to_what_fits_and_no_further(void **state)
{
	const struct demand d = limit(1000, BUDGET_NO_TOKENS);
	/* 1.5 nano-dollars a token: 600 of them are 900, and 601 are 901.5, rounded up. */
	struct reservation r = {
	        .fixed_cost = 100, .out_price = 1500, .out_wanted = 4000, .out_min = 600};
	struct budget b = {0};

	(void)state;
	r.out_granted = r.out_wanted;
	assert_int_equal(budget_judge(&b, &d, &r, &r.out_granted), DEMAND_GRANTED);
	assert_int_equal(r.out_granted, 600);
	reservation_price(&r);
	assert_int_equal(r.cost, 1000);
	r.out_min = 601;
	assert_int_equal(budget_judge(&b, &d, &r, &r.out_granted), DEMAND_REFUSED);
	assert_int_equal(r.out_granted, 600);
}

/* A budget in shadow reserves whatever is asked for, in counters that others share. */
static void no_sum_of_reservations_forgets_one_of_them(void **state)
{
	const struct reservation own = {.cost = 400, .tokens = 40},
	                         huge = {.cost = INT64_MAX, .tokens = UINT64_MAX};
	const struct settlement none = {.ran = false};
	struct demand d = limit(1000, 100);
	struct budget b = {0};

	(void)state;
	budget_reserve(&b, &own, 1, 0);
	budget_reserve(&b, &huge, 1, 1);
	budget_reserve(&b, &huge, 1, 2);
	budget_tell(&b, &d, 0);
	assert_true(d.reserved_cost == INT64_MAX && d.reserved_tokens == UINT64_MAX);
	budget_settle(&b, &huge, &none, 1, 2);
	budget_settle(&b, &huge, &none, 1, 1);
	budget_tell(&b, &d, 0);
	assert_int_equal(d.reserved_cost, 400);
	assert_int_equal(d.reserved_tokens, 40);
}

static void tokens_count_each_of_several_answers(void **state)
{
	const struct demand d = limit(BUDGET_NO_COST, 1000);
	struct reservation r = {.fixed_cost = INT64_MAX,
	        .fixed_tokens = 100,
	        .out_tokens_each = 4,
	        .out_wanted = 4000,
	        .out_min = 225};
	struct budget b = {0};

	(void)state;
	r.out_granted = r.out_wanted;
	assert_int_equal(budget_judge(&b, &d, &r, &r.out_granted), DEMAND_GRANTED);
	assert_int_equal(r.out_granted, 225);
	reservation_price(&r);
	assert_int_equal(r.tokens, 1000);
	b.spent_tokens = 1;
	assert_int_equal(budget_judge(&b, &d, &r, &r.out_granted), DEMAND_REFUSED);
}

static void what_others_hold_in_reserve_is_told_apart_from_what_is_spent(void **state)
{
	const struct demand d = limit(1000, 1000);
	const struct reservation r = {.fixed_cost = 400, .fixed_tokens = 400};
	uint64_t out = 0;

	(void)state;
	assert_int_equal(budget_judge(&(struct budget){.spent_cost = 300, .reserved_cost = 300}, &d,
	                         &r, &out),
	        DEMAND_GRANTED);
	assert_int_equal(budget_judge(&(struct budget){.spent_cost = 300, .reserved_cost = 301}, &d,
	                         &r, &out),
	        DEMAND_RESERVED);
	assert_int_equal(budget_judge(&(struct budget){.spent_tokens = 600, .reserved_tokens = 1},
	                         &d, &r, &out),
	        DEMAND_RESERVED);
	assert_int_equal(
	        budget_judge(&(struct budget){.spent_cost = 601, .reserved_cost = 1}, &d, &r, &out),
	        DEMAND_REFUSED);
	assert_int_equal(
	        budget_judge(&(struct budget){.spent_tokens = 601}, &d, &r, &out), DEMAND_REFUSED);
}

static void the_least_output_is_never_more_than_what_was_wanted(void **state)
{
	const struct demand d = limit(1000, BUDGET_NO_TOKENS);
	const struct reservation r = {.out_price = 1000000, .out_wanted = 1, .out_min = 256};
	uint64_t out = 1;

	(void)state;
	assert_int_equal(budget_judge(&(struct budget){0}, &d, &r, &out), DEMAND_GRANTED);
	assert_int_equal(
	        budget_judge(&(struct budget){.spent_cost = 1}, &d, &r, &out), DEMAND_REFUSED);
}

/* The most that fits does, one more does not; whatever the numbers. */
static void what_is_granted_is_the_most_that_fits(void **state)
{
	uint64_t seed = 88172645463325252;

	(void)state;
	for (unsigned i = 0; i < 1000000; i++) {
		uint64_t n[8], out;

		for (unsigned k = 0; k < 8; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			n[k] = seed >> (1 + seed % 63);
		}
		const struct demand d = limit((nanousd)n[0], n[1]);
		struct budget b = {.spent_cost = n[2] / 2, .spent_tokens = n[3] / 4};
		struct reservation r = {.fixed_cost = (nanousd)n[4] / 2,
		        .fixed_tokens = n[5],
		        .out_price = n[6],
		        .out_tokens_each = n[7] % 4,
		        .out_wanted = UINT64_MAX};

		out = r.out_wanted;
		if (budget_judge(&b, &d, &r, &out) != DEMAND_GRANTED)
			continue;
		r.out_granted = out;
		reservation_price(&r);
		assert_true(b.spent_cost + (uint64_t)r.cost <= n[0]);
		assert_true(b.spent_tokens + r.tokens <= n[1]);
		if (out == UINT64_MAX)
			continue;
		r.out_granted = out + 1;
		reservation_price(&r);
		assert_true(
		        b.spent_cost + (uint64_t)r.cost > n[0] || b.spent_tokens + r.tokens > n[1]);
	}
}

static void sums_saturate(void **state)
{
	struct budget b = {.spent_cost = INT64_MAX - 1, .spent_tokens = UINT64_MAX - 1};
	struct reservation r = {.fixed_cost = INT64_MAX,
	        .fixed_tokens = UINT64_MAX,
	        .out_price = UINT64_MAX,
	        .out_tokens_each = UINT64_MAX,
	        .out_granted = UINT64_MAX};
	struct demand d = limit(INT64_MAX - 1, UINT64_MAX - 1);
	uint64_t out = 0;

	(void)state;
	reservation_price(&r);
	assert_true(r.cost == INT64_MAX && r.tokens == UINT64_MAX);
	budget_reserve(&b, &r, 1, 0);
	budget_reserve(&b, &r, 1, 1);
	assert_int_equal(budget_judge(&b, &d, &r, &out), DEMAND_REFUSED);
	budget_settle(&b, &r, &(struct settlement){true, INT64_MAX, UINT64_MAX}, 1, 1);
	budget_tell(&b, &d, 0);
	assert_true(d.spent_cost == INT64_MAX && d.spent_tokens == UINT64_MAX);
	assert_true(d.reserved_cost >= 0);
}

static void a_reservation_becomes_what_was_spent(void **state)
{
	struct budget b = {0};
	struct reservation r = {.fixed_cost = 10, .fixed_tokens = 20};
	struct demand d = {.state = DEMAND_GRANTED};

	(void)state;
	reservation_price(&r);
	for (unsigned i = 0; i < 3; i++)
		budget_reserve(&b, &r, 100, i);
	budget_settle(&b, &r, &(struct settlement){true, 4, 5}, 100, 2);
	budget_settle(&b, &r, &(struct settlement){false, 4, 5}, 100, 1);
	budget_settle(&b, &r, &(struct settlement){true, 40, 50}, 100, 0);
	budget_tell(&b, &d, 0);
	assert_int_equal(d.spent_cost, 44);
	assert_int_equal(d.spent_tokens, 55);
	assert_int_equal(d.reserved_cost, 0);
	assert_int_equal(d.reserved_tokens, 0);
}

static void who_is_refused_hears_when_the_next_reservation_expires(void **state)
{
	struct budget b = {0};
	struct reservation r = {.fixed_cost = 1};
	struct demand d = {.state = DEMAND_RESERVED};

	(void)state;
	reservation_price(&r);
	budget_reserve(&b, &r, 500, 0);
	budget_reserve(&b, &r, 300, 1);
	budget_reserve(&b, &r, 400, 2);
	budget_tell(&b, &d, 100);
	assert_int_equal(d.wait_ns, 200);
	budget_settle(&b, &r, &(struct settlement){true}, 300, 2);
	budget_tell(&b, &d, 100); /* at the latest */
	assert_int_equal(d.wait_ns, 400);
	d.state = DEMAND_REFUSED;
	budget_tell(&b, &d, 100);
	assert_int_equal(d.wait_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_output_is_lowered_to_what_fits_and_no_further),
	        cmocka_unit_test(no_sum_of_reservations_forgets_one_of_them),
	        cmocka_unit_test(tokens_count_each_of_several_answers),
	        cmocka_unit_test(what_others_hold_in_reserve_is_told_apart_from_what_is_spent),
	        cmocka_unit_test(the_least_output_is_never_more_than_what_was_wanted),
	        cmocka_unit_test(what_is_granted_is_the_most_that_fits),
	        cmocka_unit_test(sums_saturate),
	        cmocka_unit_test(a_reservation_becomes_what_was_spent),
	        cmocka_unit_test(who_is_refused_hears_when_the_next_reservation_expires),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
