/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/routes. */
#include "rig/unit.h"
#include "weir/dialect.h"

static const struct {
	enum method method;
	const char *path;
	bool known;
	enum action action;
	const char *id;
} cases[] = {
        {METHOD_POST, "/v1/chat/completions", true, ACTION_CHAT, ""},
        {METHOD_POST, "/v1/completions", true, ACTION_COMPLETION, ""},
        {METHOD_POST, "/v1/embeddings", true, ACTION_EMBEDDING, ""},
        {METHOD_POST, "/v1/moderations", true, ACTION_MODERATION, ""},
        {METHOD_GET, "/v1/models", true, ACTION_MODELS, ""},
        {METHOD_GET, "/v1/models/gpt-4o", true, ACTION_MODEL, "gpt-4o"},
        {METHOD_GET, "/v1/models/org/name", true, ACTION_MODEL, "org/name"},
        {METHOD_GET, "/weir/v1/me", true, ACTION_ME, ""},
        {METHOD_GET, "/weir/v1/budget", true, ACTION_BUDGET, ""},
        {METHOD_POST, "/weir/v1/budget", true, ACTION_NONE, ""},
        {METHOD_GET, "/weir/v1/budget/", false, ACTION_NONE, ""},
        {METHOD_GET, "/weir/v1/calls/01H", true, ACTION_CALL_STATUS, "01H"},
        {METHOD_GET, "/v1/chat/completions", true, ACTION_NONE, ""},
        {METHOD_DELETE, "/v1/models/gpt-4o", true, ACTION_NONE, "gpt-4o"},
        {METHOD_OTHER, "/v1/models", true, ACTION_NONE, ""},
        {METHOD_POST, "/v1/chat/completions/", false, ACTION_NONE, ""},
        {METHOD_POST, "/v1/Chat/completions", false, ACTION_NONE, ""},
        {METHOD_POST, "/v1/chat", false, ACTION_NONE, ""},
        {METHOD_POST, "/v1/files", false, ACTION_NONE, ""},
        {METHOD_GET, "/v1/models/", false, ACTION_NONE, ""},
        {METHOD_GET, "/weir/v1/calls/", false, ACTION_NONE, ""},
        {METHOD_GET, "/weir/v1/calls/a/b", false, ACTION_NONE, ""},
        {METHOD_POST, "/tools/lookup", true, ACTION_TOOL, "lookup"},
        {METHOD_GET, "/tools/lookup", true, ACTION_NONE, "lookup"},
        {METHOD_POST, "/tools/", false, ACTION_NONE, ""},
        {METHOD_POST, "/tools", false, ACTION_NONE, ""},
        {METHOD_POST, "/tools/a/b", false, ACTION_NONE, ""},
        {METHOD_POST, "/Tools/a", false, ACTION_NONE, ""},
        {METHOD_GET, "/", false, ACTION_NONE, ""},
        {METHOD_GET, "", false, ACTION_NONE, ""},
};

static void a_path_is_what_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct route r = dialect_route(cases[i].method, slice_str(cases[i].path));

		assert_int_equal(r.known, cases[i].known);
		assert_int_equal(r.action, cases[i].action);
		assert_true(slice_is(r.id, cases[i].id));
		assert_ptr_equal(r.dialect, strncmp(cases[i].path, "/tools/", 7) ? &dialect_openai
		                                                                 : &dialect_tool);
		assert_true(!r.known == !r.allow);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_path_is_what_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
