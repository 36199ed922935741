/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai: answers that another reader could take for something else are malformed,
 * known by their likeness or not; and calls cut very small. */
#include "rig/unit.h"
#include "rig/answers.h"
#include "rig/quotes.h"

#define SAY(text) "data: {'choices':[{'index':0,'delta':{'content':'" text "'}}]}\n\n"
#define CHUNK(choice) "data: {'choices':[{'index':0," choice "}]}\n\n"
#define FINISH CHUNK("'delta':{},'finish_reason':'stop'")
#define DONE "data: [DONE]\n\n"
#define CALL "{'index':0,'id':'i','type':'function','function':{'name':'rm','arguments':'{}'}}"
#define CALLS(entry) CHUNK("'delta':{'tool_calls':[" entry "]}")
#define END CHUNK("'delta':{},'finish_reason':'tool_calls'") DONE

/* Each stands between texts that are alike, so that the quick way is open. */
static const char *const events[] = {
        /* keys in other letters */
        "data: {'Choices':[{'index':0,'delta':{'content':'x'}}]}\n\n",
        "data: {'choices':[],'Choices':[{'index':0,'delta':{'tool_calls':[" CALL "]}}]}\n\n",
        "data: {'choices':[],'Model':'x'}\n\n",
        "data: {'choices':[],'U\\u017fage':{}}\n\n",
        CHUNK("'delta':{},'Delta':{'tool_calls':[" CALL "]}"),
        CHUNK("'delta':{'Tool_Calls':[" CALL "]}"),
        CHUNK("'delta':{'tool_call\\u017f':[" CALL "]}"),
        CHUNK("'delta':{'content':'a','Content':'x'}"),
        CHUNK("'delta':{},'Finish_Reason':'stop'"),
        CHUNK("'delta':{'Function_Call':{'name':'rm'}}"),
        CALLS("{'index':0,'Function':{'name':'rm'},'function':{'name':'a'}}"),
        CALLS("{'index':0,'function':{'name':'a','Name':'rm'}}"),
        CALLS("{'index':0,'function':{'name':'a','arguments':'','Arguments':'x'}}"),
        CHUNK("'delta':{'function_call':{'name':'a','Name':'rm'}}"),
        "data: {'choices':[],'usage':{'Prompt_Tokens':1}}\n\n",
        /* lines that are no fields */
        " data: {'choices':[]}\n\n",
        "{'choices':[{'index':0,'delta':{'tool_calls':[" CALL "]}}]}\n\n",
        "Data: {'choices':[]}\n\n",
        "data : {'choices':[]}\n\n",
        "\tdata: {'choices':[]}\n\n",
        "xdata: {}\ndata: {'choices':[]}\n\n",
        "data: {'choices':[]}\n data: {}\n\n",
        "\xef\xbb\xbf" SAY("x"),
        ": \xe2\x80\xa8"
        "data: {}\ndata: {'choices':[]}\n\n",
        ": \vdata: {}\ndata: {'choices':\ndata: []}\n\n",
        /* calls and messages where none belong */
        CHUNK("'delta':{},'tool_calls':[" CALL "]"),
        CHUNK("'delta':{},'function_call':{'name':'rm'}"),
        CHUNK("'delta':{'content':'a'},'message':{'tool_calls':[" CALL "]}"),
        "data: {'choices':[],'message':{'tool_calls':[" CALL "]}}\n\n",
        "data: {'choices':[],'tool_calls':[" CALL "]}\n\n",
        "data: {'choices':[],'function_call':{'name':'rm'}}\n\n",
        "data: {'output':[{'type':'function_call','name':'rm'}]}\n\n",
        "data: {'type':'response.output_item.done','item':{'name':'rm'}}\n\n",
        "data: {'response':{'output':[{'name':'rm'}]}}\n\n",
        /* calls that say two things */
        CALLS("{'index':0,'name':'rm','function':{'name':'a'}}"),
        CALLS("{'index':0,'name':'rm','function':{'arguments':''}}"),
        CALLS("{'index':0,'name':'rm'}"),
        CALLS("{'index':0,'name':['rm'],'function':{'name':'a'}}"),
        CALLS("{'index':0,'arguments':'{1}','function':{'name':'a','arguments':'{}'}}"),
};

static void run_stream(struct answer_run *run, const char *before, const char *event,
        const char *behind, struct arena *arena)
{
	struct buf text = BUF_INIT(1 << 20);

	assert_int_equal(buf_put_str(&text, before), 0);
	assert_int_equal(buf_put_str(&text, event), 0);
	assert_int_equal(buf_put_str(&text, behind), 0);
	assert_int_equal(buf_put_char(&text, 0), 0);
	run->stream = true;
	run->facts.usage_asked = true;
	if (answer_run_whole(run, quotes(arena, buf_at(&text))) != -EPROTO)
		fail_msg("%s was taken, and became\n%.*s", event, SLICE_FMT(buf_slice(&run->out)));
	assert_int_equal(run->why.fault, FAULT_UPSTREAM_MALFORMED);
	if (buf_len(&run->out) && memmem(buf_at(&run->out), buf_len(&run->out), "rm", 2))
		fail_msg("%s came out", event);
	buf_finish(&text);
}

static void events_with_two_readings_are_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		for (int read_all = 0; read_all < 2; read_all++)
			for (size_t chunk = 0; chunk < 50; chunk += 7) {
				struct answer_run run = {.read_all = read_all, .chunk = chunk};
				struct arena arena;

				arena_init(&arena, 1 << 20);
				run_stream(&run, SAY("a") SAY("b"), events[i], SAY("c") FINISH DONE,
				        &arena);
				answer_run_finish(&run);
				arena_finish(&arena);
			}
}

static const char *const documents[] = {
        "{'choices':[],'Choices':[{'message':{'tool_calls':[" CALL "]}}]}",
        "{'choices':[{'message':{},'Message':{'tool_calls':[" CALL "]}}]}",
        "{'choices':[{'message':{'TOOL_CALLS':[" CALL "]}}]}",
        "{'choices':[{'message':{},'tool_calls':[" CALL "]}]}",
        "{'choices':[{'message':{},'function_call':{'name':'rm'}}]}",
        "{'choices':[],'message':{'tool_calls':[" CALL "]}}",
        "{'choices':[],'output':[{'type':'function_call','name':'rm'}]}",
        "{'choices':[],'tool_calls':[" CALL "]}",
        "{'choices':[{'message':{'tool_calls':[{'name':'rm','function':{'name':'a'}}]}}]}",
        "{'choices':[],'usage':{'prompt_tokens_details':{'Cached_Tokens':1}}}",
};

static void documents_with_two_readings_are_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		struct answer_run run = {.stream = false};
		struct arena arena;

		arena_init(&arena, 1 << 20);
		if (answer_run_whole(&run, quotes(&arena, documents[i])) != -EPROTO)
			fail_msg("%s was taken", documents[i]);
		answer_run_finish(&run);
		arena_finish(&arena);
	}
}

static void an_error_of_one_sentence_is_no_message(void **state)
{
	struct answer_run run = {.stream = false};

	(void)state;
	assert_int_equal(
	        answer_run_whole(&run, SLICE("{\"object\":\"error\",\"message\":\"no\"}")), 0);
	answer_run_finish(&run);
}

static const struct {
	const char *name, *in;
	bool whole;
} ends[] = {
        {"nothing at all", "", false},
        {"a comment", ": ping\n\n", false},
        {"text", SAY("a"), false},
        {"half an event", SAY("a") "data: {'choices':[{'delta':{'con", false},
        {"a call", CALLS(CALL), false},
        {"a call and [DONE]", CALLS(CALL) DONE, false},
        {"one choice of two",
                "data: {'choices':[{'index':0,'delta':{}},{'index':1,'delta':{}}]}\n\n" FINISH,
                false},
        {"a finish", SAY("a") FINISH, true},
        {"[DONE]", SAY("a") DONE, true},
        {"nothing but [DONE]", DONE, true},
        {"an error", SAY("a") "data: {'error':{'message':'busy'}}\n\n", true},
        {"an error after a call", CALLS(CALL) "data: {'error':{'message':'busy'}}\n\n", true},
};

static void a_stream_that_breaks_off_is_not_ended(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		for (int want_text = 0; want_text < 2; want_text++) {
			struct answer_run run = {.stream = true, .want_text = want_text};
			struct arena arena;
			int r;

			arena_init(&arena, 1 << 20);
			r = answer_run_whole(&run, quotes(&arena, ends[i].in));
			if (r != (ends[i].whole ? 0 : -EPROTO))
				fail_msg("%s: %d %s", ends[i].name, r, run.why.text);
			if (r)
				assert_non_null(strstr(run.why.text, "broke off"));
			assert_int_equal(run.calls, 0);
			answer_run_finish(&run);
			arena_finish(&arena);
		}
}

/* 60,000 fragments of the first of two calls; the second may be denied, so that all are edited. */
static void make_fragments(struct buf *text, const char *second)
{
	buf_printf(text,
	        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":"
	        "\"i\",\"type\":\"function\",\"function\":{\"name\":\"%s\",\"arguments\":\"\"}}]}}]"
	        "}"
	        "\n\n",
	        second);
	buf_put_str(text,
	        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":"
	        "\"j\",\"type\":\"function\",\"function\":{\"name\":\"get\",\"arguments\":\"\"}}]}}"
	        "]"
	        "}\n\n");
	for (unsigned i = 0; i < 60000; i++)
		buf_printf(text,
		        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,"
		        "\"function\":{\"arguments\":\"%u\"}}]}}]}\n\n",
		        i % 10);
}

static void a_call_of_very_many_pieces_goes_out_in_few(void **state)
{
	static const char *const seconds[] = {"a", "rm"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct buf text = BUF_INIT(64 << 20);
		struct answer_run run = {.stream = true, .denied = "rm", .sentence = "no"};
		struct arena arena;

		arena_init(&arena, 1 << 20);
		make_fragments(&text, seconds[i]);
		assert_int_equal(buf_put_slice(&text, quotes(&arena, END)), 0);
		assert_int_equal(answer_run_whole(&run, buf_slice(&text)), 0);
		assert_int_equal(run.calls, 2);
		assert_int_equal(run.calls_denied, i);
		assert_in_range(run.most_out, 1, 8);
		if (!i)
			assert_true(slice_equals(buf_slice(&run.out), buf_slice(&text)));
		else
			assert_null(memmem(buf_at(&run.out), buf_len(&run.out), "\"index\":1", 9));
		answer_run_finish(&run);
		arena_finish(&arena);
		buf_finish(&text);
	}
}

static void only_names_that_fit_a_header_are_kept(void **state)
{
	static const struct {
		const char *json, *model;
	} cases[] = {
	        {"{'choices':[],'model':'m-1'}", "m-1"},
	        {"{'choices':[],'model':'m\xc3\xa9'}", ""},
	        {"{'choices':[],'model':'m\\r\\nx: y'}", ""},
	        {"{'choices':[],'model':'m\\u007f'}", ""},
	        {"{'choices':[],'model':7}", ""},
	};
	struct buf text = BUF_INIT(1024);
	struct answer_run run = {.stream = false};
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run = (struct answer_run){.stream = false};
		assert_int_equal(answer_run_whole(&run, quotes(&arena, cases[i].json)), 0);
		assert_string_equal(run.model, cases[i].model);
		answer_run_finish(&run);
	}
	buf_printf(&text, "{\"choices\":[],\"model\":\"%0257d\"}", 1);
	run = (struct answer_run){.stream = false};
	assert_int_equal(answer_run_whole(&run, buf_slice(&text)), 0);
	assert_string_equal(run.model, "");
	answer_run_finish(&run);
	buf_finish(&text);
	arena_finish(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(events_with_two_readings_are_malformed),
	        cmocka_unit_test(documents_with_two_readings_are_malformed),
	        cmocka_unit_test(an_error_of_one_sentence_is_no_message),
	        cmocka_unit_test(a_stream_that_breaks_off_is_not_ended),
	        cmocka_unit_test(a_call_of_very_many_pieces_goes_out_in_few),
	        cmocka_unit_test(only_names_that_fit_a_header_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
