/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of text/edit: a list of changes against the original bytes. */
#include "rig/unit.h"
#include "base/buf.h"
#include "rig/starve.h"
#include "weir/edit.h"

struct change {
	uint32_t start, end;
	const char *bytes; /* NULL ends the list */
};

static const struct {
	const char *name;
	struct change changes[6];
	const char *want; /* NULL: contradiction */
} cases[] = {
        {"none", {{0, 0, NULL}}, "0123456789"},
        {"a replacement", {{2, 4, "xyz"}}, "01xyz456789"},
        {"a removal", {{2, 4, ""}}, "01456789"},
        {"an insert", {{2, 2, "x"}}, "01x23456789"},
        {"at both ends", {{10, 10, ">"}, {0, 0, "<"}}, "<0123456789>"},
        {"everything", {{0, 10, ""}}, ""},
        {"out of order", {{7, 8, "c"}, {1, 2, "a"}, {4, 5, "b"}}, "0a23b56c89"},
        {"inserts at one place keep their order", {{3, 3, "b"}, {3, 3, "a"}, {3, 3, "c"}},
                "012bac3456789"},
        {"neighbours", {{2, 4, "a"}, {4, 6, "b"}}, "01ab6789"},
        {"a removal swallows", {{3, 4, "x"}, {5, 5, "y"}, {2, 8, ""}}, "0189"},
        {"a removal swallows removals", {{2, 8, ""}, {3, 5, ""}, {4, 5, ""}}, "0189"},
        {"the same removal twice", {{2, 8, ""}, {2, 8, ""}}, "0189"},
        {"a removal and a replacement of one place", {{2, 8, "x"}, {2, 8, ""}}, "0189"},
        {"inserts at a removal's edges stay", {{2, 8, ""}, {2, 2, "<"}, {8, 8, ">"}}, "01<>89"},
        {"an insert that inserts nothing", {{3, 3, ""}, {2, 4, "x"}}, "01x456789"},
        {"two replacements of one place", {{2, 4, "a"}, {2, 4, "b"}}, NULL},
        {"overlap", {{2, 5, "a"}, {4, 6, "b"}}, NULL},
        {"overlapping removals", {{2, 5, ""}, {4, 6, ""}}, NULL},
        {"inside a replacement", {{2, 6, "a"}, {4, 4, "b"}}, NULL},
        {"past the end", {{9, 11, "a"}}, NULL},
};

static int apply(size_t i, struct buf *out, size_t *ret_length)
{
	struct slice original = SLICE("0123456789"), *slices;
	struct arena arena;
	struct edits edits;
	unsigned n;
	int r = 0;

	arena_init(&arena, 1 << 16);
	edits_init(&edits, &arena);
	for (const struct change *c = cases[i].changes; !r && c->bytes; c++)
		r = edits_add(&edits, (struct span){c->start, c->end}, slice_str(c->bytes), "test");
	if (!r)
		r = edits_apply(&edits, original, &slices, &n);
	for (unsigned k = 0; !r && k < n; k++)
		r = buf_put_slice(out, slices[k]);
	if (!r)
		*ret_length = edits_length(&edits, original.len);
	arena_finish(&arena);
	return r;
}

static void edits_apply_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT(256);
		size_t length = 0;
		int r = apply(i, &out, &length);

		if (r != (cases[i].want ? 0 : -EINVAL) ||
		        (cases[i].want && (!slice_is(buf_slice(&out), cases[i].want) ||
		                                  length != buf_len(&out))))
			fail_msg("%s: %d %.*s", cases[i].name, r, SLICE_FMT(buf_slice(&out)));
		buf_finish(&out);
	}
}

static void an_unchanged_document_is_one_slice_of_itself(void **state)
{
	struct slice original = SLICE("{\"a\": 1}"), *slices;
	struct arena arena;
	struct edits edits;
	unsigned n;

	(void)state;
	arena_init(&arena, 1 << 16);
	edits_init(&edits, &arena);
	assert_int_equal(edits_apply(&edits, original, &slices, &n), 0);
	assert_int_equal(n, 1);
	assert_ptr_equal(slices[0].at, original.at);
	assert_int_equal(slices[0].len, original.len);
	arena_finish(&arena);
}

static int scenario(void *arg)
{
	struct buf out = BUF_INIT(256);
	size_t length;
	int r;

	(void)arg;
	r = apply(6, &out, &length);
	buf_finish(&out);
	return r;
}

static void want_of_memory_is_survived(void **state)
{
	(void)state;
	starve(scenario, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(edits_apply_as_written),
	        cmocka_unit_test(an_unchanged_document_is_one_slice_of_itself),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
