/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai_edit: verdicts become edits that leave a valid request. */
#include "rig/unit.h"
#include "base/buf.h"
#include "rig/quotes.h"
#include "rig/starve.h"
#include "weir/dialect.h"

#define MESSAGES "'messages':[{'role':'user','content':'hi'}]"
#define CHAT(members) "{'model':'m'," MESSAGES members "}"
#define TOOL(name) "{'type':'function','function':{'name':'" name "'}}"

static const struct golden {
	const char *name, *in, *out; /* out NULL: no edit at all */
	const char *model;           /* upstream's; NULL: not given */
	bool usage;
	enum action action;
} goldens[] = {
        /* what is called bad, bad2 or runs at the provider is removed */
        {"nothing to do", CHAT(",'tools':[" TOOL("a") "]"), NULL, "m", true, ACTION_CHAT},
        {"the model's other name", CHAT(""), "{'model':'v/\\'x'," MESSAGES "}", "v/\"x", false,
                ACTION_CHAT},
        {"the only tool",
                CHAT(",'tools':[" TOOL(
                        "bad") "],'tool_choice':'auto','parallel_tool_calls':true,'n':1"),
                CHAT(",'n':1"), NULL, false, ACTION_CHAT},
        {"tools stand first", "{'tools':[" TOOL("bad") "], 'model':'m'," MESSAGES "}",
                "{'model':'m'," MESSAGES "}", NULL, false, ACTION_CHAT},
        {"the first", CHAT(",'tools':[" TOOL("bad") " , " TOOL("a") "]"),
                CHAT(",'tools':[" TOOL("a") "]"), NULL, false, ACTION_CHAT},
        {"the last two", CHAT(",'tools':[" TOOL("a") "," TOOL("bad") "," TOOL("bad2") " ]"),
                CHAT(",'tools':[" TOOL("a") " ]"), NULL, false, ACTION_CHAT},
        {"every second",
                CHAT(",'tools':[" TOOL("bad") "," TOOL("a") "," TOOL("bad2") "," TOOL("b") "," TOOL(
                        "bad") "],'tool_choice':'auto'"),
                CHAT(",'tools':[" TOOL("a") "," TOOL("b") "],'tool_choice':'auto'"), NULL, false,
                ACTION_CHAT},
        {"functions", CHAT(",'functions':[{'name':'bad'}],'function_call':'auto'"), CHAT(""), NULL,
                false, ACTION_CHAT},
        {"some functions",
                CHAT(",'functions':[{'name':'bad'},{'name':'a'}],'function_call':'auto'"),
                CHAT(",'functions':[{'name':'a'}],'function_call':'auto'"), NULL, false,
                ACTION_CHAT},
        {"inside a namespace",
                CHAT(",'tools':[{'type':'namespace','tools':[" TOOL("bad") "," TOOL(
                        "a") "]},{'type':'namespace','tools':[" TOOL("bad") "]}," TOOL("b") "]"),
                CHAT(",'tools':[{'type':'namespace','tools':[" TOOL("a") "]}," TOOL("b") "]"), NULL,
                false, ACTION_CHAT},
        {"a namespace that is left empty is all there was",
                CHAT(",'tools':[{'type':'namespace','tools':[" TOOL(
                        "bad") "]}],'tool_choice':'auto'"),
                CHAT(""), NULL, false, ACTION_CHAT},
        {"what the provider runs",
                CHAT(",'tools':[{'type':'web_search'},{'type':'mcp','server_url':'https://"
                     "x'},{'type':'builtin_function','function':{'name':'$web_search'}}],'web_"
                     "search_"
                     "options':{}"),
                CHAT(""), NULL, false, ACTION_CHAT},
        {"a list of allowed tools",
                CHAT(",'tools':[" TOOL("a") "," TOOL(
                        "bad") "],'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'"
                               "auto','tools':[" TOOL("bad") "," TOOL("a") "]}}"),
                CHAT(",'tools':[" TOOL("a") "],'tool_choice':{'type':'allowed_tools','allowed_"
                                            "tools':{'mode':'auto','tools':[" TOOL("a") "]}}"),
                NULL, false, ACTION_CHAT},
        {"a list of allowed tools that is left empty",
                CHAT(",'tools':[" TOOL("a") "," TOOL("bad") "," TOOL(
                        "bad2") "],'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'"
                                "auto','tools':[" TOOL("bad") "," TOOL("bad2") "]}}"),
                CHAT(",'tools':[" TOOL("a") "],'tool_choice':'none'"), NULL, false, ACTION_CHAT},
        {"a list of allowed tools with one that was never declared",
                CHAT(",'tools':[" TOOL("a") "," TOOL(
                        "bad") "],'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'"
                               "auto','tools':[" TOOL("a") "," TOOL("other") "]}}"),
                CHAT(",'tools':[" TOOL("a") "],'tool_choice':{'type':'allowed_tools','allowed_"
                                            "tools':{'mode':'auto','tools':[" TOOL("a") "]}}"),
                NULL, false, ACTION_CHAT},
        {"a list of allowed tools with one that was never declared, all else stays",
                CHAT(",'tools':[" TOOL("a") "],'tool_choice':{'type':'allowed_tools','mode':'auto',"
                                            "'tools':[" TOOL("other") "," TOOL(
                                                    "a") ",{'type':'web_search'}]}"),
                CHAT(",'tools':[" TOOL("a") "],'tool_choice':{'type':'allowed_tools','mode':'auto',"
                                            "'tools':[" TOOL("a") "]}"),
                NULL, false, ACTION_CHAT},
        {"a list of allowed tools that all stay",
                CHAT(",'tools':[" TOOL("a") "," TOOL(
                        "b") "],'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'"
                             "auto','tools':[" TOOL("b") "]}}"),
                NULL, NULL, false, ACTION_CHAT},
        {"usage, no options", CHAT(",'stream':true"),
                "{'stream_options':{'include_usage':true},'model':'m'," MESSAGES ",'stream':true}",
                NULL, true, ACTION_CHAT},
        {"usage, null options", CHAT(",'stream':true,'stream_options':null"),
                CHAT(",'stream':true,'stream_options':{'include_usage':true}"), NULL, true,
                ACTION_CHAT},
        {"usage, empty options", CHAT(",'stream':true,'stream_options':{ }"),
                CHAT(",'stream':true,'stream_options':{'include_usage':true }"), NULL, true,
                ACTION_CHAT},
        {"usage, other options",
                CHAT(",'stream':true,'stream_options':{'include_obfuscation':false}"),
                CHAT(",'stream':true,'stream_options':{'include_usage':true,'include_obfuscation':"
                     "false}"),
                NULL, true, ACTION_CHAT},
        {"usage, switched off", CHAT(",'stream':true,'stream_options':{'include_usage': false}"),
                CHAT(",'stream':true,'stream_options':{'include_usage': true}"), NULL, true,
                ACTION_CHAT},
        {"usage, null", CHAT(",'stream':true,'stream_options':{'include_usage':null}"),
                CHAT(",'stream':true,'stream_options':{'include_usage':true}"), NULL, true,
                ACTION_CHAT},
        {"usage, asked", CHAT(",'stream':true,'stream_options':{'include_usage':true}"), NULL, NULL,
                true, ACTION_CHAT},
        {"usage, not wanted", CHAT(",'stream':true"), NULL, NULL, false, ACTION_CHAT},
        {"usage, no stream", CHAT(",'stream':false"), NULL, NULL, true, ACTION_CHAT},
        {"embeddings have none", "{'model':'m','input':'x','stream':true}", NULL, NULL, true,
                ACTION_EMBEDDING},
        {"everything at once",
                " {'tools':[" TOOL("bad") "],'stream':true,'model':'m'," MESSAGES
                                          ",'functions':[{'name':'bad'}]}",
                " {'stream_options':{'include_usage':true},'stream':true,'model':'n'," MESSAGES "}",
                "n", true, ACTION_CHAT},
        {"a moderation without a model", "{'input':'x'}", "{'model':'n','input':'x'}", "n", false,
                ACTION_MODERATION},
};

static bool is_bad(const struct tool_decl *t)
{
	return t->kind == TOOL_HOSTED || slice_starts(t->name, SLICE("bad"));
}

static int edit(const struct golden *g, struct arena *arena, struct slice in, struct buf *out,
        unsigned *ret_edits)
{
	struct request_facts facts;
	struct complaint why;
	struct edits edits;
	struct edit_wishes wishes = {.upstream_model = slice_str(g->model), .want_usage = g->usage};
	struct slice *slices;
	unsigned n;
	int r = dialect_openai.read_request(g->action, in, arena, NULL, &facts, &why);

	if (r)
		return r;
	for (unsigned i = 0; i < facts.n_tools; i++)
		facts.tools[i].removed = is_bad(&facts.tools[i]);
	edits_init(&edits, arena);
	r = dialect_openai.edit_request(&facts, in, &wishes, &edits);
	if (!r)
		r = edits_apply(&edits, in, &slices, &n);
	for (unsigned i = 0; !r && i < n; i++)
		r = buf_put_slice(out, slices[i]);
	*ret_edits = edits.n;
	return r;
}

static void edited_requests_are_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++) {
		const struct golden *g = &goldens[i];
		struct buf out = BUF_INIT(1 << 20);
		struct request_facts facts;
		struct complaint why;
		struct arena arena;
		struct slice want;
		unsigned n;
		int r;

		arena_init(&arena, 1 << 20);
		want = quotes(&arena, g->out ? g->out : g->in);
		r = edit(g, &arena, quotes(&arena, g->in), &out, &n);
		if (r || !slice_equals(buf_slice(&out), want) || !n != !g->out)
			fail_msg("%s: %d, %u edits\n%.*s\ninstead of\n%.*s", g->name, r, n,
			        SLICE_FMT(buf_slice(&out)), SLICE_FMT(want));
		/* What is left is a request, and has nothing of what was removed. */
		r = dialect_openai.read_request(
		        g->action, buf_slice(&out), &arena, NULL, &facts, &why);
		if (r)
			fail_msg("%s: %s", g->name, why.text);
		for (unsigned k = 0; k < facts.n_tools; k++)
			assert_false(is_bad(&facts.tools[k]));
		buf_finish(&out);
		arena_finish(&arena);
	}
}

static int scenario(void *arg)
{
	const struct golden *g = arg;
	struct buf out = BUF_INIT(1 << 20);
	struct arena arena;
	struct slice in;
	unsigned n;
	int r = -ENOMEM;

	arena_init(&arena, 1 << 20);
	in = arena_dup(&arena, slice_str(g->in));
	for (size_t i = 0; i < in.len; i++)
		if (in.at[i] == '\'')
			((char *)(uintptr_t)in.at)[i] = '"';
	if (in.at)
		r = edit(g, &arena, in, &out, &n);
	buf_finish(&out);
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
	        cmocka_unit_test(edited_requests_are_as_written),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
