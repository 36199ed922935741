/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/charge: settled or abandoned, and once. */
#include "rig/unit.h"
#include "weir/charge.h"

static unsigned settled, abandoned;
static uint64_t used_last;
static struct charge *again;

static void settle(struct charge *c, uint64_t used)
{
	(void)c;
	settled++;
	used_last = used;
}

static void abandon(struct charge *c)
{
	abandoned++;
	if (again)
		charge_settle(again, 1); /* too late for itself, in time for another */
	(void)c;
}

static const struct charge_ops ops = {"test", settle, abandon};

static int begin(void **state)
{
	(void)state;
	settled = abandoned = 0;
	again = NULL;
	return 0;
}

static void a_charge_is_settled_once(void **state)
{
	struct list all;
	struct charge c = {0};

	(void)state;
	list_init(&all);
	charge_take(&c, &ops, 100, &all);
	assert_int_equal(c.reserved, 100);
	charge_settle(&c, 40);
	charge_settle(&c, 50);
	charge_abandon_all(&all);
	assert_int_equal(settled, 1);
	assert_int_equal(used_last, 40);
	assert_int_equal(abandoned, 0);
}

static void what_is_left_is_abandoned_once(void **state)
{
	struct list all;
	struct charge c[5] = {0};

	(void)state;
	list_init(&all);
	for (unsigned i = 0; i < 5; i++)
		charge_take(&c[i], &ops, i, &all);
	charge_settle(&c[2], 0);
	charge_abandon_all(&all);
	charge_abandon_all(&all);
	charge_settle(&c[0], 1);
	assert_int_equal(settled, 1);
	assert_int_equal(abandoned, 4);
}

static void a_charge_that_was_never_taken_is_nothing(void **state)
{
	struct charge c = {0};

	(void)state;
	charge_settle(&c, 7);
	assert_int_equal(settled + abandoned, 0);
}

static void a_charge_may_be_taken_again_once_it_is_settled(void **state)
{
	struct list all;
	struct charge c = {0};

	(void)state;
	list_init(&all);
	for (unsigned i = 0; i < 3; i++) {
		charge_take(&c, &ops, 1, &all);
		charge_settle(&c, 1);
	}
	charge_take(&c, &ops, 1, &all);
	charge_abandon_all(&all);
	assert_int_equal(settled, 3);
	assert_int_equal(abandoned, 1);
}

static void one_may_settle_another_while_it_is_abandoned(void **state)
{
	struct list all;
	struct charge c[2] = {0};

	(void)state;
	list_init(&all);
	charge_take(&c[0], &ops, 1, &all);
	charge_take(&c[1], &ops, 1, &all);
	again = &c[1];
	charge_abandon_all(&all);
	assert_int_equal(abandoned, 1);
	assert_int_equal(settled, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(a_charge_is_settled_once, begin),
	        cmocka_unit_test_setup(what_is_left_is_abandoned_once, begin),
	        cmocka_unit_test_setup(a_charge_that_was_never_taken_is_nothing, begin),
	        cmocka_unit_test_setup(a_charge_may_be_taken_again_once_it_is_settled, begin),
	        cmocka_unit_test_setup(one_may_settle_another_while_it_is_abandoned, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
