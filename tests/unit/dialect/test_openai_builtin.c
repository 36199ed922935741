/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what a provider calls a builtin function: a tool that it runs by itself, though it is
 * called like one of the agent's. */
#include "rig/unit.h"
#include <errno.h>
#include <stdio.h>
#include "rig/answers.h"
#include "rig/quotes.h"

#define EVENT(delta, finish)                                                                       \
	"data: {'choices':[{'index':0,'delta':{" delta "},'finish_reason':" finish "}]}\n\n"
#define DELTA(delta) EVENT(delta, "null")
#define END EVENT("", "'tool_calls'") "data: [DONE]\n\n"
#define CALLS(list) "'tool_calls':[" list "]"
#define CALL(i, id, name, arguments)                                                               \
	"{'index':" i ",'id':'" id "','type':'function','function':{'name':'" name                 \
	"','arguments':'" arguments "'}}"
#define MORE(i, arguments) "{'index':" i ",'function':{'arguments':'" arguments "'}}"
#define BUILTIN(i, name, arguments)                                                                \
	"{'index':" i ",'id':'i" i "','type':'builtin_function','function':{'name':'" name         \
	"','arguments':'" arguments "'}}"

/* A tool of the provider's that is called like a function goes by its type too: it is no function
 * of that name. */
static const struct {
	const char *in, *calls;
	bool malformed;
} builtins[] = {
        {DELTA(CALLS(BUILTIN("0", "$web_search", "{}"))), "builtin_function:$web_search({})\n",
                false},
        {DELTA(CALLS(BUILTIN("0", "rm", "{}"))), "builtin_function:rm({})\n", false},
        {DELTA(CALLS(BUILTIN("0", "$web", ""))) DELTA(CALLS(MORE("0", "{"))) DELTA(
                 CALLS("{'index':0,'type':'builtin_function','function':{'arguments':'}'}}")),
                "builtin_function:$web({})\n", false},
        {DELTA(CALLS(BUILTIN("0", "$web", ""))) DELTA(CALLS(BUILTIN("0", "", "{}")))
                        DELTA(CALLS(CALL("1", "j", "rm", "{}"))),
                "builtin_function:$web({})\nrm({})\n", false},
        {DELTA(CALLS(BUILTIN("0", "$we", ""))) DELTA(CALLS("{'index':0,'function':{'name':'b'}}")),
                "builtin_function:$web()\n", false},
        {DELTA(CALLS("{'index':0,'id':'i','type':'builtin_function'}")), "builtin_function()\n",
                false},
        /* of two types, or of two names */
        {DELTA(CALLS(BUILTIN("0", "$web", ""))) DELTA(CALLS(CALL("0", "i0", "", "{}"))), NULL,
                true},
        {DELTA(CALLS(CALL("0", "i0", "rm", ""))) DELTA(CALLS(BUILTIN("0", "", "{}"))), NULL, true},
        {DELTA(CALLS(CALL("0", "i0", "rm", ""))) DELTA(CALLS(BUILTIN("0", "rm", "{}"))), NULL,
                true},
        {DELTA(CALLS(BUILTIN("0", "$web", "")))
                        DELTA(CALLS("{'index':0,'custom':{'name':'rm','input':'{}'}}")),
                NULL, true},
        {DELTA(CALLS(BUILTIN("0", "$web", ""))) DELTA(CALLS("{'index':0,'type':'web_search'}")),
                NULL, true},
        {DELTA(CALLS("{'index':0,'type':'web_search'}")) DELTA(CALLS(BUILTIN("0", "$web", ""))),
                NULL, true},
        {DELTA(CALLS(
                 "{'index':0,'type':'builtin_function','name':'rm','function':{'name':'$web'}}")),
                NULL, true},
        {DELTA(CALLS("{'index':0,'type':'builtin_function','custom':{'name':'$web'}}")), NULL,
                true},
};

/* As it came where it is let through; a name in pieces is released in one, without the type. */
static bool came_through(struct slice in, struct slice out)
{
	return slice_holds(in, SLICE("\"$we\"")) ? slice_holds(out, SLICE("\"$web\""))
	                                         : slice_equals(in, out);
}

static void check(const char *stream, const char *calls, bool malformed, bool deny)
{
	struct answer_run run = {.stream = true, .deny_all = deny, .sentence = "no."};
	struct slice in;
	struct arena arena;
	char text[2048];
	int r;

	arena_init(&arena, 1 << 20);
	snprintf(text, sizeof(text), "%s%s", stream, END);
	in = quotes(&arena, text);
	r = answer_run_whole(&run, in);
	if (r != (malformed ? -EPROTO : 0) || (!r && !slice_is(buf_slice(&run.names), calls)))
		fail_msg("%s: %d %s, calls %.*s", stream, r, run.why.text,
		        SLICE_FMT(buf_slice(&run.names)));
	if (!r && deny)
		assert_false(slice_holds(buf_slice(&run.out), SLICE("builtin_function")));
	if (!r && !deny)
		assert_true(came_through(in, buf_slice(&run.out)));
	answer_run_finish(&run);
	arena_finish(&arena);
}

static void a_builtin_function_goes_by_its_type_and_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++)
		for (unsigned deny = 0; deny < 2; deny++)
			check(builtins[i].in, builtins[i].calls, builtins[i].malformed, deny);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_builtin_function_goes_by_its_type_and_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
