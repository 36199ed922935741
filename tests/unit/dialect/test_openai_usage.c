/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai_usage: half of what was used, or nothing, is not what was used. */
#include "rig/unit.h"
#include <errno.h>
#include <stdio.h>
#include "rig/answers.h"
#include "rig/quotes.h"

#define EVENT(usage) "data: {'choices':[],'usage':" usage "}\n\n"
#define FINISH "data: {'choices':[{'index':0,'delta':{},'finish_reason':'stop'}]}\n\n"
#define DONE "data: [DONE]\n\n"

static void run_chat(struct answer_run *run, const char *text)
{
	struct arena arena;

	arena_init(&arena, 1 << 20);
	if (answer_run_whole(run, quotes(&arena, text)))
		fail_msg("%s: %s", text, run->why.text);
	arena_finish(&arena);
}

static const struct {
	const char *json;
	bool known;
	uint64_t in, out;
	bool mismatch;
} usages[] = {
        {"{'prompt_tokens':null,'completion_tokens':null}", false, 0, 0, false},
        {"{'prompt_tokens':null,'completion_tokens':5}", false, 0, 0, false},
        {"{'completion_tokens':5}", false, 0, 0, false},
        {"{'prompt_tokens':5}", false, 0, 0, false},
        {"{'total_tokens':5}", false, 0, 0, false},
        {"{'prompt_tokens':null,'input_tokens':1000,'output_tokens':3}", true, 1000, 3, false},
        {"{'prompt_tokens':10,'input_tokens':1000,'completion_tokens':3}", true, 1000, 3, false},
        {"{'completion_tokens':5,'total_tokens':15}", true, 10, 5, false},
        {"{'prompt_tokens':10,'completion_tokens':null,'total_tokens':15}", true, 10, 5, false},
        {"{'completion_tokens':5,'total_tokens':3}", false, 0, 0, false},
        {"{'prompt_tokens':0,'completion_tokens':0,'total_tokens':5000}", true, 0, 5000, true},
        {"{'prompt_tokens':10,'completion_tokens':5,'total_tokens':100}", true, 10, 90, true},
        {"{'prompt_tokens':10,'completion_tokens':5,'total_tokens':null}", true, 10, 5, false},
        {"{'prompt_tokens':10,'completion_tokens':'5','total_tokens':15}", false, 0, 0, true},
};

static void what_is_known_is_known_of_both_sides(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
		struct answer_run run = {.status = 200};
		char text[256];

		snprintf(text, sizeof(text), "{'choices':[],'usage':%s}", usages[i].json);
		run_chat(&run, text);
		if (run.usage.known != usages[i].known ||
		        run.usage.mismatch != usages[i].mismatch ||
		        usage_input_total(&run.usage) != usages[i].in ||
		        usage_output_total(&run.usage) != usages[i].out)
			fail_msg("%s: known %d, mismatch %d, %lu in, %lu out", usages[i].json,
			        run.usage.known, run.usage.mismatch,
			        (unsigned long)usage_input_total(&run.usage),
			        (unsigned long)usage_output_total(&run.usage));
		answer_run_finish(&run);
	}
}

static void embeddings_have_one_side(void **state)
{
	static const struct {
		const char *json;
		uint64_t in;
	} cases[] = {
	        {"{'prompt_tokens':7}", 7},
	        {"{'total_tokens':7}", 7},
	        {"{'prompt_tokens':7,'completion_tokens':null,'total_tokens':7}", 7},
	        {"{'prompt_tokens':0,'total_tokens':7}", 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct answer_run run = {.facts.action = ACTION_EMBEDDING};
		char text[256];

		snprintf(text, sizeof(text), "{'data':[],'usage':%s}", cases[i].json);
		run_chat(&run, text);
		assert_true(run.usage.known);
		assert_int_equal(usage_input_total(&run.usage), cases[i].in);
		assert_int_equal(usage_output_total(&run.usage), 0);
		answer_run_finish(&run);
	}
}

static void nothing_takes_back_what_was_told(void **state)
{
	static const char *const streams[] = {
	        EVENT("{'prompt_tokens':1000,'completion_tokens':500}")
	                FINISH EVENT("{'prompt_tokens':0,'completion_tokens':0}") DONE,
	        EVENT("{'prompt_tokens':1000,'completion_tokens':500}")
	                FINISH EVENT("{'prompt_tokens':null,'completion_tokens':null}") DONE,
	        EVENT("{'prompt_tokens':1000,'completion_tokens':1}") FINISH EVENT(
	                "{'prompt_tokens':1000,'completion_tokens':500}") EVENT("null") DONE,
	        EVENT("{'prompt_tokens':1000}") FINISH EVENT("{'completion_tokens':500}") DONE,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		struct answer_run run = {.stream = true};

		run_chat(&run, streams[i]);
		assert_true(run.usage.known);
		assert_int_equal(usage_input_total(&run.usage), 1000);
		assert_int_equal(usage_output_total(&run.usage), 500);
		answer_run_finish(&run);
	}
}

static void a_number_that_is_none_stays_a_contradiction(void **state)
{
	struct answer_run run = {.stream = true};

	(void)state;
	run_chat(&run, EVENT("{'prompt_tokens':1000,'completion_tokens':-1}")
	                       FINISH EVENT("{'prompt_tokens':9,'completion_tokens':5}") DONE);
	assert_true(run.usage.known && run.usage.mismatch);
	assert_int_equal(usage_input_total(&run.usage), 9);
	answer_run_finish(&run);
}

#define CHOICE(more) "{'index':0,'delta':{}" more "}"
#define ENDS(usage) CHOICE(",'finish_reason':'stop','usage':" usage)
#define CHUNK(choices, more) "data: {'choices':[" choices "]" more "}\n\n"
#define TELLS "{'prompt_tokens':1000,'completion_tokens':500,'total_tokens':1500}"

/* Moonshot tells it in the choice, Groq in a member of its own. */
static const struct {
	const char *stream;
	bool known, mismatch;
} places[] = {
        {CHUNK(ENDS(TELLS), "") DONE, true, false},
        {CHUNK(ENDS("null"), ",'x_groq':{'id':'r','usage':" TELLS "}") DONE, true, false},
        {CHUNK("", ",'x_groq':{'usage':" TELLS "}") FINISH DONE, true, false},
        {CHUNK(ENDS(TELLS), "") EVENT(TELLS) DONE, true, false},
        /* the larger of each */
        {CHUNK(ENDS("{'prompt_tokens':1000,'completion_tokens':7}"),
                 ",'usage':{'prompt_tokens':9,'completion_tokens':500}") DONE,
                true, false},
        {CHUNK(ENDS("{'prompt_tokens':1,'completion_tokens':500}"), "")
                        EVENT("{'prompt_tokens':1000,'completion_tokens':2}") DONE,
                true, false},
        {CHUNK("", ",'usage':{'prompt_tokens':1000,'completion_tokens':3},"
                   "'x_groq':{'usage':{'prompt_tokens':2,'completion_tokens':500}}") FINISH DONE,
                true, false},
        /* as strictly as anywhere */
        {CHUNK(ENDS("{'prompt_tokens':1000,'completion_tokens':-500}"), "") DONE, false, true},
        {CHUNK(ENDS("{'prompt_tokens':1000}"), "") DONE, false, false},
        {CHUNK(ENDS("[1000,500]"), "") DONE, false, false},
        {FINISH CHUNK("", ",'x_groq':{'usage':{'prompt_tokens':'1000','completion_tokens':500}}")
                        DONE,
                false, true},
        {FINISH CHUNK("", ",'x_groq':[" TELLS "]") DONE, false, false},
        {FINISH CHUNK("", ",'x_groq':{'x_groq':{'usage':" TELLS "}}") DONE, false, false},
        /* not in what is said */
        {CHUNK("{'index':0,'delta':{'usage':" TELLS "},'finish_reason':'stop'}", "") DONE, false,
                false},
};

static void a_usage_counts_wherever_providers_put_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct answer_run run = {.stream = true};

		run_chat(&run, places[i].stream);
		if (run.usage.known != places[i].known ||
		        run.usage.mismatch != places[i].mismatch ||
		        (run.usage.known && (usage_input_total(&run.usage) != 1000 ||
		                                    usage_output_total(&run.usage) != 500)))
			fail_msg("%s: known %d, mismatch %d, %lu in, %lu out", places[i].stream,
			        run.usage.known, run.usage.mismatch,
			        (unsigned long)usage_input_total(&run.usage),
			        (unsigned long)usage_output_total(&run.usage));
		answer_run_finish(&run);
	}
}

static void of_several_choices_none_speaks_for_all(void **state)
{
	struct answer_run run = {.stream = true, .facts.n = 2};

	(void)state;
	run_chat(&run,
	        CHUNK(ENDS(TELLS), "")
	                CHUNK("{'index':1,'delta':{},'finish_reason':'stop','usage':" TELLS "}", "")
	                        DONE);
	assert_true(run.complete && !run.usage.known);
	answer_run_finish(&run);
}

static void a_usage_in_other_letters_is_refused_there_too(void **state)
{
	static const char *const streams[] = {
	        CHUNK(CHOICE(",'Usage':" TELLS), ""),
	        CHUNK(ENDS("{'Prompt_Tokens':1}"), ""),
	        CHUNK("", ",'X_groq':{'usage':" TELLS "}"),
	        CHUNK("", ",'x_groq':{'USAGE':" TELLS "}"),
	        CHUNK("", ",'x_groq':{'usage':{'prompt_Tokens':1}}"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		struct answer_run run = {.stream = true};
		struct arena arena;

		arena_init(&arena, 1 << 20);
		assert_int_equal(answer_run_whole(&run, quotes(&arena, streams[i])), -EPROTO);
		arena_finish(&arena);
		answer_run_finish(&run);
	}
}

static void what_it_cost_is_told_beside_it_there_too(void **state)
{
	static const char *const streams[] = {
	        CHUNK(ENDS(TELLS), "") DONE,
	        CHUNK(ENDS("null"), ",'x_groq':{'usage':" TELLS "}") DONE,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		struct answer_run run = {.stream = true, .include_cost = true, .cost = 1};

		run_chat(&run, streams[i]);
		assert_true(slice_holds(buf_slice(&run.out), SLICE("\"weir\":")));
		answer_run_finish(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_known_is_known_of_both_sides),
	        cmocka_unit_test(embeddings_have_one_side),
	        cmocka_unit_test(nothing_takes_back_what_was_told),
	        cmocka_unit_test(a_number_that_is_none_stays_a_contradiction),
	        cmocka_unit_test(a_usage_counts_wherever_providers_put_it),
	        cmocka_unit_test(of_several_choices_none_speaks_for_all),
	        cmocka_unit_test(a_usage_in_other_letters_is_refused_there_too),
	        cmocka_unit_test(what_it_cost_is_told_beside_it_there_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
