/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rig/splits: a tool that skips splits would let parsers pass that should not. */
#include "rig/unit.h"
#include "base/buf.h"
#include "rig/splits.h"

struct seen {
	struct slice whole; /* borrowed */
	unsigned of[600];   /* splits by number of pieces */
	bool two[600];      /* where splits in two cut */
};

static void note(void *arg, const struct slice *pieces, unsigned n)
{
	struct seen *seen = arg;
	struct buf b = BUF_INIT(10000);

	for (unsigned i = 0; i < n; i++) {
		assert_true(pieces[i].len || !seen->whole.len);
		buf_put_slice(&b, pieces[i]);
	}
	assert_true(slice_equals(buf_slice(&b), seen->whole));
	seen->of[n]++;
	if (n == 2)
		seen->two[pieces[0].len] = true;
	buf_finish(&b);
}

static void every_split_comes_once(void **state)
{
	struct seen seen = {.whole = SLICE("0123456789")};

	(void)state;
	assert_int_equal(splits_each(seen.whole, note, &seen), 1 + 9 + 36 + 1);
	assert_int_equal(seen.of[1], 1);
	assert_int_equal(seen.of[2], 9);
	assert_int_equal(seen.of[3], 36);
	assert_int_equal(seen.of[10], 1);
	for (int i = 1; i < 10; i++)
		assert_true(seen.two[i]);
}

static void short_bytes_are_split_too(void **state)
{
	struct seen nothing = {.whole = SLICE("")}, one = {.whole = SLICE("x")};

	(void)state;
	assert_int_equal(splits_each(nothing.whole, note, &nothing), 1);
	assert_int_equal(splits_each(one.whole, note, &one), 1);
}

static void long_bytes_are_still_cut_in_two_everywhere(void **state)
{
	static char text[599];
	static struct seen seen;

	(void)state;
	seen.whole = slice_from(text, sizeof(text));
	assert_true(splits_each(seen.whole, note, &seen) < 140000);
	for (size_t i = 1; i < sizeof(text); i++)
		assert_true(seen.two[i]);
	assert_int_equal(seen.of[599], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_split_comes_once),
	        cmocka_unit_test(short_bytes_are_split_too),
	        cmocka_unit_test(long_bytes_are_still_cut_in_two_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
