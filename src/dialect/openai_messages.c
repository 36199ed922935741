/* SPDX-License-Identifier: Apache-2.0 */
/* openai_messages: what a model is to read: messages with their parts, prompts, inputs. */
#include "dialect/openai_request.h"
#include <errno.h>
#include "base/mem.h"

enum message_member {
	MESSAGE_ROLE,
	MESSAGE_CONTENT,
	MESSAGE_TOOL_CALLS,
	MESSAGE_FUNCTION_CALL,
	MESSAGE_AUDIO,
	MESSAGE_TOOLS,
	MESSAGE_FUNCTIONS,
	MESSAGE_N
};
static const struct json_name message_names[MESSAGE_N] = {
        [MESSAGE_ROLE] = JSON_NAME("role"),
        [MESSAGE_CONTENT] = JSON_NAME("content"),
        [MESSAGE_TOOL_CALLS] = JSON_NAME("tool_calls"),
        [MESSAGE_FUNCTION_CALL] = JSON_NAME("function_call"),
        [MESSAGE_AUDIO] = JSON_NAME("audio"),
        [MESSAGE_TOOLS] = JSON_NAME("tools"),
        [MESSAGE_FUNCTIONS] = JSON_NAME("functions"),
};

enum part_member { PART_MEMBER_TYPE, PART_MEMBER_TEXT, PART_MEMBER_N };
static const struct json_name part_names[PART_MEMBER_N] = {
        [PART_MEMBER_TYPE] = JSON_NAME("type"),
        [PART_MEMBER_TEXT] = JSON_NAME("text"),
};

/* Some take a part without a type for what its members say: only one that has nothing but a text is
 * surely one. */
static bool is_text(
        const struct json_value *part, const struct json_value *type, const struct json_value *text)
{
	if (json_type(type) == JSON_STRING)
		return json_is_string(type, "text") || json_is_string(type, "refusal");
	return json_type(text) == JSON_STRING && json_count(part) == 1;
}

/* Text parts count as text; what is no text says that text_bytes is not all. Of such a part only
 * the text still counts, so that none hides in it. */
static void weigh_part(struct openai_reader *r, const struct json_value *part,
        const struct json_value *type, const struct json_value *text)
{
	if (json_type(part) != JSON_OBJECT || is_text(part, type, text))
		return;
	r->facts->has_media = true;
	r->facts->has_audio |= json_type(type) == JSON_STRING && memmem(json_text(type).at, json_text(type).len, "audio", 5);
	r->facts->text_bytes -= json_text_bytes(part);
	if (json_type(text) == JSON_STRING)
		r->facts->text_bytes += json_text_bytes(text);
}

static int read_parts(
        struct openai_reader *r, const struct json_value *parts, const struct openai_where *in)
{
	struct openai_where w = {.in = in};

	for (struct json_iter it = json_iter(parts); json_next(&it); w.index++) {
		const struct json_value *m[PART_MEMBER_N];
		int error = openai_find_members(r, it.value, part_names, PART_MEMBER_N, m, &w);

		if (error)
			return error;
		weigh_part(r, it.value, m[PART_MEMBER_TYPE], m[PART_MEMBER_TEXT]);
	}
	return 0;
}

static int read_message(
        struct openai_reader *r, const struct json_value *v, const struct openai_where *w)
{
	UNINIT const struct json_value *m[MESSAGE_N];
	int error;

	if (json_type(v) != JSON_OBJECT)
		return openai_wrong(r, "/messages", "an array of objects");
	error = openai_find_members(r, v, message_names, MESSAGE_N, m, w);
	if (!error && openai_holds_tools(m[MESSAGE_TOOLS]))
		error = openai_refuse_tools(r, "tools", w);
	if (!error && openai_holds_tools(m[MESSAGE_FUNCTIONS]))
		error = openai_refuse_tools(r, "functions", w);
	if (!error && json_type(m[MESSAGE_CONTENT]) == JSON_ARRAY)
		error = read_parts(r, m[MESSAGE_CONTENT], &(struct openai_where){w, "content", 0});
	if (json_type(m[MESSAGE_CONTENT]) == JSON_OBJECT)
		weigh_part(r, m[MESSAGE_CONTENT], json_get(m[MESSAGE_CONTENT], "type"),
		        json_get(m[MESSAGE_CONTENT], "text"));
	/* An earlier spoken answer, held at the provider. */
	if (json_type(m[MESSAGE_AUDIO]) == JSON_OBJECT)
		r->facts->has_media = r->facts->has_audio = true;
	return error;
}

int openai_read_messages(struct openai_reader *r, const struct json_value *v)
{
	struct openai_where root = {.key = "messages"}, w = {.in = &root};
	int error = 0;

	if (json_type(v) != JSON_ARRAY)
		return openai_wrong(r, "/messages", "an array");
	/* First: parts that are no text are taken off again. */
	r->facts->text_bytes += json_text_bytes(v);
	for (struct json_iter it = json_iter(v); !error && json_next(&it); w.index++)
		error = read_message(r, it.value, &w);
	r->facts->n_messages = json_count(v);
	return error;
}

/* A list of tokens is one text; a list of texts or of token lists is as many. */
static uint32_t count_texts(const struct json_value *v)
{
	struct json_iter it = json_iter(v);

	return json_next(&it) && json_type(it.value) != JSON_NUMBER ? json_count(v) : 1;
}

int openai_read_prompt(struct openai_reader *r, const struct json_value *v)
{
	if (json_type(v) != JSON_STRING && json_type(v) != JSON_ARRAY)
		return openai_wrong(r, "/prompt", "a string or an array");
	r->prompts = count_texts(v);
	r->facts->n_texts += r->prompts;
	r->facts->text_bytes += json_text_bytes(v);
	return 0;
}

int openai_read_input(struct openai_reader *r, const struct json_value *v)
{
	if (json_type(v) != JSON_STRING && json_type(v) != JSON_ARRAY)
		return openai_wrong(r, "/input", "a string or an array");
	r->has_input = true;
	r->facts->n_texts += count_texts(v);
	r->facts->text_bytes += json_text_bytes(v);
	for (struct json_iter it = json_iter(v); json_next(&it);)
		weigh_part(r, it.value, json_get(it.value, "type"), json_get(it.value, "text"));
	return 0;
}
