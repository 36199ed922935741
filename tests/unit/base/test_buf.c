/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/buf: a queue with a ceiling. */
#include "rig/unit.h"
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "rig/starve.h"

static void bytes_come_out_in_the_order_they_went_in(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	assert_slice(buf_slice(&b), "");
	assert_int_equal(buf_put(&b, "hello ", 6), 0);
	assert_int_equal(buf_put_str(&b, "world"), 0);
	assert_int_equal(buf_put_char(&b, '!'), 0);
	assert_int_equal(buf_put_slice(&b, SLICE("")), 0);
	assert_int_equal(buf_put(&b, NULL, 0), 0);
	assert_slice(buf_slice(&b), "hello world!");
	buf_take(&b, 6);
	assert_slice(buf_slice(&b), "world!");
	buf_truncate(&b, 5);
	assert_slice(buf_slice(&b), "world");
	buf_take(&b, 5);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(b.start, 0);
	buf_finish(&b);
	assert_int_equal(b.max, 100);
}

static void an_empty_one_may_be_cleared_taken_from_and_finished(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	buf_take(&b, 0);
	buf_truncate(&b, 0);
	buf_clear(&b);
	assert_int_equal(buf_reserve(&b, 0), 0);
	assert_null(buf_at(&b));
	assert_null(buf_tail(&b));
	buf_wipe(&b);
	buf_finish(&b);
}

static void the_ceiling_is_reached_and_not_passed(void **state)
{
	struct buf b = BUF_INIT(5);

	(void)state;
	assert_int_equal(buf_put(&b, "123456", 6), -ENOBUFS);
	assert_int_equal(buf_put(&b, "12345", 5), 0);
	assert_int_equal(buf_put_char(&b, '6'), -ENOBUFS);
	assert_int_equal(buf_put_u64(&b, 6), -ENOBUFS);
	assert_int_equal(buf_printf(&b, "%d", 6), -ENOBUFS);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOBUFS);
	assert_slice(buf_slice(&b), "12345");
	buf_take(&b, 2);
	assert_int_equal(buf_put(&b, "678", 3), -ENOBUFS);
	assert_slice(buf_slice(&b), "345");
	assert_int_equal(buf_put(&b, "67", 2), 0);
	assert_slice(buf_slice(&b), "34567");
	assert_int_equal(b.cap, 5);
	buf_finish(&b);
}

static void room_never_goes_beyond_the_ceiling(void **state)
{
	struct buf b = BUF_INIT(1000);
	unsigned x = 1;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		size_t more = (x = x * 1103515245u + 12345u) >> 16 & 255;

		if (!buf_reserve(&b, more)) {
			assert_true(buf_room(&b) >= more);
			assert_true(buf_len(&b) + buf_room(&b) <= b.max);
			memset(buf_tail(&b), 'x', more);
			buf_commit(&b, more);
		} else {
			assert_true(buf_len(&b) + more > b.max);
			buf_take(&b, buf_len(&b) * (x >> 24) / 255);
		}
	}
	buf_finish(&b);
}

static void what_is_written_at_the_tail_counts_once_it_is_committed(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	assert_int_equal(buf_reserve(&b, 10), 0);
	memcpy(buf_tail(&b), "abc", 3);
	assert_int_equal(buf_len(&b), 0);
	buf_commit(&b, 3);
	assert_slice(buf_slice(&b), "abc");
	buf_finish(&b);
}

static void numbers_are_decimal(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	buf_put_u64(&b, 0);
	buf_put_char(&b, ' ');
	buf_put_u64(&b, UINT64_MAX);
	buf_put_char(&b, ' ');
	buf_put_u64(&b, 1000);
	assert_slice(buf_slice(&b), "0 18446744073709551615 1000");
	buf_finish(&b);
}

/* Every count of digits, at both of its ends and within. */
static void numbers_of_every_length_are_decimal(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (unsigned digits = 1; digits <= 20; digits++, power *= 10) {
		const uint64_t near[] = {
		        power - 1, power, power + 1, power + power / 7, power * 2 - 1};

		for (size_t i = 0; i < sizeof(near) / sizeof(*near); i++) {
			struct buf b = BUF_INIT(100);
			char want[32];

			snprintf(want, sizeof(want), "%llu", (unsigned long long)near[i]);
			buf_put_u64(&b, near[i]);
			assert_int_equal(buf_len(&b), strlen(want));
			assert_memory_equal(buf_at(&b), want, strlen(want));
			buf_finish(&b);
		}
	}
}

static void printed_text_of_any_length_fits_exactly(void **state)
{
	static char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (int len = 0; len<(int)sizeof(text); len += len> 500 && len < 520 ? 1 : 97) {
		struct buf b = BUF_INIT((size_t)len);

		assert_int_equal(buf_printf(&b, "%.*s", len, text), 0);
		assert_int_equal(buf_len(&b), len);
		assert_memory_equal(buf_slice(&b).at, text, (size_t)len);
		assert_int_equal(buf_printf(&b, "y"), -ENOBUFS);
		buf_finish(&b);
	}
}

/* A queue kept nearly full moves each byte a few times at most; without care it would be once for
 * each put. */
static void taking_a_little_and_putting_a_little_is_not_slow(void **state)
{
	struct buf b = BUF_INIT(1 << 20);
	static char half[1 << 19];
	size_t moved = 0;

	(void)state;
	buf_put(&b, half, sizeof(half));
	for (unsigned i = 0; i < 1000000; i++) {
		const char *before = buf_at(&b);

		buf_take(&b, 1);
		buf_put_char(&b, 'x');
		if (buf_at(&b) != before + 1)
			moved += buf_len(&b);
	}
	assert_true(moved < 8u << 20);
	buf_finish(&b);
}

static int put_all_kinds(void *arg)
{
	struct buf b = BUF_INIT(10000);
	int r = 0;

	(void)arg;
	for (int i = 0; i < 40 && !r; i++) {
		size_t len = buf_len(&b);

		r = buf_printf(&b, "%0600d", i);
		if (!r)
			r = buf_put_u64(&b, 1);
		if (!r && i % 3 == 0)
			buf_take(&b, 900 < buf_len(&b) ? 900 : buf_len(&b));
		if (r)
			assert_true(buf_len(&b) >= len);
		if (r == -ENOBUFS) {
			buf_clear(&b);
			r = 0;
		}
	}
	buf_finish(&b);
	return r;
}

static void parts_that_are_divided_elsewhere_look_different(void **state)
{
	struct buf a = BUF_INIT(100), b = BUF_INIT(100), small = BUF_INIT(10);

	(void)state;
	assert_int_equal(buf_put_part(&a, SLICE("ab")), 0);
	assert_int_equal(buf_put_part(&a, SLICE("c")), 0);
	assert_int_equal(buf_put_part(&b, SLICE("a")), 0);
	assert_int_equal(buf_put_part(&b, SLICE("bc")), 0);
	assert_int_equal(buf_len(&a), buf_len(&b));
	assert_false(slice_equals(buf_slice(&a), buf_slice(&b)));
	assert_int_equal(buf_put_part(&small, SLICE("abc")), -ENOBUFS);
	assert_int_equal(buf_len(&small), 0); /* all of it, or nothing */
	assert_int_equal(buf_put_part(&small, SLICE("ab")), 0);
	buf_finish(&a);
	buf_finish(&b);
	buf_finish(&small);
}

static void starved_it_stays_as_it_was(void **state)
{
	struct buf b = BUF_INIT(1 << 20);

	(void)state;
	starve(put_all_kinds, NULL);
	buf_put_str(&b, "abc");
	buf_take(&b, 1);
	mem_fail_after(0);
	assert_int_equal(buf_reserve(&b, 100000), -ENOMEM);
	mem_fail_after(-1);
	assert_slice(buf_slice(&b), "bc");
	buf_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bytes_come_out_in_the_order_they_went_in),
	        cmocka_unit_test(an_empty_one_may_be_cleared_taken_from_and_finished),
	        cmocka_unit_test(the_ceiling_is_reached_and_not_passed),
	        cmocka_unit_test(room_never_goes_beyond_the_ceiling),
	        cmocka_unit_test(what_is_written_at_the_tail_counts_once_it_is_committed),
	        cmocka_unit_test(numbers_are_decimal),
	        cmocka_unit_test(numbers_of_every_length_are_decimal),
	        cmocka_unit_test(printed_text_of_any_length_fits_exactly),
	        cmocka_unit_test(taking_a_little_and_putting_a_little_is_not_slow),
	        cmocka_unit_test(parts_that_are_divided_elsewhere_look_different),
	        cmocka_unit_test(starved_it_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
