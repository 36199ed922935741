/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/stock. */
#include "rig/unit.h"
#include "base/gather.h"
#include "base/stock.h"

static void what_is_given_is_taken_again(void **state)
{
	struct stock s = {.n = 0};
	void *a = stock_take(&s), *b = stock_take(&s);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	memset(a, 'a', STOCK_BLOCK);
	stock_give(&s, a, STOCK_BLOCK);
	stock_give(&s, b, STOCK_BLOCK);
	assert_ptr_equal(stock_take(&s), b);
	assert_ptr_equal(stock_take(&s), a);
	stock_give(&s, a, STOCK_BLOCK);
	stock_give(&s, b, STOCK_BLOCK);
	stock_finish(&s);
	assert_int_equal(s.n, 0);
}

static void only_blocks_are_kept_and_only_so_many(void **state)
{
	struct stock s = {.n = 0};

	(void)state;
	stock_give(&s, mem_alloc(STOCK_BLOCK + 1), STOCK_BLOCK + 1);
	stock_give(&s, mem_alloc(100), 100);
	stock_give(&s, NULL, STOCK_BLOCK);
	assert_int_equal(s.n, 0);
	for (unsigned i = 0; i < STOCK_BLOCKS + 3; i++)
		stock_give(&s, mem_alloc(STOCK_BLOCK), STOCK_BLOCK);
	assert_int_equal(s.n, STOCK_BLOCKS);
	stock_finish(&s);
}

static void without_one_the_heap_serves(void **state)
{
	void *a = stock_take(NULL);

	(void)state;
	assert_non_null(a);
	stock_give(NULL, a, STOCK_BLOCK);
	mem_fail_after(0);
	assert_null(stock_take(NULL));
	mem_fail_after(-1);
}

static void gathers_that_rest_hold_nothing(void **state)
{
	struct stock s = {.n = 0};
	static const char long_bytes[3 * STOCK_BLOCK];
	struct gather a, b;
	const char *first;

	(void)state;
	gather_init(&a, 1 << 20);
	gather_init(&b, 1 << 20);
	a.stock = b.stock = &s;
	gather_copy(&a, SLICE("hello"));
	first = a.own.mem;
	gather_take(&a, a.len);
	gather_rest(&a);
	assert_null(a.own.mem);
	assert_int_equal(s.n, 1);
	gather_copy(&b, SLICE("hello"));
	assert_ptr_equal(b.own.mem, first);
	gather_copy(&b, slice_from(long_bytes, sizeof(long_bytes)));
	gather_clear(&b);
	first = b.own.mem;
	gather_rest(&b); /* it has outgrown its block */
	assert_ptr_equal(b.own.mem, first);
	assert_int_equal(s.n, 0);
	gather_copy(&b, slice_from(long_bytes, sizeof(long_bytes)));
	assert_int_equal(b.len, sizeof(long_bytes));
	gather_finish(&b);
	assert_ptr_equal(b.stock, &s);
	gather_finish(&a);
	stock_finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_given_is_taken_again),
	        cmocka_unit_test(only_blocks_are_kept_and_only_so_many),
	        cmocka_unit_test(without_one_the_heap_serves),
	        cmocka_unit_test(gathers_that_rest_hold_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
