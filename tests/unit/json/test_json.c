/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of json/json: what is read, and what is refused because two parsers could differ about it.
 */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/buf.h"
#include "json/json.h"
#include "rig/starve.h"

/* In memory of exactly its size, so that a read past the end is seen. */
static int read_text(
        struct slice text, const struct json_limits *limits, struct json_complaint *why)
{
	struct json_scratch *s = json_scratch_mine();
	char *copy = malloc(text.len ? text.len : 1);
	struct json_doc doc;
	int r;

	memcpy(copy, text.at, text.len);
	r = json_read(
	        s, slice_from(copy, text.len), limits ? limits : &json_limits_default, &doc, why);
	if (!r)
		json_done(&doc);
	free(copy);
	return r;
}

#define TEXT(literal) SLICE_INIT(literal)

static const struct {
	const char *class;
	struct slice text;
	bool good;
} cases[] = {
        {"J02 twice", TEXT("{\"name\":\"safe\",\"name\":\"rm\"}"), false},
        {"J02 twice, deep", TEXT("{\"a\":[{\"b\":{\"c\":1,\"d\":2,\"c\":3}}]}"), false},
        {"J02 the same key at two levels", TEXT("{\"name\":{\"name\":{\"name\":1}}}"), true},
        {"J02 the empty key twice", TEXT("{\"\":1,\"\":2}"), false},
        {"J02 keys that are alike",
                TEXT("{\"k1x\":1,\"k1y\":{\"k1x\":1,\"k1y\":2},\"k1z\":[],\"k1\":3,\"k\":4,\"\":"
                     "5}"),
                true},
        {"J02 the first again behind objects",
                TEXT("{\"k1x\":{\"k1y\":1},\"k1y\":[{\"k1z\":1}],\"k1z\":{},\"k1x\":2}"), false},
        {"J02 twice in a later element", TEXT("{\"a\":[{\"b\":1},{},{\"b\":1,\"b\":2}]}"), false},
        {"J02 the same keys in each element", TEXT("{\"a\":[{\"b\":1},{\"b\":2}],\"b\":[]}"), true},
        {"J03 twice after unescaping", TEXT("{\"name\":1,\"n\\u0061me\":2}"), false},
        {"J03 a slash", TEXT("{\"a/b\":1,\"a\\/b\":2}"), false},
        {"J03 another case", TEXT("{\"name\":1,\"Name\":2}"), true},
        {"J05 beyond a double",
                TEXT("{\"a\":1e400,\"b\":-0,\"c\":1E+999999999,\"d\":9007199254740993}"), true},
        {"J05 leading zero", TEXT("{\"a\":01}"), false},
        {"J05 plus", TEXT("{\"a\":+1}"), false},
        {"J05 hexadecimal", TEXT("{\"a\":0x10}"), false},
        {"J05 dot", TEXT("{\"a\":1.}"), false},
        {"J05 minus", TEXT("{\"a\":-}"), false},
        {"J07 overlong", TEXT("{\"a\":\"\xc0\xaf\"}"), false},
        {"J07 surrogate", TEXT("{\"a\":\"\xed\xa0\x80\"}"), false},
        {"J07 beyond Unicode", TEXT("{\"a\":\"\xf5\x80\x80\x80\"}"), false},
        {"J07 cut short", TEXT("{\"a\":\"\xe2\x82\"}"), false},
        {"J07 in a key", TEXT("{\"\xff\":1}"), false},
        {"J07 four bytes", TEXT("{\"a\":\"\xf0\x9f\x98\x80\"}"), true},
        {"J08 lone high", TEXT("{\"a\":\"\\uD800\"}"), false},
        {"J08 lone low", TEXT("{\"a\":\"\\uDC00\"}"), false},
        {"J08 swapped", TEXT("{\"a\":\"\\uDE00\\uD83D\"}"), false},
        {"J08 in a key", TEXT("{\"\\uD83D\":1}"), false},
        {"J08 a pair", TEXT("{\"a\":\"\\uD83D\\uDE00\"}"), true},
        {"J09 byte order mark", TEXT("\xef\xbb\xbf{}"), false},
        {"J09 UTF-16", TEXT("\xff\xfe{\0}\0"), false},
        {"J09 UTF-16 without a mark", TEXT("{\0}\0"), false},
        {"J10 NUL in a key", TEXT("{\"a\\u0000\":1}"), false},
        {"J10 NUL in text", TEXT("{\"a\":\"x\\u0000y\"}"), true},
        {"J10 NUL behind", TEXT("{}\0"), false},
        {"J11 control character", TEXT("{\"a\":\"\n\"}"), false},
        {"J11 trailing comma", TEXT("{\"a\":1,}"), false},
        {"J11 trailing comma in a list", TEXT("{\"a\":[1,]}"), false},
        {"J11 comment", TEXT("{/**/}"), false},
        {"J11 NaN", TEXT("{\"a\":NaN}"), false},
        {"J11 Infinity", TEXT("{\"a\":Infinity}"), false},
        {"J11 single quotes", TEXT("{'a':1}"), false},
        {"J11 bare key", TEXT("{a:1}"), false},
        {"J11 garbage behind", TEXT("{} x"), false},
        {"J11 two documents", TEXT("{}{}"), false},
        {"J11 nothing", TEXT(""), false},
        {"J11 blanks", TEXT(" \n\t\r"), false},
        {"J11 no end", TEXT("{\"a\":\"b"), false},
        {"J11 bad escape", TEXT("{\"a\":\"\\x\"}"), false},
        {"J11 form feed", TEXT("\f{}"), false},
        {"J11 blanks around", TEXT(" \r\n{ \"a\" : 1 }\t"), true},
        {"J12 names of prototypes", TEXT("{\"__proto__\":1,\"constructor\":2,\"toString\":3}"),
                true},
        {"root array", TEXT("[1]"), false},
        {"root string", TEXT("\"a\""), false},
        {"root number", TEXT("1"), false},
        {"root null", TEXT("null"), false},
        {"empty", TEXT("{}"), true},
};

static void documents_are_taken_or_refused_as_due(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_complaint why = {0};
		int r = read_text(cases[i].text, NULL, &why);

		if (r != (cases[i].good ? 0 : -EPROTO) || !why.text[0] != cases[i].good)
			fail_msg("%s: %d %s", cases[i].class, r, why.text);
	}
}

/* Every beginning of a document is no document. */
static void a_document_cut_anywhere_is_refused(void **state)
{
	struct slice whole =
	        SLICE("{\"a\":[1,-2.5e3,{\"b\":\"x\\u0041\\n\"},true,false,null],\"c\":{}}");

	(void)state;
	for (size_t n = 0; n < whole.len; n++)
		assert_int_equal(read_text(slice_from(whole.at, n), NULL, NULL), -EPROTO);
	assert_int_equal(read_text(whole, NULL, NULL), 0);
}

static void put_times(struct buf *b, const char *text, size_t n)
{
	while (n--)
		assert_int_equal(buf_put_str(b, text), 0);
}

static int read_nested(size_t depth)
{
	struct buf b = BUF_INIT(1 << 20);
	int r;

	put_times(&b, "{\"a\":[", depth / 2);
	put_times(&b, "{", depth & 1);
	put_times(&b, "}", depth & 1);
	put_times(&b, "]}", depth / 2);
	r = read_text(buf_slice(&b), NULL, NULL);
	buf_finish(&b);
	return r;
}

static void depth_ends_at_64(void **state)
{
	struct buf b = BUF_INIT(1 << 20);

	(void)state;
	assert_int_equal(read_nested(63), 0);
	assert_int_equal(read_nested(64), 0);
	assert_int_equal(read_nested(65), -EPROTO);
	assert_int_equal(read_nested(66), -EPROTO);
	/* Only openings: refused for its memory before anything walks it. */
	put_times(&b, "{\"a\":", 1);
	put_times(&b, "[", 100000);
	assert_int_equal(read_text(buf_slice(&b), NULL, NULL), -EPROTO);
	buf_finish(&b);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double time_of_keys(const char *prefix, unsigned n)
{
	struct buf b = BUF_INIT(64 << 20);
	double began;

	buf_put_char(&b, '{');
	for (unsigned i = 0; i < n; i++) {
		char key[64];

		snprintf(key, sizeof(key), "%s%u", prefix, i * 2654435761u);
		buf_printf(&b, "%s\"%s\":0", i ? "," : "", key);
	}
	buf_put_char(&b, '}');
	began = seconds();
	assert_int_equal(read_text(buf_slice(&b), NULL, NULL), 0);
	began = seconds() - began;
	buf_finish(&b);
	return began;
}

static void many_keys_cost_as_many_steps(void **state)
{
	(void)state;
	/* Generous: it is the square that this is about, which would be minutes. */
	assert_true(time_of_keys("k", 200000) < 5.0);
	assert_true(time_of_keys("aaaaaaaa", 200000) < 5.0);
}

static void twins_are_found_among_many(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 200; n += 7)
		for (unsigned twin = 0; twin < n; twin += 5) {
			struct buf b = BUF_INIT(1 << 20);
			struct json_complaint why;

			buf_put_char(&b, '{');
			for (unsigned i = 0; i < n; i++)
				buf_printf(&b, "\"key%u\":%u,", i, i);
			buf_printf(&b, "\"key%u\":0}", twin);
			assert_int_equal(read_text(buf_slice(&b), NULL, &why), -EPROTO);
			assert_non_null(strstr(why.text, "twice"));
			buf_finish(&b);
		}
}

static void values_and_keys_have_ceilings(void **state)
{
	struct buf b = BUF_INIT(64 << 20);
	struct json_limits few = json_limits_default;

	(void)state;
	buf_put_str(&b, "{\"a\":[0");
	put_times(&b, ",0", 999996);
	buf_put_str(&b, "]}");
	assert_int_equal(read_text(buf_slice(&b), NULL, NULL), 0);
	buf_truncate(&b, buf_len(&b) - 2);
	buf_put_str(&b, ",0]}");
	assert_int_equal(read_text(buf_slice(&b), NULL, NULL), -EPROTO);
	buf_clear(&b);
	buf_put_str(&b, "{\"");
	put_times(&b, "k", 1024);
	buf_put_str(&b, "\":1}");
	assert_int_equal(read_text(buf_slice(&b), NULL, NULL), 0);
	buf_truncate(&b, buf_len(&b) - 4);
	buf_put_str(&b, "k\":1}");
	assert_int_equal(read_text(buf_slice(&b), NULL, NULL), -EPROTO);
	buf_finish(&b);
	few.array_is_root = true;
	assert_int_equal(read_text(SLICE("[{}]"), &few, NULL), 0);
	few.depth = 1;
	assert_int_equal(read_text(SLICE("[{}]"), &few, NULL), -EPROTO);
}

static void scratch_memory_is_given_back(void **state)
{
	struct json_scratch *s = json_scratch_mine();
	struct buf b = BUF_INIT(64 << 20);

	(void)state;
	buf_put_str(&b, "{\"a\":[0");
	put_times(&b, ",0", 900000);
	buf_put_str(&b, "]}");
	assert_int_equal(read_text(buf_slice(&b), NULL, NULL), 0);
	assert_true(s->cap_tree <= 1 << 20);
	assert_true(s->cap_copy <= 1 << 20);
	buf_finish(&b);
}

static void members_are_found_and_typed(void **state)
{
	struct json_doc doc;
	const struct json_value *list;
	struct json_iter it;
	uint64_t n = 7;

	(void)state;
	assert_int_equal(json_read(json_scratch_mine(),
	                         SLICE("{\"s\":\"a\\nb\",\"n\":12,\"t\":true,\"f\":false,\"z\":"
	                               "null,\"l\":[1,\"x\",{}],\"o\":{\"k\\u0065y\":1}}"),
	                         &json_limits_default, &doc, NULL),
	        0);
	assert_int_equal(json_type(doc.root), JSON_OBJECT);
	assert_int_equal(json_count(doc.root), 7);
	assert_slice(json_text(json_get(doc.root, "s")), "a\nb");
	assert_true(json_is_string(json_get(doc.root, "s"), "a\nb"));
	assert_false(json_is_string(json_get(doc.root, "n"), "12"));
	assert_slice(json_text(json_get(doc.root, "n")), "12");
	assert_true(json_is_true(json_get(doc.root, "t")));
	assert_false(json_is_true(json_get(doc.root, "f")));
	assert_int_equal(json_type(json_get(doc.root, "f")), JSON_BOOL);
	assert_int_equal(json_type(json_get(doc.root, "z")), JSON_NULL);
	assert_int_equal(json_type(json_get(doc.root, "missing")), JSON_ABSENT);
	assert_int_equal(json_type(json_get(json_get(doc.root, "missing"), "more")), JSON_ABSENT);
	assert_null(json_text(json_get(doc.root, "z")).at);
	assert_non_null(json_get(json_get(doc.root, "o"), "key"));
	list = json_get(doc.root, "l");
	it = json_iter(list);
	assert_true(json_next(&it));
	assert_null(it.key);
	assert_int_equal(json_to_u64(it.value, 100, &n), 0);
	assert_int_equal(n, 1);
	assert_true(json_next(&it));
	assert_int_equal(json_to_u64(it.value, 100, &n), -EINVAL);
	assert_true(json_next(&it));
	assert_int_equal(json_type(it.value), JSON_OBJECT);
	assert_false(json_next(&it));
	assert_int_equal(json_text_bytes(list), 5);
	/* At least as many bytes as it is written with. */
	assert_in_range(json_written_bytes(list), 10, 20);
	json_done(&doc);
}

static void assert_shape_is_known(const struct json_doc *doc, const struct json_value *v)
{
	struct json_shape walked = json_shape_of(v), known = json_shape_in(doc, v);

	assert_int_equal(known.written, walked.written);
	assert_int_equal(known.numbers, walked.numbers);
	assert_int_equal(known.empties, walked.empties);
	for (struct json_iter it = json_iter(v); json_next(&it);)
		assert_shape_is_known(doc, it.value);
}

/* From none to more numbers, words and empty containers than have their places kept. */
static void a_shape_is_known_without_a_walk(void **state)
{
	static const char *const values[] = {"12", "true", "{}", "null", "[]", "-1.5e+300"};

	(void)state;
	for (unsigned n = 0; n < JSON_ODD_MAX + 5; n++) {
		struct buf b = BUF_INIT(1 << 16);
		struct json_doc doc;

		buf_put_str(&b, "{\"a\":[\"\",{\"key\":\"\\u00e9\"}");
		for (unsigned i = 0; i < n; i++)
			if (i % 4)
				buf_printf(&b, ",%s", values[i % 6]);
			else
				buf_printf(&b, ",[\"text\",{\"k\":%s}]", values[i % 6]);
		buf_put_str(&b, "],\"b\":{\"c\":\"d\"},\"e\":[[[\"f\"]]]}");
		assert_int_equal(json_read(json_scratch_mine(), buf_slice(&b), &json_limits_default,
		                         &doc, NULL),
		        0);
		assert_shape_is_known(&doc, doc.root);
		json_done(&doc);
		buf_finish(&b);
	}
}

static void a_shape_is_counted_through_all_levels(void **state)
{
	static const char text[] =
	        "{\"a\":[],\"b\":{\"c\":{},\"\":[1,-2.5e3,\"\",true,[[0]]]},\"d\":null}";
	struct json_shape shape;
	struct json_doc doc;

	(void)state;
	assert_int_equal(
	        json_read(json_scratch_mine(), slice_str(text), &json_limits_default, &doc, NULL),
	        0);
	shape = json_shape_of(doc.root);
	assert_int_equal(shape.numbers, 3);
	assert_int_equal(shape.empties, 2);
	assert_in_range(shape.written, sizeof(text), sizeof(text) + 20);
	shape = json_shape_of(json_get(doc.root, "a"));
	assert_int_equal(shape.numbers, 0);
	assert_int_equal(shape.empties, 1);
	shape = json_shape_of(NULL);
	assert_int_equal(shape.written + shape.numbers + shape.empties, 0);
	json_done(&doc);
}

/* Counted value by value, and at every container compared with what it says of itself. */
static uint64_t count_text(const struct json_value *v)
{
	enum json_type type = json_type(v);
	uint64_t sum = type == JSON_STRING ? json_text(v).len : type == JSON_NUMBER ? 4 : 0;

	for (struct json_iter it = json_iter(v); json_next(&it);)
		sum += (it.key ? json_text(it.key).len : 0) + count_text(it.value);
	assert_int_equal(json_text_bytes(v), sum);
	return sum;
}

static uint64_t text_bytes_of(struct slice text)
{
	struct json_doc doc;
	uint64_t sum;

	assert_int_equal(json_read(json_scratch_mine(), text, &json_limits_default, &doc, NULL), 0);
	sum = count_text(doc.root);
	json_done(&doc);
	return sum;
}

static void every_value_knows_how_much_text_it_holds(void **state)
{
	struct buf b = BUF_INIT(1 << 20);

	(void)state;
	assert_int_equal(json_text_bytes(NULL), 0);
	assert_int_equal(text_bytes_of(SLICE("{}")), 0);
	assert_int_equal(text_bytes_of(SLICE("{\"\":\"\",\"a\":[],\"b\":{},\"c\":[[]]}")), 3);
	assert_int_equal(text_bytes_of(SLICE("{\"\\u00e9\":\"\\ud83d\\ude00\\n\"}")), 2 + 5);
	assert_int_equal(
	        text_bytes_of(SLICE("{\"a\":1234567,\"b\":[-1.5e7,true,false,null,\"xy\"]}")),
	        2 + 4 + 4 + 2);
	/* Containers that end together, and one behind them. */
	assert_int_equal(
	        text_bytes_of(SLICE("{\"a\":{\"b\":{\"c\":[\"d\"]}},\"e\":{\"f\":2}}")), 6 + 4);
	/* Objects of as many keys as are compared one with another, and of more. */
	for (unsigned n = 14; n < 20; n++) {
		buf_clear(&b);
		buf_put_str(&b, "{\"in\":[{");
		for (unsigned i = 0; i < n; i++)
			buf_printf(&b, "%s\"k%02u\":{\"x\":\"yz\"}", i ? "," : "", i);
		buf_put_str(&b, "},9],\"out\":\"t\"}");
		assert_int_equal(text_bytes_of(buf_slice(&b)), n * 6 + 2 + 4 + 3 + 1);
	}
	buf_finish(&b);
}

/* Keys of one kind to the check, and not the same. */
static void keys_that_look_alike_are_no_twins(void **state)
{
	(void)state;
	assert_int_equal(read_text(SLICE("{\"abc\":0,\"abd\":0,\"abe\":0}"), NULL, NULL), 0);
	assert_int_equal(read_text(SLICE("{\"\":0,\"b\":{\"\":0,\"b\":1}}"), NULL, NULL), 0);
	assert_int_equal(read_text(SLICE("{\"\":0,\"b\":0,\"\":1}"), NULL, NULL), -EPROTO);
	assert_int_equal(read_text(SLICE("{\"abc\":0,\"abd\":0,\"abc\":0}"), NULL, NULL), -EPROTO);
	/* One of an inner object is none of the outer one's, which goes on behind it. */
	assert_int_equal(read_text(SLICE("{\"a\":{\"b\":0},\"b\":{\"a\":0}}"), NULL, NULL), 0);
	assert_int_equal(
	        read_text(SLICE("{\"b\":1,\"a\":{\"c\":0},\"b\":2}"), NULL, NULL), -EPROTO);
}

static void only_plain_whole_numbers_are_numbers(void **state)
{
	static const struct {
		const char *text;
		int want;
	} numbers[] = {
	        {"0", 0},
	        {"9007199254740992", 0},
	        {"9007199254740993", -ERANGE},
	        {"-0", -EINVAL},
	        {"-1", -EINVAL},
	        {"1.0", -EINVAL},
	        {"1e3", -EINVAL},
	        {"1E3", -EINVAL},
	        {"\"1\"", -EINVAL},
	        {"true", -EINVAL},
	        {"null", -EINVAL},
	        {"[1]", -EINVAL},
	        {"99999999999999999999999", -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct json_doc doc;
		char text[64];
		uint64_t n = 77;

		snprintf(text, sizeof(text), "{\"a\":%s}", numbers[i].text);
		assert_int_equal(json_read(json_scratch_mine(), slice_str(text),
		                         &json_limits_default, &doc, NULL),
		        0);
		assert_int_equal(
		        json_to_u64(json_get(doc.root, "a"), UINT64_MAX, &n), numbers[i].want);
		assert_true(numbers[i].want == 0 || n == 77);
		json_done(&doc);
	}
}

static void a_token_knows_where_it_stands(void **state)
{
	struct slice text = SLICE("{ \"a\\\"\" : \"x\\\\\\\"y\" , \"b\":-1.5e3 }");
	struct json_doc doc;
	struct json_iter it;
	struct span p;

	(void)state;
	assert_int_equal(json_read(json_scratch_mine(), text, &json_limits_default, &doc, NULL), 0);
	it = json_iter(doc.root);
	assert_true(json_next(&it));
	p = json_token(&doc, it.key);
	assert_slice(slice_from(text.at + p.start, p.end - p.start), "\"a\\\"\"");
	p = json_token(&doc, it.value);
	assert_slice(slice_from(text.at + p.start, p.end - p.start), "\"x\\\\\\\"y\"");
	assert_true(json_next(&it));
	p = json_token(&doc, it.value);
	assert_slice(slice_from(text.at + p.start, p.end - p.start), "-1.5e3");
	json_done(&doc);
}

static void kept_text_is_lent_where_nothing_was_escaped(void **state)
{
	struct slice text =
	        SLICE("{\"a\":\"plain\",\"b\":\"esc\\u0061ped\",\"c\":\"\",\"d\":\"\\\\\"}");
	struct json_doc doc;
	struct arena arena;
	struct slice s;

	(void)state;
	arena_init(&arena, 4096);
	assert_int_equal(json_read(json_scratch_mine(), text, &json_limits_default, &doc, NULL), 0);
	s = json_keep(&doc, json_get(doc.root, "a"), &arena);
	assert_ptr_equal(s.at, text.at + 6);
	assert_slice(s, "plain");
	s = json_keep(&doc, json_get(doc.root, "b"), &arena);
	assert_slice(s, "escaped");
	assert_false(s.at >= text.at && s.at < text.at + text.len);
	assert_int_equal(json_keep(&doc, json_get(doc.root, "c"), &arena).len, 0);
	assert_slice(json_keep(&doc, json_get(doc.root, "d"), &arena), "\\");
	json_done(&doc);
	arena_finish(&arena);
}

static int scenario(void *arg)
{
	struct json_scratch s;
	struct json_doc doc;
	int r;

	json_scratch_init(&s);
	r = json_read(&s, *(struct slice *)arg, &json_limits_default, &doc, NULL);
	if (!r)
		json_done(&doc);
	json_scratch_finish(&s);
	return r;
}

static void want_of_memory_is_survived(void **state)
{
	struct slice small = SLICE("{\"a\":1}");
	struct buf b = BUF_INIT(64 << 20);
	struct slice big;

	(void)state;
	starve(scenario, &small);
	buf_put_str(&b, "{\"a\":[0");
	put_times(&b, ",0", 100000);
	buf_put_str(&b, "]");
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&b, ",\"k%u\":0", i);
	buf_put_str(&b, "}");
	big = buf_slice(&b);
	starve(scenario, &big);
	buf_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(documents_are_taken_or_refused_as_due),
	        cmocka_unit_test(a_document_cut_anywhere_is_refused),
	        cmocka_unit_test(depth_ends_at_64),
	        cmocka_unit_test(many_keys_cost_as_many_steps),
	        cmocka_unit_test(twins_are_found_among_many),
	        cmocka_unit_test(values_and_keys_have_ceilings),
	        cmocka_unit_test(scratch_memory_is_given_back),
	        cmocka_unit_test(members_are_found_and_typed),
	        cmocka_unit_test(a_shape_is_known_without_a_walk),
	        cmocka_unit_test(a_shape_is_counted_through_all_levels),
	        cmocka_unit_test(every_value_knows_how_much_text_it_holds),
	        cmocka_unit_test(keys_that_look_alike_are_no_twins),
	        cmocka_unit_test(only_plain_whole_numbers_are_numbers),
	        cmocka_unit_test(a_token_knows_where_it_stands),
	        cmocka_unit_test(kept_text_is_lent_where_nothing_was_escaped),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
