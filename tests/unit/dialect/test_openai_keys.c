/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai_keys: which keys are another spelling of a known one, and
 * which members are the known ones. */
#include "rig/unit.h"
#include "dialect/openai_keys.h"
#include "rig/quotes.h"

static void assert_folds(struct slice key, const char *want)
{
	char room[KEY_FOLDED_MAX];
	struct slice folded = openai_key_fold(key, room);

	if (!want)
		assert_null(folded.at);
	else
		assert_true(slice_is(folded, want));
}

static void letters_of_every_case_are_one(void **state)
{
	(void)state;
	assert_folds(SLICE("model"), NULL);
	assert_folds(SLICE(""), NULL);
	assert_folds(SLICE("Model"), "model");
	assert_folds(SLICE("TOOL_CHOICE"), "tool_choice");
	assert_folds(SLICE("tool\xc5\xbf"), "tools");
	assert_folds(SLICE("\xe2\x84\xaa"), "k");
	assert_folds(SLICE("f\xc4\xb1nish"), "finish");
	assert_folds(SLICE("F\xc4\xb0NISH"), "finish");
	assert_folds(SLICE("mod\xc3\xa9l"), "mod\xc3\xa9l");
	/* Bytes that end too soon. */
	assert_folds(SLICE("a\xc5"), "a\xc5");
	assert_folds(SLICE("a\xe2\x84"), "a\xe2\x84");
}

static void what_is_longer_than_any_name_is_none(void **state)
{
	char key[200];

	(void)state;
	memset(key, 'A', sizeof(key));
	assert_folds(slice_from(key, sizeof(key)), NULL);
	assert_folds(slice_from(key, KEY_FOLDED_MAX + 1), NULL);
	key[KEY_FOLDED_MAX] = 0;
	memset(key, 'a', KEY_FOLDED_MAX);
	key[0] = 'A';
	assert_folds(slice_from(key, KEY_FOLDED_MAX),
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

static const struct json_name names[] = {
        JSON_NAME("n"), JSON_NAME("model"), JSON_NAME("tools"), JSON_NAME("completion_tokens")};

static const char *odd_in(const char *text)
{
	const struct json_value *key = NULL, *m[4];
	struct json_doc doc;
	struct arena arena;
	const char *name;

	arena_init(&arena, 1 << 16);
	assert_int_equal(json_read(json_scratch_mine(), quotes(&arena, text), &json_limits_default,
	                         &doc, NULL),
	        0);
	name = openai_members(doc.root, names, 4, m, &key);
	assert_true(!name == !key);
	json_done(&doc);
	arena_finish(&arena);
	return name;
}

static void the_name_meant_is_told(void **state)
{
	(void)state;
	assert_null(odd_in("{}"));
	assert_null(odd_in("{'model':1,'tools':2,'Other':3,'modelS':4}"));
	assert_null(odd_in("{'Models':1,'Tool':2,'N ':3,'Completion_tokens_':4}"));
	assert_string_equal(odd_in("{'model':1,'moDel':2}"), "model");
	assert_string_equal(odd_in("{'moDel':2,'model':1}"), "model");
	assert_string_equal(odd_in("{'N':2}"), "n");
	assert_string_equal(odd_in("{'tool\\u017f':2}"), "tools");
	assert_string_equal(odd_in("{'completion_token\\u017f':2}"), "completion_tokens");
	assert_string_equal(odd_in("{'completion_toKens':2}"), "completion_tokens");
}

static uint64_t number(const struct json_value *v)
{
	uint64_t n = 0;

	return json_to_u64(v, 100, &n) ? 0 : n;
}

static void members_are_found_in_any_order(void **state)
{
	static const char *const texts[] = {
	        "{'n':1,'model':2,'tools':3,'completion_tokens':4}",
	        "{'completion_tokens':4,'tools':3,'x':{'n':9},'model':2,'n':1}",
	        "{'x':[{'model':9}],'tools':3,'n':1,'completion_token':9,'completion_tokens':4,"
	        "'model':2}",
	        "{'m\\u006fdel':2,'completion_tokens':4,'mode':9,'models':9,'\\u006e':1,'':9,"
	        "'tools':3}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct json_value *key = NULL, *m[4];
		struct json_doc doc;
		struct arena arena;

		arena_init(&arena, 1 << 16);
		assert_int_equal(json_read(json_scratch_mine(), quotes(&arena, texts[i]),
		                         &json_limits_default, &doc, NULL),
		        0);
		assert_null(openai_members(doc.root, names, 4, m, &key));
		for (unsigned k = 0; k < 4; k++)
			assert_int_equal(number(m[k]), k + 1);
		json_done(&doc);
		arena_finish(&arena);
	}
}

static void what_is_no_object_has_no_members(void **state)
{
	const struct json_value *key = NULL, *m[4];
	struct json_doc doc;

	(void)state;
	assert_int_equal(json_read(json_scratch_mine(), SLICE("{\"n\":[\"n\",\"N\"]}"),
	                         &json_limits_default, &doc, NULL),
	        0);
	assert_null(openai_members(json_get(doc.root, "n"), names, 4, m, &key));
	for (unsigned k = 0; k < 4; k++)
		assert_null(m[k]);
	json_done(&doc);
	memset(m, 1, sizeof(m));
	assert_null(openai_members(NULL, names, 4, m, &key));
	for (unsigned k = 0; k < 4; k++)
		assert_null(m[k]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(letters_of_every_case_are_one),
	        cmocka_unit_test(what_is_longer_than_any_name_is_none),
	        cmocka_unit_test(the_name_meant_is_told),
	        cmocka_unit_test(members_are_found_in_any_order),
	        cmocka_unit_test(what_is_no_object_has_no_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
