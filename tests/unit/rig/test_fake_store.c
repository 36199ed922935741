/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rig/fake_store: it keeps the promises of weir/store.h and of tickets, so that who passes
 * with it is right. */
#include "rig/unit.h"
#include <stdlib.h>
#include "rig/fake_store.h"

static struct turn turn;
static struct fake_store f;
static struct admission a;
static struct demand demands[2];
static unsigned n_done;
static int result_of;

static void done(struct ticket *t, int result)
{
	assert_ptr_equal(t, &a.ticket);
	n_done++;
	result_of = result;
}

static int begin(void **state)
{
	(void)state;
	turn_init(&turn);
	fake_store_init(&f, &turn);
	a = (struct admission){.demands = demands, .n = 1};
	ticket_init(&a.ticket, done);
	n_done = 0;
	return 0;
}

static int admit(uint64_t units, uint64_t burst)
{
	demands[0] = (struct demand){
	        .kind = DEMAND_RATE, .name = SLICE("k"), .rate = {1, 1, burst, units}};
	return f.store.ops->admit(&f.store, &a);
}

static void settle(bool ran, nanousd cost)
{
	f.store.ops->settle(&f.store, &a, &(struct settlement){.ran = ran, .cost = cost});
}

static void what_is_ready_is_said_at_once(void **state)
{
	(void)state;
	assert_int_equal(admit(3, 5), READY);
	assert_true(a.granted);
	assert_int_equal(a.refused_by, 1);
	assert_int_equal(admit(3, 5), READY);
	assert_false(a.granted);
	assert_int_equal(a.refused_by, 0);
	assert_int_equal(demands[0].state, DEMAND_REFUSED);
	assert_int_equal(fake_store_held(&f, "k"), 3);
	assert_false(ticket_is_armed(&a.ticket));
}

static void what_did_not_run_goes_back_and_what_ran_stays(void **state)
{
	(void)state;
	admit(3, 5);
	settle(false, 0);
	assert_int_equal(fake_store_held(&f, "k"), 0);
	assert_false(a.granted);
	admit(3, 5);
	settle(true, 0);
	assert_int_equal(fake_store_held(&f, "k"), 3);
	assert_int_equal(f.settles, 2);
}

static void an_admission_takes_all_or_nothing(void **state)
{
	(void)state;
	a.n = 2;
	a.reservation.fixed_cost = 7;
	demands[1] = (struct demand){
	        .kind = DEMAND_BUDGET, .name = SLICE("b"), .budget = {.limit_cost = 10}};
	admit(1, 5);
	assert_true(a.granted);
	settle(true, 5);
	assert_int_equal(fake_store_held(&f, "b"), 5);
	admit(1, 5);
	assert_int_equal(a.refused_by, 1);
	assert_int_equal(fake_store_held(&f, "k"), 1);
	demands[1].soft = true;
	admit(1, 5);
	assert_true(a.granted);
	assert_int_equal(demands[1].state, DEMAND_REFUSED);
	assert_int_equal(fake_store_held(&f, "b"), 12);
}

static void what_is_pending_is_said_in_a_later_turn_and_once(void **state)
{
	(void)state;
	f.pending = true;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(admit(3, 5), PENDING);
		assert_int_equal(fake_store_held(&f, "k"), i ? 3 : 0);
		assert_true(fake_store_answer(&f, 0));
		assert_int_equal(n_done, i);
		turn_run_ready(&turn);
		assert_int_equal(n_done, i + 1);
		assert_int_equal(result_of, !i);
	}
	assert_false(fake_store_answer(&f, 0));
}

static void a_cancelled_admission_takes_nothing_unless_it_was_complete(void **state)
{
	(void)state;
	f.pending = true;
	admit(3, 5);
	assert_false(ticket_is_complete(&a.ticket));
	ticket_cancel(&a.ticket);
	assert_int_equal(f.drops, 1);
	assert_int_equal(fake_store_waiting(&f), 0);
	assert_int_equal(fake_store_held(&f, "k"), 0);
	assert_false(a.granted);
	admit(3, 5);
	fake_store_answer(&f, 0);
	assert_true(ticket_is_complete(&a.ticket));
	ticket_cancel(&a.ticket);
	turn_run_ready(&turn);
	assert_int_equal(n_done, 0);
	assert_int_equal(fake_store_held(&f, "k"), 3);
	assert_true(a.granted); /* who cancels settles it */
	settle(false, 0);
	assert_int_equal(fake_store_held(&f, "k"), 0);
}

static void it_fails_as_it_is_told(void **state)
{
	(void)state;
	f.fails = -EIO;
	assert_int_equal(admit(1, 5), -EIO);
	assert_false(a.granted);
	f.fails = 0;
	f.pending = true;
	admit(1, 5);
	fake_store_answer(&f, -ETIMEDOUT);
	turn_run_ready(&turn);
	assert_int_equal(result_of, -ETIMEDOUT);
	assert_int_equal(fake_store_held(&f, "k"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(what_is_ready_is_said_at_once, begin),
	        cmocka_unit_test_setup(what_did_not_run_goes_back_and_what_ran_stays, begin),
	        cmocka_unit_test_setup(an_admission_takes_all_or_nothing, begin),
	        cmocka_unit_test_setup(what_is_pending_is_said_in_a_later_turn_and_once, begin),
	        cmocka_unit_test_setup(
	                a_cancelled_admission_takes_nothing_unless_it_was_complete, begin),
	        cmocka_unit_test_setup(it_fails_as_it_is_told, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
