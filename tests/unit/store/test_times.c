/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/times: what counts where. */
#include <errno.h>
#include "rig/unit.h"
#include "store/times.h"

static uint64_t in_all(const struct store_times *t, enum store_op op, enum store_outcome how)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= STORE_TIMES_BOUNDS; i++)
		n += atomic_load(&t->n[op][how][i]);
	return n;
}

static void a_time_falls_below_its_bound_which_belongs_to_it(void **state)
{
	static const uint64_t bounds[STORE_TIMES_BOUNDS] = STORE_TIMES_NS;
	struct store_times t = {.up = false};

	(void)state;
	for (unsigned i = 0; i < STORE_TIMES_BOUNDS; i++) {
		store_times_count(&t, STORE_ADMIT, STORE_OK, bounds[i]);
		assert_int_equal(atomic_load(&t.n[STORE_ADMIT][STORE_OK][i]), 1);
		assert_true(!i || bounds[i] > bounds[i - 1]);
	}
	store_times_count(&t, STORE_ADMIT, STORE_OK, bounds[STORE_TIMES_BOUNDS - 1] + 1);
	assert_int_equal(atomic_load(&t.n[STORE_ADMIT][STORE_OK][STORE_TIMES_BOUNDS]), 1);
	assert_int_equal(in_all(&t, STORE_ADMIT, STORE_OK), STORE_TIMES_BOUNDS + 1);
	assert_int_equal(in_all(&t, STORE_SETTLE, STORE_OK), 0);
	store_times_count(&t, STORE_SETTLE, STORE_LOST, 7);
	assert_int_equal(atomic_load(&t.sum_ns[STORE_SETTLE][STORE_LOST]), 7);
}

static void errors_have_names_of_their_own(void **state)
{
	static const struct {
		int result;
		const char *name;
	} cases[] = {{0, "ok"}, {1, "ok"}, {-ETIMEDOUT, "timeout"}, {-ECONNRESET, "lost"},
	        {-ENOTCONN, "down"}, {-EHOSTDOWN, "down"}, {-EROFS, "read_only"}, {-ENOSPC, "full"},
	        {-EAGAIN, "not_now"}, {-EACCES, "denied"}, {-EREMOTEIO, "error"},
	        {-ENOMEM, "error"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(
		        store_outcome_names[store_outcome_of(cases[i].result)], cases[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_time_falls_below_its_bound_which_belongs_to_it),
	        cmocka_unit_test(errors_have_names_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
