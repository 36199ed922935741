/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai_plain and of tools that could be read two ways: such requests are refused
 * by the pointer of what is wrong. */
#include "rig/unit.h"
#include <ctype.h>
#include <stdio.h>
#include "dialect/openai.h"
#include "rig/quotes.h"

#define CHAT(members) "{'model':'m','messages':[{'role':'user','content':'hi'}]" members "}"
#define SAID(members) "{'model':'m','messages':[{'role':'user','content':'hi'" members "}]}"
#define FUNCTION(inner) CHAT(",'tools':[{'type':'function','function':{" inner "}}]")

static int read_body(const char *text, struct request_facts *ret, struct complaint *why)
{
	struct arena arena;
	int r;

	*why = (struct complaint){.fault = FAULT_NONE};
	arena_init(&arena, 8 << 20);
	r = dialect_openai.read_request(ACTION_CHAT, quotes(&arena, text), &arena, NULL, ret, why);
	arena_finish(&arena);
	return r;
}

static const struct {
	const char *body, *param;
} refused[] = {
        /* keys in other letters */
        {CHAT(",'Model':'secret'"), "/Model"},
        {CHAT(",'Tools':[]"), "/Tools"},
        {CHAT(",'tool\\u017f':[]"), "/tool\xc5\xbf"},
        {CHAT(",'max_to\\u212aens':1"), "/max_to\xe2\x84\xaa"
                                        "ens"},
        {CHAT(",'STREAM':true"), "/STREAM"},
        {CHAT(",'N':100"), "/N"},
        {CHAT(",'Web_Search_Options':{}"), "/Web_Search_Options"},
        {CHAT(",'Models':['a']"), "/Models"},
        {CHAT(",'stream_options':{'Include_usage':false}"), "/stream_options/Include_usage"},
        {CHAT(",'response_format':{'Type':'text'}"), "/response_format/Type"},
        {FUNCTION("'name':'a','Name':'b'"), "/tools/0/function/Name"},
        {CHAT(",'tools':[{'type':'function','name':'a','Function':{'name':'b'}}]"),
                "/tools/0/Function"},
        {CHAT(",'tools':[{'type':'web_search','Type':'function'}]"), "/tools/0/Type"},
        {CHAT(",'tools':[{'type':'custom','custom':{'name':'a','NAME':'b'}}]"),
                "/tools/0/custom/NAME"},
        {CHAT(",'tools':[{'type':'namespace','name':'n','tools':[{'type':'function',"
              "'function':{'name':'a','naMe':'b'}}]}]"),
                "/tools/0/tools/0/function/naMe"},
        {CHAT(",'functions':[{'name':'a','Name':'b'}]"), "/functions/0/Name"},
        {CHAT(",'tool_choice':{'type':'function','function':{'name':'a','Name':'b'}}"),
                "/tool_choice/function/Name"},
        {CHAT(",'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'auto','tools':[],"
              "'Tools':[]}}"),
                "/tool_choice/allowed_tools/Tools"},
        {CHAT(",'tool_choice':{'type':'allowed_tools','mode':'auto','tools':[{'type':'function',"
              "'name':'a','NAME':'b'}]}"),
                "/tool_choice/tools/0/NAME"},
        {CHAT(",'function_call':{'name':'a','Name':'b'}"), "/function_call/Name"},
        {CHAT(",'functions':[{'name':'a','function':{'Name':'b'}}]"), "/functions/0/function/Name"},
        {CHAT(",'tool_choice':{'type':'function','custom':{'NAME':'b'},'function':{'name':'a'}}"),
                "/tool_choice/custom/NAME"},
        {CHAT(",'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'auto','tools':[{"
              "'type':'function','Name':'b'}]}}"),
                "/tool_choice/allowed_tools/tools/0/Name"},
        {SAID(",'Content':'x'"), "/messages/0/Content"},
        {"{'model':'m','messages':[{'role':'user'},{'role':'user','content':[{'type':'text'},{'"
         "TEXT':"
         "'x'}]}]}",
                "/messages/1/content/1/TEXT"},
        {SAID(",'TOOLS':[]"), "/messages/0/TOOLS"},
        {"{'model':'m','messages':[{'role':'user','content':[{'type':'text','Type':'x'}]}]}",
                "/messages/0/content/0/Type"},
        /* other models, other tools */
        {CHAT(",'models':['a']"), "/models"},
        {CHAT(",'models':[]"), "/models"},
        {CHAT(",'fallbacks':[{'model':'a'}]"), "/fallbacks"},
        {CHAT(",'fallback_models':['a']"), "/fallback_models"},
        {SAID(",'tools':[{'type':'function'}]"), "/messages/0/tools"},
        {SAID(",'functions':[{'name':'rm'}]"), "/messages/0/functions"},
        {CHAT(",'chat_template_kwargs':{'tools':[{}]}"), "/chat_template_kwargs/tools"},
        {CHAT(",'chat_template_kwargs':{'Custom_Tools':[{}]}"),
                "/chat_template_kwargs/custom_tools"},
        {CHAT(",'chat_template_kwargs':{'functions':'[{}]'}"), "/chat_template_kwargs/functions"},
        /* two readings of one tool */
        {CHAT(",'tools':[{'type':'custom','custom':{'name':'a'},'function':{'name':'b'}}]"),
                "/tools/0"},
        {CHAT(",'tools':[{'type':'function','custom':{'name':'a'},'function':{'name':'b'}}]"),
                "/tools/0"},
        {CHAT(",'tools':[{'type':'function','name':'a','function':'x'}]"), "/tools/0"},
        {CHAT(",'tools':[{'type':'function','name':'a','function':[]}]"), "/tools/0"},
        {CHAT(",'tools':[{'type':'function','name':'a','tools':[]}]"), "/tools/0"},
        {CHAT(",'tools':[{'type':'web_search','function':{'name':'a'}}]"), "/tools/0"},
        {CHAT(",'tools':[{'type':'function','name':null,'function':{'name':'a'}}]"), "/tools/0"},
        {CHAT(",'tools':[{'type':'namespace','tools':[]}]"), "/tools/0"},
        {CHAT(",'tools':[{'type':'namespace','function':{'name':'a'},'tools':[{'type':'function',"
              "'name':'a'}]}]"),
                "/tools/0"},
        {CHAT(",'functions':[{'name':'a','function':{'name':'b'}}]"), "/functions/0/name"},
        {CHAT(",'tool_choice':{'type':'function','function':{'name':'a'},'custom':{'name':'b'}}"),
                "/tool_choice"},
        {CHAT(",'tool_choice':{'type':'function','name':'a','allowed_tools':{'tools':[]}}"),
                "/tool_choice"},
        {CHAT(",'tool_choice':{'type':'allowed_tools','mode':'auto','tools':[],"
              "'allowed_tools':{'mode':'auto','tools':[]}}"),
                "/tool_choice"},
        {CHAT(",'tool_choice':{'type':'allowed_tools','mode':'auto','tools':[],"
              "'function':{'name':'a'}}"),
                "/tool_choice"},
};

static void what_could_be_read_two_ways_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct request_facts facts;
		struct complaint why;
		int r = read_body(refused[i].body, &facts, &why);

		if (r != -EPROTO || why.fault != FAULT_REQUEST_INVALID ||
		        strcmp(why.param, refused[i].param) || !strstr(why.text, refused[i].param))
			fail_msg("%s: %d %s: %s", refused[i].body, r, why.param, why.text);
	}
}

static const char *const taken[] = {
        CHAT(",'models':null,'fallbacks':null,'Anything':1,'maxTokens':1"),
        SAID(",'tools':null"),
        SAID(",'tools':[]"),
        SAID(",'tool_calls':[{'id':'i','type':'function','function':{'name':'a','arguments':''}}]"),
        CHAT(",'chat_template_kwargs':{'tools':null,'enable_thinking':false,'tools_in_user_"
             "message':true}"),
        FUNCTION("'name':'a','parameters':{'properties':{'Name':{},'name':{},'Model':{}}}"),
        CHAT(",'tools':[{'type':'function','name':'a','function':{'name':'a'}}]"),
        CHAT(",'tools':[{'type':'function','name':'a','function':null,'custom':null}]"),
        CHAT(",'metadata':{'Model':'x'}"),
};

static void what_means_one_thing_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		struct request_facts facts;
		struct complaint why;

		if (read_body(taken[i], &facts, &why))
			fail_msg("%s: %s", taken[i], why.text);
	}
}

static void every_member_that_the_provider_acts_on_is_judged(void **state)
{
	static const char *const keys[] = {"web_search_options", "web_search", "mcp_servers",
	        "data_sources", "search_parameters", "search_settings", "plugins", "enable_search",
	        "compound_custom", "tool_resources", "extra_body"};

	(void)state;
	assert_int_equal(openai_n_hosted_members, sizeof(keys) / sizeof(keys[0]));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		for (int on = 0; on < 3; on++) {
			static const char *const values[] = {"false", "null", "true"};
			struct request_facts facts;
			struct complaint why;
			char text[256];

			snprintf(text, sizeof(text), CHAT(",'%s':%s"), keys[i], values[on]);
			assert_int_equal(read_body(text, &facts, &why), 0);
			assert_int_equal(facts.n_tools, on == 2);
		}
}

/* The lists of names must not drift apart. */
static void every_member_that_is_judged_has_one_spelling(void **state)
{
	(void)state;
	for (unsigned i = 0; i < openai_n_hosted_members; i++) {
		struct slice key = openai_hosted_members[i].key;
		struct request_facts facts;
		struct complaint why;
		char text[256];

		snprintf(text, sizeof(text), CHAT(",'%c%.*s':null"), toupper(key.at[0]),
		        (int)key.len - 1, key.at + 1);
		if (read_body(text, &facts, &why) != -EPROTO)
			fail_msg("%s was taken", text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_could_be_read_two_ways_is_refused),
	        cmocka_unit_test(what_means_one_thing_is_taken),
	        cmocka_unit_test(every_member_that_the_provider_acts_on_is_judged),
	        cmocka_unit_test(every_member_that_is_judged_has_one_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
