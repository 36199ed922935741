/* SPDX-License-Identifier: Apache-2.0 */
/* openai_edit: verdicts about a request as edits of its body. What is left is a valid request: a
 * list that lost its last tool goes with the members that speak about it. */
#include "dialect/openai.h"
#include <errno.h>
#include "dialect/openai_bound.h"
#include "dialect/trim.h"

struct writer {
	const struct request_facts *facts;
	struct json_doc doc;
	struct places places;
	struct edits *edits;
	unsigned at; /* the next declaration of a walk, in the order they were read */
	bool tools_go, functions_go;
};

static bool any_removed(const struct request_facts *f)
{
	for (unsigned i = 0; i < f->n_tools; i++)
		if (f->tools[i].removed)
			return true;
	return false;
}

/* A choice may name a tool that was not declared. */
static bool may_strip(const struct request_facts *f)
{
	return f->choice == CHOICE_NAMED || any_removed(f);
}

static bool decl_is_removed(const struct request_facts *f, unsigned list, unsigned index)
{
	for (unsigned i = 0; i < f->n_tools; i++)
		if (f->tools[i].list == list && f->tools[i].index == index)
			return f->tools[i].removed;
	return false;
}

/* Whether the next declaration in order is this one and was removed. Lists are read in order, so
 * one pass over them is one pass over the declarations. */
static bool take_removed(struct writer *w, unsigned list, unsigned index)
{
	const struct request_facts *f = w->facts;

	while (w->at < f->n_tools &&
	        (f->tools[w->at].list != list || f->tools[w->at].index != index))
		w->at++;
	return w->at < f->n_tools && f->tools[w->at].removed;
}

static int replace(struct writer *w, struct span place, struct slice bytes)
{
	return bytes.at ? edits_add(w->edits, place, bytes, OPENAI_WHO) : -ENOMEM;
}

/* Edits inside the namespace. *ret_gone: it had tools and none is left. */
static int strip_namespace(
        struct writer *w, const struct json_value *tools, unsigned index, bool *ret_gone)
{
	struct trim trim;
	unsigned i = 0;
	int r = 0;

	trim_init(&trim, w->edits, OPENAI_WHO);
	for (struct json_iter it = json_iter(tools); !r && json_next(&it); i++)
		r = trim_item(&trim, place_of(&w->places, it.value),
		        take_removed(w, LIST_NESTED + index, i));
	*ret_gone = trim.removed && !trim.kept;
	return r ? r : trim_end(&trim);
}

static int strip_tools(struct writer *w)
{
	struct trim trim;
	unsigned i = 0;
	int r = 0;

	w->at = 0;
	trim_init(&trim, w->edits, OPENAI_WHO);
	for (struct json_iter it = json_iter(json_get(w->doc.root, "tools")); !r && json_next(&it);
	        i++) {
		bool gone = false;

		if (json_is_string(json_get(it.value, "type"), "namespace"))
			r = strip_namespace(w, json_get(it.value, "tools"), i, &gone);
		else
			gone = take_removed(w, LIST_TOOLS, i);
		if (!r)
			r = trim_item(&trim, place_of(&w->places, it.value), gone);
	}
	w->tools_go = trim.removed && !trim.kept;
	return r ? r : trim_end(&trim);
}

static int strip_functions(struct writer *w)
{
	struct trim trim;
	unsigned i = 0;
	int r = 0;

	w->at = 0;
	trim_init(&trim, w->edits, OPENAI_WHO);
	for (struct json_iter it = json_iter(json_get(w->doc.root, "functions"));
	        !r && json_next(&it); i++)
		r = trim_item(
		        &trim, place_of(&w->places, it.value), take_removed(w, LIST_FUNCTIONS, i));
	w->functions_go = trim.removed && !trim.kept;
	return r ? r : trim_end(&trim);
}

/* Whether a tool of this name is declared and stays. */
static bool name_stays(const struct request_facts *f, enum tool_kind kind, struct slice name)
{
	bool server = kind == TOOL_HOSTED && slice_is(name, "mcp"), stays = false;

	for (unsigned i = 0; i < f->n_tools; i++) {
		const struct tool_decl *t = &f->tools[i];

		if ((t->kind == TOOL_HOSTED) != (kind == TOOL_HOSTED))
			continue;
		/* A choice names a server by its label, which says nothing about its address. */
		if (server ? !slice_starts(t->name, SLICE("mcp:")) : !slice_equals(t->name, name))
			continue;
		if (server && t->removed)
			return false;
		stays = stays || !t->removed;
	}
	return stays;
}

/* A list of allowed tools loses those that are gone or were never declared; an empty one means that
 * none is to be called. */
static int strip_choice(struct writer *w)
{
	const struct json_value *choice = json_get(w->doc.root, "tool_choice"), *inner;
	struct trim trim;
	int r = 0;

	if (w->tools_go || !json_is_string(json_get(choice, "type"), "allowed_tools"))
		return 0;
	inner = json_get(choice, "allowed_tools");
	inner = json_get(json_type(inner) > JSON_NULL ? inner : choice, "tools");
	trim_init(&trim, w->edits, OPENAI_WHO);
	for (struct json_iter it = json_iter(inner); !r && json_next(&it);) {
		enum tool_kind kind;
		struct slice name = openai_entry_name(it.value, &kind);

		r = trim_item(
		        &trim, place_of(&w->places, it.value), !name_stays(w->facts, kind, name));
	}
	if (r || !trim.removed)
		return r;
	if (trim.kept)
		return trim_end(&trim);
	/* The edits so far lie inside what is taken out here, and go with it. */
	r = replace(w, place_of(&w->places, choice), SLICE(""));
	if (!r)
		r = edits_add(w->edits,
		        (struct span){
		                place_of(&w->places, choice).end, place_of(&w->places, choice).end},
		        SLICE("\"none\""), OPENAI_WHO);
	return r;
}

static bool member_goes(const struct writer *w, struct slice key)
{
	if (slice_is(key, "tools") || slice_is(key, "tool_choice") ||
	        slice_is(key, "parallel_tool_calls"))
		return w->tools_go;
	if (slice_is(key, "functions") || slice_is(key, "function_call"))
		return w->functions_go;
	for (unsigned i = 0; i < openai_n_hosted_members; i++)
		if (slice_equals(key, openai_hosted_members[i].key))
			return decl_is_removed(w->facts, LIST_MEMBER, i);
	return false;
}

static int strip(struct writer *w)
{
	struct trim trim;
	int r = strip_tools(w);

	if (!r)
		r = strip_functions(w);
	if (!r)
		r = strip_choice(w);
	trim_init(&trim, w->edits, OPENAI_WHO);
	for (struct json_iter it = json_iter(w->doc.root); !r && json_next(&it);) {
		struct span place = {
		        place_of(&w->places, it.key).start, place_of(&w->places, it.value).end};

		r = trim_item(&trim, place, member_goes(w, json_text(it.key)));
	}
	return r ? r : trim_end(&trim);
}

/* Where the stream has options: they ask for usage too. */
static int ask_usage(struct writer *w)
{
	const struct json_value *options = json_get(w->doc.root, "stream_options");
	const struct json_value *usage = json_get(options, "include_usage");
	struct span place = place_of(&w->places, usage ? usage : options);

	if (usage)
		return replace(w, place, SLICE("true"));
	if (json_type(options) == JSON_NULL)
		return replace(w, place, SLICE("{\"include_usage\":true}"));
	place.end = ++place.start;
	return replace(w, place,
	        json_count(options) ? SLICE("\"include_usage\":true,")
	                            : SLICE("\"include_usage\":true"));
}

int openai_insert_member(struct slice body, struct slice member, struct edits *edits)
{
	uint32_t at = (uint32_t)((const char *)memchr(body.at, '{', body.len) - body.at) + 1;

	return edits_add(edits, (struct span){at, at}, member, OPENAI_WHO);
}

static int name_model(
        const struct request_facts *f, struct slice body, struct slice model, struct edits *edits)
{
	struct slice token = openai_quote(edits->arena, model);
	char *member;

	if (!token.at)
		return -ENOMEM;
	if (f->model_place.end)
		return edits_add(edits, f->model_place, token, OPENAI_WHO);
	/* A moderation that named none. */
	member = arena_alloc(edits->arena, token.len + 9);
	if (!member)
		return -ENOMEM;
	memcpy(member, "\"model\":", 8);
	memcpy(member + 8, token.at, token.len);
	member[8 + token.len] = ',';
	return openai_insert_member(body, slice_from(member, token.len + 9), edits);
}

/* What takes a second look at the members; wishes are NULL where the bound is none of it. */
static int edit_members(const struct request_facts *f, struct slice body,
        const struct edit_wishes *wishes, bool ask, struct edits *edits)
{
	struct writer w = {.facts = f, .edits = edits};
	int r = json_read(json_scratch_mine(), body, &json_limits_default, &w.doc, NULL);

	if (r)
		return r;
	r = places_find(&w.doc, edits->arena, &w.places);
	if (!r && wishes)
		r = openai_bound_members(f, w.doc.root, &w.places, body, wishes, edits);
	if (!r && ask)
		r = ask_usage(&w);
	if (!r && may_strip(f))
		r = strip(&w);
	json_done(&w.doc);
	return r;
}

int openai_edit_request(const struct request_facts *facts, struct slice body,
        const struct edit_wishes *wishes, struct edits *edits)
{
	bool ask = wishes->want_usage && facts->stream && !facts->usage_asked &&
	           (facts->action == ACTION_CHAT || facts->action == ACTION_COMPLETION);
	bool bound = openai_bound_is_wished(facts, wishes);
	int r = 0;

	if (wishes->upstream_model.at && !slice_equals(wishes->upstream_model, facts->model))
		r = name_model(facts, body, wishes->upstream_model, edits);
	if (!r && bound && openai_bound_is_simple(facts, wishes)) {
		bound = false;
		r = openai_bound_simply(facts, body, wishes, edits);
	}
	if (!r && ask && !facts->options_given) {
		ask = false;
		r = openai_insert_member(
		        body, SLICE("\"stream_options\":{\"include_usage\":true},"), edits);
	}
	if (!r && (ask || bound || may_strip(facts)))
		r = edit_members(facts, body, bound ? wishes : NULL, ask, edits);
	return r;
}
