/* SPDX-License-Identifier: Apache-2.0 */
/* openai_release: calls after judging. What was held of them goes out in its own events, numbered
 * anew; what was denied goes, and its sentence comes. */
#include "dialect/openai_render.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include "dialect/trim.h"

#define RELEASE_MAX (64u << 20) /* bytes of held events, edited, and of what editing one takes */

static int number_entry(
        struct openai_render *r, const struct json_value *entry, const struct assembling *call)
{
	const struct json_value *index = json_get(entry, "index");
	char text[32];
	int len;

	if (index && !call->index_is_made_up && call->index == call->rank)
		return 0;
	if (index) {
		len = snprintf(text, sizeof(text), "%u", call->rank);
		return render_replace(
		        r, index, arena_dup(r->lap->arena, slice_from(text, (size_t)len)));
	}
	len = snprintf(
	        text, sizeof(text), "\"index\":%u%s", call->rank, json_count(entry) ? "," : "");
	return render_insert(r, place_of(&r->places, entry).start + 1,
	        arena_dup(r->lap->arena, slice_from(text, (size_t)len)));
}

/* A name that came in pieces stands whole in the first of them; the others are empty. */
static int name_entry(
        struct openai_render *r, const struct json_value *name, struct assembling *call)
{
	struct slice whole = buf_slice(&call->name);

	if (!name || call->name_pieces < 2)
		return 0;
	if (call->name_is_written)
		return render_replace(r, name, SLICE("\"\""));
	call->name_is_written = true;
	return render_replace(r, name, openai_quote(r->lap->arena, whole));
}

/* Takes out what was denied and numbers the rest. *ret_gone: every entry went. */
static int edit_tool_calls(
        struct openai_render *r, const struct openai_view *v, int64_t *last, bool *ret_gone)
{
	struct trim trim;
	unsigned position = 0;
	int error = 0;

	trim_init(&trim, &r->edits, OPENAI_WHO);
	for (struct json_iter it = json_iter(v->tool_calls); !error && json_next(&it); position++) {
		struct assembling *call =
		        openai_call_of(r->s, v, it.value, position, r->a->stream, *last);
		bool gone = !call || call->denied;

		if (call)
			*last = call->index;
		error = trim_item(&trim, place_of(&r->places, it.value), gone);
		if (!error && !gone && r->a->stream) {
			error = number_entry(r, it.value, call);
			if (!error)
				error = name_entry(r, openai_call_name(it.value), call);
		}
	}
	r->kept_calls += trim.kept;
	*ret_gone = trim.removed && !trim.kept;
	return error ? error : trim_end(&trim);
}

static int edit_function_call(struct openai_render *r, const struct openai_view *v, bool *ret_gone)
{
	struct assembling *call = toolcalls_find(&r->s->calls, v->choice->index, 0, true);

	*ret_gone = !call || call->denied;
	r->kept_calls += !*ret_gone;
	return *ret_gone ? 0 : name_entry(r, json_get(v->function_call, "name"), call);
}

/* Members of a message without its calls, or some of them. Returns how many are left through
 * ret_left. */
int render_trim_message(struct openai_render *r, const struct openai_view *v, bool calls_go,
        bool function_goes, unsigned *ret_left)
{
	struct trim trim;
	int error = 0;

	trim_init(&trim, &r->edits, OPENAI_WHO);
	for (struct json_iter it = json_iter(v->message); !error && json_next(&it);) {
		struct span place = {
		        place_of(&r->places, it.key).start, place_of(&r->places, it.value).end};

		error = trim_item(&trim, place,
		        (it.value == v->tool_calls && calls_go) ||
		                (it.value == v->function_call && function_goes));
		r->kept_role = r->kept_role || slice_is(json_text(it.key), "role");
	}
	*ret_left = trim.kept;
	return error ? error : trim_end(&trim);
}

int render_edit_calls(
        struct openai_render *r, const struct openai_view *v, int64_t *last, unsigned *ret_left)
{
	bool calls_go = false, function_goes = false;
	int error = 0;

	if (v->tool_calls)
		error = edit_tool_calls(r, v, last, &calls_go);
	if (!error && v->function_call)
		error = edit_function_call(r, v, &function_goes);
	return error ? error : render_trim_message(r, v, calls_go, function_goes, ret_left);
}

static int edit_held(struct openai_render *r, int64_t *last)
{
	unsigned i = 0;
	int error = 0;

	for (struct json_iter it = json_iter(json_get(r->doc.root, "choices"));
	        !error && json_next(&it); i++) {
		struct openai_view v;
		unsigned left;

		error = openai_view(r->a, it.value, i, &v, NULL);
		if (!error)
			error = render_edit_calls(r, &v, last, &left);
	}
	return error;
}

/* One held event, edited; nothing when all that it held was denied. */
static int release_edited(
        struct openai_render *r, struct slice event, int64_t *last, struct buf *out)
{
	struct slice json = openai_event_json(r->lap->arena, event), text;
	int error = json.at ? render_open_document(r, json) : -ENOMEM;

	if (error)
		return error;
	r->kept_role = false;
	r->kept_calls = 0;
	error = edit_held(r, last);
	json_done(&r->doc);
	if (error || (!r->kept_calls && !r->kept_role))
		return error;
	if (!r->edits.n)
		return buf_put_slice(out, event);
	error = openai_event_text(&r->edits, json, &text);
	return error ? error : buf_put_slice(out, text);
}

/* A call may have come in tens of thousands of events. What each takes while it is edited is given
 * back before the next, and all of them go out in one piece. */
static int release_all_edited(
        struct openai_render *r, const struct slice *events, unsigned n, int64_t *last)
{
	struct arena *lap_arena = r->lap->arena, work;
	struct buf out = BUF_INIT(RELEASE_MAX);
	struct slice bytes;
	int error = 0;

	arena_init(&work, RELEASE_MAX);
	r->lap->arena = &work;
	for (unsigned i = 0; !error && i < n; i++) {
		error = release_edited(r, events[i], last, &out);
		arena_reset(&work);
	}
	r->lap->arena = lap_arena;
	arena_finish(&work);
	bytes = arena_dup(lap_arena, buf_slice(&out));
	buf_finish(&out);
	if (error)
		return error;
	return bytes.at ? lap_out(r->lap, bytes) : -ENOMEM;
}

/* What was held for a choice, in its own events. last: of the walk over its entries, which goes on
 * in the document. */
static int release_held(struct openai_render *r, uint32_t choice, bool as_it_is, int64_t *last)
{
	struct slice *events;
	unsigned n;
	int error = held_take(&r->s->held, choice, r->lap->arena, &events, &n);

	if (error || !n)
		return error;
	if (!as_it_is)
		return release_all_edited(r, events, n, last);
	/* They stand one behind the other. */
	for (unsigned i = 0; !error && i < n; i++)
		error = lap_out(r->lap, events[i]);
	return error;
}

/* Every call keeps its number and its name stands in one piece. */
static bool calls_stay(const struct assembling *calls, unsigned n, bool stream)
{
	for (unsigned i = 0; i < n; i++)
		if (calls[i].denied ||
		        (stream && (calls[i].name_pieces > 1 || calls[i].index_is_made_up ||
		                           (!calls[i].legacy && calls[i].rank != calls[i].index))))
			return false;
	return true;
}

/* What denied calls of a choice are replaced by: a sentence each. */
int render_denial_text(struct openai_render *r, uint32_t choice, struct slice *ret)
{
	struct slice text = {0};

	for (unsigned i = r->first; i < r->closing; i++) {
		const struct toolcall *call = r->lap->parts[i].call;
		struct slice sentence;

		if (r->lap->parts[i].kind != PART_CALL || call->choice != choice || !call->denied)
			continue;
		sentence = call->sentence.len ? call->sentence
		                              : slice_str(fault_infos[call->fault].text);
		if (!sentence.len)
			sentence = slice_str(fault_infos[FAULT_TOOL_DENIED].text);
		if (text.len)
			text = render_join(r->lap->arena, text, SLICE("\n"));
		text = render_join(r->lap->arena, text, sentence);
		if (!text.at)
			return -ENOMEM;
	}
	*ret = text;
	return 0;
}

static struct openai_choice *choice_of(const struct openai_render *r, uint32_t index)
{
	for (unsigned i = 0; i < r->s->n_choices; i++)
		if (r->s->choices[i]->index == index)
			return r->s->choices[i];
	assert(false);
	return NULL;
}

/* Where an answer must be JSON, text in it would break it. */
enum openai_field render_denial_field(const struct answer *a)
{
	return a->facts->json_answer ? FIELD_REFUSAL : FIELD_CONTENT;
}

static int write_denial(struct openai_render *r, struct openai_choice *c)
{
	enum openai_field field = render_denial_field(r->a);
	struct slice text;
	int error = render_denial_text(r, c->index, &text);

	if (error || !text.len)
		return error;
	if (c->said[field])
		text = render_join(r->lap->arena, SLICE("\n\n"), text);
	return text.at ? openai_write_text(r->a, r->lap, c->index, field, text) : -ENOMEM;
}

/* Verdicts go to the calls; in a stream, what was held of them goes out. *ret_edit: the document
 * itself changes too. */
int render_settle_calls(struct openai_render *r, bool *ret_edit)
{
	int error = 0;

	for (unsigned i = r->first; i < r->closing; i++) {
		struct part *part = &r->lap->parts[i];
		struct assembling *call;

		if (part->kind != PART_CALL)
			continue;
		call = toolcalls_find(
		        &r->s->calls, part->call->choice, part->call->index, part->note);
		assert(call);
		call->denied = part->call->denied;
		*(call->denied ? &r->a->calls_denied : &r->a->calls_released) += 1;
	}
	for (unsigned i = r->first; !error && i < r->closing; i++) {
		const struct part *part = &r->lap->parts[i];
		const struct assembling *calls;
		struct openai_choice *c;
		bool stay;
		unsigned n;

		if (part->kind != PART_CALL || (i > r->first && part[-1].kind == PART_CALL &&
		                                       part[-1].call->choice == part->call->choice))
			continue;
		c = choice_of(r, part->call->choice);
		c->released = toolcalls_rank(&r->s->calls, c->index);
		calls = toolcalls_of(&r->s->calls, c->index, &n);
		stay = calls_stay(calls, n, r->a->stream);
		*ret_edit = *ret_edit || !stay;
		c->last_call = -1;
		if (!r->a->stream)
			continue;
		error = release_held(r, c->index, stay, &c->last_call);
		if (!error)
			error = write_denial(r, c);
	}
	return error;
}
