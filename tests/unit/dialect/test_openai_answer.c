/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai_answer and openai_render: answers that are one document. */
#include "rig/unit.h"
#include <stdio.h>
#include "rig/answers.h"
#include "rig/quotes.h"
#include "rig/starve.h"

#define ANSWER(choices)                                                                            \
	"{'id':'c1', 'model':'m-1',\n 'choices':[" choices                                         \
	"], 'usage':{'prompt_tokens':3,'completion_tokens':4,'total_tokens':7}}"
#define MESSAGE(members, finish) "{'index':0,'message':{" members "},'finish_reason':'" finish "'}"
#define CALL(name)                                                                                 \
	"{'id':'i-" name "','type':'function','function':{'name':'" name "','arguments':'{}'}}"

static const struct golden {
	const char *name, *in, *calls, *denied;
	bool json_answer, want_text;
} goldens[] = {
        {"text", ANSWER(MESSAGE("'role':'assistant','content':'hi'", "stop")), "",
                ANSWER(MESSAGE("'role':'assistant','content':'hi'", "stop")), false, true},
        {"one call and no text",
                ANSWER(MESSAGE("'role':'assistant','content':null,'tool_calls':[" CALL("rm") "]",
                        "tool_calls")),
                "rm({})\n", ANSWER(MESSAGE("'role':'assistant','content':'no.'", "stop")), false,
                false},
        {"the calls stand first",
                ANSWER(MESSAGE("'tool_calls':[" CALL("rm") "],'content':null", "tool_calls")),
                "rm({})\n", ANSWER(MESSAGE("'content':'no.'", "stop")), false, false},
        {"nothing but calls", ANSWER(MESSAGE("'tool_calls':[" CALL("rm") "]", "tool_calls")),
                "rm({})\n", ANSWER(MESSAGE("'content':'no.'", "stop")), false, false},
        {"no content member",
                ANSWER(MESSAGE("'role':'assistant','tool_calls':[" CALL("rm") "]", "tool_calls")),
                "rm({})\n", ANSWER(MESSAGE("'content':'no.','role':'assistant'", "stop")), false,
                false},
        {"the first of three",
                ANSWER(MESSAGE(
                        "'content':null,'tool_calls':[" CALL("rm") "," CALL("a") ", " CALL("b") "]",
                        "tool_calls")),
                "rm({})\na({})\nb({})\n",
                ANSWER(MESSAGE("'content':'no.','tool_calls':[" CALL("a") ", " CALL("b") "]",
                        "tool_calls")),
                false, false},
        {"the middle one",
                ANSWER(MESSAGE("'content':null,'tool_calls':[" CALL("a") "," CALL("rm") " , " CALL(
                                       "b") "]",
                        "tool_calls")),
                "a({})\nrm({})\nb({})\n",
                ANSWER(MESSAGE("'content':'no.','tool_calls':[" CALL("a") " , " CALL("b") "]",
                        "tool_calls")),
                false, false},
        {"the last one, beside text",
                ANSWER(MESSAGE("'content':'say','tool_calls':[" CALL("a") "," CALL("rm") "]",
                        "tool_calls")),
                "a({})\nrm({})\n",
                ANSWER(MESSAGE(
                        "'content':'say\\n\\nno.','tool_calls':[" CALL("a") "]", "tool_calls")),
                false, true},
        {"beside text, without texts as parts",
                ANSWER(MESSAGE("'content':'say\\'','tool_calls':[" CALL("rm") "]", "tool_calls")),
                "rm({})\n", ANSWER(MESSAGE("'content':'say\\'\\n\\nno.'", "stop")), false, false},
        {"empty text", ANSWER(MESSAGE("'content':'','tool_calls':[" CALL("rm") "]", "tool_calls")),
                "rm({})\n", ANSWER(MESSAGE("'content':'no.'", "stop")), false, true},
        {"an answer that must be JSON",
                ANSWER(MESSAGE("'content':null,'refusal':null,'tool_calls':[" CALL("rm") "]",
                        "tool_calls")),
                "rm({})\n", ANSWER(MESSAGE("'content':null,'refusal':'no.'", "stop")), true, false},
        {"content in parts",
                ANSWER(MESSAGE(
                        "'content':[{'type':'text','text':'x'}],'tool_calls':[" CALL("rm") "]",
                        "tool_calls")),
                "rm({})\n",
                ANSWER(MESSAGE("'refusal':'no.','content':[{'type':'text','text':'x'}]", "stop")),
                false, true},
        {"function_call",
                ANSWER(MESSAGE("'content':null,'function_call':{'name':'rm','arguments':'{}'}",
                        "function_call")),
                "rm({})\n", ANSWER(MESSAGE("'content':'no.'", "stop")), false, false},
        {"an empty list of calls", ANSWER(MESSAGE("'content':'x','tool_calls':[]", "stop")), "",
                ANSWER(MESSAGE("'content':'x','tool_calls':[]", "stop")), false, true},
        {"a custom tool",
                ANSWER(MESSAGE("'content':null,'tool_calls':[{'id':'i','type':'custom','custom':{'"
                               "name':'rm','input':'x'}}]",
                        "tool_calls")),
                "rm(x)\n", ANSWER(MESSAGE("'content':'no.'", "stop")), false, false},
        {"a builtin function, which is no function of that name",
                ANSWER(MESSAGE("'content':null,'tool_calls':[{'id':'i','type':'builtin_function','"
                               "function':{'name':'$rm','arguments':'{}'}}," CALL("rm") "]",
                        "tool_calls")),
                "builtin_function:$rm({})\nrm({})\n",
                ANSWER(MESSAGE("'content':'no.','tool_calls':[{'id':'i','type':'builtin_function','"
                               "function':{'name':'$rm','arguments':'{}'}}]",
                        "tool_calls")),
                false, false},
        {"two choices",
                ANSWER(MESSAGE("'content':null,'tool_calls':[" CALL("rm") "]",
                        "tool_calls") ",{'index':1,'message':{'content':'b','tool_calls':"
                                      "[" CALL("a") "]},'finish_reason':'tool_calls'}"),
                "rm({})\na({})\n",
                ANSWER(MESSAGE("'content':'no.'", "stop") ",{'index':1,'message':{'content':'b','"
                                                          "tool_calls':[" CALL(
                                                                  "a") "]},'finish_reason':'tool_"
                                                                       "calls'}"),
                false, true},
        {"an error with status 200", "{'error':{'message':'busy'}}", "",
                "{'error':{'message':'busy'}}", false, false},
};

static void check(const struct golden *g, bool deny, bool keep)
{
	struct arena arena;
	struct answer_run run = {.denied = deny ? "rm" : NULL,
	        .sentence = "no.",
	        .want_text = g->want_text,
	        .keep = keep,
	        .facts.json_answer = g->json_answer};
	struct slice want, in;
	int r;

	arena_init(&arena, 1 << 20);
	in = quotes(&arena, g->in);
	want = quotes(&arena, deny ? g->denied : g->in);
	r = answer_run_whole(&run, in);
	if (r || !slice_is(buf_slice(&run.names), g->calls) ||
	        !slice_equals(buf_slice(&run.out), want))
		fail_msg("%s: %d %s %.*s\n%.*s\ninstead of\n%.*s", g->name, r, run.why.text,
		        SLICE_FMT(buf_slice(&run.names)), SLICE_FMT(buf_slice(&run.out)),
		        SLICE_FMT(want));
	assert_true(run.complete);
	answer_run_finish(&run);
	arena_finish(&arena);
}

static void denied_calls_become_text_and_nothing_else_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++)
		for (int k = 0; k < 4; k++)
			check(&goldens[i], k & 1, k & 2);
}

static void shout(void *arg, struct part *part, struct arena *arena)
{
	(void)arg;
	if (part->kind == PART_TEXT) {
		part->text = arena_dup(arena, SLICE("A \"quoted\"\n"));
		part->edited = true;
	} else {
		part->text = arena_dup(arena, SLICE("!"));
		part->edited = true;
	}
}

static void texts_are_replaced_in_their_tokens_and_logprobs_go(void **state)
{
	struct arena arena;
	struct answer_run run = {.want_text = true, .on_text = shout};

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(
	        answer_run_whole(&run, quotes(&arena, "{'choices':[{'index':0,'message':{'content':"
	                                              "'a\\u0062c', 'reasoning_content':'d'},"
	                                              "'logprobs':{'content':[{'token':'abc'}]},'"
	                                              "finish_reason':'stop'}]}")),
	        0);
	assert_slice(buf_slice(&run.out),
	        "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"A \\\"quoted\\\"\\n!\", "
	        "\"reasoning_content\":"
	        "\"A \\\"quoted\\\"\\n!\"},\"logprobs\":null,\"finish_reason\":\"stop\"}]}");
	answer_run_finish(&run);
	arena_finish(&arena);
}

static void completions_have_their_text_in_the_choice(void **state)
{
	struct arena arena;
	struct answer_run run = {
	        .want_text = true, .on_text = shout, .facts.action = ACTION_COMPLETION};

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(
	        answer_run_whole(&run, quotes(&arena, "{'choices':[{'text':'a','index':0,'logprobs'"
	                                              ":null,'finish_reason':'stop'}]}")),
	        0);
	assert_slice(buf_slice(&run.out),
	        "{\"choices\":[{\"text\":\"A "
	        "\\\"quoted\\\"\\n!\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"stop\"}]}");
	answer_run_finish(&run);
	arena_finish(&arena);
}

static const struct {
	const char *json;
	bool known;
	uint64_t in, cached, out, reasoning;
} usages[] = {
        {"{'prompt_tokens':10,'completion_tokens':5,'total_tokens':15}", true, 10, 0, 5, 0},
        {"{'prompt_tokens':10,'total_tokens':10}", true, 10, 0, 0, 0},
        {"{'prompt_tokens':10,'prompt_tokens_details':{'cached_tokens':4},'completion_tokens':5,'"
         "completion_tokens_details':{'reasoning_tokens':2},'total_tokens':15}",
                true, 6, 4, 3, 2},
        {"{'prompt_tokens':10,'prompt_tokens_details':null,'completion_tokens':5,'completion_"
         "tokens_details':null}",
                true, 10, 0, 5, 0},
        {"{'prompt_tokens':10,'prompt_cache_hit_tokens':3,'prompt_cache_miss_tokens':7,'completion_"
         "tokens':5}",
                true, 7, 3, 5, 0},
        {"{'input_tokens':10,'output_tokens':5}", true, 10, 0, 5, 0},
        {"{'prompt_tokens':-1,'completion_tokens':5}", false, 0, 0, 0, 0},
        {"{'prompt_tokens':1.5,'completion_tokens':5}", false, 0, 0, 0, 0},
        {"{'prompt_tokens':'10','completion_tokens':5}", false, 0, 0, 0, 0},
        {"{'prompt_tokens':1e400,'completion_tokens':5}", false, 0, 0, 0, 0},
        {"{'prompt_tokens':99999999999999999999,'completion_tokens':5}", false, 0, 0, 0, 0},
        {"{}", false, 0, 0, 0, 0},
        {"null", false, 0, 0, 0, 0},
        {"7", false, 0, 0, 0, 0},
};

static void usage_is_read_exactly_or_not_at_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
		struct arena arena;
		struct answer_run run = {.facts.action = ACTION_EMBEDDING};
		char text[512];

		arena_init(&arena, 1 << 20);
		snprintf(text, sizeof(text), "{'data':[],'usage':%s}", usages[i].json);
		assert_int_equal(answer_run_whole(&run, quotes(&arena, text)), 0);
		assert_int_equal(run.usage.known, usages[i].known);
		assert_int_equal(run.usage.in_uncached, usages[i].in);
		assert_int_equal(run.usage.in_cache_read, usages[i].cached);
		assert_int_equal(run.usage.out_text, usages[i].out);
		assert_int_equal(run.usage.out_reasoning, usages[i].reasoning);
		answer_run_finish(&run);
		arena_finish(&arena);
	}
}

static const char *const malformed[] = {
        "",
        "null",
        "[]",
        "{",
        "{'choices':{}}",
        "{'choices':[1]}",
        "{'choices':[{'message':[]}]}",
        "{'choices':[{'message':{'tool_calls':{}}}]}",
        "{'choices':[{'message':{'tool_calls':[1]}}]}",
        "{'choices':[{'message':{'function_call':[]}}]}",
        "{'choices':[{'delta':{'tool_calls':[" CALL("rm") "]}}]}",
        "{'choices':[{'message':{},'message':{'tool_calls':[" CALL("rm") "]}}]}",
        "{'choices':[{'index':0,'message':{}},{'index':0,'message':{}}]}",
        "{'choices':[{'index':-1,'message':{}}]}",
        "{'choices':[{'finish_reason':3}]}",
        "{} x",
};

static void a_malformed_document_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		struct arena arena;
		struct answer_run run = {.want_text = true};

		arena_init(&arena, 1 << 20);
		if (answer_run_whole(&run, quotes(&arena, malformed[i])) != -EPROTO)
			fail_msg("%s was taken", malformed[i]);
		assert_int_equal(run.why.fault, FAULT_UPSTREAM_MALFORMED);
		assert_int_equal(buf_len(&run.out), 0);
		answer_run_finish(&run);
		arena_finish(&arena);
	}
}

static int scenario(void *arg)
{
	const struct golden *g = arg;
	struct arena arena;
	struct answer_run run = {.denied = "rm", .want_text = g->want_text, .on_text = NULL};
	struct slice in;
	int r;

	arena_init(&arena, 1 << 20);
	in = arena_dup(&arena, slice_str(g->in));
	for (size_t i = 0; i < in.len; i++)
		if (in.at[i] == '\'')
			((char *)(uintptr_t)in.at)[i] = '"';
	r = in.at ? answer_run_whole(&run, in) : -ENOMEM;
	answer_run_finish(&run);
	arena_finish(&arena);
	return r;
}

static void want_of_memory_is_survived(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++)
		starve(scenario, (void *)&goldens[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(denied_calls_become_text_and_nothing_else_changes),
	        cmocka_unit_test(texts_are_replaced_in_their_tokens_and_logprobs_go),
	        cmocka_unit_test(completions_have_their_text_in_the_choice),
	        cmocka_unit_test(usage_is_read_exactly_or_not_at_all),
	        cmocka_unit_test(a_malformed_document_is_refused),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
