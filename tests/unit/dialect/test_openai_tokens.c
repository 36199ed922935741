/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the tokens that the OpenAI dialect counts: what a model reads and writes, and nothing
 * else, the same at every split. */
#include "rig/unit.h"
#include <stdio.h>
#include "base/buf.h"
#include "json/json.h"
#include "rig/answers.h"
#include "rig/quotes.h"
#include "rig/splits.h"

static void assert_same_counts(
        const struct token_counter *got, const struct token_counter *want, const char *name)
{
	uint64_t a[TOKEN_COUNTS], b[TOKEN_COUNTS];

	tokens_counts(got, a);
	tokens_counts(want, b);
	for (unsigned i = 0; i < TOKEN_COUNTS; i++)
		if (a[i] != b[i])
			fail_msg("%s: count %u is %u instead of %u", name, i, (unsigned)a[i],
			        (unsigned)b[i]);
}

/* What of a request is counted: the words, each a text of its own. */
static const struct {
	enum action action;
	const char *body, *words;
} requests[] = {
        {ACTION_CHAT, "{'model':'m','messages':[{'role':'user','content':'Two Words'}]}",
                "Two|Words"},
        {ACTION_CHAT,
                "{'model':'m','messages':[{'role':'system','content':'a\\n\\u00e9'},"
                "{'role':'user','content':[{'type':'text','text':'b'},{'type':'image_url',"
                "'image_url':{'url':'data:image/png;base64,AAAAAAAA'}},{'type':'text','text':"
                "'c'}]}]}",
                "a\n\xc3\xa9|b|c"},
        {ACTION_CHAT,
                "{'model':'m','messages':[{'role':'assistant','content':null,'reasoning_content':"
                "'why','tool_calls':[{'id':'call_1','type':'function','function':{'name':'f',"
                "'arguments':'{x}'}},{'type':'custom','custom':{'name':'g','input':'in'}}]},"
                "{'role':'tool','tool_call_id':'call_1','content':'done'}]}",
                "why|f|{x}|g|in|done"},
        {ACTION_CHAT,
                "{'model':'m','messages':[{'role':'assistant','function_call':{'name':'f',"
                "'arguments':'y'},'audio':{'id':'audio_1'}}],'temperature':0.5,'metadata':{'k':"
                "'v'}}",
                "f|y"},
        {ACTION_COMPLETION, "{'model':'m','prompt':['one','two'],'suffix':'end'}", "one|two|end"},
        {ACTION_EMBEDDING, "{'model':'m','input':[[1,22],[333333]]}", "a|a|a"},
        {ACTION_MODERATION, "{'input':[{'type':'text','text':'bad'}]}", "bad"},
};

static void feed_words(struct token_counter *t, const char *words)
{
	for (const char *at = words, *end; at; at = *end ? end + 1 : NULL) {
		end = strchrnul(at, '|');
		tokens_feed(t, slice_from(at, (size_t)(end - at)));
		tokens_part(t);
	}
}

static void read_counted(
        enum action action, const char *text, struct token_counter *t, struct request_facts *ret)
{
	struct complaint why;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	if (dialect_openai.read_request(action, quotes(&arena, text), &arena, t, ret, &why))
		fail_msg("%s: %s", text, why.text);
	arena_finish(&arena);
}

static void the_text_of_a_request_is_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct token_counter got = {0}, want = {0};
		struct request_facts f;

		read_counted(requests[i].action, requests[i].body, &got, &f);
		feed_words(&want, requests[i].words);
		assert_same_counts(&got, &want, requests[i].body);
		assert_int_equal(request_input_estimate(&f, &got, TOKENS_O200K),
		        tokens_estimate(&got, TOKENS_O200K) + 4 * f.n_messages);
	}
}

/* Tools of an agent as they mostly are: bytes of JSON by four is what others take. */
static void tools_count_about_as_their_json(void **state)
{
	struct token_counter without = {0}, with = {0}, json = {0};
	struct request_facts f;
	uint64_t tools, written;
	const char *list = "[{'type':'function','function':{'name':'read_level','description':'The "
	                   "water level "
	                   "of a station in "
	                   "centimetres','parameters':{'type':'object','properties':{'station':"
	                   "{'type':'string'},'days':{'type':'integer','minimum':1}},'required':['"
	                   "station']}}}]";
	char body[1024];

	(void)state;
	read_counted(ACTION_CHAT, "{'model':'m','messages':[{'content':'x'}]}", &without, &f);
	snprintf(body, sizeof(body), "{'model':'m','messages':[{'content':'x'}],'tools':%s}", list);
	read_counted(ACTION_CHAT, body, &with, &f);
	tokens_feed(&json, slice_str(list));
	tools = tokens_estimate(&with, TOKENS_O200K) - tokens_estimate(&without, TOKENS_O200K);
	written = tokens_estimate(&json, TOKENS_O200K);
	assert_in_range(tools, written * 8 / 10, written * 12 / 10);
}

/* What count_json of openai_tokens.c counts, value by value. */
static void feed_json(struct token_counter *t, const struct json_value *v)
{
	enum json_type type = json_type(v);

	tokens_feed(t, json_text(v));
	tokens_feed(t, type == JSON_STRING  ? SLICE("\":\"")
	               : type >= JSON_ARRAY ? SLICE("{}")
	                                    : SLICE(" a,"));
	for (struct json_iter it = json_iter(v); json_next(&it);) {
		if (it.key)
			feed_json(t, it.key);
		feed_json(t, it.value);
	}
}

static uint32_t seed = 7;

static unsigned any(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 12) % n;
}

/* Layouts between the values: none, a space as Python writes it, and any. */
static void put_gap(struct buf *b, unsigned layout)
{
	static const char *const gaps[] = {"", " ", "\n", "\t", "  ", "\r\n    ", "\r"};

	buf_put_str(b, layout == 0 ? "" : layout == 1 ? " " : gaps[any(7)]);
}

static void put_string(struct buf *b, unsigned escapes, unsigned key)
{
	static const char *const pieces[] = {"a", "Word", "camelCase", "letters", "XML", " ", ".",
	        "7", "1234567", "\xc3\xa9", "\xe6\xb0\xb4", "\xf0\x9f\x8c\x8a", "-", ", ", ": ",
	        "}", "[", "null", "  ", "\\n", "\\\"", "\\\\", "\\u0041", "\\u00e9"};

	buf_put_str(b, "\"");
	for (unsigned n = any(9); n; n--)
		buf_put_str(b, pieces[any(escapes ? 24 : 18)]);
	/* No key comes twice. */
	if (key)
		buf_printf(b, "_%u", key);
	buf_put_str(b, "\"");
}

struct style {
	unsigned layout;
	bool escapes;
};

static void put_value(struct buf *b, struct style s, unsigned depth)
{
	static const char *const others[] = {
	        "0", "-17", "1234567.5e+10", "6E1", "null", "true", "false", "{}", "[]"};
	unsigned kind = any(depth < 5 ? 5 : 2);
	bool is_object = depth == 0 || kind == 3;

	if (depth && kind < 2) {
		put_string(b, s.escapes, 0);
		return;
	}
	if (depth && kind == 2) {
		buf_put_str(b, others[any(9)]);
		return;
	}
	buf_put_str(b, is_object ? "{" : "[");
	put_gap(b, s.layout);
	for (unsigned i = 0, n = any(5); i < n; i++) {
		if (i) {
			buf_put_str(b, ",");
			put_gap(b, s.layout);
		}
		if (is_object) {
			put_string(b, s.escapes, i + 1);
			buf_put_str(b, ":");
			put_gap(b, s.layout);
		}
		put_value(b, s, depth + 1);
	}
	if (s.layout > 1)
		put_gap(b, s.layout);
	buf_put_str(b, is_object ? "}" : "]");
}

/* However it is laid out and whatever is in it. */
static void json_is_counted_as_value_by_value(void **state)
{
	static const char *const around[][2] = {
	        {"{\"model\":\"m\",\"messages\":[{\"content\":\"Hi  12\"}],\"response_format\":",
	                "}"},
	        {"{\"response_format\" : ",
	                " ,\n\"model\":\"m\",\"messages\":[{\"content\":\"Hi  12\"}]}\n"}};

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct style style = {round % 3, round / 3 % 2};
		struct token_counter got = {0}, want = {0};
		struct buf b = BUF_INIT(1 << 20);
		struct request_facts f;
		struct json_doc doc;

		buf_put_str(&b, around[round / 6 % 2][0]);
		put_value(&b, style, 0);
		buf_put_str(&b, around[round / 6 % 2][1]);
		assert_int_equal(buf_put(&b, "", 1), 0);
		read_counted(ACTION_CHAT, buf_slice(&b).at, &got, &f);
		assert_int_equal(json_read(json_scratch_mine(), slice_str(buf_slice(&b).at),
		                         &json_limits_default, &doc, NULL),
		        0);
		tokens_feed(&want, SLICE("Hi  12"));
		tokens_part(&want);
		feed_json(&want, json_get(doc.root, "response_format"));
		json_done(&doc);
		assert_same_counts(&got, &want, buf_slice(&b).at);
		buf_finish(&b);
	}
}

#define FIRST                                                                                      \
	"data: {'id':'c','object':'chat.completion.chunk','created':7,'model':'m','choices':[{"    \
	"'index':0,'delta':{"
#define EVENT(delta) FIRST delta "},'finish_reason':null}]}\n\n"
#define SAY(text) EVENT("'content':'" text "'")
#define MORE(arguments) EVENT("'tool_calls':[{'index':0,'function':{'arguments':'" arguments "'}}]")
static const char stream[] =
        SAY("The wat") SAY("er sta") SAY("nds at 3") SAY("18 centimetr\\u00e9") SAY("s. CamelC")
                SAY("ase") EVENT("'tool_calls':[{'index':0,'id':'i','type':'function','function':{"
                                 "'name':'f','arguments':'{\\'na'}}]") MORE("me\\':12") MORE("34}")
                        FIRST "},'finish_reason':'tool_calls'}]}\n\ndata: [DONE]\n\n";
static const char said[] = "The water stands at 318 centimetr\xc3\xa9s. CamelCase{\"name\":1234}";

struct counted {
	bool want_text, read_all;
};

/* The inner quotes of arguments are escaped ones. */
static struct slice stream_text(char *room)
{
	char *out = room;

	for (const char *at = stream; *at; at++) {
		if (at[0] == '\\' && at[1] == '\'')
			*out++ = *at++;
		*out++ = *at == '\'' ? '"' : *at;
	}
	return slice_from(room, (size_t)(out - room));
}

static void split(void *arg, const struct slice *pieces, unsigned n)
{
	const struct counted *how = arg;
	struct token_counter got = {0}, want = {0};
	struct answer_run run = {.stream = true,
	        .want_text = how->want_text,
	        .read_all = how->read_all,
	        .tokens = &got};

	if (answer_run(&run, pieces, n))
		fail_msg("%s", run.why.text);
	tokens_feed(&want, SLICE(said));
	assert_same_counts(&got, &want, "stream");
	assert_int_equal(run.text_bytes, strlen(said));
	answer_run_finish(&run);
}

static void the_text_of_a_stream_is_counted_at_every_split(void **state)
{
	char room[sizeof(stream)];
	struct slice text = stream_text(room);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct counted how = {i & 1, i & 2};

		split(&how, &text, 1);
		for (size_t at = 1; at < text.len; at += 1) {
			struct slice two[2] = {{text.at, at}, slice_skip(text, at)};

			split(&how, two, 2);
		}
	}
}

static void the_text_of_a_document_is_counted(void **state)
{
	struct token_counter got = {0}, want = {0};
	struct answer_run run = {.tokens = &got};
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(
	        answer_run_whole(&run,
	                quotes(&arena,
	                        "{'id':'c','model':'m','choices':[{'index':0,'message':{'role':"
	                        "'assistant','content':'Said','tool_calls':[{'id':'i','type':"
	                        "'function','function':{'name':'f','arguments':'[1]'}}]},"
	                        "'finish_reason':'tool_calls'}]}")),
	        0);
	tokens_feed(&want, SLICE("Said[1]"));
	assert_same_counts(&got, &want, "document");
	answer_run_finish(&run);
	arena_finish(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_text_of_a_request_is_counted),
	        cmocka_unit_test(tools_count_about_as_their_json),
	        cmocka_unit_test(json_is_counted_as_value_by_value),
	        cmocka_unit_test(the_text_of_a_stream_is_counted_at_every_split),
	        cmocka_unit_test(the_text_of_a_document_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
