/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/input_bound: no request has more tokens than it says, whatever they stand in. */
#include "rig/unit.h"
#include <stdio.h>
#include "rig/quotes.h"
#include "weir/dialect.h"

#define MESSAGES "'messages':[{'role':'user','content':'hi'}]"
#define CHAT(members) "{'model':'m'," MESSAGES members "}"

static uint64_t bound_of(enum action action, const char *text, uint64_t window)
{
	struct request_facts f;
	struct complaint why;
	struct arena arena;
	uint64_t bound;

	arena_init(&arena, 8 << 20);
	if (dialect_openai.read_request(action, quotes(&arena, text), &arena, NULL, &f, &why))
		fail_msg("%s: %s", text, why.text);
	bound = request_input_bound(&f, window);
	arena_finish(&arena);
	return bound;
}

/* Each puts so many more bytes before the model than the plain request. */
static void all_that_a_model_may_read_counts(void **state)
{
	static const struct {
		const char *members;
		uint64_t least;
	} cases[] = {
	        {",'tools':[{'type':'function','function':{'name':'a','description':'0123456789'}}"
	         "]",
	                32 + 61},
	        {",'tools':[{'type':'function','function':{'name':'a','parameters':"
	         "{'enum':[[[[[[[[[[]]]]]]]]]]}}}]",
	                32 + 65},
	        {",'tools':[{'type':'function','function':{'name':'a','parameters':"
	         "{'const':123456789012345678901234567890}}}]",
	                32 + 80},
	        {",'functions':[{'name':'a','parameters':{'x':[true,false,null]}}]", 32 + 40},
	        {",'response_format':{'type':'json_schema','json_schema':{'enum':[1,2,3]}}", 50},
	        {",'suffix':'0123456789'", 10},
	        {",'documents':[{'text':'0123456789'}]", 10},
	        {",'prediction':{'type':'content','content':'0123456789'}", 10},
	        {",'chat_template_kwargs':{'x':'0123456789'}", 10},
	        {",'tool_choice':{'type':'function','function':{'name':'a'}}", 10},
	};
	uint64_t plain = bound_of(ACTION_CHAT, CHAT(""), 0);

	(void)state;
	assert_in_range(plain, 16 + 2, 16 + 40);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];
		uint64_t n;

		snprintf(text, sizeof(text), CHAT("%s"), cases[i].members);
		n = bound_of(ACTION_CHAT, text, 0) - plain;
		if (n < cases[i].least || n > cases[i].least + 60)
			fail_msg("%s: %llu", text, (unsigned long long)n);
	}
}

static void messages_have_a_share_each(void **state)
{
	(void)state;
	assert_int_equal(bound_of(ACTION_CHAT,
	                         "{'model':'m','messages':[{'role':'user'},{'role':"
	                         "'user','content':'tool result'}]}",
	                         0),
	        2 * 16 + 8 + 8 + 7 + 11);
	/* Tool calls, names, reasoning: whatever stands in one. */
	assert_in_range(bound_of(ACTION_CHAT,
	                        "{'model':'m','messages':[{'role':'assistant','name':'n','tool_"
	                        "calls':[{'id'"
	                        ":'c','type':'function','function':{'name':'f','arguments':'{"
	                        "0123456789}'}}],"
	                        "'reasoning_content':'0123456789'}]}",
	                        0),
	        16 + 100, 16 + 140);
}

static void texts_of_a_list_have_a_share_each(void **state)
{
	(void)state;
	assert_int_equal(bound_of(ACTION_EMBEDDING, "{'model':'m','input':'abc'}", 0), 16 + 3);
	assert_int_equal(bound_of(ACTION_EMBEDDING, "{'model':'m','input':['','','']}", 0), 3 * 16);
	assert_int_equal(bound_of(ACTION_EMBEDDING, "{'model':'m','input':[1,2,3]}", 0), 16 + 12);
	assert_int_equal(
	        bound_of(ACTION_EMBEDDING, "{'model':'m','input':[[1],[2,3]]}", 0), 32 + 12);
	assert_int_equal(bound_of(ACTION_COMPLETION, "{'model':'m','prompt':['a','b']}", 0), 34);
}

static void the_window_is_the_most(void **state)
{
	static const char *const unbounded[] = {
	        "{'model':'m','messages':[{'role':'user','content':[{'type':'image_url'}]}]}",
	        "{'model':'m','messages':[{'role':'user','content':[{'type':'file'}]}]}",
	        "{'model':'m','messages':[{'role':'assistant','audio':{'id':'a'}}]}",
	        /* Some readers take a part without a type for what it holds. */
	        "{'model':'m','messages':[{'role':'user','content':[{'image_url':{'url':'u'}}]}]}",
	        "{'model':'m','messages':[{'role':'user','content':[{'text':'a','image_url':'u'}]}]"
	        "}",
	        "{'model':'m','messages':[{'role':'user','content':[{'type':null,'audio_url':1}]}]"
	        "}",
	        "{'model':'m','messages':[{'role':'user','content':{'type':'image_url'}}]}",
	        CHAT(",'tools':[{'type':'web_search'}]"),
	        CHAT(",'web_search_options':{}"),
	};

	(void)state;
	assert_int_equal(bound_of(ACTION_CHAT, CHAT(""), 20), 20);
	assert_true(bound_of(ACTION_CHAT, CHAT(""), 1000) < 1000);
	for (size_t i = 0; i < sizeof(unbounded) / sizeof(unbounded[0]); i++) {
		assert_int_equal(bound_of(ACTION_CHAT, unbounded[i], 128000), 128000);
		assert_true(bound_of(ACTION_CHAT, unbounded[i], 0) == UINT64_MAX);
	}
}

static void text_counts_beside_what_is_none(void **state)
{
	static const char *const texts[] = {
	        "{'type':'image_url','image_url':{'url':'u'}},{'type':'text','text':'0123456789'}",
	        "{'type':'input_text','text':'0123456789'}",
	        "{'text':'0123456789'}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[256];
		struct request_facts f;
		struct complaint why;
		struct arena arena;

		arena_init(&arena, 8 << 20);
		snprintf(text, sizeof(text),
		        "{'model':'m','messages':[{'role':'user','content':[%s]}]}", texts[i]);
		assert_int_equal(dialect_openai.read_request(
		                         ACTION_CHAT, quotes(&arena, text), &arena, NULL, &f, &why),
		        0);
		assert_in_range(request_text_bound(&f), 16 + 10, 16 + 60);
		assert_int_equal(f.has_media, i < 2);
		arena_finish(&arena);
	}
}

static void what_was_removed_does_not_run(void **state)
{
	struct tool_decl tools[] = {
	        {.kind = TOOL_HOSTED, .removed = true}, {.kind = TOOL_FUNCTION}};
	struct request_facts f = {.text_bytes = 10, .n_tools = 2, .tools = tools};

	(void)state;
	assert_int_equal(request_input_bound(&f, 0), 10 + 2 * 32);
	tools[0].removed = false;
	assert_true(request_input_bound(&f, 0) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(all_that_a_model_may_read_counts),
	        cmocka_unit_test(messages_have_a_share_each),
	        cmocka_unit_test(texts_of_a_list_have_a_share_each),
	        cmocka_unit_test(the_window_is_the_most),
	        cmocka_unit_test(text_counts_beside_what_is_none),
	        cmocka_unit_test(what_was_removed_does_not_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
