/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/trim: items go out of a list with just the commas that went with them. */
#include "rig/unit.h"
#include "base/buf.h"
#include "dialect/trim.h"

/* Every subset of a list of up to five items, with blanks about. */
static void any_subset_leaves_a_list(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 5; n++)
		for (unsigned gone = 0; gone < 1u << n; gone++) {
			struct buf text = BUF_INIT(256), want = BUF_INIT(256), got = BUF_INIT(256);
			struct span places[5];
			struct slice *slices;
			struct arena arena;
			struct edits edits;
			struct trim trim;
			unsigned n_slices, kept = 0;

			arena_init(&arena, 1 << 16);
			edits_init(&edits, &arena);
			trim_init(&trim, &edits, "test");
			buf_put_char(&text, '[');
			buf_put_char(&want, '[');
			for (unsigned i = 0; i < n; i++) {
				if (i)
					buf_put_char(&text, ',');
				places[i].start = (uint32_t)buf_len(&text);
				buf_printf(&text, "%u", i);
				places[i].end = (uint32_t)buf_len(&text);
				if (!(gone & 1u << i))
					buf_printf(&want, "%s%u", kept++ ? "," : "", i);
			}
			buf_put_char(&text, ']');
			buf_put_char(&want, ']');
			for (unsigned i = 0; i < n; i++)
				assert_int_equal(trim_item(&trim, places[i], gone & 1u << i), 0);
			assert_int_equal(trim_end(&trim), 0);
			assert_int_equal(trim.kept, kept);
			assert_int_equal(
			        edits_apply(&edits, buf_slice(&text), &slices, &n_slices), 0);
			for (unsigned i = 0; i < n_slices; i++)
				buf_put_slice(&got, slices[i]);
			assert_true(slice_equals(buf_slice(&got), buf_slice(&want)));
			buf_finish(&text);
			buf_finish(&want);
			buf_finish(&got);
			arena_finish(&arena);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(any_subset_leaves_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
