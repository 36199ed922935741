/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai_stream: tool calls in streams, whatever the fragmentation. */
#include "rig/unit.h"
#include <stdlib.h>
#include "rig/answers.h"
#include "rig/quotes.h"
#include "rig/starve.h"

#define HEAD                                                                                       \
	"data: {'id':'c1','object':'chat.completion.chunk','created':7,'model':'m-1','choices':["
#define CHOICE(i, delta, finish)                                                                   \
	"{'index':" i ",'delta':{" delta "},'logprobs':null,'finish_reason':" finish "}"
#define EVENT(choices) HEAD choices "],'usage':null}\n\n"
#define DELTA(delta) EVENT(CHOICE("0", delta, "null"))
#define SAY(text) DELTA("'content':'" text "'")
#define CALL(i, id, name, arguments)                                                               \
	"{'index':" i ",'id':'" id "','type':'function','function':{'name':'" name                 \
	"','arguments':'" arguments "'}}"
#define MORE(i, arguments) "{'index':" i ",'function':{'arguments':'" arguments "'}}"
#define CALLS(list) "'tool_calls':[" list "]"
#define FINISH(reason) EVENT(CHOICE("0", "", "'" reason "'"))
#define USAGE HEAD "],'usage':{'prompt_tokens':11,'completion_tokens':5,'total_tokens':16}}\n\n"
#define DONE "data: [DONE]\n\n"
#define DENIED "no."
#define DENIAL(field, text)                                                                        \
	HEAD "{'index':0,'delta':{'" field "':'" text                                              \
	     "'},'logprobs':null,'finish_reason':null}]}\n\n"

/* One stream, what is judged in it, and what the agent sees when rm is denied (NULL: not pinned)
 * and when nothing is. */
static const struct golden {
	const char *name;
	const char *in;
	const char *calls;   /* as judged, in order */
	const char *denied;  /* out, with rm denied; "=": as it came */
	const char *allowed; /* out, with nothing denied; NULL: as it came */
	bool json_answer;
} goldens[] = {
        {"text only", SAY("a") SAY("b") FINISH("stop") DONE, "", "=", NULL, false},
        {"one call, arguments in pieces",
                DELTA("'role':'assistant','content':null," CALLS(CALL("0", "i", "rm", "")))
                        DELTA(CALLS(MORE("0", "{"))) DELTA(CALLS(MORE("0", "}")))
                                FINISH("tool_calls") DONE,
                "rm({})\n",
                DELTA("'role':'assistant','content':null") DENIAL("content", DENIED) FINISH("stop")
                        DONE,
                NULL, false},
        {"a denied call before an allowed one",
                DELTA("'role':'assistant'") DELTA(CALLS(CALL("0", "i", "rm", "{}")))
                        DELTA(CALLS(CALL("1", "j", "get", ""))) DELTA(CALLS(MORE("1", "{}")))
                                FINISH("tool_calls") DONE,
                "rm({})\nget({})\n",
                DELTA("'role':'assistant'") DELTA(CALLS(CALL("0", "j", "get", ""))) DELTA(
                        CALLS(MORE("0", "{}"))) DENIAL("content", DENIED) FINISH("tool_calls") DONE,
                NULL, false},
        {"interleaved calls in shared events",
                DELTA(CALLS(CALL("0", "i", "get", "") "," CALL("1", "j", "rm", "")))
                        DELTA(CALLS(MORE("1", "{") "," MORE("0", "["))) DELTA(
                                CALLS(MORE("0", "]") "," MORE("1", "}"))) FINISH("tool_calls") DONE,
                "get([])\nrm({})\n",
                DELTA(CALLS(CALL("0", "i", "get", ""))) DELTA(CALLS(MORE("0", "["))) DELTA(
                        CALLS(MORE("0", "]"))) DENIAL("content", DENIED) FINISH("tool_calls") DONE,
                NULL, false},
        {"text goes on while a call is held, also out of the call's own event",
                SAY("a") DELTA("'content':'b'," CALLS(CALL("0", "i", "rm", "{}"))) SAY("c")
                        FINISH("tool_calls") DONE,
                "rm({})\n",
                SAY("a") SAY("b") SAY("c") DENIAL("content", "\\n\\n" DENIED) FINISH("stop") DONE,
                SAY("a") SAY("b") SAY("c") DELTA(CALLS(CALL("0", "i", "rm", "{}")))
                        FINISH("tool_calls") DONE,
                false},
        {"call and finish in one event",
                EVENT(CHOICE("0", CALLS(CALL("0", "i", "rm", "{}") "," CALL("1", "j", "get", "{}")),
                        "'tool_calls'")) DONE,
                "rm({})\nget({})\n",
                DENIAL("content", DENIED)
                        EVENT(CHOICE("0", CALLS(CALL("0", "j", "get", "{}")), "'tool_calls'")) DONE,
                NULL, false},
        {"no [DONE]", DELTA(CALLS(CALL("0", "i", "rm", "{}"))) FINISH("tool_calls"), "rm({})\n",
                DENIAL("content", DENIED) FINISH("stop"), NULL, false},
        {"an answer that must be JSON is refused beside it",
                DELTA(CALLS(CALL("0", "i", "rm", "{}"))) FINISH("tool_calls") DONE, "rm({})\n",
                DENIAL("refusal", DENIED) FINISH("stop") DONE, NULL, true},
        {"function_call, the older way",
                DELTA("'role':'assistant','content':null,'function_call':{'name':'rm','arguments':'"
                      "'}") DELTA("'function_call':{'arguments':'{}'}") FINISH("function_call")
                        DONE,
                "rm({})\n",
                DELTA("'role':'assistant','content':null") DENIAL("content", DENIED) FINISH("stop")
                        DONE,
                NULL, false},
        {"indices that begin at 3 begin at 0",
                DELTA(CALLS(CALL("3", "i", "get", "{}"))) FINISH("tool_calls") DONE, "get({})\n",
                DELTA(CALLS(CALL("0", "i", "get", "{}"))) FINISH("tool_calls") DONE,
                DELTA(CALLS(CALL("0", "i", "get", "{}"))) FINISH("tool_calls") DONE, false},
        {"no index at all",
                DELTA(CALLS("{'id':'i','function':{'name':'get','arguments':''}}"))
                        DELTA(CALLS("{'function':{'arguments':'{}'}}"))
                                DELTA(CALLS("{'id':'j','function':{'name':'rm','arguments':'{}'}}"))
                                        FINISH("tool_calls") DONE,
                "get({})\nrm({})\n",
                DELTA(CALLS("{'index':0,'id':'i','function':{'name':'get','arguments':''}}"))
                        DELTA(CALLS("{'index':0,'function':{'arguments':'{}'}}"))
                                DENIAL("content", DENIED) FINISH("tool_calls") DONE,
                DELTA(CALLS("{'index':0,'id':'i','function':{'name':'get','arguments':''}}"))
                        DELTA(CALLS("{'index':0,'function':{'arguments':'{}'}}")) DELTA(CALLS(
                                "{'index':1,'id':'j','function':{'name':'rm','arguments':'{}'}}"))
                                FINISH("tool_calls") DONE,
                false},
        {"a name in pieces is released in one",
                DELTA(CALLS(CALL("0", "i", "r", "")))
                        DELTA(CALLS("{'index':0,'function':{'name':'m'}}"))
                                DELTA(CALLS(MORE("0", "{}"))) FINISH("tool_calls") DONE,
                "rm({})\n", DENIAL("content", DENIED) FINISH("stop") DONE,
                DELTA(CALLS(CALL("0", "i", "rm", "")))
                        DELTA(CALLS("{'index':0,'function':{'name':''}}"))
                                DELTA(CALLS(MORE("0", "{}"))) FINISH("tool_calls") DONE,
                false},
        {"escapes in a name",
                DELTA(CALLS(CALL("0", "i", "\\u0072m", "{}"))) FINISH("tool_calls") DONE,
                "rm({})\n", DENIAL("content", DENIED) FINISH("stop") DONE, NULL, false},
        {"a custom tool",
                DELTA(CALLS(
                        "{'index':0,'id':'i','type':'custom','custom':{'name':'rm','input':''}}"))
                        DELTA(CALLS("{'index':0,'custom':{'input':'free text'}}"))
                                FINISH("tool_calls") DONE,
                "rm(free text)\n", DENIAL("content", DENIED) FINISH("stop") DONE, NULL, false},
        {"usage that was not asked for is withheld", SAY("a") FINISH("stop") USAGE DONE, "",
                SAY("a") FINISH("stop") DONE, SAY("a") FINISH("stop") DONE, false},
        {"empty choices without usage pass",
                "data: {'choices':[],'prompt_filter_results':[{'prompt_index':0}]}\n\n" SAY("a")
                        FINISH("stop") DONE,
                "", "=", NULL, false},
        {"comments, other fields and other events pass",
                ": ping\n\nretry: 10\n\nevent: note\nid: 4\ndata: {'a':1}\n\n" SAY("a")
                        FINISH("stop") DONE,
                "", "=", NULL, false},
        {"an error of the provider passes",
                SAY("a") "data: {'error':{'message':'busy','code':503}}\n\n", "", "=", NULL, false},
        {"what follows [DONE] counts for nothing",
                SAY("a") FINISH("stop") DONE DELTA(CALLS(CALL("0", "i", "rm", "{}"))), "",
                SAY("a") FINISH("stop") DONE, SAY("a") FINISH("stop") DONE, false},
        {"two choices",
                EVENT(CHOICE("0", CALLS(CALL("0", "i", "rm", "{}")), "null") "," CHOICE(
                        "1", "'content':'b'", "null"))
                        EVENT(CHOICE("1", CALLS(CALL("0", "j", "get", "{}")), "null"))
                                EVENT(CHOICE("0", "", "'tool_calls'"))
                                        EVENT(CHOICE("1", "", "'tool_calls'")) DONE,
                "rm({})\nget({})\n",
                EVENT(CHOICE("0", "", "null") "," CHOICE("1", "'content':'b'", "null"))
                        DENIAL("content", DENIED) EVENT(CHOICE("0", "", "'stop'"))
                                EVENT(CHOICE("1", CALLS(CALL("0", "j", "get", "{}")), "null"))
                                        EVENT(CHOICE("1", "", "'tool_calls'")) DONE,
                EVENT(CHOICE("0", "", "null") "," CHOICE("1", "'content':'b'", "null"))
                        EVENT(CHOICE("0", CALLS(CALL("0", "i", "rm", "{}")), "null"))
                                EVENT(CHOICE("0", "", "'tool_calls'")) EVENT(
                                        CHOICE("1", CALLS(CALL("0", "j", "get", "{}")), "null"))
                                        EVENT(CHOICE("1", "", "'tool_calls'")) DONE,
                false},
        {"data over several lines",
                "data: {'choices':[{'index':0,'delta':{'tool_calls':[\ndata: " CALL("0", "i", "rm",
                        "{}") "]},'finish_reason':\ndata: null}]}\n\n" FINISH("tool_calls") DONE,
                "rm({})\n", NULL, NULL, false},
        {"a byte order mark at the start goes",
                "\xef\xbb\xbf" DELTA(CALLS(CALL("0", "i", "rm", "{}"))) FINISH("tool_calls") DONE,
                "rm({})\n", DENIAL("content", DENIED) FINISH("stop") DONE,
                DELTA(CALLS(CALL("0", "i", "rm", "{}"))) FINISH("tool_calls") DONE, false},
        {"the last blank line is missing", SAY("a") "data: [DONE]\n", "",
                SAY("a") "data: [DONE]\n\n", SAY("a") "data: [DONE]\n\n", false},
        {"another line separator makes no data of what is none",
                ": \xe2\x80\xa8" DELTA(CALLS(CALL("0", "i", "rm", "{}"))) SAY("a") FINISH("stop")
                        DONE,
                "", SAY("a") FINISH("stop") DONE, SAY("a") FINISH("stop") DONE, false},
        {"half an event behind the end", SAY("a") FINISH("stop") "data: {'choices':[{'delta':{'con",
                "", SAY("a") FINISH("stop"), SAY("a") FINISH("stop"), false},
        {"half a comment at the end", SAY("a") FINISH("stop") ": pi", "", SAY("a") FINISH("stop"),
                SAY("a") FINISH("stop"), false},
        {"half a line at the end", SAY("a") FINISH("stop") "da", "", SAY("a") FINISH("stop"),
                SAY("a") FINISH("stop"), false},
        {"finish_reason is empty until there is one",
                EVENT(CHOICE("0", CALLS(CALL("0", "i", "rm", "{}")), "''")) FINISH("tool_calls")
                        DONE,
                "rm({})\n", DENIAL("content", DENIED) FINISH("stop") DONE, NULL, false},
        {"finish said twice",
                DELTA(CALLS(CALL("0", "i", "rm", "{}"))) FINISH("tool_calls") FINISH("tool_calls")
                        DONE,
                "rm({})\n", DENIAL("content", DENIED) FINISH("stop") FINISH("stop") DONE, NULL,
                false},
};

struct trial {
	const struct golden *golden;
	struct slice in, want, calls;
	bool deny, want_text, keep;
	size_t chunk;
};

static void run_trial(const struct trial *t, const struct slice *pieces, unsigned n)
{
	struct answer_run run = {.stream = true,
	        .want_text = t->want_text,
	        .keep = t->keep,
	        .denied = t->deny ? "rm" : NULL,
	        .sentence = DENIED,
	        .chunk = t->chunk,
	        .facts.json_answer = t->golden->json_answer};
	int r = answer_run(&run, pieces, n);
	struct slice out = buf_slice(&run.out);

	if (r || !slice_equals(buf_slice(&run.names), t->calls) ||
	        (t->want.at && !slice_equals(out, t->want)))
		fail_msg("%s (%s): %d %s\ncalls %.*s\n%.*s\ninstead of\n%.*s", t->golden->name,
		        t->deny ? "denied" : "allowed", r, run.why.text,
		        SLICE_FMT(buf_slice(&run.names)), SLICE_FMT(out),
		        t->want.at ? (int)t->want.len : 0, t->want.at);
	if (t->deny)
		assert_null(memmem(out.at, out.len, "\"rm\"", 4));
	answer_run_finish(&run);
}

typedef void golden_fn(struct trial *t);

static void each_golden(golden_fn *fn)
{
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++)
		for (int deny = 0; deny < 2; deny++) {
			const struct golden *g = &goldens[i];
			const char *want = deny ? g->denied : g->allowed ? g->allowed : g->in;
			struct trial t = {.golden = g, .deny = deny};
			struct arena arena;

			arena_init(&arena, 1 << 20);
			if (deny && want && !strcmp(want, "="))
				want = g->in;
			t.in = quotes(&arena, g->in);
			t.calls = slice_str(g->calls);
			if (want)
				t.want = quotes(&arena, want);
			fn(&t);
			arena_finish(&arena);
		}
}

static void whole(struct trial *t)
{
	run_trial(t, &t->in, 1);
}

static void golden_streams_come_out_as_written(void **state)
{
	(void)state;
	each_golden(whole);
}

static void every_chunk(struct trial *t)
{
	for (t->chunk = 1; t->chunk < t->in.len; t->chunk++)
		run_trial(t, &t->in, 1);
}

static void two_pieces(struct trial *t)
{
	for (size_t at = 1; at < t->in.len; at++) {
		struct slice pieces[2] = {slice_from(t->in.at, at), slice_skip(t->in, at)};

		run_trial(t, pieces, 2);
	}
}

static void no_split_in_two_changes_anything(void **state)
{
	(void)state;
	each_golden(two_pieces);
}

static void no_size_of_chunk_changes_anything(void **state)
{
	(void)state;
	each_golden(every_chunk);
}

static void with_text(struct trial *t)
{
	t->want_text = true;
	run_trial(t, &t->in, 1);
	t->keep = true;
	two_pieces(t);
}

static void reading_texts_and_waiting_change_nothing(void **state)
{
	(void)state;
	each_golden(with_text);
}

/* Lines that end in CRLF: what is edited is written with LF, all else stays. */
static void with_crlf(struct trial *t)
{
	struct buf crlf = BUF_INIT(1 << 20);

	for (size_t i = 0; i < t->in.len; i++) {
		if (t->in.at[i] == '\n')
			buf_put_char(&crlf, '\r');
		buf_put_char(&crlf, t->in.at[i]);
	}
	if (t->want.at && slice_equals(t->want, t->in))
		t->want = buf_slice(&crlf);
	else
		t->want = (struct slice){0};
	t->in = buf_slice(&crlf);
	run_trial(t, &t->in, 1);
	every_chunk(t);
	t->chunk = 0;
	two_pieces(t);
	buf_finish(&crlf);
}

static void line_ends_change_nothing(void **state)
{
	(void)state;
	each_golden(with_crlf);
}

/* What comes out holds the calls that were released and no others. */
static void round_trip(struct trial *t)
{
	struct answer_run first = {
	        .stream = true, .denied = t->deny ? "rm" : NULL, .sentence = "no"};
	struct answer_run second = {.stream = true, .facts.usage_asked = true};
	struct slice left;

	assert_int_equal(answer_run_whole(&first, t->in), 0);
	assert_int_equal(answer_run_whole(&second, buf_slice(&first.out)), 0);
	assert_int_equal(second.calls, first.calls - first.calls_denied);
	left = buf_slice(&second.names);
	if (!t->deny)
		assert_true(slice_equals(left, buf_slice(&first.names)));
	assert_null(t->deny ? memmem(left.at, left.len, "rm(", 3) : NULL);
	/* With nothing denied it stays as it is however often it is judged. */
	if (!t->deny && !slice_equals(buf_slice(&first.out), buf_slice(&second.out)))
		fail_msg("%s\n%.*s\nbecomes\n%.*s", t->golden->name,
		        SLICE_FMT(buf_slice(&first.out)), SLICE_FMT(buf_slice(&second.out)));
	answer_run_finish(&first);
	answer_run_finish(&second);
}

static void released_streams_hold_just_the_released_calls(void **state)
{
	(void)state;
	each_golden(round_trip);
}

/* Each is malformed, and nothing of its calls may come out. */
static const struct {
	const char *name, *in;
} refused[] = {
        {"renamed",
                DELTA(CALLS(CALL("0", "i", "get", "{}"))) DELTA(CALLS(CALL("0", "i", "rm", "")))},
        {"another id",
                DELTA(CALLS(CALL("0", "i", "get", ""))) DELTA(CALLS(CALL("0", "j", "", "{}")))},
        {"another type", DELTA(CALLS(CALL("0", "i", "get", "")))
                                 DELTA(CALLS("{'index':0,'custom':{'input':'x'}}"))},
        {"two types at once",
                DELTA(CALLS("{'index':0,'function':{'name':'get'},'custom':{'name':'rm'}}"))},
        {"after the finish", FINISH("stop") DELTA(CALLS(CALL("0", "i", "rm", "{}")))},
        {"after the finish, in the same event",
                EVENT(CHOICE("0", "", "'stop'") "," CHOICE(
                        "0", CALLS(CALL("0", "i", "rm", "{}")), "null"))},
        {"two names", DELTA(CALLS("{'index':0,'function':{'name':'get','name':'rm'}}"))},
        {"two names, one escaped",
                DELTA(CALLS("{'index':0,'function':{'name':'get','n\\u0061me':'rm'}}"))},
        {"calls that are no list", DELTA("'tool_calls':{'0':" CALL("0", "i", "rm", "{}") "}")},
        {"a name that is no string", DELTA(CALLS("{'index':0,'function':{'name':['rm']}}"))},
        {"arguments that are no string",
                DELTA(CALLS("{'index':0,'function':{'name':'rm','arguments':{}}}"))},
        {"an index that is no number", DELTA(CALLS(CALL("'0'", "i", "rm", "{}")))},
        {"neither index nor id", DELTA(CALLS("{'function':{'name':'rm'}}"))},
        {"in a message", EVENT("{'index':0,'message':{" CALLS(CALL("0", "i", "rm", "{}")) "}}")},
        {"beside the delta", EVENT("{'index':0," CALLS(CALL("0", "i", "rm", "{}")) "}")},
        {"no JSON", "data: {'choices':[{'delta':\n\n"},
        {"two documents", "data: {}{}\n\n"},
        {"a byte order mark further on", SAY("a") "\xef\xbb\xbf"
                                                  "data: {}\ndata: {}\n\n"},
        {"no object", "data: [1]\n\n"},
};

static void what_could_be_read_two_ways_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		for (size_t chunk = 0; chunk < 40; chunk++) {
			struct arena arena;
			struct answer_run run = {.stream = true, .chunk = chunk};
			int r;

			arena_init(&arena, 1 << 20);
			r = answer_run_whole(&run, quotes(&arena, refused[i].in));
			if (r != -EPROTO || run.why.fault != FAULT_UPSTREAM_MALFORMED ||
			        !run.why.text[0] ||
			        memmem(buf_slice(&run.out).at, buf_len(&run.out), "rm", 2))
				fail_msg("%s: %d %s\n%.*s", refused[i].name, r, run.why.text,
				        SLICE_FMT(buf_slice(&run.out)));
			answer_run_finish(&run);
			arena_finish(&arena);
		}
}

static int scenario(void *arg)
{
	const struct trial *t = arg;
	struct answer_run run = {.stream = true,
	        .want_text = t->want_text,
	        .denied = "rm",
	        .chunk = 97,
	        .include_cost = true,
	        .cost = 5};
	int r = answer_run_whole(&run, t->in);

	answer_run_finish(&run);
	return r;
}

static void starved(struct trial *t)
{
	t->want_text = t->deny;
	starve(scenario, t);
}

static void want_of_memory_is_survived(void **state)
{
	(void)state;
	each_golden(starved);
}

static void usage_is_read_once_and_shown_when_asked(void **state)
{
	struct arena arena;
	struct answer_run run = {.stream = true, .facts.usage_asked = true};

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(
	        answer_run_whole(&run, quotes(&arena, SAY("ab") FINISH("stop") USAGE DONE)), 0);
	assert_true(run.usage.known);
	assert_int_equal(usage_input_total(&run.usage), 11);
	assert_int_equal(usage_output_total(&run.usage), 5);
	assert_int_equal(run.text_bytes, 2);
	assert_true(run.complete);
	assert_string_equal(run.model, "m-1");
	assert_true(slice_equals(
	        buf_slice(&run.out), quotes(&arena, SAY("ab") FINISH("stop") USAGE DONE)));
	answer_run_finish(&run);
	arena_finish(&arena);
}

static void the_last_of_several_usages_counts(void **state)
{
	struct arena arena;
	struct answer_run run = {.stream = true};
	const char *in = HEAD CHOICE("0", "'content':'a'",
	        "null") "],'usage':{'prompt_tokens':9,'completion_tokens':1}}\n\n" HEAD CHOICE("0",
	        "'content':'b'",
	        "'stop'") "],'usage':{'prompt_tokens':9,'completion_tokens':2}}\n\n" DONE;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(answer_run_whole(&run, quotes(&arena, in)), 0);
	assert_int_equal(usage_input_total(&run.usage), 9);
	assert_int_equal(usage_output_total(&run.usage), 2);
	assert_true(slice_equals(buf_slice(&run.out), quotes(&arena, in)));
	answer_run_finish(&run);
	arena_finish(&arena);
}

static void the_cost_stands_in_the_usage_event(void **state)
{
	struct arena arena;
	struct answer_run run = {.stream = true, .include_cost = true, .cost = 4500000};

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(answer_run_whole(&run, quotes(&arena, USAGE DONE)), 0);
	assert_true(slice_equals(buf_slice(&run.out),
	        quotes(&arena,
	                "data: "
	                "{'weir':{'cost_usd':0.0045},'id':'c1','object':'chat.completion.chunk',"
	                "'created':7,'model':'m-1','choices':[],'usage':{'prompt_tokens':11,"
	                "'completion_tokens':5,'total_tokens':16}}\n\n" DONE)));
	answer_run_finish(&run);
	arena_finish(&arena);
}

/* A policy that holds back the last byte of every text until the channel ends. */
struct holder {
	char held[64];
	size_t n;
};

static void hold_back(void *arg, struct part *part, struct arena *arena)
{
	struct holder *h = arg;
	char all[256];
	size_t len = h->n + part->text.len;

	memcpy(all, h->held, h->n);
	if (part->text.len)
		memcpy(all + h->n, part->text.at, part->text.len);
	h->n = part->kind == PART_TEXT && len ? 1 : 0;
	memcpy(h->held, all + len - h->n, h->n);
	part->text = arena_dup(arena, slice_from(all, len - h->n));
	part->edited = true;
}

static void text_that_was_held_back_comes_before_the_finish(void **state)
{
	struct arena arena;
	struct holder holder = {.n = 0};
	struct answer_run run = {
	        .stream = true, .want_text = true, .on_text = hold_back, .arg = &holder};

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(
	        answer_run_whole(&run, quotes(&arena, SAY("abc") SAY("d\\n") FINISH("stop") DONE)),
	        0);
	assert_true(slice_equals(buf_slice(&run.out),
	        quotes(&arena, SAY("ab") SAY("cd") DENIAL("content", "\\n") FINISH("stop") DONE)));
	answer_run_finish(&run);
	run = (struct answer_run){
	        .stream = true, .want_text = true, .on_text = hold_back, .arg = &holder};
	assert_int_equal(
	        answer_run_whole(&run,
	                quotes(&arena, SAY("abc") EVENT(CHOICE("0", "'content':'d'", "'stop'")))),
	        0);
	assert_true(slice_equals(buf_slice(&run.out),
	        quotes(&arena, SAY("ab") EVENT(CHOICE("0", "'content':'cd'", "'stop'")))));
	answer_run_finish(&run);
	/* An end without a finish gives what was held too. */
	run = (struct answer_run){
	        .stream = true, .want_text = true, .on_text = hold_back, .arg = &holder};
	assert_int_equal(answer_run_whole(&run, quotes(&arena, SAY("abc") DONE)), 0);
	assert_true(slice_equals(
	        buf_slice(&run.out), quotes(&arena, SAY("ab") DENIAL("content", "c") DONE)));
	answer_run_finish(&run);
	arena_finish(&arena);
}

static void errors_of_the_provider_are_not_read(void **state)
{
	struct answer_run run = {.stream = true, .status = 503};

	(void)state;
	assert_int_equal(answer_run_whole(&run, SLICE("data: {{{\n\n")), 0);
	assert_slice(buf_slice(&run.out), "data: {{{\n\n");
	answer_run_finish(&run);
}

static void one_of_128_calls_is_taken_out(void **state)
{
	struct buf in = BUF_INIT(1 << 20);
	struct answer_run run = {.stream = true, .denied = "f77", .sentence = "no"};
	struct answer_run again = {.stream = true};

	(void)state;
	for (unsigned i = 0; i < 128; i++)
		buf_printf(&in,
		        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":%u,"
		        "\"id\":\"i%u\",\"function\":{\"name\":\"f%u\",\"arguments\":\"{}\"}}]}}]}"
		        "\n\n",
		        i, i, i);
	buf_put_str(
	        &in, "data: {\"choices\":[{\"index\":0,\"finish_reason\":\"tool_calls\"}]}\n\n");
	assert_int_equal(answer_run_whole(&run, buf_slice(&in)), 0);
	assert_int_equal(run.calls, 128);
	assert_int_equal(run.calls_denied, 1);
	assert_int_equal(answer_run_whole(&again, buf_slice(&run.out)), 0);
	assert_int_equal(again.calls, 127);
	assert_null(memmem(buf_at(&run.out), buf_len(&run.out), "f77", 3));
	/* Numbered without a gap: the last one is 126. */
	assert_non_null(
	        memmem(buf_at(&run.out), buf_len(&run.out), "\"index\":126,\"id\":\"i127\"", 23));
	answer_run_finish(&run);
	answer_run_finish(&again);
	buf_finish(&in);
}

static void calls_have_ceilings(void **state)
{
	struct buf in = BUF_INIT(64 << 20);
	struct answer_run run = {.stream = true};

	(void)state;
	for (unsigned i = 0; i < 129; i++)
		buf_printf(&in,
		        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":%u,"
		        "\"function\":{\"name\":\"f\"}}]}}]}\n\n",
		        i);
	assert_int_equal(answer_run_whole(&run, buf_slice(&in)), -EPROTO);
	answer_run_finish(&run);
	buf_clear(&in);
	for (unsigned i = 0; i < 5000; i++)
		buf_printf(&in,
		        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
		        "\"function\":{\"arguments\":\"%01024u\"}}]}}]}\n\n",
		        i);
	run = (struct answer_run){.stream = true};
	assert_int_equal(answer_run_whole(&run, buf_slice(&in)), -EPROTO);
	answer_run_finish(&run);
	buf_finish(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(golden_streams_come_out_as_written),
	        cmocka_unit_test(no_split_in_two_changes_anything),
	        cmocka_unit_test(no_size_of_chunk_changes_anything),
	        cmocka_unit_test(line_ends_change_nothing),
	        cmocka_unit_test(reading_texts_and_waiting_change_nothing),
	        cmocka_unit_test(released_streams_hold_just_the_released_calls),
	        cmocka_unit_test(what_could_be_read_two_ways_is_cut),
	        cmocka_unit_test(usage_is_read_once_and_shown_when_asked),
	        cmocka_unit_test(the_last_of_several_usages_counts),
	        cmocka_unit_test(the_cost_stands_in_the_usage_event),
	        cmocka_unit_test(text_that_was_held_back_comes_before_the_finish),
	        cmocka_unit_test(errors_of_the_provider_are_not_read),
	        cmocka_unit_test(one_of_128_calls_is_taken_out),
	        cmocka_unit_test(calls_have_ceilings),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
