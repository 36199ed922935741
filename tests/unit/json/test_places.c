/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of json/places: every value and key is found where it stands. */
#include "rig/unit.h"
#include "json/places.h"
#include "rig/starve.h"

struct expect {
	struct slice doc;
	const char *key; /* top member */
	const char *want;
};

static const struct expect expects[] = {
        {SLICE_INIT("{\"a\":1}"), "a", "1"},
        {SLICE_INIT(" { \"a\" : [ ] , \"b\" : { } } "), "a", "[ ]"},
        {SLICE_INIT(" { \"a\" : [ ] , \"b\" : { } } "), "b", "{ }"},
        {SLICE_INIT("{\"a\":[[[]],[{}]],\"b\":null}"), "a", "[[[]],[{}]]"},
        {SLICE_INIT("{\"a\":[[[]],[{}]],\"b\":null}"), "b", "null"},
        {SLICE_INIT("{\"a\":true,\"b\":false,\"c\":\"]},:\\\"{[\"}"), "a", "true"},
        {SLICE_INIT("{\"a\":true,\"b\":false,\"c\":\"]},:\\\"{[\"}"), "b", "false"},
        {SLICE_INIT("{\"a\":true,\"b\":false,\"c\":\"]},:\\\"{[\"}"), "c", "\"]},:\\\"{[\""},
        {SLICE_INIT("{\"a\":\"\\\\\",\"b\":-0.5E-7\n}"), "a", "\"\\\\\""},
        {SLICE_INIT("{\"a\":\"\\\\\",\"b\":-0.5E-7\n}"), "b", "-0.5E-7"},
        {SLICE_INIT("{\"a\":{\"b\":{\"c\":[1,{\"d\":[]}]}}\n,\"e\":\"\"}"), "a",
                "{\"b\":{\"c\":[1,{\"d\":[]}]}}"},
        {SLICE_INIT("{\"a\":{\"b\":{\"c\":[1,{\"d\":[]}]}}\n,\"e\":\"\"}"), "e", "\"\""},
        {SLICE_INIT("{\"\\u0061\" \t\r\n:\n[1] ,\"b\":2}\n \n"), "a", "[1]"},
        {SLICE_INIT("{\"\\u0061\" \t\r\n:\n[1] ,\"b\":2 }\n \n"), "b", "2"},
};

static int find(const struct expect *e, struct slice *ret)
{
	struct json_scratch scratch;
	struct json_doc doc;
	struct places places;
	struct arena arena;
	struct span p;
	int r;

	json_scratch_init(&scratch);
	arena_init(&arena, 1 << 16);
	r = json_read(&scratch, e->doc, &json_limits_default, &doc, NULL);
	if (!r) {
		r = places_find(&doc, &arena, &places);
		if (!r) {
			p = place_of(&places, json_get(doc.root, e->key));
			*ret = slice_from(e->doc.at + p.start, p.end - p.start);
		}
		json_done(&doc);
	}
	arena_finish(&arena);
	json_scratch_finish(&scratch);
	return r;
}

static void a_value_is_found_where_it_stands(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(expects) / sizeof(expects[0]); i++) {
		struct slice got = {0};

		assert_int_equal(find(&expects[i], &got), 0);
		if (!slice_is(got, expects[i].want))
			fail_msg("%s of %s: %.*s", expects[i].key, expects[i].doc.at,
			        SLICE_FMT(got));
	}
}

/* Without a pass over the document. */
static void a_member_is_found_where_it_stands(void **state)
{
	struct json_scratch scratch;

	(void)state;
	json_scratch_init(&scratch);
	for (size_t i = 0; i < sizeof(expects) / sizeof(expects[0]); i++) {
		const struct expect *e = &expects[i];
		struct json_doc doc;
		unsigned found = 0;

		assert_int_equal(json_read(&scratch, e->doc, &json_limits_default, &doc, NULL), 0);
		for (struct json_iter it = json_iter(doc.root); json_next(&it);) {
			struct span p = json_member_place(&doc, it.key);

			if (!slice_is(json_text(it.key), e->key))
				continue;
			found++;
			if (!slice_is(slice_from(e->doc.at + p.start, p.end - p.start), e->want))
				fail_msg("%s of %s: %u to %u", e->key, e->doc.at, p.start, p.end);
		}
		assert_int_equal(found, 1);
		json_done(&doc);
	}
	json_scratch_finish(&scratch);
}

static int scenario(void *arg)
{
	struct slice got;

	return find(arg, &got);
}

static void want_of_memory_is_survived(void **state)
{
	(void)state;
	starve(scenario, (void *)&expects[4]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_value_is_found_where_it_stands),
	        cmocka_unit_test(a_member_is_found_where_it_stands),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
