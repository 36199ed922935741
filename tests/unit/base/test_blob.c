/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/blob: bytes live as long as somebody counts them. */
#include "rig/unit.h"
#include "base/blob.h"
#include "base/mem.h"

static void bytes_are_a_copy_that_lives_until_the_last_one_gives_it_back(void **state)
{
	char text[] = "answer";
	struct blob *a, *b;

	(void)state;
	a = blob_new(slice_str(text));
	text[0] = 'x';
	b = blob_ref(a);
	blob_unref(a);
	assert_slice(blob_slice(b), "answer");
	blob_unref(b);
}

static void none_is_empty_and_counts_nothing(void **state)
{
	struct blob *empty = blob_new((struct slice){NULL, 0});

	(void)state;
	assert_int_equal(blob_slice(empty).len, 0);
	blob_unref(empty);
	assert_null(blob_ref(NULL));
	assert_int_equal(blob_slice(NULL).len, 0);
	blob_unref(NULL);
	assert_null(blob_room(SIZE_MAX));
	mem_fail_after(0);
	assert_null(blob_new(SLICE("x")));
	mem_fail_after(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bytes_are_a_copy_that_lives_until_the_last_one_gives_it_back),
	        cmocka_unit_test(none_is_empty_and_counts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
