/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/cells and store/table: everything is found again however much there is, nothing
 * grows beyond its ceilings, and what nobody needs goes. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/map.h"
#include "rig/starve.h"
#include "store/table.h"

#define MANY 100000u

static struct table *table;
static struct table_time now;

static int begin(void **state)
{
	(void)state;
	table = table_new((struct table_limits){.ids = 1000000, .memory = 1u << 30});
	now = (struct table_time){3600 * NS_PER_S, 1700000000 * NS_PER_S};
	return table ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	table_free(table);
	return 0;
}

static struct cell_key key_of(const char *group, const char *name, enum demand_kind kind)
{
	struct cell_key key = {slice_str(group), slice_str(name), 0, 0, kind};

	key.hash = cell_hash(hash_bytes(key.group), key.name, key.window, kind);
	return key;
}

static int get(const char *group, const char *name, enum demand_kind kind, struct cell **ret)
{
	struct cell_key key = key_of(group, name, kind);
	int r;

	table_lock(table, shard_bit(key.hash));
	r = table_get(table, &key, now, ret);
	table_unlock(table, shard_bit(key.hash));
	return r;
}

static struct cell *find(const char *group, const char *name, enum demand_kind kind)
{
	struct cell_key key = key_of(group, name, kind);

	return table_find(table, &key);
}

static void what_was_made_is_found_however_much_there_is(void **state)
{
	struct cell *c;
	char name[16];

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(get("a:one", name, DEMAND_BUDGET, &c), 0);
		c->budget.spent_cost = i + 1;
	}
	assert_int_equal(table_count(table), MANY);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		c = find("a:one", name, DEMAND_BUDGET);
		assert_non_null(c);
		assert_int_equal(c->budget.spent_cost, i + 1);
		assert_slice(slice_from(c->group->name, c->group->name_len), "a:one");
	}
	assert_null(find("a:two", "n1", DEMAND_BUDGET));
	assert_null(find("a:one", "n100000", DEMAND_BUDGET));
}

static void group_name_window_and_kind_tell_counters_apart(void **state)
{
	struct cell *c[5], *again;
	struct cell_key key = key_of("a", "b", DEMAND_BUDGET);

	(void)state;
	get("a", "b", DEMAND_BUDGET, &c[0]);
	get("a", "b", DEMAND_RATE, &c[1]);
	get("a", "bc", DEMAND_BUDGET, &c[2]);
	get("ab", "", DEMAND_BUDGET, &c[3]);
	key.window = 3600;
	key.hash = cell_hash(hash_bytes(key.group), key.name, key.window, key.kind);
	assert_int_equal(table_get(table, &key, now, &c[4]), 0);
	for (unsigned i = 0; i < 5; i++)
		for (unsigned k = 0; k < i; k++)
			assert_ptr_not_equal(c[i], c[k]);
	get("a", "b", DEMAND_BUDGET, &again);
	assert_ptr_equal(again, c[0]);
}

static void a_group_has_so_many_counters_and_no_more(void **state)
{
	struct cell *c;
	char name[16];

	(void)state;
	table_free(table);
	table = table_new((struct table_limits){.ids = 100, .memory = 1u << 20});
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(get("a", name, DEMAND_SLOT, &c), i < 100 ? 0 : -ENOSPC);
	}
	assert_int_equal(get("a", "7", DEMAND_SLOT, &c), 0);
	assert_int_equal(get("b", "7", DEMAND_SLOT, &c), 0);
	now.mono += TABLE_QUIET_NS + 1; /* the dead make room */
	for (unsigned i = 0; i < 20; i++)
		get("a", "new", DEMAND_SLOT, &c);
	assert_int_equal(get("a", "new", DEMAND_SLOT, &c), 0);
}

static void memory_has_a_ceiling_over_all_groups(void **state)
{
	struct cell *c;
	char name[16];
	unsigned n = 0;
	int r = 0;

	(void)state;
	table_free(table);
	table = table_new((struct table_limits){.ids = 1000, .memory = 20000});
	while (!r) {
		snprintf(name, sizeof(name), "%u", n);
		r = get(name, "n", DEMAND_RATE, &c);
		n += !r;
	}
	assert_int_equal(r, -ENOSPC);
	assert_in_range(n, 50, 120);
	assert_in_range(table_memory(table), 19000, 20000);
	assert_int_equal(table_count(table), n);
	now.mono += TABLE_QUIET_NS + 1;
	for (unsigned i = 0; i < 2; i++)
		table_sweep(table, now);
	assert_int_equal(table_memory(table), 0);
	assert_int_equal(get("again", "n", DEMAND_RATE, &c), 0);
}

static void sweep_all(void)
{
	for (unsigned i = 0; i < 20; i++)
		table_sweep(table, now);
}

static void what_still_says_something_stays(void **state)
{
	struct gcra_limit l = gcra_limit_of(1, 600 * NS_PER_S, 1);
	struct cell *rate, *slot, *total, *ended, *held, *empty;

	(void)state;
	get("a", "rate", DEMAND_RATE, &rate);
	get("a", "slot", DEMAND_SLOT, &slot);
	get("a", "total", DEMAND_BUDGET, &total);
	get("a", "ended", DEMAND_BUDGET, &ended);
	get("a", "held", DEMAND_BUDGET, &held);
	get("a", "empty", DEMAND_BUDGET, &empty);
	gcra_take(&rate->rate, &l, now.mono, 1);
	slot->held = 1;
	total->budget = (struct budget){.spent_cost = 1, .ends = WINDOW_NEVER_ENDS};
	ended->budget = (struct budget){.spent_cost = 1, .ends = now.wall / NS_PER_S + 300};
	held->budget = (struct budget){.spent_tokens = 1, .ends = now.wall / NS_PER_S};
	held->held = 1;
	sweep_all();
	assert_int_equal(table_count(table), 6); /* what was just asked stays anyway */
	now.mono += 200 * NS_PER_S;
	now.wall += 200 * NS_PER_S;
	sweep_all();
	assert_int_equal(table_count(table), 5);
	assert_null(find("a", "empty", DEMAND_BUDGET));
	now.mono += 200 * NS_PER_S;
	now.wall += 200 * NS_PER_S;
	sweep_all();
	assert_int_equal(table_count(table), 4);
	assert_null(find("a", "ended", DEMAND_BUDGET));
	now.mono += 200 * NS_PER_S;
	sweep_all();
	assert_int_equal(table_count(table), 3);
	assert_null(find("a", "rate", DEMAND_RATE));
	slot->held = held->held = 0;
	sweep_all();
	assert_int_equal(table_count(table), 1);
	assert_non_null(find("a", "total", DEMAND_BUDGET));
}

static void count_visit(void *arg, const struct counter *c)
{
	unsigned char *seen = arg;

	assert_slice(c->group, "a:one");
	seen[strtoul(c->name.at, NULL, 10)]++;
}

static void a_walk_visits_each_budget_once(void **state)
{
	unsigned char *seen = test_calloc(1, MANY);
	struct cell *c;
	char name[16];

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%u;", i);
		get("a:one", name, i % 3 ? DEMAND_BUDGET : DEMAND_RATE, &c);
	}
	for (unsigned walk = 1; walk < 3; walk++) {
		table_walk(table, count_visit, seen);
		for (unsigned i = 0; i < MANY; i++)
			assert_int_equal(seen[i], i % 3 ? walk : 0);
	}
	now.mono += TABLE_QUIET_NS + 1;
	for (unsigned i = 0; i < MANY / 4; i++)
		table_sweep(table, now);
	assert_int_equal(table_count(table), 0); /* none is pinned any more */
	test_free(seen);
}

static void sweep_while_visited(void *arg, const struct counter *c)
{
	sweep_all();
	assert_slice(c->group, "a:one");
	assert_int_equal(c->name.at[0], 'n');
	++*(unsigned *)arg;
}

static void what_a_walk_shows_is_not_swept_meanwhile(void **state)
{
	struct cell *c;
	char name[16];
	unsigned visits = 0;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		get("a:one", name, DEMAND_BUDGET, &c);
	}
	now.mono += TABLE_QUIET_NS + 1;
	table_walk(table, sweep_while_visited, &visits);
	assert_int_equal(visits, 8);
	sweep_all();
	assert_int_equal(table_count(table), 0);
}

static int make_some(void *arg)
{
	struct table *t = table_new((struct table_limits){.ids = 100, .memory = 1u << 20});
	struct cell *c;
	char name[8];
	int r = t ? 0 : -ENOMEM;
	size_t n = 0;

	(void)arg;
	for (unsigned i = 0; t && i < 40; i++) {
		struct cell_key key;
		int made;

		snprintf(name, sizeof(name), "%u", i);
		key = key_of(i % 2 ? "a" : "b", name, DEMAND_SLOT);
		made = table_get(t, &key, now, &c);
		assert_int_equal(table_find(t, &key) != NULL, !made);
		n += !made;
		r = made ? made : r;
	}
	if (t)
		assert_int_equal(table_count(t), n);
	table_free(t);
	return r;
}

static void without_memory_the_table_stays_true(void **state)
{
	(void)state;
	assert_true(starve(make_some, NULL) > 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                what_was_made_is_found_however_much_there_is, begin, end),
	        cmocka_unit_test_setup_teardown(
	                group_name_window_and_kind_tell_counters_apart, begin, end),
	        cmocka_unit_test_setup_teardown(
	                a_group_has_so_many_counters_and_no_more, begin, end),
	        cmocka_unit_test_setup_teardown(memory_has_a_ceiling_over_all_groups, begin, end),
	        cmocka_unit_test_setup_teardown(what_still_says_something_stays, begin, end),
	        cmocka_unit_test_setup_teardown(a_walk_visits_each_budget_once, begin, end),
	        cmocka_unit_test_setup_teardown(
	                what_a_walk_shows_is_not_swept_meanwhile, begin, end),
	        cmocka_unit_test_setup_teardown(without_memory_the_table_stays_true, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
