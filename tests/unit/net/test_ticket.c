/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/ticket: the three promises, and the turn. */
#include "rig/unit.h"
#include <string.h>
#include "weir/ticket.h"

static unsigned dones, drops, frees;
static int last_result;
static struct turn turn;
static struct ticket other;

static void count_done(struct ticket *t, int result)
{
	assert_false(ticket_is_armed(t));
	dones++;
	last_result = result;
}

static void count_drop(struct ticket *t)
{
	assert_true(ticket_is_armed(t));
	assert_ptr_equal(t->provider, &turn);
	drops++;
}

static int begin(void **state)
{
	(void)state;
	dones = drops = frees = 0;
	turn_init(&turn);
	ticket_init(&other, count_done);
	return 0;
}

static void done_comes_in_the_turn_and_not_before(void **state)
{
	struct ticket t;

	(void)state;
	ticket_init(&t, count_done);
	assert_false(ticket_is_armed(&t));
	ticket_arm(&t, &turn, count_drop, &turn);
	assert_true(ticket_is_armed(&t));
	assert_false(turn_run_ready(&turn));
	ticket_complete(&t, 7);
	assert_int_equal(dones, 0);
	assert_true(turn_run_ready(&turn));
	assert_int_equal(dones, 1);
	assert_int_equal(last_result, 7);
	assert_false(ticket_is_armed(&t));
	assert_false(turn_run_ready(&turn));
	assert_int_equal(drops, 0);
}

static void after_cancel_done_never_comes(void **state)
{
	struct ticket t;

	(void)state;
	ticket_init(&t, count_done);
	ticket_cancel(&t);
	ticket_arm(&t, &turn, count_drop, &turn);
	ticket_cancel(&t);
	assert_int_equal(drops, 1);
	ticket_arm(&t, &turn, count_drop, &turn);
	ticket_complete(&t, 1);
	ticket_cancel(&t);
	ticket_cancel(&t);
	assert_int_equal(drops, 1);
	assert_false(turn_run_ready(&turn));
	assert_int_equal(dones, 0);
}

static void cancel_the_other(struct ticket *t, int result)
{
	count_done(t, result);
	ticket_cancel(&other);
}

static void a_complete_ticket_may_be_cancelled_by_another_ones_done(void **state)
{
	struct ticket t;

	(void)state;
	ticket_init(&t, cancel_the_other);
	ticket_arm(&t, &turn, count_drop, &turn);
	ticket_arm(&other, &turn, count_drop, &turn);
	ticket_complete(&t, 1);
	ticket_complete(&other, 2);
	assert_true(turn_run_ready(&turn));
	assert_int_equal(dones, 1);
	assert_false(turn_run_ready(&turn));
}

static void arm_again_and_complete(struct ticket *t, int result)
{
	count_done(t, result);
	ticket_arm(t, &turn, count_drop, &turn);
	ticket_complete(t, result + 1);
}

static void what_completes_in_a_done_waits_for_the_next_round(void **state)
{
	struct ticket t;

	(void)state;
	ticket_init(&t, arm_again_and_complete);
	ticket_arm(&t, &turn, count_drop, &turn);
	ticket_complete(&t, 0);
	for (unsigned i = 1; i < 10; i++) {
		assert_true(turn_run_ready(&turn));
		assert_int_equal(dones, i);
		assert_int_equal(last_result, i - 1);
	}
	ticket_cancel(&t);
	assert_false(turn_run_ready(&turn));
}

static void a_ticket_is_not_touched_after_its_done(struct ticket *t, int result)
{
	count_done(t, result);
	memset(t, 0xee, sizeof(*t));
}

static void a_done_may_destroy_its_ticket(void **state)
{
	struct ticket t;

	(void)state;
	ticket_init(&t, a_ticket_is_not_touched_after_its_done);
	ticket_arm(&t, &turn, count_drop, &turn);
	ticket_arm(&other, &turn, count_drop, &turn);
	ticket_complete(&t, 1);
	ticket_complete(&other, 2);
	assert_true(turn_run_ready(&turn));
	assert_int_equal(dones, 2);
	assert_int_equal(last_result, 2);
}

static struct reapable mourner;

static void count_free(struct reapable *r)
{
	frees++;
	memset(r, 0xee, sizeof(*r));
}

static void bury_another(struct reapable *r)
{
	count_free(r);
	turn_bury(&turn, &mourner);
}

static void the_dead_are_freed_once_at_the_end(void **state)
{
	struct reapable a = {.free = count_free}, b = {.free = bury_another};

	(void)state;
	mourner = (struct reapable){.free = count_free};
	turn_bury(&turn, &a);
	turn_bury(&turn, &a);
	turn_bury(&turn, &b);
	turn_bury(&turn, &a);
	turn_bury(&turn, &b);
	assert_int_equal(frees, 0);
	turn_reap(&turn);
	assert_int_equal(frees, 3);
	turn_reap(&turn);
	assert_int_equal(frees, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(done_comes_in_the_turn_and_not_before, begin),
	        cmocka_unit_test_setup(after_cancel_done_never_comes, begin),
	        cmocka_unit_test_setup(
	                a_complete_ticket_may_be_cancelled_by_another_ones_done, begin),
	        cmocka_unit_test_setup(what_completes_in_a_done_waits_for_the_next_round, begin),
	        cmocka_unit_test_setup(a_done_may_destroy_its_ticket, begin),
	        cmocka_unit_test_setup(the_dead_are_freed_once_at_the_end, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
