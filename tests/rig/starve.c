/* SPDX-License-Identifier: Apache-2.0 */
/* starve: the loop around mem_fail_after. */
#include "rig/starve.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>
#include "base/mem.h"

#define RUNS_MAX 200000

/* There under AddressSanitizer only. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static void assert_no_leak(void)
{
	if (__lsan_do_recoverable_leak_check)
		assert_false(__lsan_do_recoverable_leak_check());
}

long starve(int (*scenario)(void *arg), void *arg)
{
	for (long n = 0; n < RUNS_MAX; n++) {
		long asked;
		int r;

		mem_fail_after(n);
		r = scenario(arg);
		asked = mem_count();
		mem_fail_after(-1);
		/* A scenario may do without what it was refused, so its success alone does not end
		 * the loop. */
		if (asked <= n) {
			assert_int_equal(r, 0);
			assert_no_leak();
			return asked;
		}
		if (r && r != -ENOMEM)
			fail_msg("starved after %ld allocations: %d instead of -ENOMEM", n, r);
	}
	fail_msg("still asking for memory after %d allocations", RUNS_MAX);
	return -1;
}
