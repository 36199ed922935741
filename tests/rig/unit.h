/* SPDX-License-Identifier: Apache-2.0 */
/* unit: what every unit test includes; cmocka wants these four before it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>
#include "base/slice.h"

#define assert_slice(s, literal)                                                                   \
	do {                                                                                       \
		struct slice assert_got = (s), assert_want = SLICE(literal);                       \
		assert_int_equal(assert_got.len, assert_want.len);                                 \
		assert_memory_equal(assert_got.at, assert_want.at, assert_want.len);               \
	} while (0)
