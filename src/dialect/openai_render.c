/* SPDX-License-Identifier: Apache-2.0 */
/* openai_render: what policies said about the parts of a document goes back into its bytes. The
 * document is read again, in the same order as before, and only when something in it changes. */
#include "dialect/openai_render.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include "base/json_write.h"

int render_replace(struct openai_render *r, const struct json_value *v, struct slice bytes)
{
	return bytes.at ? edits_add(&r->edits, place_of(&r->places, v), bytes, OPENAI_WHO)
	                : -ENOMEM;
}

int render_insert(struct openai_render *r, uint32_t at, struct slice bytes)
{
	return bytes.at ? edits_add(&r->edits, (struct span){at, at}, bytes, OPENAI_WHO) : -ENOMEM;
}

struct slice render_join(struct arena *arena, struct slice a, struct slice b)
{
	char *at = arena_alloc(arena, a.len + b.len);

	if (!at)
		return (struct slice){0};
	if (a.len)
		memcpy(at, a.at, a.len);
	if (b.len)
		memcpy(at + a.len, b.at, b.len);
	return slice_from(at, a.len + b.len);
}

/* Opens the JSON for edits. */
int render_open_document(struct openai_render *r, struct slice json)
{
	int error = json_read(json_scratch_mine(), json, &json_limits_default, &r->doc, NULL);

	if (error)
		return error;
	edits_init(&r->edits, r->lap->arena);
	error = places_find(&r->doc, r->lap->arena, &r->places);
	if (error)
		json_done(&r->doc);
	return error;
}

/* The document's last text on a channel; NULL: it has none that was given as a part. */
static struct part *last_text(const struct openai_render *r, const struct text_channel *channel)
{
	for (unsigned i = r->closing; i > r->first; i--)
		if (r->lap->parts[i - 1].kind == PART_TEXT &&
		        r->lap->parts[i - 1].channel == channel)
			return &r->lap->parts[i - 1];
	return NULL;
}

static int append_text(struct openai_render *r, struct part *part, struct slice text)
{
	part->text = render_join(r->lap->arena, part->text, text);
	part->edited = true;
	return part->text.at ? 0 : -ENOMEM;
}

/* Text that was held back to a channel's end goes behind its last text, in the same document or in
 * an event of its own. */
static int settle_text_ends(struct openai_render *r)
{
	int error = 0;

	for (unsigned i = r->first; !error && i < r->closing; i++) {
		struct part *end = &r->lap->parts[i], *last;

		if (end->kind != PART_TEXT_END || !end->text.len)
			continue;
		last = last_text(r, end->channel);
		if (last)
			error = append_text(r, last, end->text);
		else
			error = openai_write_text(r->a, r->lap, end->channel->choice,
			        end->channel->number % FIELD_N, end->text);
	}
	return error;
}

/* The next text part of the document: the same walk made them. */
static int edit_texts(struct openai_render *r, const struct openai_view *v)
{
	struct openai_text texts[OPENAI_TEXTS_MAX];
	const struct json_value *logprobs = json_get(v->element, "logprobs");
	bool edited = false;
	unsigned n;
	int error = openai_texts(v, texts, &n, NULL);

	for (unsigned i = 0; !error && r->a->want_text && i < n; i++) {
		const struct part *part;

		while (r->text < r->closing && r->lap->parts[r->text].kind != PART_TEXT)
			r->text++;
		assert(r->text < r->closing);
		part = &r->lap->parts[r->text++];
		assert(part->channel == &v->choice->channels[texts[i].field]);
		if (part->edited) {
			edited = true;
			error = render_replace(
			        r, texts[i].value, openai_quote(r->lap->arena, part->text));
		}
	}
	/* They would repeat the text token by token. */
	if (!error && edited && json_type(logprobs) > JSON_NULL)
		error = render_replace(r, logprobs, SLICE("null"));
	return error;
}

/* In a whole message the denial stands in the message's own text. left: members that stay. */
static int put_denial(struct openai_render *r, const struct openai_view *v, unsigned left)
{
	enum openai_field field = render_denial_field(r->a);
	const struct json_value *there = json_get(v->message, openai_fields[field].at);
	struct slice text, quoted;
	struct span place;
	int error = render_denial_text(r, v->choice->index, &text);

	if (error || !text.len)
		return error;
	/* Content in parts has no place for a string. */
	if (json_type(there) == JSON_ARRAY) {
		field = FIELD_REFUSAL;
		there = json_get(v->message, "refusal");
	}
	if (json_text(there).len)
		text = render_join(r->lap->arena, SLICE("\n\n"), text);
	quoted = text.at ? openai_quote(r->lap->arena, text) : text;
	if (!quoted.at)
		return -ENOMEM;
	if (json_type(there) == JSON_STRING) {
		place = place_of(&r->places, there);
		return render_insert(r, place.end - 1, slice_from(quoted.at + 1, quoted.len - 2));
	}
	if (there)
		return render_replace(r, there, quoted);
	quoted = render_join(r->lap->arena, SLICE(":"), quoted);
	if (left)
		quoted = render_join(r->lap->arena, quoted, SLICE(","));
	text = openai_quote(r->lap->arena, openai_fields[field]);
	if (!quoted.at || !text.at)
		return -ENOMEM;
	return render_insert(r, place_of(&r->places, v->message).start + 1,
	        render_join(r->lap->arena, text, quoted));
}

/* Where texts are parts, the denial joins the last of its channel before anything is edited. */
static int join_denial(struct openai_render *r, const struct openai_view *v, bool *ret_joined)
{
	enum openai_field field = render_denial_field(r->a);
	struct part *last = last_text(r, &v->choice->channels[field]);
	const struct json_value *there = json_get(v->message, openai_fields[field].at);
	struct slice text;
	int error;

	*ret_joined = last && json_type(there) == JSON_STRING;
	if (!*ret_joined)
		return 0;
	error = render_denial_text(r, v->choice->index, &text);
	if (error || !text.len)
		return error;
	if (last->text.len)
		text = render_join(r->lap->arena, SLICE("\n\n"), text);
	return text.at ? append_text(r, last, text) : -ENOMEM;
}

static int edit_choice(struct openai_render *r, const struct openai_view *v)
{
	bool joined = r->a->stream;
	unsigned left = json_count(v->message);
	int error = 0;

	if (!r->a->stream)
		error = join_denial(r, v, &joined);
	if (!error)
		error = edit_texts(r, v);
	if (!error && openai_has_calls(v)) {
		if (r->a->stream && !v->finish)
			error = render_trim_message(r, v, true, true, &left);
		else
			error = render_edit_calls(r, v, &v->choice->last_call, &left);
	}
	if (!error && !joined)
		error = put_denial(r, v, left);
	if (!error && v->finish && v->choice->had_calls && !v->choice->released &&
	        (json_is_string(v->finish, "tool_calls") ||
	                json_is_string(v->finish, "function_call")))
		error = render_replace(r, v->finish, SLICE("\"stop\""));
	return error;
}

static int put_cost(struct openai_render *r)
{
	char money[MONEY_TEXT], text[MONEY_TEXT + 32];
	int len;

	money_format(r->a->cost, money);
	len = snprintf(text, sizeof(text), "\"weir\":{\"cost_usd\":%s},", money);
	return render_insert(r, place_of(&r->places, r->doc.root).start + 1,
	        arena_dup(r->lap->arena, slice_from(text, (size_t)len)));
}

static int edit_document(struct openai_render *r, uint32_t note)
{
	unsigned i = 0;
	int error = 0;

	r->text = r->first;
	for (struct json_iter it = json_iter(json_get(r->doc.root, "choices"));
	        !error && json_next(&it); i++) {
		struct openai_view v;

		error = openai_view(r->a, it.value, i, &v, NULL);
		if (!error)
			error = edit_choice(r, &v);
	}
	if (!error && (note & NOTE_COST) && r->a->cost_known)
		error = put_cost(r);
	return error;
}

static int write_document(struct openai_render *r, struct slice bytes, struct slice json)
{
	struct slice *slices, text;
	unsigned n;
	int error;

	if (!r->edits.n)
		return lap_out(r->lap, bytes);
	if (r->a->stream) {
		error = openai_event_text(&r->edits, json, &text);
		return error ? error : lap_out(r->lap, text);
	}
	error = edits_apply(&r->edits, json, &slices, &n);
	for (unsigned i = 0; !error && i < n; i++)
		error = lap_out(r->lap, slices[i]);
	return error;
}

static int render_edited(struct openai_render *r, const struct part *closing)
{
	struct slice bytes = closing->bytes, json = bytes;
	int error;

	if (r->a->stream)
		json = openai_event_json(r->lap->arena, bytes);
	error = json.at ? render_open_document(r, json) : -ENOMEM;
	if (error)
		return error;
	error = edit_document(r, closing->note);
	json_done(&r->doc);
	return error ? error : write_document(r, bytes, json);
}

/* Whether the document itself changes, calls aside. */
static bool document_changes(const struct openai_render *r, uint32_t note)
{
	if (note & (NOTE_SPLIT | NOTE_AGAIN) || (note & NOTE_COST && r->a->cost_known))
		return true;
	for (unsigned i = r->first; i < r->closing; i++)
		if (r->lap->parts[i].kind == PART_TEXT && r->lap->parts[i].edited)
			return true;
	return false;
}

int openai_render_group(struct answer *a, struct lap *lap, unsigned first, unsigned closing)
{
	struct openai_render r = {
	        .a = a, .s = a->state, .lap = lap, .first = first, .closing = closing};
	const struct part *end = &lap->parts[closing];
	bool edit = false;
	int error = settle_text_ends(&r);

	if (!error)
		error = render_settle_calls(&r, &edit);
	if (error)
		return error;
	edit = edit || document_changes(&r, end->note);
	if (edit && !(end->note & NOTE_BARE))
		error = render_edited(&r, end);
	else
		error = lap_out(lap, end->bytes);
	for (unsigned i = first; i < closing; i++)
		if (lap->parts[i].kind == PART_CALL)
			toolcalls_drop(&r.s->calls, lap->parts[i].call->choice);
	return error;
}
