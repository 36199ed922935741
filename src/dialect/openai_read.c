/* SPDX-License-Identifier: Apache-2.0 */
/* openai_read: the members of an answer that matter, and its texts as parts. */
#include "dialect/openai_answer.h"
#include <errno.h>
#include <stdio.h>
#include "base/mem.h"
#include "dialect/openai_keys.h"

#define MODEL_MAX 256

/* Keys that clients read, and that stand in no other letters. */
static const char *const top_names[] = {"id", "model", "usage", "error", "choices", "created",
        "service_tier", "message", "delta", "tool_calls", "function_call", "output", "item",
        "response", NULL};
static const char *const choice_names[] = {"index", "delta", "message", "finish_reason", "role",
        "content", "refusal", "reasoning", "reasoning_content", "reasoning_details", "text",
        "tool_calls", "function_call", NULL};

const struct slice openai_fields[FIELD_N] = {
        [FIELD_CONTENT] = SLICE_INIT("content"),
        [FIELD_REFUSAL] = SLICE_INIT("refusal"),
        [FIELD_REASONING] = SLICE_INIT("reasoning"),
        [FIELD_REASONING_CONTENT] = SLICE_INIT("reasoning_content"),
        [FIELD_TEXT] = SLICE_INIT("text"),
};

int openai_malformed(struct complaint *why, const char *what)
{
	return openai_complain(
	        why, FAULT_UPSTREAM_MALFORMED, "", "the provider's answer is malformed: %s", what);
}

static const struct json_value *unless_null(const struct json_value *v)
{
	return json_type(v) == JSON_NULL ? NULL : v;
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

	if (s->head_is_known || !json_count(top->choices))
		return 0;
	s->head_is_known = true;
	r = keep_token(a, doc, top->id, &s->id);
	if (!r)
		r = keep_token(a, doc, top->created, &s->created);
	return r ? r : keep_token(a, doc, top->model, &s->model);
}

/* Calls where no client looks for them are calls all the same to one that does. */
static bool has_misplaced_calls(const struct json_value *v)
{
	return json_count(json_get(v, "tool_calls")) || json_count(json_get(v, "function_call"));
}

/* Messages at the top belong to other APIs, whose clients would find calls in them. */
static bool has_misplaced_message(const struct answer *a, const struct json_value *root)
{
	static const struct slice holders[] = {SLICE_INIT("message"), SLICE_INIT("delta"),
	        SLICE_INIT("output"), SLICE_INIT("item"), SLICE_INIT("response")};

	if (a->facts->action != ACTION_CHAT && a->facts->action != ACTION_COMPLETION)
		return false;
	for (unsigned i = 0; i < sizeof(holders) / sizeof(holders[0]); i++)
		if (json_count(json_find(root, holders[i])))
			return true;
	return has_misplaced_calls(root);
}

static void find_member(struct openai_top *top, struct slice key, const struct json_value *v)
{
	static const struct {
		struct slice key;
		size_t member;
	} known[] = {
#define MEMBER(name) {SLICE_INIT(#name), offsetof(struct openai_top, name)}
	        MEMBER(id),
	        MEMBER(model),
	        MEMBER(usage),
	        MEMBER(error),
	        MEMBER(choices),
	        MEMBER(created),
	        MEMBER(obfuscation),
	        MEMBER(service_tier),
#undef MEMBER
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_equals(key, known[i].key))
			*(const struct json_value **)((char *)top + known[i].member) =
			        unless_null(v);
}

int openai_read_top(
        struct answer *a, const struct json_doc *doc, struct openai_top *ret, struct complaint *why)
{
	struct openai_top top = {0};
	struct slice key;
	int r = 0;

	if (openai_odd_key(doc->root, top_names, &key))
		return openai_malformed(why, "one of its keys is spelled in other letters");
	if (has_misplaced_message(a, doc->root))
		return openai_malformed(why, "a message stands where none belongs");
	for (struct json_iter it = json_iter(doc->root); json_next(&it);)
		find_member(&top, json_text(it.key), it.value);
	if (top.choices && json_type(top.choices) != JSON_ARRAY)
		return openai_malformed(why, "choices is no array");
	if (json_type(top.usage) != JSON_OBJECT)
		top.usage = NULL;
	if (top.usage)
		r = openai_read_usage(a, top.usage, why);
	if (!r)
		r = keep_name(a, top.model, &a->model);
	if (!r)
		r = keep_name(a, top.service_tier, &a->service_tier);
	if (!r)
		r = keep_head(a, doc, &top);
	if (!r)
		*ret = top;
	return r;
}

static int find_choice(
        struct answer *a, uint32_t index, struct openai_choice **ret, struct complaint *why)
{
	struct openai_answer *s = a->state;
	struct openai_choice *c;

	for (unsigned i = 0; i < s->n_choices; i++)
		if (s->choices[i]->index == index) {
			*ret = s->choices[i];
			return 0;
		}
	if (s->n_choices == OPENAI_CHOICES_MAX)
		return openai_malformed(why, "it has more than 128 choices");
	c = arena_zalloc(a->arena, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->index = index;
	c->last_call = -1;
	for (unsigned f = 0; f < FIELD_N; f++)
		c->channels[f] = (struct text_channel){
		        (uint16_t)(s->n_choices * FIELD_N + f), index, openai_fields[f]};
	s->choices[s->n_choices++] = c;
	*ret = c;
	return 0;
}

static int view_calls(struct openai_view *v, struct complaint *why)
{
	const struct json_value *calls = unless_null(json_get(v->message, "tool_calls"));
	const struct json_value *call = unless_null(json_get(v->message, "function_call"));

	if (calls && json_type(calls) != JSON_ARRAY)
		return openai_malformed(why, "tool_calls is no array");
	if (call && json_type(call) != JSON_OBJECT)
		return openai_malformed(why, "function_call is no object");
	v->tool_calls = json_count(calls) ? calls : NULL;
	v->function_call = call;
	return 0;
}

int openai_view(struct answer *a, const struct json_value *element, unsigned position,
        struct openai_view *ret, struct complaint *why)
{
	struct openai_view v = {.element = element};
	const struct json_value *message = NULL, *other = NULL;
	uint64_t index = position;
	struct slice key;
	int r;

	if (json_type(element) != JSON_OBJECT)
		return openai_malformed(why, "a choice is no object");
	for (struct json_iter it = json_iter(element); json_next(&it);) {
		key = json_text(it.key);
		if (slice_is(key, "index")) {
			if (json_to_u64(it.value, UINT32_MAX, &index))
				return openai_malformed(why, "a choice's index is no number");
		} else if (slice_is(key, "delta")) {
			*(a->stream ? &message : &other) = unless_null(it.value);
		} else if (slice_is(key, "message")) {
			*(a->stream ? &other : &message) = unless_null(it.value);
		} else if (slice_is(key, "finish_reason")) {
			v.finish = unless_null(it.value);
		}
	}
	if (v.finish && json_type(v.finish) != JSON_STRING)
		return openai_malformed(why, "finish_reason is no string");
	/* Some providers write "" for not yet. */
	if (v.finish && !json_text(v.finish).len)
		v.finish = NULL;
	if (message && json_type(message) != JSON_OBJECT)
		return openai_malformed(why, "a choice's message is no object");
	if (has_misplaced_calls(other) || has_misplaced_calls(element))
		return openai_malformed(why, "a tool call stands where none belongs");
	if (openai_odd_key(element, choice_names, &key) ||
	        openai_odd_key(message, choice_names, &key) ||
	        openai_odd_key(other, choice_names, &key))
		return openai_malformed(why, "a key of a choice is spelled in other letters");
	v.message = message ? message : element;
	r = view_calls(&v, why);
	if (!r)
		r = find_choice(a, (uint32_t)index, &v.choice, why);
	if (!r)
		*ret = v;
	return r;
}

struct text_list {
	struct openai_text *list;
	unsigned n;
	bool full;
};

static void add_text(struct text_list *l, enum openai_field field, const struct json_value *v)
{
	if (json_type(v) != JSON_STRING || !json_text(v).len)
		return;
	if (l->n == OPENAI_TEXTS_MAX)
		l->full = true;
	else
		l->list[l->n++] = (struct openai_text){field, v};
}

/* Content in parts: text, and thinking that has parts of its own. */
static void add_part_texts(
        struct text_list *l, enum openai_field field, const struct json_value *parts)
{
	for (struct json_iter it = json_iter(parts); json_next(&it);) {
		add_text(l, field, json_get(it.value, "text"));
		add_text(l, field, json_get(it.value, "summary"));
		for (struct json_iter in = json_iter(json_get(it.value, "thinking"));
		        json_next(&in);)
			add_text(l, FIELD_REASONING, json_get(in.value, "text"));
	}
}

int openai_texts(const struct openai_view *v, struct openai_text ret[OPENAI_TEXTS_MAX],
        unsigned *ret_n, struct complaint *why)
{
	struct text_list l = {.list = ret};

	for (struct json_iter it = json_iter(v->message); json_next(&it);) {
		struct slice key = json_text(it.key);

		for (unsigned f = 0; f < FIELD_N; f++)
			if (slice_equals(key, openai_fields[f])) {
				add_text(&l, f, it.value);
				if (json_type(it.value) == JSON_ARRAY)
					add_part_texts(&l, f, it.value);
			}
		if (slice_is(key, "reasoning_details"))
			add_part_texts(&l, FIELD_REASONING, it.value);
	}
	if (l.full)
		return openai_malformed(why, "a choice has more than 64 texts");
	*ret_n = l.n;
	return 0;
}

int openai_add_texts(struct answer *a, const struct json_doc *doc, const struct openai_view *v,
        struct lap *lap, struct complaint *why)
{
	UNINIT struct openai_text texts[OPENAI_TEXTS_MAX];
	unsigned n;
	int r = openai_texts(v, texts, &n, why);

	if (r)
		return r;
	if (n && v->choice->finished && a->want_text)
		return openai_malformed(why, "a text goes on after its choice has finished");
	for (unsigned i = 0; i < n; i++) {
		struct part *part;

		a->text_bytes += json_text(texts[i].value).len;
		v->choice->said[texts[i].field] = true;
		if (!a->want_text)
			continue;
		part = lap_add(lap, PART_TEXT);
		if (!part)
			return -ENOMEM;
		part->channel = &v->choice->channels[texts[i].field];
		part->text = json_keep(doc, texts[i].value, lap->arena);
		if (!part->text.at)
			return -ENOMEM;
	}
	return 0;
}

int openai_add_text_ends(struct openai_choice *c, struct lap *lap)
{
	for (unsigned f = 0; f < FIELD_N; f++) {
		struct part *part;

		if (!c->said[f])
			continue;
		part = lap_add(lap, PART_TEXT_END);
		if (!part)
			return -ENOMEM;
		part->channel = &c->channels[f];
	}
	return 0;
}
