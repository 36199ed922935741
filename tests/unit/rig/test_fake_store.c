/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rig/fake_store: it keeps the promises of weir/store.h and of tickets, so that who passes
 * with it is right. */
#include "rig/unit.h"
#include <stdlib.h>
#include "rig/fake_store.h"

static struct turn turn;
static struct fake_store f;
static struct ticket ticket;
static unsigned n_done;
static int result_of;

static void done(struct ticket *t, int result)
{
	assert_ptr_equal(t, &ticket);
	n_done++;
	result_of = result;
}

static int begin(void **state)
{
	(void)state;
	turn_init(&turn);
	fake_store_init(&f, &turn);
	ticket_init(&ticket, done);
	n_done = 0;
	return 0;
}

static int take(uint64_t amount, uint64_t limit, bool *granted)
{
	return f.store.ops->take(&f.store, SLICE("k"), amount, limit, &ticket, granted);
}

static void what_is_ready_is_said_at_once(void **state)
{
	bool granted = false;

	(void)state;
	assert_int_equal(take(3, 5, &granted), READY);
	assert_true(granted);
	assert_int_equal(take(3, 5, &granted), READY);
	assert_false(granted);
	assert_int_equal(fake_store_held(&f, "k"), 3);
	f.store.ops->give(&f.store, SLICE("k"), 2);
	assert_int_equal(fake_store_held(&f, "k"), 1);
	assert_false(ticket_is_armed(&ticket));
}

static void what_is_pending_is_said_in_a_later_turn_and_once(void **state)
{
	bool granted;

	(void)state;
	f.pending = true;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(take(3, 5, &granted), PENDING);
		assert_int_equal(fake_store_held(&f, "k"), i ? 3 : 0);
		assert_true(fake_store_answer(&f, 0));
		assert_int_equal(n_done, i);
		turn_run_ready(&turn);
		assert_int_equal(n_done, i + 1);
		assert_int_equal(result_of, !i);
	}
	assert_false(fake_store_answer(&f, 0));
}

static void a_cancelled_take_takes_nothing_unless_it_was_complete(void **state)
{
	bool granted;

	(void)state;
	f.pending = true;
	take(3, 5, &granted);
	assert_false(ticket_is_complete(&ticket));
	ticket_cancel(&ticket);
	assert_int_equal(f.drops, 1);
	assert_int_equal(fake_store_waiting(&f), 0);
	assert_int_equal(fake_store_held(&f, "k"), 0);
	take(3, 5, &granted);
	fake_store_answer(&f, 0);
	assert_true(ticket_is_complete(&ticket));
	ticket_cancel(&ticket);
	turn_run_ready(&turn);
	assert_int_equal(n_done, 0);
	assert_int_equal(fake_store_held(&f, "k"), 3); /* who cancels gives it back */
}

static void it_fails_as_it_is_told(void **state)
{
	bool granted;

	(void)state;
	f.fails = -EIO;
	assert_int_equal(take(1, 5, &granted), -EIO);
	f.fails = 0;
	f.pending = true;
	take(1, 5, &granted);
	fake_store_answer(&f, -ETIMEDOUT);
	turn_run_ready(&turn);
	assert_int_equal(result_of, -ETIMEDOUT);
	assert_int_equal(fake_store_held(&f, "k"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(what_is_ready_is_said_at_once, begin),
	        cmocka_unit_test_setup(what_is_pending_is_said_in_a_later_turn_and_once, begin),
	        cmocka_unit_test_setup(
	                a_cancelled_take_takes_nothing_unless_it_was_complete, begin),
	        cmocka_unit_test_setup(it_fails_as_it_is_told, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
