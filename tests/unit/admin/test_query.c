/* SPDX-License-Identifier: Apache-2.0 */
/* admin/query: names and values as they were meant, and what is refused. */
#include <errno.h>
#include <stdlib.h>
#include "admin/query.h"
#include "rig/unit.h"

static void pairs_come_in_order_and_unescaped(void **state)
{
	struct slice rest = SLICE("by=agent%2Cuser&since=2026-11-22T08%3a00Z&x=&a=b=c");
	struct query_pair p;

	(void)state;
	assert_int_equal(query_next(&rest, &p), 1);
	assert_slice(p.name, "by");
	assert_slice(p.value, "agent,user");
	assert_int_equal(query_next(&rest, &p), 1);
	assert_slice(p.value, "2026-11-22T08:00Z");
	assert_int_equal(query_next(&rest, &p), 1);
	assert_slice(p.name, "x");
	assert_int_equal(p.value.len, 0);
	assert_int_equal(query_next(&rest, &p), 1);
	assert_slice(p.value, "b=c");
	assert_int_equal(query_next(&rest, &p), 0);
}

static void what_is_no_pair_of_plain_text_is_refused(void **state)
{
	static const char *const bad[] = {"by", "&", "by=%", "by=%2", "by=%2g", "by=%00", "by=%0a",
	        "by=%20", "by=%ff", "b%zzy=1", "&by=1"};
	struct query_pair p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		/* On the heap, so that a byte read beyond it is seen. */
		char *text = strdup(bad[i]);
		struct slice rest = slice_from(text, strlen(bad[i]));

		assert_int_equal(query_next(&rest, &p), -EINVAL);
		free(text);
	}
}

static void a_value_has_a_ceiling(void **state)
{
	char text[QUERY_VALUE_MAX + 3];
	struct slice rest = slice_from(text, sizeof(text) - 1);
	struct query_pair p;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[1] = '=';
	assert_int_equal(query_next(&rest, &p), 1);
	assert_int_equal(p.value.len, QUERY_VALUE_MAX);
	rest = slice_from(text, sizeof(text));
	assert_int_equal(query_next(&rest, &p), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(pairs_come_in_order_and_unescaped),
	        cmocka_unit_test(what_is_no_pair_of_plain_text_is_refused),
	        cmocka_unit_test(a_value_has_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
