/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of json/canonical and json/number: what means the same has one text, what does not has
 * another, and that text is JSON and its own canonical form. */
#include "rig/unit.h"
#include <errno.h>
#include <stdio.h>
#include "json/canonical.h"
#include "json/number.h"
#include "rig/starve.h"

static int write(struct slice text, size_t room, struct buf *out)
{
	struct json_doc doc;
	struct arena arena;
	int r = json_read(json_scratch_mine(), text, &json_limits_default, &doc, NULL);

	if (r)
		return r;
	arena_init(&arena, 1 << 20);
	buf_init(out, room);
	r = json_canonical(&doc, &arena, out);
	arena_finish(&arena);
	json_done(&doc);
	return r;
}

static void check(const char *text, const char *want)
{
	struct buf out, again;

	assert_int_equal(write(slice_str(text), 4096, &out), 0);
	if (!slice_is(buf_slice(&out), want))
		fail_msg("%s: %.*s", text, SLICE_FMT(buf_slice(&out)));
	assert_int_equal(write(buf_slice(&out), 4096, &again), 0);
	assert_true(slice_equals(buf_slice(&out), buf_slice(&again)));
	buf_finish(&out);
	buf_finish(&again);
}

static void members_have_one_order_and_no_blanks(void **state)
{
	(void)state;
	check("{}", "{}");
	check(" { \"b\" : 1 ,\n\"a\":\t[ true , false , null , { } , [ ] ] } ",
	        "{\"a\":[true,false,null,{},[]],\"b\":1}");
	check("{\"aa\":1,\"a\":2,\"b\":{\"z\":1,\"\":[{\"y\":1,\"x\":2}],\"B\":3}}",
	        "{\"a\":2,\"aa\":1,\"b\":{\"\":[{\"x\":2,\"y\":1}],\"B\":3,\"z\":1}}");
	check("{\"\\uD83D\\uDE00\":1,\"\\uffee\":2}",
	        "{\"\xef\xbf\xae\":2,\"\xf0\x9f\x98\x80\":1}");
	check("{\"l\":[2,1]}", "{\"l\":[2,1]}"); /* a list has its own */
}

static void a_string_is_escaped_one_way(void **state)
{
	(void)state;
	check("{\"\\u0061\":\"\\u0062\\/\\u00e9\\\"\\\\\"}", "{\"a\":\"b/\xc3\xa9\\\"\\\\\"}");
	check("{\"a\":\"\\u000a\\u0000\\u001f\\n\"}", "{\"a\":\"\\n\\u0000\\u001f\\n\"}");
	check("{\"a\":\"caf\xc3\xa9\",\"b\":\"cafe\\u0301\"}",
	        "{\"a\":\"caf\xc3\xa9\",\"b\":\"cafe\xcc\x81\"}");
}

static const struct {
	const char *text, *want;
} numbers[] = {
        {"0", "0"}, {"-0", "0"}, {"0.000", "0"}, {"-0e5", "0"}, {"0e99999999999999999999999", "0"},
        {"1", "1"}, {"1.0", "1"}, {"10e-1", "1"}, {"0.1e1", "1"}, {"1e0", "1"}, {"1E+0", "1"},
        {"1.000e-000", "1"}, {"100", "1e2"}, {"1e2", "1e2"}, {"0.01e4", "1e2"}, {"1000E-1", "1e2"},
        {"-12.50", "-125e-1"}, {"-125e-1", "-125e-1"}, {"-0.125E2", "-125e-1"},
        {"0.30000000000000004", "30000000000000004e-17"}, {"0.3", "3e-1"}, {"0.03", "3e-2"},
        {"9007199254740993", "9007199254740993"}, {"9007199254740992", "9007199254740992"},
        {"1002003", "1002003"}, {"100.2003", "1002003e-4"}, {"1e400", "1e400"}, {"10e399", "1e400"},
        {"1e-400", "1e-400"}, {"1e00000000000000000000000002", "1e2"},
        {"1e999999999999999999", "1e999999999999999999"},
        {"10e999999999999999999", "1e1000000000000000000"},
        {"0.1e-999999999999999999", "1e-1000000000000000000"},
        {"1.50e9999999999999999999", "1.50e9999999999999999999"}, /* as it is written */
};

static void a_number_is_its_decimal_value(void **state)
{
	char text[128], want[128];

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(text, sizeof(text), "{\"n\":[%s]}", numbers[i].text);
		snprintf(want, sizeof(want), "{\"n\":[%s]}", numbers[i].want);
		check(text, want);
	}
}

static void as_deep_as_the_reader_goes(void **state)
{
	char text[6 * JSON_DEPTH_MAX] = "";
	size_t at = 0;

	(void)state;
	for (unsigned i = 0; i + 1 < JSON_DEPTH_MAX; i++, at += 5)
		memcpy(text + at, "{\"a\":", 5);
	memcpy(text + at, "[]", 2);
	memset(text + at + 2, '}', JSON_DEPTH_MAX - 1);
	check(text, text);
}

static const char some[] = "{\"b\":[1,{\"d\":2,\"c\":\"text\"}],\"a\":{\"f\":1,\"e\":[[]]}}";

static void a_ceiling_holds(void **state)
{
	struct buf out;

	(void)state;
	for (size_t room = 0; room + 1 < sizeof(some); room++) {
		assert_int_equal(write(slice_str(some), room, &out), -ENOBUFS);
		buf_finish(&out);
	}
}

static int scenario(void *arg)
{
	struct buf out = BUF_INIT(4096);
	int r = write(slice_str(some), 4096, &out);

	(void)arg;
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
	        cmocka_unit_test(members_have_one_order_and_no_blanks),
	        cmocka_unit_test(a_string_is_escaped_one_way),
	        cmocka_unit_test(a_number_is_its_decimal_value),
	        cmocka_unit_test(as_deep_as_the_reader_goes),
	        cmocka_unit_test(a_ceiling_holds),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
