/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of observe/histogram. */
#include "rig/unit.h"
#include "base/clock.h"
#include "observe/histogram.h"
#include "unit/observe/records.h"

static const struct histogram_bounds *const all[] = {
        &histogram_call, &histogram_gateway, &histogram_first_token};

static void bounds_rise_and_leave_room_for_the_last_bucket(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_in_range(all[i]->n, 1, HISTOGRAM_BUCKETS - 1);
		for (unsigned j = 1; j < all[i]->n; j++)
			assert_true(all[i]->ns[j - 1] < all[i]->ns[j]);
	}
}

static void a_bound_belongs_to_its_bucket(void **state)
{
	struct record r = sample_record();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct histogram_bounds *b = all[i];
		struct histogram h = {0};

		for (unsigned j = 0; j < b->n; j++) {
			histogram_observe(&h, b, b->ns[j], &r);
			histogram_observe(&h, b, b->ns[j] + 1, &r);
		}
		histogram_observe(&h, b, UINT64_MAX / 2, &r);
		assert_int_equal(h.n[0], 1);
		for (unsigned j = 1; j <= b->n; j++)
			assert_int_equal(h.n[j], 2);
	}
}

static void the_thirty_seconds_of_the_alert_are_a_bound(void **state)
{
	bool found = false;

	(void)state;
	for (unsigned i = 0; i < histogram_call.n; i++)
		found = found || histogram_call.ns[i] == 30 * NS_PER_S;
	assert_true(found);
}

static void sums_add_up_and_the_later_exemplar_stays(void **state)
{
	struct record r = sample_record();
	struct histogram a = {0}, b = {0}, sum = {0};

	(void)state;
	histogram_observe(&a, &histogram_call, 5, &r);
	r.request_id[0] = '2';
	r.wall_ns += NS_PER_S;
	histogram_observe(&b, &histogram_call, 6, &r);
	r.request_id[0] = '3';
	r.trace_id = SLICE("short");
	histogram_observe(&b, &histogram_call, NS_PER_S, &r);
	histogram_add(&sum, &b);
	histogram_add(&sum, &a);
	assert_int_equal(sum.sum_ns, 11 + NS_PER_S);
	assert_int_equal(sum.n[0], 2);
	assert_int_equal(sum.last[0].ns, 6);
	assert_int_equal(sum.last[0].request_id[0], '2');
	assert_true(sum.last[0].has_trace);
	assert_false(sum.last[6].has_trace);
	assert_true(sum.last[6].is_set);
	assert_false(sum.last[1].is_set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bounds_rise_and_leave_room_for_the_last_bucket),
	        cmocka_unit_test(a_bound_belongs_to_its_bucket),
	        cmocka_unit_test(the_thirty_seconds_of_the_alert_are_a_bound),
	        cmocka_unit_test(sums_add_up_and_the_later_exemplar_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
