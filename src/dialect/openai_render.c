/* SPDX-License-Identifier: Apache-2.0 */
/* openai_render: what policies said about the parts of a document goes back into its bytes. The
 * document is read again, in the same order as before, and only when something in it changes. */
#include "dialect/openai_answer.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include "base/json_write.h"
#include "dialect/trim.h"

#define WHO "openai"

struct render {
	struct answer *a;
	struct openai_answer *s;
	struct lap *lap;
	unsigned first, closing; /* parts of this document; closing holds its bytes */
	unsigned text;           /* the next part that may be a text */
	struct json_doc doc;     /* while it is open */
	struct places places;
	struct edits edits;
	bool kept_role; /* of a held event: there is something left without its calls */
	unsigned kept_calls;
};

static int replace(struct render *r, const struct json_value *v, struct slice bytes)
{
	return bytes.at ? edits_add(&r->edits, place_of(&r->places, v), bytes, WHO) : -ENOMEM;
}

static int insert(struct render *r, uint32_t at, struct slice bytes)
{
	return bytes.at ? edits_add(&r->edits, (struct span){at, at}, bytes, WHO) : -ENOMEM;
}

static struct slice join(struct arena *arena, struct slice a, struct slice b)
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

/* The document's last text on a channel; NULL: it has none that was given as a part. */
static struct part *last_text(const struct render *r, const struct text_channel *channel)
{
	for (unsigned i = r->closing; i > r->first; i--)
		if (r->lap->parts[i - 1].kind == PART_TEXT &&
		        r->lap->parts[i - 1].channel == channel)
			return &r->lap->parts[i - 1];
	return NULL;
}

static int append_text(struct render *r, struct part *part, struct slice text)
{
	part->text = join(r->lap->arena, part->text, text);
	part->edited = true;
	return part->text.at ? 0 : -ENOMEM;
}

/* Text that was held back to a channel's end goes behind its last text, in the same document or in
 * an event of its own. */
static int settle_text_ends(struct render *r)
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

static int number_entry(
        struct render *r, const struct json_value *entry, const struct assembling *call)
{
	const struct json_value *index = json_get(entry, "index");
	char text[32];
	int len;

	if (index && !call->index_is_made_up && call->index == call->rank)
		return 0;
	if (index) {
		len = snprintf(text, sizeof(text), "%u", call->rank);
		return replace(r, index, arena_dup(r->lap->arena, slice_from(text, (size_t)len)));
	}
	len = snprintf(
	        text, sizeof(text), "\"index\":%u%s", call->rank, json_count(entry) ? "," : "");
	return insert(r, place_of(&r->places, entry).start + 1,
	        arena_dup(r->lap->arena, slice_from(text, (size_t)len)));
}

/* A name that came in pieces stands whole in the first of them; the others are empty. */
static int name_entry(struct render *r, const struct json_value *name, struct assembling *call)
{
	struct slice whole = buf_slice(&call->name);

	if (!name || call->name_pieces < 2)
		return 0;
	if (call->name_is_written)
		return replace(r, name, SLICE("\"\""));
	call->name_is_written = true;
	return replace(r, name, openai_quote(r->lap->arena, whole));
}

/* Takes out what was denied and numbers the rest. *ret_gone: every entry went. */
static int edit_tool_calls(
        struct render *r, const struct openai_view *v, int64_t *last, bool *ret_gone)
{
	struct trim trim;
	unsigned position = 0;
	int error = 0;

	trim_init(&trim, &r->edits, WHO);
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

static int edit_function_call(struct render *r, const struct openai_view *v, bool *ret_gone)
{
	struct assembling *call = toolcalls_find(&r->s->calls, v->choice->index, 0, true);

	*ret_gone = !call || call->denied;
	r->kept_calls += !*ret_gone;
	return *ret_gone ? 0 : name_entry(r, json_get(v->function_call, "name"), call);
}

/* Members of a message without its calls, or some of them. Returns how many are left through
 * ret_left. */
static int trim_message(struct render *r, const struct openai_view *v, bool calls_go,
        bool function_goes, unsigned *ret_left)
{
	struct trim trim;
	int error = 0;

	trim_init(&trim, &r->edits, WHO);
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

static int edit_calls(
        struct render *r, const struct openai_view *v, int64_t *last, unsigned *ret_left)
{
	bool calls_go = false, function_goes = false;
	int error = 0;

	if (v->tool_calls)
		error = edit_tool_calls(r, v, last, &calls_go);
	if (!error && v->function_call)
		error = edit_function_call(r, v, &function_goes);
	return error ? error : trim_message(r, v, calls_go, function_goes, ret_left);
}

/* Opens the JSON for edits. */
static int open_document(struct render *r, struct slice json)
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

static int edit_held(struct render *r, int64_t *last)
{
	unsigned i = 0;
	int error = 0;

	for (struct json_iter it = json_iter(json_get(r->doc.root, "choices"));
	        !error && json_next(&it); i++) {
		struct openai_view v;
		unsigned left;

		error = openai_view(r->a, it.value, i, &v, NULL);
		if (!error)
			error = edit_calls(r, &v, last, &left);
	}
	return error;
}

/* One held event, edited; nothing when all that it held was denied. */
static int release_edited(struct render *r, struct slice event, int64_t *last)
{
	struct slice json = openai_event_json(r->lap->arena, event), text;
	int error = json.at ? open_document(r, json) : -ENOMEM;

	if (error)
		return error;
	r->kept_role = false;
	r->kept_calls = 0;
	error = edit_held(r, last);
	json_done(&r->doc);
	if (error || (!r->kept_calls && !r->kept_role))
		return error;
	if (!r->edits.n)
		return lap_out(r->lap, event);
	error = openai_event_text(&r->edits, json, &text);
	return error ? error : lap_out(r->lap, text);
}

/* What was held for a choice, in its own events. last: of the walk over its entries, which goes on
 * in the document. */
static int release_held(struct render *r, uint32_t choice, bool as_it_is, int64_t *last)
{
	struct slice *events;
	unsigned n;
	int error = held_take(&r->s->held, choice, r->lap->arena, &events, &n);

	for (unsigned i = 0; !error && i < n; i++)
		error = as_it_is ? lap_out(r->lap, events[i]) : release_edited(r, events[i], last);
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
static int denial_text(struct render *r, uint32_t choice, struct slice *ret)
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
			text = join(r->lap->arena, text, SLICE("\n"));
		text = join(r->lap->arena, text, sentence);
		if (!text.at)
			return -ENOMEM;
	}
	*ret = text;
	return 0;
}

static struct openai_choice *choice_of(const struct render *r, uint32_t index)
{
	for (unsigned i = 0; i < r->s->n_choices; i++)
		if (r->s->choices[i]->index == index)
			return r->s->choices[i];
	assert(false);
	return NULL;
}

/* Where an answer must be JSON, text in it would break it. */
static enum openai_field denial_field(const struct answer *a)
{
	return a->facts->json_answer ? FIELD_REFUSAL : FIELD_CONTENT;
}

static int write_denial(struct render *r, struct openai_choice *c)
{
	enum openai_field field = denial_field(r->a);
	struct slice text;
	int error = denial_text(r, c->index, &text);

	if (error || !text.len)
		return error;
	if (c->said[field])
		text = join(r->lap->arena, SLICE("\n\n"), text);
	return text.at ? openai_write_text(r->a, r->lap, c->index, field, text) : -ENOMEM;
}

/* Verdicts go to the calls; in a stream, what was held of them goes out. *ret_edit: the document
 * itself changes too. */
static int settle_calls(struct render *r, bool *ret_edit)
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

/* The next text part of the document: the same walk made them. */
static int edit_texts(struct render *r, const struct openai_view *v)
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
			error = replace(r, texts[i].value, openai_quote(r->lap->arena, part->text));
		}
	}
	/* They would repeat the text token by token. */
	if (!error && edited && json_type(logprobs) > JSON_NULL)
		error = replace(r, logprobs, SLICE("null"));
	return error;
}

/* In a whole message the denial stands in the message's own text. left: members that stay. */
static int put_denial(struct render *r, const struct openai_view *v, unsigned left)
{
	enum openai_field field = denial_field(r->a);
	const struct json_value *there = json_get(v->message, openai_fields[field].at);
	struct slice text, quoted;
	struct span place;
	int error = denial_text(r, v->choice->index, &text);

	if (error || !text.len)
		return error;
	/* Content in parts has no place for a string. */
	if (json_type(there) == JSON_ARRAY) {
		field = FIELD_REFUSAL;
		there = json_get(v->message, "refusal");
	}
	if (json_text(there).len)
		text = join(r->lap->arena, SLICE("\n\n"), text);
	quoted = text.at ? openai_quote(r->lap->arena, text) : text;
	if (!quoted.at)
		return -ENOMEM;
	if (json_type(there) == JSON_STRING) {
		place = place_of(&r->places, there);
		return insert(r, place.end - 1, slice_from(quoted.at + 1, quoted.len - 2));
	}
	if (there)
		return replace(r, there, quoted);
	quoted = join(r->lap->arena, SLICE(":"), quoted);
	if (left)
		quoted = join(r->lap->arena, quoted, SLICE(","));
	text = openai_quote(r->lap->arena, openai_fields[field]);
	if (!quoted.at || !text.at)
		return -ENOMEM;
	return insert(
	        r, place_of(&r->places, v->message).start + 1, join(r->lap->arena, text, quoted));
}

/* Where texts are parts, the denial joins the last of its channel before anything is edited. */
static int join_denial(struct render *r, const struct openai_view *v, bool *ret_joined)
{
	enum openai_field field = denial_field(r->a);
	struct part *last = last_text(r, &v->choice->channels[field]);
	const struct json_value *there = json_get(v->message, openai_fields[field].at);
	struct slice text;
	int error;

	*ret_joined = last && json_type(there) == JSON_STRING;
	if (!*ret_joined)
		return 0;
	error = denial_text(r, v->choice->index, &text);
	if (error || !text.len)
		return error;
	if (last->text.len)
		text = join(r->lap->arena, SLICE("\n\n"), text);
	return text.at ? append_text(r, last, text) : -ENOMEM;
}

static int edit_choice(struct render *r, const struct openai_view *v)
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
			error = trim_message(r, v, true, true, &left);
		else
			error = edit_calls(r, v, &v->choice->last_call, &left);
	}
	if (!error && !joined)
		error = put_denial(r, v, left);
	if (!error && v->finish && v->choice->had_calls && !v->choice->released &&
	        (json_is_string(v->finish, "tool_calls") ||
	                json_is_string(v->finish, "function_call")))
		error = replace(r, v->finish, SLICE("\"stop\""));
	return error;
}

static int put_cost(struct render *r)
{
	char money[MONEY_TEXT], text[MONEY_TEXT + 32];
	int len;

	money_format(r->a->cost, money);
	len = snprintf(text, sizeof(text), "\"weir\":{\"cost_usd\":%s},", money);
	return insert(r, place_of(&r->places, r->doc.root).start + 1,
	        arena_dup(r->lap->arena, slice_from(text, (size_t)len)));
}

static int edit_document(struct render *r, uint32_t note)
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

static int write_document(struct render *r, struct slice bytes, struct slice json)
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

static int render_edited(struct render *r, const struct part *closing)
{
	struct slice bytes = closing->bytes, json = bytes;
	int error;

	if (r->a->stream)
		json = openai_event_json(r->lap->arena, bytes);
	error = json.at ? open_document(r, json) : -ENOMEM;
	if (error)
		return error;
	error = edit_document(r, closing->note);
	json_done(&r->doc);
	return error ? error : write_document(r, bytes, json);
}

/* Whether the document itself changes, calls aside. */
static bool document_changes(const struct render *r, uint32_t note)
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
	struct render r = {.a = a, .s = a->state, .lap = lap, .first = first, .closing = closing};
	const struct part *end = &lap->parts[closing];
	bool edit = false;
	int error = settle_text_ends(&r);

	if (!error)
		error = settle_calls(&r, &edit);
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
