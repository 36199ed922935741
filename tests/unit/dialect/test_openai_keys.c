/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai_keys: which keys are another spelling of a known one. */
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

static const char *odd_in(const char *text)
{
	static const char *const names[] = {"model", "tools", NULL};
	struct json_doc doc;
	struct slice key = {0};
	struct arena arena;
	const char *name;

	arena_init(&arena, 1 << 16);
	assert_int_equal(json_read(json_scratch_mine(), quotes(&arena, text), &json_limits_default,
	                         &doc, NULL),
	        0);
	name = openai_odd_key(doc.root, names, &key);
	assert_true(!name == !key.at);
	json_done(&doc);
	arena_finish(&arena);
	return name;
}

static void the_name_meant_is_told(void **state)
{
	(void)state;
	assert_null(odd_in("{}"));
	assert_null(odd_in("{'model':1,'tools':2,'Other':3,'modelS':4}"));
	assert_string_equal(odd_in("{'model':1,'moDel':2}"), "model");
	assert_string_equal(odd_in("{'tool\\u017f':2}"), "tools");
	assert_null(openai_odd_key(NULL, (const char *const[]){NULL}, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(letters_of_every_case_are_one),
	        cmocka_unit_test(what_is_longer_than_any_name_is_none),
	        cmocka_unit_test(the_name_meant_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
