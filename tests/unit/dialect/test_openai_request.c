/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai_request: what a request asks for, and which are refused. */
#include "rig/unit.h"
#include <stdio.h>
#include "rig/quotes.h"
#include "rig/starve.h"
#include "weir/dialect.h"

#define CHAT(members) "{'model':'m','messages':[{'role':'user','content':'hi'}]" members "}"
#define BUILTIN(function, more) "{'type':'builtin_function','function':" function more "}"
#define TOOL(name) "{'type':'function','function':{'name':'" name "'}}"

struct reading {
	struct arena arena;
	struct slice body;
	struct request_facts facts;
	struct complaint why;
	int result;
};

static void read_body(struct reading *r, enum action action, const char *text)
{
	*r = (struct reading){.result = 0};
	arena_init(&r->arena, 8 << 20);
	r->body = quotes(&r->arena, text);
	r->result =
	        dialect_openai.read_request(action, r->body, &r->arena, NULL, &r->facts, &r->why);
}

static void read_good(struct reading *r, enum action action, const char *text)
{
	read_body(r, action, text);
	if (r->result)
		fail_msg("%s: %s", text, r->why.text);
}

static void the_plain_facts_are_read(void **state)
{
	struct reading r;

	(void)state;
	read_good(&r, ACTION_CHAT,
	        "{'messages':[{'role':'system','content':'ab'},{'role':'user','content':[{'type':'"
	        "text','text':'cd'}]}],"
	        "'model':'gpt\\u002d4','stream':true,'n':2,'max_completion_tokens':64,'user':'u1',"
	        "'response_format':{'type':'json_object'},'stream_options':{'include_usage':true}"
	        "}");
	assert_slice(r.facts.model, "gpt-4");
	assert_slice(slice_from(r.body.at + r.facts.model_place.start,
	                     r.facts.model_place.end - r.facts.model_place.start),
	        "\"gpt\\u002d4\"");
	assert_true(r.facts.stream);
	assert_true(r.facts.usage_asked);
	assert_true(r.facts.json_answer);
	assert_int_equal(r.facts.max_output, 64);
	assert_int_equal(r.facts.n, 2);
	assert_int_equal(r.facts.n_messages, 2);
	assert_slice(r.facts.user, "u1");
	assert_false(r.facts.has_media);
	/* Strings and keys of both messages and the format. */
	assert_in_range(r.facts.text_bytes, 4, 200);
	arena_finish(&r.arena);
}

static void nothing_asked_is_nothing_read(void **state)
{
	struct reading r;

	(void)state;
	read_good(&r, ACTION_CHAT,
	        CHAT(",'stream':null,'n':null,'tools':null,'tool_choice':null,'user':null,'max_"
	             "tokens':null,'unknown':[1]"));
	assert_false(r.facts.stream);
	assert_int_equal(r.facts.n, 1);
	assert_int_equal(r.facts.max_output, 0);
	assert_int_equal(r.facts.n_tools, 0);
	assert_int_equal(r.facts.choice, CHOICE_NONE_GIVEN);
	assert_null(r.facts.user.at);
	arena_finish(&r.arena);
}

static void every_shape_of_a_tool_is_seen(void **state)
{
	static const struct {
		const char *tools;
		enum tool_kind kind;
		const char *name;
	} cases[] = {
	        {"'tools':[" TOOL("a") "]", TOOL_FUNCTION, "a"},
	        {"'tools':[{'type':'function','function':{'name':'\\u0061'}}]", TOOL_FUNCTION, "a"},
	        {"'tools':[{'type':'function','name':'a'}]", TOOL_FUNCTION, "a"},
	        {"'tools':[{'type':'custom','custom':{'name':'a'}}]", TOOL_CUSTOM, "a"},
	        {"'tools':[{'type':'namespace','name':'s','tools':[" TOOL("a") "]}]", TOOL_FUNCTION,
	                "a"},
	        {"'functions':[{'name':'a'}]", TOOL_FUNCTION, "a"},
	        {"'tools':[{'type':'web_search'}]", TOOL_HOSTED, "web_search"},
	        {"'tools':[{'type':'code_interpreter','container':{}}]", TOOL_HOSTED,
	                "code_interpreter"},
	        {"'tools':[{'type':'never_heard_of'}]", TOOL_HOSTED, "never_heard_of"},
	        {"'tools':[{'type':'mcp','server_url':'https://x/y'}]", TOOL_HOSTED,
	                "mcp:https://x/y"},
	        {"'tools':[{'type':'mcp','connector_id':'c'}]", TOOL_HOSTED, "mcp:c"},
	        {"'tools':[{'type':'mcp'}]", TOOL_HOSTED, "mcp:"},
	        {"'tools':[" BUILTIN("{'name':'$web_search'}", "") "]", TOOL_HOSTED,
	                "builtin_function:$web_search"},
	        {"'tools':[" BUILTIN("{'name':'a'}", ",'name':'a'") "]", TOOL_HOSTED,
	                "builtin_function:a"},
	        {"'tools':[{'type':'builtin_function'}]", TOOL_HOSTED, "builtin_function"},
	        {"'web_search_options':{}", TOOL_HOSTED, "web_search"},
	        {"'mcp_servers':[]", TOOL_HOSTED, "mcp_servers"},
	        {"'data_sources':[{}]", TOOL_HOSTED, "data_sources"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reading r;
		char text[512];

		snprintf(text, sizeof(text), CHAT(",%s"), cases[i].tools);
		read_good(&r, ACTION_CHAT, text);
		assert_int_equal(r.facts.n_tools, 1);
		assert_int_equal(r.facts.tools[0].kind, cases[i].kind);
		assert_true(slice_is(r.facts.tools[0].name, cases[i].name));
		arena_finish(&r.arena);
	}
}

static void every_shape_of_a_choice_is_seen(void **state)
{
	static const struct {
		const char *choice;
		enum tool_choice want;
		const char *names; /* each followed by a space */
		bool required;
	} cases[] = {
	        {"'tool_choice':'none'", CHOICE_NONE, "", false},
	        {"'tool_choice':'auto'", CHOICE_AUTO, "", false},
	        {"'tool_choice':'required'", CHOICE_REQUIRED, "", false},
	        {"'function_call':'auto'", CHOICE_AUTO, "", false},
	        {"'function_call':{'name':'a'}", CHOICE_NAMED, "a ", true},
	        {"'tool_choice':" TOOL("a"), CHOICE_NAMED, "a ", true},
	        {"'tool_choice':{'type':'custom','custom':{'name':'a'}}", CHOICE_NAMED, "a ", true},
	        {"'tool_choice':{'type':'web_search'}", CHOICE_NAMED, "web_search ", true},
	        {"'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'auto','tools':"
	         "[" TOOL("a") "," TOOL("b") "]}}",
	                CHOICE_NAMED, "a b ", false},
	        {"'tool_choice':{'type':'allowed_tools','mode':'required','tools':[{'type':'"
	         "function','name':'a'}]}",
	                CHOICE_NAMED, "a ", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf names = BUF_INIT(1024);
		struct reading r;
		char text[512];

		snprintf(text, sizeof(text), CHAT(",%s"), cases[i].choice);
		read_good(&r, ACTION_CHAT, text);
		assert_int_equal(r.facts.choice, cases[i].want);
		for (unsigned k = 0; k < r.facts.n_chosen; k++)
			buf_printf(&names, "%.*s ", SLICE_FMT(r.facts.chosen[k]));
		assert_true(slice_is(buf_slice(&names), cases[i].names));
		assert_int_equal(r.facts.choice_is_required, cases[i].required);
		buf_finish(&names);
		arena_finish(&r.arena);
	}
}

static const struct {
	enum action action;
	const char *body, *param;
} refused[] = {
        {ACTION_CHAT, "", ""},
        {ACTION_CHAT, "[]", ""},
        {ACTION_CHAT, "{'messages':[{}]}", "/model"},
        {ACTION_CHAT, "{'model':'','messages':[{}]}", "/model"},
        {ACTION_CHAT, "{'model':null,'messages':[{}]}", "/model"},
        {ACTION_CHAT, "{'model':['a'],'messages':[{}]}", "/model"},
        {ACTION_CHAT, "{'model':'a\\nb','messages':[{}]}", "/model"},
        {ACTION_CHAT, "{'model':'a','model':'b','messages':[{}]}", ""},
        {ACTION_CHAT, "{'model':'a'}", "/messages"},
        {ACTION_CHAT, "{'model':'a','messages':[]}", "/messages"},
        {ACTION_CHAT, "{'model':'a','messages':'x'}", "/messages"},
        {ACTION_CHAT, "{'model':'a','messages':['x']}", "/messages"},
        {ACTION_CHAT, CHAT(",'stream':'true'"), "/stream"},
        {ACTION_CHAT, CHAT(",'stream':1"), "/stream"},
        {ACTION_CHAT, CHAT(",'stream_options':true"), "/stream_options"},
        {ACTION_CHAT, CHAT(",'stream_options':{'include_usage':1}"),
                "/stream_options/include_usage"},
        {ACTION_CHAT, CHAT(",'n':0"), "/n"},
        {ACTION_CHAT, CHAT(",'n':'2'"), "/n"},
        {ACTION_CHAT, CHAT(",'n':2.0"), "/n"},
        {ACTION_CHAT, CHAT(",'max_tokens':'4096'"), "/max_tokens"},
        {ACTION_CHAT, CHAT(",'max_tokens':4096.5"), "/max_tokens"},
        {ACTION_CHAT, CHAT(",'max_tokens':-1"), "/max_tokens"},
        {ACTION_CHAT, CHAT(",'max_tokens':1e3"), "/max_tokens"},
        {ACTION_CHAT, CHAT(",'max_tokens':true"), "/max_tokens"},
        {ACTION_CHAT, CHAT(",'max_tokens':0"), "/max_tokens"},
        {ACTION_CHAT, CHAT(",'max_completion_tokens':2147483648"), "/max_completion_tokens"},
        {ACTION_CHAT, CHAT(",'max_completion_tokens':9007199254740993"), "/max_completion_tokens"},
        {ACTION_CHAT, CHAT(",'max_tokens':5,'max_completion_tokens':5"), "/max_tokens"},
        {ACTION_CHAT, CHAT(",'tools':{}"), "/tools"},
        {ACTION_CHAT, CHAT(",'tools':['a']"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[{}]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[{'type':'function'}]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" TOOL("a") "," TOOL("a b") "]"), "/tools/1"},
        {ACTION_CHAT, CHAT(",'tools':[" TOOL("delete_file\\u0000") "]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" TOOL("delet\\uff45") "]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[{'type':'function','name':'a','function':{'name':'b'}}]"),
                "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[{'type':'mcp','server_url':'a','connector_id':'b'}]"),
                "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[{'type':'namespace','tools':[{}]}]"), "/tools/0/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" BUILTIN("{}", "") "]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" BUILTIN("{}", ",'name':'a'") "]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" BUILTIN("'a'", "") "]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" BUILTIN("{'name':'$'}", "") "]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" BUILTIN("{'name':'$$a'}", "") "]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" BUILTIN("{'name':'$a\\n'}", "") "]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" BUILTIN("{'name':['a']}", "") "]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" BUILTIN("{'name':'a'}", ",'name':'b'") "]"), "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" BUILTIN("{'name':'a'}", ",'custom':{'name':'a'}") "]"),
                "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" BUILTIN("{'name':'a'}", ",'tools':[" TOOL("a") "]") "]"),
                "/tools/0"},
        {ACTION_CHAT, CHAT(",'tools':[" BUILTIN("{'name':'a','Name':'b'}", "") "]"),
                "/tools/0/function/Name"},
        {ACTION_CHAT, CHAT(",'functions':[" BUILTIN("{'name':'a'}", ",'name':'a'") "]"),
                "/functions/0/name"},
        {ACTION_CHAT, CHAT(",'tools':[" TOOL("a") "],'tool_choice':" BUILTIN("{'name':'a'}", "")),
                "/tool_choice"},
        {ACTION_CHAT, CHAT(",'functions':[{'type':'function','name':'a','function':{'name':'b'}}]"),
                "/functions/0/name"},
        {ACTION_CHAT, CHAT(",'functions':[{'type':'custom','name':'a','custom':{'name':'a'}}]"),
                "/functions/0/name"},
        {ACTION_CHAT, CHAT(",'functions':[{}]"), "/functions/0/name"},
        {ACTION_CHAT, CHAT(",'tool_choice':'any'"), "/tool_choice"},
        {ACTION_CHAT, CHAT(",'tool_choice':[]"), "/tool_choice"},
        {ACTION_CHAT, CHAT(",'tool_choice':{}"), "/tool_choice"},
        {ACTION_CHAT, CHAT(",'tool_choice':'auto','function_call':'none'"), "/function_call"},
        {ACTION_CHAT, CHAT(",'tool_choice':{'type':'allowed_tools','allowed_tools':{'tools':[]}}"),
                "/tool_choice/allowed_tools/mode"},
        {ACTION_CHAT, CHAT(",'user':7"), "/user"},
        {ACTION_COMPLETION, "{'model':'a','prompt':7}", "/prompt"},
        {ACTION_COMPLETION, "{'model':'a','prompt':'x','best_of':'2'}", "/best_of"},
        {ACTION_EMBEDDING, "{'model':'a','input':{}}", "/input"},
        {ACTION_EMBEDDING, "{'input':'x'}", "/model"},
};

static void wrong_types_are_refused_by_their_pointer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct reading r;

		read_body(&r, refused[i].action, refused[i].body);
		if (r.result != -EPROTO || strcmp(r.why.param, refused[i].param) ||
		        !strstr(r.why.text, refused[i].param) || !r.why.text[0])
			fail_msg("%s: %d %s: %s", refused[i].body, r.result, r.why.param,
			        r.why.text);
		assert_int_equal(r.why.fault, FAULT_REQUEST_INVALID);
		assert_null(r.facts.model.at);
		arena_finish(&r.arena);
	}
}

static void what_is_more_than_text_is_noted(void **state)
{
	struct reading r;

	(void)state;
	read_good(&r, ACTION_CHAT,
	        "{'model':'m','messages':[{'role':'user','content':[{'type':'text','text':'see'},"
	        "{'type':'image_url','image_url':{'url':'data:image/"
	        "png;base64,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'}}]}]}");
	assert_true(r.facts.has_media);
	assert_in_range(r.facts.text_bytes, 3, 80);
	arena_finish(&r.arena);
	read_good(&r, ACTION_CHAT,
	        "{'model':'m','messages':[{'role':'assistant','audio':{'id':'a'}}]}");
	assert_true(r.facts.has_media);
	arena_finish(&r.arena);
}

static void answers_of_a_completion_are_counted(void **state)
{
	static const struct {
		const char *body;
		uint64_t n;
	} cases[] = {
	        {"{'model':'m','prompt':'a'}", 1},
	        {"{'model':'m','prompt':['a','b'],'n':3}", 6},
	        {"{'model':'m','prompt':[1,2,3]}", 1},
	        {"{'model':'m','prompt':[[1],[2,3]]}", 2},
	        {"{'model':'m','prompt':'a','n':2,'best_of':5}", 5},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reading r;

		read_good(&r, ACTION_COMPLETION, cases[i].body);
		assert_int_equal(r.facts.n, cases[i].n);
		arena_finish(&r.arena);
	}
}

static void a_moderation_without_a_model_has_the_usual_one(void **state)
{
	struct reading r;

	(void)state;
	read_good(&r, ACTION_MODERATION, "{'input':'x'}");
	assert_slice(r.facts.model, "omni-moderation-latest");
	assert_int_equal(r.facts.model_place.end, 0);
	arena_finish(&r.arena);
}

static int scenario(void *arg)
{
	struct arena arena;
	struct request_facts facts;
	struct complaint why;
	struct slice *body = arg;
	int r;

	arena_init(&arena, 1 << 20);
	r = dialect_openai.read_request(ACTION_CHAT, *body, &arena, NULL, &facts, &why);
	arena_finish(&arena);
	return r;
}

static void want_of_memory_is_survived(void **state)
{
	struct arena arena;
	struct slice body;

	(void)state;
	arena_init(&arena, 1 << 20);
	body = quotes(&arena,
	        CHAT(",'tools':[" TOOL(
	                "a") ",{'type':'mcp','server_url':'https://x'},"
	                     "{'type':'namespace','tools':[" TOOL(
	                             "b") "]}],'functions':[{'name':'c'}],'tool_choice':"
	                                  "{'type':'allowed_tools','mode':'auto','tools':[" TOOL(
	                                          "a") "]},'safety_identifier':'\\u0061'"));
	starve(scenario, &body);
	arena_finish(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_plain_facts_are_read),
	        cmocka_unit_test(nothing_asked_is_nothing_read),
	        cmocka_unit_test(every_shape_of_a_tool_is_seen),
	        cmocka_unit_test(every_shape_of_a_choice_is_seen),
	        cmocka_unit_test(wrong_types_are_refused_by_their_pointer),
	        cmocka_unit_test(what_is_more_than_text_is_noted),
	        cmocka_unit_test(answers_of_a_completion_are_counted),
	        cmocka_unit_test(a_moderation_without_a_model_has_the_usual_one),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
