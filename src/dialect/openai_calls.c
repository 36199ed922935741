/* SPDX-License-Identifier: Apache-2.0 */
/* openai_calls: entries of tool_calls, and the older function_call, as fragments of calls. */
#include "dialect/openai_answer.h"
#include <errno.h>
#include "base/mem.h"
#include "dialect/openai_keys.h"

enum call_member {
	CALL_INDEX,
	CALL_ID,
	CALL_TYPE,
	CALL_FUNCTION,
	CALL_NAME,
	CALL_ARGUMENTS,
	CALL_CUSTOM,
	CALL_INPUT,
	CALL_N
};
/* Of an entry and of what it holds alike. */
static const struct json_name call_names[CALL_N] = {
        [CALL_INDEX] = JSON_NAME("index"),
        [CALL_ID] = JSON_NAME("id"),
        [CALL_TYPE] = JSON_NAME("type"),
        [CALL_FUNCTION] = JSON_NAME("function"),
        [CALL_NAME] = JSON_NAME("name"),
        [CALL_ARGUMENTS] = JSON_NAME("arguments"),
        [CALL_CUSTOM] = JSON_NAME("custom"),
        [CALL_INPUT] = JSON_NAME("input"),
};

/* Members of an entry, and of its function or custom tool. */
struct entry {
	const struct json_value *m[CALL_N], *in[CALL_N];
	bool custom, has_inner;
};

static int members_of(
        const struct json_value *v, const struct json_value *ret[CALL_N], struct complaint *why)
{
	const struct json_value *key;

	return openai_members(v, call_names, CALL_N, ret, &key)
	               ? openai_malformed(why, "a key of a tool call is spelled in other letters")
	               : 0;
}

/* A string that is absent or null is empty. */
static int piece(
        const struct json_value *v, const char *what, struct slice *ret, struct complaint *why)
{
	if (json_type(v) > JSON_NULL && json_type(v) != JSON_STRING)
		return openai_malformed(why, what);
	*ret = json_text(v);
	return 0;
}

const struct json_value *openai_call_name(const struct json_value *entry)
{
	const struct json_value *custom = json_get(entry, "custom");
	const struct json_value *name = json_get(
	        json_type(custom) == JSON_OBJECT ? custom : json_get(entry, "function"), "name");

	return json_text(name).len ? name : NULL;
}

static int find_members(const struct json_value *v, struct entry *e, struct complaint *why)
{
	const struct json_value *inner;
	int r;

	if (json_type(v) != JSON_OBJECT)
		return openai_malformed(why, "a tool call is no object");
	r = members_of(v, e->m, why);
	if (r)
		return r;
	e->custom = json_type(e->m[CALL_CUSTOM]) == JSON_OBJECT;
	inner = e->m[e->custom ? CALL_CUSTOM : CALL_FUNCTION];
	e->has_inner = json_type(inner) == JSON_OBJECT;
	if (json_type(inner) > JSON_NULL && !e->has_inner)
		return openai_malformed(why, "a tool call's function is no object");
	if (e->custom && json_type(e->m[CALL_FUNCTION]) > JSON_NULL)
		return openai_malformed(why, "a tool call is of two types");
	return members_of(inner, e->in, why);
}

static int read_kind(const struct entry *e, struct call_fragment *f, struct complaint *why)
{
	struct slice text;
	int r = piece(e->m[CALL_TYPE], "a tool call's type is no string", &text, why);

	if (r)
		return r;
	f->kind = e->custom ? TOOL_CUSTOM : TOOL_FUNCTION;
	f->kind_is_known = e->has_inner || text.len;
	f->untyped = !text.len;
	if (!text.len || slice_is(text, e->custom ? "custom" : "function"))
		return 0;
	if (e->custom || (e->has_inner && slice_is(text, "custom")))
		return openai_malformed(why, "a tool call is of two types");
	f->kind = slice_is(text, "custom") ? TOOL_CUSTOM : TOOL_HOSTED;
	f->builtin = e->has_inner && slice_is(text, BUILTIN_TYPE);
	if (f->kind == TOOL_HOSTED && !f->builtin)
		f->name = text;
	return 0;
}

/* Some clients read a call's members beside its type, others under it: they say the same. */
static bool flat_is_same(const struct entry *e, enum call_member i)
{
	const struct json_value *flat = e->m[i];

	if (json_type(flat) <= JSON_NULL)
		return true;
	return json_type(flat) == JSON_STRING &&
	       (!json_text(flat).len || slice_equals(json_text(flat), json_text(e->in[i])));
}

static int read_entry(
        const struct json_value *entry, struct call_fragment *ret, struct complaint *why)
{
	struct call_fragment f = {0};
	UNINIT struct entry e;
	struct slice name;
	int r = find_members(entry, &e, why);

	if (!r)
		r = read_kind(&e, &f, why);
	if (!r && (f.kind != TOOL_HOSTED || f.builtin) &&
	        (!flat_is_same(&e, CALL_NAME) || !flat_is_same(&e, CALL_ARGUMENTS) ||
	                !flat_is_same(&e, CALL_INPUT)))
		return openai_malformed(why, "a tool call says two things");
	if (!r)
		r = piece(e.m[CALL_ID], "a tool call's id is no string", &f.id, why);
	if (!r)
		r = piece(e.in[CALL_NAME], "a tool call's name is no string", &name, why);
	/* A type stands for a name only where there is none, not even an empty one. */
	if (!r && (f.kind != TOOL_HOSTED || json_type(e.in[CALL_NAME]) == JSON_STRING))
		f.name = name;
	if (!r)
		r = piece(e.in[e.custom ? CALL_INPUT : CALL_ARGUMENTS],
		        "a tool call's arguments are no string", &f.arguments, why);
	if (!r)
		*ret = f;
	return r;
}

struct assembling *openai_call_of(struct openai_answer *s, const struct openai_view *v,
        const struct json_value *entry, unsigned position, bool stream, int64_t last)
{
	struct slice id = json_text(json_get(entry, "id"));
	uint64_t index = position;

	/* In a whole message the place in the list is what counts. */
	if (!stream || !json_to_u64(json_get(entry, "index"), UINT32_MAX, &index))
		return toolcalls_find(&s->calls, v->choice->index, (uint32_t)index, false);
	if (id.len)
		return toolcalls_find_id(&s->calls, v->choice->index, id);
	return last < 0 ? NULL : toolcalls_find(&s->calls, v->choice->index, (uint32_t)last, false);
}

/* The index of a call that is new: the one given, the place in a whole message, or the next that is
 * free. */
static int new_index(struct openai_answer *s, const struct openai_view *v,
        const struct json_value *entry, unsigned position, bool stream, uint64_t *ret,
        struct complaint *why)
{
	const struct json_value *index = json_get(entry, "index");
	struct assembling *calls;
	unsigned n;

	*ret = position;
	if (!stream)
		return 0;
	if (json_type(index) > JSON_NULL)
		return json_to_u64(index, UINT32_MAX - 1, ret)
		               ? openai_malformed(why, "a tool call's index is no number")
		               : 0;
	if (!json_text(json_get(entry, "id")).len)
		return openai_malformed(why, "a tool call has neither index nor id");
	*ret = 0;
	calls = toolcalls_of(&s->calls, v->choice->index, &n);
	for (unsigned i = 0; i < n; i++)
		if (!calls[i].legacy)
			*ret = (uint64_t)calls[i].index + 1;
	return 0;
}

static int add_call(struct answer *a, uint32_t choice, uint64_t index, bool legacy,
        struct assembling **ret, struct complaint *why)
{
	struct openai_answer *s = a->state;
	int r = toolcalls_add(&s->calls, choice, (uint32_t)index, legacy, ret);

	return r == -EPROTO ? openai_malformed(why, "it has more than 128 tool calls") : r;
}

static int feed(struct answer *a, struct assembling *call, const struct call_fragment *f,
        struct complaint *why)
{
	struct openai_answer *s = a->state;
	const char *wrong = "";
	int r = toolcalls_feed(&s->calls, call, f, a->facts, &wrong);

	openai_add_text(a, f->arguments);
	return r == -EPROTO ? openai_malformed(why, wrong) : r;
}

static int feed_entry(struct answer *a, const struct openai_view *v, const struct json_value *entry,
        unsigned position, struct complaint *why)
{
	struct openai_answer *s = a->state;
	struct call_fragment fragment;
	struct assembling *call;
	uint64_t index;
	int r = read_entry(entry, &fragment, why);

	if (r)
		return r;
	call = openai_call_of(s, v, entry, position, a->stream, v->choice->last_call);
	if (!call) {
		r = new_index(s, v, entry, position, a->stream, &index, why);
		if (!r)
			r = add_call(a, v->choice->index, index, false, &call, why);
		if (r)
			return r;
		call->index_is_made_up =
		        a->stream && json_type(json_get(entry, "index")) <= JSON_NULL;
	}
	v->choice->last_call = call->index;
	return feed(a, call, &fragment, why);
}

static int feed_function_call(struct answer *a, const struct openai_view *v, struct complaint *why)
{
	struct openai_answer *s = a->state;
	struct assembling *call = toolcalls_find(&s->calls, v->choice->index, 0, true);
	struct call_fragment f = {.kind = TOOL_FUNCTION, .kind_is_known = true};
	UNINIT const struct json_value *m[CALL_N];
	int r = members_of(v->function_call, m, why);

	if (!r)
		r = piece(m[CALL_NAME], "a tool call's name is no string", &f.name, why);
	if (!r)
		r = piece(m[CALL_ARGUMENTS], "a tool call's arguments are no string", &f.arguments,
		        why);
	if (!r && !call)
		r = add_call(a, v->choice->index, 0, true, &call, why);
	return r ? r : feed(a, call, &f, why);
}

int openai_feed_calls(struct answer *a, const struct openai_view *v, struct complaint *why)
{
	unsigned position = 0;
	int r = 0;

	if (v->choice->finished)
		return openai_malformed(why, "a tool call came after its choice had finished");
	v->choice->had_calls = true;
	for (struct json_iter it = json_iter(v->tool_calls); !r && json_next(&it); position++)
		r = feed_entry(a, v, it.value, position, why);
	if (!r && v->function_call)
		r = feed_function_call(a, v, why);
	return r;
}

int openai_add_calls(struct answer *a, struct openai_choice *c, struct lap *lap)
{
	struct openai_answer *s = a->state;
	unsigned n;
	struct assembling *calls = toolcalls_of(&s->calls, c->index, &n);

	for (unsigned i = 0; i < n; i++) {
		struct part *part = lap_add(lap, PART_CALL);

		if (!part || toolcall_copy(&calls[i], lap->arena, &part->call))
			return -ENOMEM;
		part->note = calls[i].legacy;
	}
	return 0;
}
