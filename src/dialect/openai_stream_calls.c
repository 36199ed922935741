/* SPDX-License-Identifier: Apache-2.0 */
/* openai_stream_calls: events that are about calls wait until their choice finishes: whole where
 * they hold nothing else, else without what flows on. */
#include <errno.h>
#include "dialect/openai_stream.h"
#include "dialect/trim.h"

/* A member that says nothing yet: it can wait with the calls it came with. */
static bool member_is_idle(struct slice key, const struct json_value *v)
{
	switch (json_type(v)) {
	case JSON_NULL:
		return true;
	case JSON_STRING:
		return !json_text(v).len || slice_is(key, "role");
	case JSON_ARRAY:
		return !json_count(v);
	default:
		return false;
	}
}

static bool event_is_all_calls(const struct stream *t)
{
	const struct openai_view *v = &t->views[0];

	if (t->n_views != 1 || !openai_has_calls(v) || v->finish)
		return false;
	for (struct json_iter it = json_iter(v->message); json_next(&it);)
		if (it.value != v->tool_calls && it.value != v->function_call &&
		        !member_is_idle(json_text(it.key), it.value))
			return false;
	return true;
}

static int hold(struct stream *t, const struct openai_choice *c, struct slice event)
{
	int r = held_put(&t->s->held, c->index, event);

	if (!r && buf_len(&t->s->held.records) + t->s->calls.held > TOOLCALL_HELD_MAX)
		r = -ENOBUFS;
	return r == -ENOBUFS ? openai_malformed(t->why, "its tool calls are too long") : r;
}

/* The event with nothing in it but the calls of one choice. */
static int cut_portion(struct stream *t, const struct openai_view *v, const struct places *places,
        struct edits *edits)
{
	struct trim trim;
	int r = 0;

	trim_init(&trim, edits, OPENAI_WHO);
	for (struct json_iter it = json_iter(t->top.choices); !r && json_next(&it);)
		r = trim_item(&trim, place_of(places, it.value), it.value != v->element);
	if (!r)
		r = trim_end(&trim);
	trim_init(&trim, edits, OPENAI_WHO);
	for (struct json_iter it = json_iter(v->message); !r && json_next(&it);) {
		struct span place = {
		        place_of(places, it.key).start, place_of(places, it.value).end};

		r = trim_item(
		        &trim, place, it.value != v->tool_calls && it.value != v->function_call);
	}
	return r ? r : trim_end(&trim);
}

static int hold_portion(struct stream *t, const struct openai_view *v)
{
	struct slice event, json = arena_dup(t->lap->arena, t->doc.text);
	struct places places;
	struct edits edits;
	int r;

	if (!json.at)
		return -ENOMEM;
	for (char *at = (char *)(uintptr_t)json.at; at && json.len;) {
		at = memchr(at, '\n', json.len - (size_t)(at - json.at));
		if (at)
			*at = ' ';
	}
	edits_init(&edits, t->lap->arena);
	r = places_find(&t->doc, t->lap->arena, &places);
	if (!r)
		r = cut_portion(t, v, &places, &edits);
	if (!r)
		r = openai_event_text(&edits, json, &event);
	return r ? r : hold(t, v->choice, event);
}

int openai_stream_calls(struct stream *t, uint32_t *ret_note, bool *ret_all)
{
	int r = 0;

	*ret_all = event_is_all_calls(t);
	for (unsigned i = 0; !r && i < t->n_views; i++) {
		const struct openai_view *v = &t->views[i];

		if (!openai_has_calls(v))
			continue;
		r = openai_feed_calls(t->a, v, t->why);
		if (r || v->finish)
			continue;
		if (*ret_all)
			return hold(t, v->choice, t->bytes);
		r = hold_portion(t, v);
		*ret_note |= NOTE_SPLIT;
	}
	return r;
}
