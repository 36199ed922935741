/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/decimal: as printf writes it, at every length. */
#include "rig/unit.h"
#include <inttypes.h>
#include <stdio.h>
#include "base/decimal.h"

static void check(uint64_t n)
{
	char want[DECIMAL_MAX + 1], got[DECIMAL_MAX + 1];
	unsigned len = decimal_put(n, got);

	snprintf(want, sizeof(want), "%" PRIu64, n);
	assert_in_range(len, 1, DECIMAL_MAX);
	got[len] = '\0';
	assert_string_equal(got, want);
	assert_int_equal(decimal_len(n), len);
}

static void digits_are_those_of_printf(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < 2000; n++)
		check(n);
	for (uint64_t power = 1; power; power = power > UINT64_MAX / 10 ? 0 : power * 10)
		for (uint64_t d = 0; d < 3; d++) {
			check(power - 1 + d);
			check(power * 9 + d);
		}
	for (unsigned bit = 0; bit < 64; bit++) {
		check(UINT64_C(1) << bit);
		check((UINT64_C(1) << bit) - 1);
	}
	check(UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(digits_are_those_of_printf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
