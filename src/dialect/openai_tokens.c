/* SPDX-License-Identifier: Apache-2.0 */
/* openai_tokens: the text of a request, given to a counter while the document is open: the texts of
 * messages, and what is shown to a model as JSON with its marks. Only for those who ask. */
#include "dialect/openai_request.h"
#include "weir/tokens.h"

static void count_text(struct token_counter *t, const struct json_value *v)
{
	if (json_type(v) != JSON_STRING)
		return;
	tokens_feed(t, json_text(v));
	tokens_part(t);
}

/* All of v in the order of the document, each string in its quotes. */
static void count_json(struct token_counter *t, const struct json_value *v)
{
	for (const struct json_value *end = v ? json_behind(v) : v; v != end; v = json_inner(v)) {
		enum json_type type = json_type(v);

		tokens_feed(t, json_text(v));
		if (type == JSON_STRING)
			tokens_feed(t, SLICE("\":\""));
		else if (type >= JSON_ARRAY)
			tokens_feed(t, SLICE("{}"));
		else
			tokens_feed(t, SLICE(" a,"));
	}
}

/* The same from the bytes as they came, in one piece, which have each string and each number as it
 * is, and marks around and between them: behind every one but the last in a container that is not
 * empty, and none where there is nothing. Not where an escape stands for another byte, or where
 * there are line feeds and runs of blanks, which may be outside the strings. */
static bool count_written(
        struct token_counter *t, const struct json_doc *doc, const struct json_value *key)
{
	struct span place = json_member_place(doc, key);
	struct slice text = slice_from(doc->text.at + place.start, place.end - place.start);
	struct token_counter old;
	struct json_shape shape;

	if (json_count(key + 1) == 0 || memchr(text.at, '\\', text.len))
		return false;
	tokens_flush(t);
	old = *t;
	tokens_feed(t, text);
	tokens_flush(t);
	if (t->n[TOKEN_LINES] != old.n[TOKEN_LINES] || t->n[TOKEN_BLANKS] != old.n[TOKEN_BLANKS]) {
		*t = old;
		return false;
	}
	shape = json_shape_in(doc, key + 1);
	t->n[TOKEN_WORDS] += shape.numbers;
	t->n[TOKEN_MARKS] += 1 - (uint64_t)shape.empties;
	return true;
}

/* Texts, tokens (one each), lists of either, or parts. */
static void count_texts(struct token_counter *t, const struct json_value *v)
{
	if (json_type(v) == JSON_NUMBER)
		tokens_feed(t, SLICE("a "));
	else if (json_type(v) == JSON_OBJECT)
		count_text(t, json_get(v, "text"));
	else
		count_text(t, v);
}

void openai_count_list(struct token_counter *t, const struct json_value *v)
{
	count_texts(t, v);
	for (struct json_iter it = json_iter(v); json_next(&it);) {
		count_texts(t, it.value);
		if (json_type(it.value) == JSON_ARRAY)
			for (struct json_iter k = json_iter(it.value); json_next(&k);)
				count_texts(t, k.value);
	}
}

static void count_content(struct token_counter *t, const struct json_value *content)
{
	count_text(t, content);
	for (struct json_iter it = json_iter(content); json_next(&it);) {
		count_text(t, json_get(it.value, "text"));
		count_text(t, json_get(it.value, "refusal"));
	}
}

/* Its name and arguments; a custom tool's input. */
static void count_call(struct token_counter *t, const struct json_value *named)
{
	for (struct json_iter it = json_iter(named); json_next(&it);)
		count_text(t, it.value);
}

static void count_message(struct token_counter *t, const struct json_value *message)
{
	for (struct json_iter it = json_iter(message); json_next(&it);) {
		struct slice key = json_text(it.key);

		if (slice_is(key, "content")) {
			count_content(t, it.value);
		} else if (slice_is(key, "function_call")) {
			count_call(t, it.value);
		} else if (slice_is(key, "tool_calls")) {
			for (struct json_iter k = json_iter(it.value); json_next(&k);) {
				count_call(t, json_get(k.value, "function"));
				count_call(t, json_get(k.value, "custom"));
			}
		} else if (!slice_is(key, "role") && !slice_is(key, "tool_call_id")) {
			count_text(t, it.value);
		}
	}
}

void openai_count_request(const struct json_doc *doc, struct token_counter *t)
{
	for (struct json_iter it = json_iter(doc->root); json_next(&it);) {
		struct slice key = json_text(it.key);

		if (slice_is(key, "messages"))
			for (struct json_iter m = json_iter(it.value); json_next(&m);)
				count_message(t, m.value);
		else if (slice_is(key, "tools") || slice_is(key, "functions") ||
		         slice_is(key, "response_format")) {
			if (!count_written(t, doc, it.key))
				count_json(t, it.value);
		} else if (slice_is(key, "input") || slice_is(key, "prompt") ||
		           slice_is(key, "suffix"))
			openai_count_list(t, it.value);
	}
	tokens_flush(t);
}
