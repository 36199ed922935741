/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of observe/series: what becomes a series, what goes to "other", what is dropped. */
#include "rig/unit.h"
#include <stdio.h>
#include "base/clock.h"
#include "base/mem.h"
#include "observe/label.h"
#include "observe/series.h"
#include "rig/starve.h"

#define PARTS 3
#define COLUMNS 3

static void add_three(void *sum, const void *more)
{
	for (unsigned i = 0; i < COLUMNS; i++)
		((uint64_t *)sum)[i] += ((const uint64_t *)more)[i];
}

static const struct series_kind kind = {COLUMNS * sizeof(uint64_t), 2, add_three};

static struct slice key_of(const char *first, const char *second)
{
	static struct label_key key;

	key.len = 0;
	label_add(&key, slice_str(first), SLICE("none"));
	label_add(&key, slice_str(second), SLICE("none"));
	return label_key_slice(&key);
}

/* Counts one as metrics.c does; false: it went to "other". */
static bool add(struct series_table *t, unsigned part, struct slice key, unsigned column)
{
	uint64_t *n = series_find(t, part, key, 1u << column);

	if (!n)
		n = series_join(t, part, key, column);
	n[column]++;
	return n != series_other(t, part);
}

static void gather(struct series_table *t, uint64_t now)
{
	series_gather_begin(t);
	for (unsigned i = 0; i < PARTS; i++)
		series_gather(t, i, now);
}

static uint64_t sum_of(const struct series_table *t, struct slice key, unsigned column)
{
	for (const struct series_row *row = t->rows; row; row = row->next)
		if (slice_equals(row->key, key))
			return ((const uint64_t *)row->sum)[column];
	return UINT64_MAX;
}

static uint64_t sum_of_other(const struct series_table *t, unsigned column)
{
	return ((const uint64_t *)t->other->sum)[column];
}

static unsigned rows_of(const struct series_table *t)
{
	unsigned n = 0;

	for (const struct series_row *row = t->rows; row; row = row->next)
		n++;
	return n;
}

static void parts_of_one_series_are_added_up(void **state)
{
	struct series_table t;

	(void)state;
	assert_int_equal(series_init(&t, &kind, PARTS), 0);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 6; i++)
			assert_true(add(&t, i % PARTS, key_of("a", "x"), 0));
		assert_true(add(&t, 1, key_of("a", "x"), 2));
		assert_true(add(&t, 1, key_of("ax", ""), 0));
		gather(&t, 1);
	}
	assert_int_equal(sum_of(&t, key_of("a", "x"), 0), 12);
	assert_int_equal(sum_of(&t, key_of("a", "x"), 1), 0);
	assert_int_equal(sum_of(&t, key_of("a", "x"), 2), 2);
	assert_int_equal(sum_of(&t, key_of("ax", "none"), 0), 2);
	assert_int_equal(rows_of(&t), 2);
	assert_int_equal(t.n_series, 3);
	series_finish(&t);
}

static void the_thousand_and_first_series_is_other(void **state)
{
	struct series_table t;
	char name[20];

	(void)state;
	assert_int_equal(series_init(&t, &kind, PARTS), 0);
	for (unsigned i = 0; i < METRIC_SERIES_MAX - 1; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_true(add(&t, i % PARTS, key_of(name, "x"), 0));
		assert_false(atomic_load(&t.full));
	}
	assert_true(add(&t, 0, key_of("5", "x"), 1)); /* a column counts as one */
	assert_true(atomic_load(&t.full));
	assert_false(add(&t, 0, key_of("6", "x"), 1));
	assert_false(add(&t, 0, key_of("new", "x"), 0));
	assert_true(add(&t, 0, key_of("7", "x"), 0)); /* known, though not to this part */
	gather(&t, 1);
	assert_int_equal(t.n_series, METRIC_SERIES_MAX);
	assert_int_equal(sum_of(&t, key_of("7", "x"), 0), 2);
	assert_int_equal(sum_of_other(&t, 0), 1);
	assert_int_equal(sum_of_other(&t, 1), 1);
	assert_int_equal(t.other->grew_at, 1);
	series_finish(&t);
}

static void labels_that_say_other_are_the_row_other(void **state)
{
	struct series_table t;

	(void)state;
	assert_int_equal(series_init(&t, &kind, PARTS), 0);
	assert_false(add(&t, 2, key_of("other", "other"), 0));
	assert_true(add(&t, 2, key_of("other", "x"), 0));
	gather(&t, 1);
	assert_int_equal(rows_of(&t), 1);
	assert_int_equal(sum_of_other(&t, 0), 1);
	series_finish(&t);
}

static void values_that_look_the_same_when_cleaned_are_one_series(void **state)
{
	struct series_table t;

	(void)state;
	assert_int_equal(series_init(&t, &kind, PARTS), 0);
	assert_true(add(&t, 0, key_of("a\x01", "x"), 0));
	assert_true(add(&t, 0, key_of("a\xff", "x"), 0));
	assert_true(add(&t, 1, key_of("a?", "x"), 0));
	assert_true(add(&t, 0, key_of("a\x01", "x"), 0));
	gather(&t, 1);
	assert_int_equal(rows_of(&t), 1);
	assert_int_equal(sum_of(&t, key_of("a?", "x"), 0), 4);
	series_finish(&t);
}

static void idle_series_are_dropped_after_ten_minutes_and_make_room(void **state)
{
	const uint64_t idle = METRIC_IDLE_SECONDS * NS_PER_S;
	struct series_table t;
	char name[20];

	(void)state;
	assert_int_equal(series_init(&t, &kind, PARTS), 0);
	for (unsigned i = 0; i < METRIC_SERIES_MAX / 2; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_true(add(&t, i % PARTS, key_of(name, "x"), 0));
		assert_true(add(&t, (i + 1) % PARTS, key_of(name, "x"), 1));
	}
	assert_false(add(&t, 0, key_of("new", "x"), 0));
	gather(&t, NS_PER_S);
	assert_true(add(&t, 0, key_of("3", "x"), 0));
	gather(&t, NS_PER_S + idle - 1);
	assert_false(series_has_idle(&t, NS_PER_S + idle - 1));
	gather(&t, NS_PER_S + idle);
	assert_true(series_has_idle(&t, NS_PER_S + idle));
	assert_true(add(&t, 1, key_of("4", "x"), 1)); /* grows just before it would be dropped */
	series_drop_idle(&t, NS_PER_S + idle);
	assert_int_equal(rows_of(&t), 2);
	assert_int_equal(t.n_series, 4);
	assert_false(atomic_load(&t.full));
	gather(&t, NS_PER_S + idle);
	assert_int_equal(sum_of(&t, key_of("3", "x"), 0), 2);
	assert_int_equal(sum_of(&t, key_of("4", "x"), 1), 2);
	assert_int_equal(sum_of_other(&t, 0), 1);
	assert_true(add(&t, 0, key_of("5", "x"), 0));
	gather(&t, NS_PER_S + idle);
	assert_int_equal(sum_of(&t, key_of("5", "x"), 0), 1);
	series_finish(&t);
}

static void what_was_dropped_is_not_found_again(void **state)
{
	const uint64_t idle = METRIC_IDLE_SECONDS * NS_PER_S;
	struct series_table t;

	(void)state;
	assert_int_equal(series_init(&t, &kind, PARTS), 0);
	for (unsigned i = 0; i < PARTS; i++)
		assert_true(add(&t, i, key_of("a", "x"), 0));
	assert_non_null(series_find(&t, 1, key_of("a", "x"), 1));
	gather(&t, NS_PER_S);
	gather(&t, NS_PER_S + idle);
	series_drop_idle(&t, NS_PER_S + idle);
	assert_int_equal(rows_of(&t), 0);
	for (unsigned i = 0; i < PARTS; i++)
		assert_null(series_find(&t, i, key_of("a", "x"), 1));
	assert_true(add(&t, 1, key_of("b", "x"), 0));
	assert_non_null(series_find(&t, 1, key_of("b", "x"), 1));
	assert_null(series_find(&t, 1, key_of("b", "y"), 1));
	series_finish(&t);
}

static int scenario(void *arg)
{
	struct series_table t;
	uint64_t total = 0;
	char name[20];
	int r = series_init(&t, &kind, PARTS);

	(void)arg;
	if (r)
		return r;
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "%u", i / 2);
		add(&t, i % PARTS, key_of(name, "x"), i % COLUMNS);
	}
	gather(&t, 1);
	for (unsigned column = 0; column < COLUMNS; column++) {
		total += sum_of_other(&t, column);
		for (const struct series_row *row = t.rows; row; row = row->next)
			total += ((const uint64_t *)row->sum)[column];
	}
	series_finish(&t);
	return total == 20 ? 0 : -EIO;
}

static void without_memory_counts_go_to_other_and_none_is_lost(void **state)
{
	(void)state;
	starve(scenario, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(parts_of_one_series_are_added_up),
	        cmocka_unit_test(the_thousand_and_first_series_is_other),
	        cmocka_unit_test(labels_that_say_other_are_the_row_other),
	        cmocka_unit_test(values_that_look_the_same_when_cleaned_are_one_series),
	        cmocka_unit_test(what_was_dropped_is_not_found_again),
	        cmocka_unit_test(idle_series_are_dropped_after_ten_minutes_and_make_room),
	        cmocka_unit_test(without_memory_counts_go_to_other_and_none_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
