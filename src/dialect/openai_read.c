/* SPDX-License-Identifier: Apache-2.0 */
/* openai_read: the top members of an answer that matter. */
#include "dialect/openai_answer.h"
#include <errno.h>
#include "base/mem.h"
#include "base/plain.h"
#include "dialect/openai_keys.h"

#define MODEL_MAX 256

/* Keys that clients read, and that stand in no other letters. */
enum top_member {
	TOP_ID,
	TOP_CREATED,
	TOP_MODEL,
	TOP_CHOICES,
	TOP_USAGE,
	TOP_X_GROQ,
	TOP_SERVICE_TIER,
	TOP_ERROR,
	TOP_TOOL_CALLS,
	TOP_FUNCTION_CALL,
	/* Messages at the top belong to other APIs, whose clients would find calls in them. */
	TOP_HOLDERS,
	TOP_N = TOP_HOLDERS + 5
};
static const struct json_name top_names[TOP_N] = {
        [TOP_ID] = JSON_NAME("id"),
        [TOP_CREATED] = JSON_NAME("created"),
        [TOP_MODEL] = JSON_NAME("model"),
        [TOP_CHOICES] = JSON_NAME("choices"),
        [TOP_USAGE] = JSON_NAME("usage"),
        [TOP_X_GROQ] = JSON_NAME("x_groq"),
        [TOP_SERVICE_TIER] = JSON_NAME("service_tier"),
        [TOP_ERROR] = JSON_NAME("error"),
        [TOP_TOOL_CALLS] = JSON_NAME("tool_calls"),
        [TOP_FUNCTION_CALL] = JSON_NAME("function_call"),
        [TOP_HOLDERS] = JSON_NAME("message"),
        JSON_NAME("delta"),
        JSON_NAME("output"),
        JSON_NAME("item"),
        JSON_NAME("response"),
};

int openai_malformed(struct complaint *why, const char *what)
{
	return openai_complain(
	        why, FAULT_UPSTREAM_MALFORMED, "", "the provider's answer is malformed: %s", what);
}

/* A name for headers and logs: short and of printable ASCII. The last one counts; all share one
 * place. */
static int keep_name(struct answer *a, const struct json_value *v, struct slice *name)
{
	struct slice text = json_text(v);
	char *at = (char *)(uintptr_t)name->at;

	if (json_type(v) != JSON_STRING || !text.len || text.len > MODEL_MAX ||
	        slice_equals(text, *name))
		return 0;
	if (!bytes_are_plain(text))
		for (size_t i = 0; i < text.len; i++)
			if ((unsigned char)text.at[i] < ' ' || (unsigned char)text.at[i] > '~')
				return 0;
	if (!at)
		at = arena_alloc(a->arena, MODEL_MAX);
	if (!at)
		return -ENOMEM;
	memcpy(at, text.at, text.len);
	*name = slice_from(at, text.len);
	return 0;
}

static int keep_token(struct answer *a, const struct json_doc *doc, const struct json_value *v,
        struct slice *token)
{
	struct span place;

	if (json_type(v) != JSON_STRING && json_type(v) != JSON_NUMBER)
		return 0;
	place = json_token(doc, v);
	if (place.end - place.start > MODEL_MAX)
		return 0;
	*token = arena_dup(
	        a->arena, slice_from(doc->text.at + place.start, place.end - place.start));
	return token->at ? 0 : -ENOMEM;
}

/* Events that Weir writes look like the first one with a choice in it. */
static int keep_head(struct answer *a, const struct json_doc *doc, const struct openai_top *top)
{
	struct openai_answer *s = a->state;
	int r;

	if (!a->stream || s->head_is_known || !json_count(top->choices))
		return 0;
	s->head_is_known = true;
	r = keep_token(a, doc, top->id, &s->id);
	if (!r)
		r = keep_token(a, doc, top->created, &s->created);
	return r ? r : keep_token(a, doc, top->model, &s->model);
}

/* Whether there are calls where no client of this API looks for them: to one of another they are
 * calls all the same. */
static bool has_misplaced(const struct answer *a, const struct json_value *const m[TOP_N])
{
	if (a->facts->action != ACTION_CHAT && a->facts->action != ACTION_COMPLETION)
		return false;
	for (unsigned i = TOP_TOOL_CALLS; i < TOP_N; i++)
		if (json_count(m[i]))
			return true;
	return false;
}

/* Groq says in a stream what was used whether it was asked or not, but there. */
static int read_groq(struct answer *a, const struct json_value *groq, struct complaint *why)
{
	static const struct json_name name = JSON_NAME("usage");
	const struct json_value *usage, *key;

	if (openai_members(groq, &name, 1, &usage, &key))
		return openai_malformed(why, "a key of its x_groq is spelled in other letters");
	return json_type(usage) == JSON_OBJECT ? openai_read_usage(a, usage, why) : 0;
}

int openai_read_top(
        struct answer *a, const struct json_doc *doc, struct openai_top *ret, struct complaint *why)
{
	UNINIT const struct json_value *m[TOP_N];
	struct openai_top top;
	const struct json_value *key;
	int r = 0;

	if (openai_members(doc->root, top_names, TOP_N, m, &key))
		return openai_malformed(why, "one of its keys is spelled in other letters");
	if (has_misplaced(a, m))
		return openai_malformed(why, "a message stands where none belongs");
	top = (struct openai_top){
	        .id = m[TOP_ID],
	        .created = m[TOP_CREATED],
	        .model = m[TOP_MODEL],
	        .usage = json_type(m[TOP_USAGE]) == JSON_OBJECT ? m[TOP_USAGE] : NULL,
	        .choices = openai_unless_null(m[TOP_CHOICES]),
	        .error = openai_unless_null(m[TOP_ERROR]),
	};
	if (top.choices && json_type(top.choices) != JSON_ARRAY)
		return openai_malformed(why, "choices is no array");
	a->cut_short |= top.error != NULL;
	((struct openai_answer *)a->state)->usage_came = false;
	((struct openai_answer *)a->state)->usage_told = false;
	if (top.usage)
		r = openai_read_usage(a, top.usage, why);
	if (!r && json_type(m[TOP_X_GROQ]) == JSON_OBJECT)
		r = read_groq(a, m[TOP_X_GROQ], why);
	if (!r)
		r = keep_name(a, top.model, &a->model);
	if (!r)
		r = keep_name(a, m[TOP_SERVICE_TIER], &a->service_tier);
	if (!r)
		r = keep_head(a, doc, &top);
	if (!r)
		*ret = top;
	return r;
}
