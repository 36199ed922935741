/* SPDX-License-Identifier: Apache-2.0 */
/* openai_view: what there is in one choice of a document, and its texts as parts. */
#include "dialect/openai_answer.h"
#include <errno.h>
#include "base/mem.h"
#include "dialect/openai_keys.h"

/* Of a choice, its message and its delta alike: in the order that they mostly come in. */
enum choice_member {
	CHOICE_INDEX,
	CHOICE_MESSAGE,
	CHOICE_DELTA,
	CHOICE_FINISH_REASON,
	CHOICE_USAGE,
	CHOICE_ROLE,
	CHOICE_FIELDS, /* in the order of openai_fields */
	CHOICE_REASONING_DETAILS = CHOICE_FIELDS + FIELD_N,
	CHOICE_TOOL_CALLS,
	CHOICE_FUNCTION_CALL,
	CHOICE_N
};
static const struct json_name choice_names[CHOICE_N] = {
        [CHOICE_INDEX] = JSON_NAME("index"),
        [CHOICE_MESSAGE] = JSON_NAME("message"),
        [CHOICE_DELTA] = JSON_NAME("delta"),
        [CHOICE_FINISH_REASON] = JSON_NAME("finish_reason"),
        [CHOICE_USAGE] = JSON_NAME("usage"),
        [CHOICE_ROLE] = JSON_NAME("role"),
        [CHOICE_FIELDS + FIELD_CONTENT] = JSON_NAME("content"),
        [CHOICE_FIELDS + FIELD_REFUSAL] = JSON_NAME("refusal"),
        [CHOICE_FIELDS + FIELD_REASONING] = JSON_NAME("reasoning"),
        [CHOICE_FIELDS + FIELD_REASONING_CONTENT] = JSON_NAME("reasoning_content"),
        [CHOICE_FIELDS + FIELD_TEXT] = JSON_NAME("text"),
        [CHOICE_REASONING_DETAILS] = JSON_NAME("reasoning_details"),
        [CHOICE_TOOL_CALLS] = JSON_NAME("tool_calls"),
        [CHOICE_FUNCTION_CALL] = JSON_NAME("function_call"),
};

const struct slice openai_fields[FIELD_N] = {
        [FIELD_CONTENT] = SLICE_INIT("content"),
        [FIELD_REFUSAL] = SLICE_INIT("refusal"),
        [FIELD_REASONING] = SLICE_INIT("reasoning"),
        [FIELD_REASONING_CONTENT] = SLICE_INIT("reasoning_content"),
        [FIELD_TEXT] = SLICE_INIT("text"),
};

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

/* m: of the message. */
static int view_calls(
        struct openai_view *v, const struct json_value *const m[CHOICE_N], struct complaint *why)
{
	const struct json_value *calls = openai_unless_null(m[CHOICE_TOOL_CALLS]);
	const struct json_value *call = openai_unless_null(m[CHOICE_FUNCTION_CALL]);

	if (calls && json_type(calls) != JSON_ARRAY)
		return openai_malformed(why, "tool_calls is no array");
	if (call && json_type(call) != JSON_OBJECT)
		return openai_malformed(why, "function_call is no object");
	v->tool_calls = json_count(calls) ? calls : NULL;
	v->function_call = call;
	return 0;
}

static int members_of(
        const struct json_value *v, const struct json_value *ret[CHOICE_N], struct complaint *why)
{
	const struct json_value *key;

	return openai_members(v, choice_names, CHOICE_N, ret, &key)
	               ? openai_malformed(why, "a key of a choice is spelled in other letters")
	               : 0;
}

/* Of what holds no calls for a client of this answer: the choice itself where it has a message, and
 * a message in a stream. */
static int refuse_calls(const struct json_value *const m[CHOICE_N], struct complaint *why)
{
	if (json_count(m[CHOICE_TOOL_CALLS]) || json_count(m[CHOICE_FUNCTION_CALL]))
		return openai_malformed(why, "a tool call stands where none belongs");
	return 0;
}

/* A choice's message, or the choice itself where it has none. m: of the choice. */
static int view_message(const struct answer *a, struct openai_view *v,
        const struct json_value *const m[CHOICE_N], struct complaint *why)
{
	const struct json_value *message =
	        openai_unless_null(m[a->stream ? CHOICE_DELTA : CHOICE_MESSAGE]);
	const struct json_value *other = m[a->stream ? CHOICE_MESSAGE : CHOICE_DELTA];
	UNINIT const struct json_value *inner[CHOICE_N];
	int r = refuse_calls(m, why);

	if (!r && json_type(other) == JSON_OBJECT) {
		r = members_of(other, inner, why);
		if (!r)
			r = refuse_calls(inner, why);
	}
	if (r)
		return r;
	v->message = v->element;
	if (!message)
		return view_calls(v, m, why);
	if (json_type(message) != JSON_OBJECT)
		return openai_malformed(why, "a choice's message is no object");
	v->message = message;
	r = members_of(message, inner, why);
	return r ? r : view_calls(v, inner, why);
}

static void note_finish(struct answer *a, const struct openai_view *v)
{
	if (!json_is_string(v->finish, "stop")) {
		a->cut_short = true;
		return;
	}
	a->n_stopped += !v->choice->stopped;
	v->choice->stopped = true;
}

int openai_view(struct answer *a, const struct json_value *element, unsigned position,
        struct openai_view *ret, struct complaint *why)
{
	struct openai_view v = {.element = element};
	UNINIT const struct json_value *m[CHOICE_N];
	uint64_t index = position;
	int r;

	if (json_type(element) != JSON_OBJECT)
		return openai_malformed(why, "a choice is no object");
	r = members_of(element, m, why);
	if (r)
		return r;
	if (m[CHOICE_INDEX] && json_to_u64(m[CHOICE_INDEX], UINT32_MAX, &index))
		return openai_malformed(why, "a choice's index is no number");
	v.finish = openai_unless_null(m[CHOICE_FINISH_REASON]);
	if (v.finish && json_type(v.finish) != JSON_STRING)
		return openai_malformed(why, "finish_reason is no string");
	/* Some providers write "" for not yet. */
	if (v.finish && !json_text(v.finish).len)
		v.finish = NULL;
	r = view_message(a, &v, m, why);
	/* Moonshot's streams say it in the choice that ends. Of several choices it is not known
	 * whether each says what all have used. */
	if (!r && json_type(m[CHOICE_USAGE]) == JSON_OBJECT && a->facts->n <= 1)
		r = openai_read_usage(a, m[CHOICE_USAGE], why);
	if (!r)
		r = find_choice(a, (uint32_t)index, &v.choice, why);
	if (!r && v.finish)
		note_finish(a, &v);
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
		/* Of the fields, and behind them reasoning_details. */
		unsigned f = json_name_find(&choice_names[CHOICE_FIELDS], FIELD_N + 1, 0, it.key);

		if (f == FIELD_N)
			add_part_texts(&l, FIELD_REASONING, it.value);
		else if (f < FIELD_N && json_type(it.value) == JSON_ARRAY)
			add_part_texts(&l, f, it.value);
		else if (f < FIELD_N)
			add_text(&l, f, it.value);
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

		openai_add_text(a, json_text(texts[i].value));
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
