/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai and openai_write: what Weir itself says in OpenAI's shape. */
#include "rig/unit.h"
#include "base/mem.h"
#include "rig/quotes.h"
#include "rig/starve.h"
#include "weir/dialect.h"

static void refusals_have_the_shape_that_sdks_raise_on(void **state)
{
	static const struct {
		struct refusal refusal;
		const char *want;
	} cases[] = {
	        {{.fault = FAULT_MODEL_DENIED, .sentence = SLICE_INIT("No.")},
	                "{'error':{'message':'No.','type':'permission_error','param':null,'code':'"
	                "model_denied',"
	                "'weir':{'code':'model_denied','request_id':'r1'}}}"},
	        {{.fault = FAULT_BUDGET_EXCEEDED,
	                 .sentence = SLICE_INIT("Spent."),
	                 .no_retry = true},
	                "{'error':{'message':'Spent.','type':'insufficient_quota','param':null,'"
	                "code':'insufficient_quota',"
	                "'weir':{'code':'budget_exceeded','request_id':'r1'}}}"},
	        {{.fault = FAULT_BUDGET_RESERVED,
	                 .sentence = SLICE_INIT("Wait."),
	                 .retry_after_ms = 1500},
	                "{'error':{'message':'Wait.','type':'rate_limit_error','param':null,'code':"
	                "'budget_reserved',"
	                "'weir':{'code':'budget_reserved','request_id':'r1','retry_after_ms':1500}}"
	                "}"},
	        {{.fault = FAULT_REQUEST_INVALID,
	                 .sentence = SLICE_INIT("a\"b\n"),
	                 .param = SLICE_INIT("/n")},
	                "{'error':{'message':'a\\'b\\n','type':'invalid_request_error','param':'/"
	                "n','code':'request_invalid',"
	                "'weir':{'code':'request_invalid','request_id':'r1'}}}"},
	        {{.fault = FAULT_UNAUTHENTICATED, .sentence = SLICE_INIT("Who?")},
	                "{'error':{'message':'Who?','type':'authentication_error','param':null,'"
	                "code':'unauthenticated',"
	                "'weir':{'code':'unauthenticated','request_id':'r1'}}}"},
	        {{.fault = FAULT_UPSTREAM_TIMEOUT, .sentence = SLICE_INIT("Late.")},
	                "{'error':{'message':'Late.','type':'server_error','param':null,'code':'"
	                "upstream_timeout',"
	                "'weir':{'code':'upstream_timeout','request_id':'r1'}}}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT(4096), small = BUF_INIT(10);
		struct arena arena;

		arena_init(&arena, 1 << 16);
		assert_int_equal(
		        dialect_openai.write_refusal(&cases[i].refusal, SLICE("r1"), &out), 0);
		if (!slice_equals(buf_slice(&out), quotes(&arena, cases[i].want)))
			fail_msg("%.*s", SLICE_FMT(buf_slice(&out)));
		assert_int_equal(
		        dialect_openai.write_refusal(&cases[i].refusal, SLICE("r1"), &small),
		        -ENOBUFS);
		buf_finish(&out);
		buf_finish(&small);
		arena_finish(&arena);
	}
}

static void models_are_listed(void **state)
{
	struct model_entry models[] = {
	        {SLICE_INIT("a"), SLICE_INIT("x")}, {SLICE_INIT("b\"c"), SLICE_INIT("y")}};
	struct buf out = BUF_INIT(4096);

	(void)state;
	assert_int_equal(openai_write_models(models, 2, &out), 0);
	assert_slice(buf_slice(&out),
	        "{\"object\":\"list\",\"data\":[{\"id\":\"a\",\"object\":\"model\",\"created\":0,"
	        "\"owned_by\":\"x\"},"
	        "{\"id\":\"b\\\"c\",\"object\":\"model\",\"created\":0,\"owned_by\":\"y\"}]}");
	buf_clear(&out);
	assert_int_equal(openai_write_models(NULL, 0, &out), 0);
	assert_slice(buf_slice(&out), "{\"object\":\"list\",\"data\":[]}");
	buf_clear(&out);
	assert_int_equal(openai_write_model(models, &out), 0);
	assert_slice(buf_slice(&out),
	        "{\"id\":\"a\",\"object\":\"model\",\"created\":0,\"owned_by\":\"x\"}");
	buf_finish(&out);
}

struct cut {
	enum action action;
	enum fault fault;
	const char *before, *want;
};

static int run_cut(const struct cut *c, struct buf *out)
{
	struct request_facts facts = {.action = c->action, .n = 1, .model = SLICE("asked")};
	struct refusal refusal = {.fault = c->fault, .sentence = SLICE("S.")};
	struct arena arena, text;
	struct lap first = {.arena = &arena}, second = {.arena = &arena};
	struct answer a = {.dialect = &dialect_openai,
	        .facts = &facts,
	        .arena = &arena,
	        .stream = true,
	        .status = 200};
	struct complaint why;
	struct slice in;
	int r;

	arena_init(&arena, 1 << 20);
	arena_init(&text, 1 << 20);
	in = arena_dup(&text, slice_str(c->before));
	for (size_t i = 0; i < in.len; i++)
		if (in.at[i] == '\'')
			((char *)(uintptr_t)in.at)[i] = '"';
	a.state = mem_zalloc(a.dialect->answer_size);
	r = a.state && in.at ? a.dialect->answer_open(&a) : -ENOMEM;
	if (!r)
		r = a.dialect->answer_feed(&a, in, false, &first, &why);
	if (!r)
		r = a.dialect->answer_cut(&a, &refusal, &second);
	for (unsigned i = 0; !r && i < second.n_out; i++)
		r = buf_put_slice(out, second.out[i]);
	if (a.state)
		a.dialect->answer_close(&a);
	mem_free(a.state);
	arena_finish(&arena);
	arena_finish(&text);
	return r;
}

#define EVENT                                                                                      \
	"data: "                                                                                   \
	"{'id':'c1','created':7,'model':'m','choices':[{'index':0,'delta':{'content':'a'}}]}\n\n"

static const struct cut cuts[] = {
        {ACTION_CHAT, FAULT_BUDGET_EXCEEDED, EVENT,
                "data: "
                "{'id':'c1','object':'chat.completion.chunk','created':7,'model':'m','choices':[{'"
                "index':0,'delta':{},"
                "'logprobs':null,'finish_reason':'length'}],'weir':{'status':'budget_exceeded','"
                "message':'S.'}}\n\ndata: [DONE]\n\n"},
        {ACTION_CHAT, FAULT_PRIVACY_BLOCKED, EVENT,
                "data: "
                "{'id':'c1','object':'chat.completion.chunk','created':7,'model':'m','choices':[{'"
                "index':0,'delta':{},"
                "'logprobs':null,'finish_reason':'content_filter'}],'weir':{'status':'privacy_"
                "blocked','message':'S.'}}\n\ndata: [DONE]\n\n"},
        {ACTION_CHAT, FAULT_BUDGET_EXCEEDED, "",
                "data: "
                "{'id':'weir','object':'chat.completion.chunk','created':0,'model':'asked','"
                "choices':[{'index':0,'delta':{},"
                "'logprobs':null,'finish_reason':'length'}],'weir':{'status':'budget_exceeded','"
                "message':'S.'}}\n\ndata: [DONE]\n\n"},
        {ACTION_COMPLETION, FAULT_BUDGET_EXCEEDED, "",
                "data: "
                "{'id':'weir','object':'text_completion','created':0,'model':'asked','choices':[{'"
                "index':0,'text':'',"
                "'logprobs':null,'finish_reason':'length'}],'weir':{'status':'budget_exceeded','"
                "message':'S.'}}\n\ndata: [DONE]\n\n"},
        {ACTION_CHAT, FAULT_UPSTREAM_CUT, EVENT,
                "data: "
                "{'error':{'message':'S.','type':'server_error','param':null,'code':'upstream_"
                "malformed','weir':{'code':'upstream_malformed'}}}\n\n"},
        {ACTION_CHAT, FAULT_BUDGET_EXCEEDED, EVENT "data: [DONE]\n\n", ""},
};

static void a_cut_stream_ends_well_formed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct buf out = BUF_INIT(4096);
		struct arena arena;

		arena_init(&arena, 1 << 16);
		assert_int_equal(run_cut(&cuts[i], &out), 0);
		if (!slice_equals(buf_slice(&out), quotes(&arena, cuts[i].want)))
			fail_msg("%.*s", SLICE_FMT(buf_slice(&out)));
		buf_finish(&out);
		arena_finish(&arena);
	}
}

static int scenario(void *arg)
{
	struct buf out = BUF_INIT(4096);
	int r = run_cut(arg, &out);

	buf_finish(&out);
	return r;
}

static void want_of_memory_is_survived(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		starve(scenario, (void *)&cuts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(refusals_have_the_shape_that_sdks_raise_on),
	        cmocka_unit_test(models_are_listed),
	        cmocka_unit_test(a_cut_stream_ends_well_formed),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
