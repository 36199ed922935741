/* SPDX-License-Identifier: Apache-2.0 */
/* openai_stream: a stream's events as parts. Events that hold nothing to judge pass as they came;
 * those that are about calls are held until their choice finishes; everything else flows on. */
#include "dialect/openai_stream.h"
#include <assert.h>
#include <errno.h>
#include "base/mem.h"

static bool lies_in(struct slice inner, struct slice outer)
{
	return inner.at >= outer.at && inner.at + inner.len <= outer.at + outer.len;
}

static int pass(struct stream *t, struct slice bytes)
{
	struct part *last = t->lap->n ? &t->lap->parts[t->lap->n - 1] : NULL;

	if (last && last->kind == PART_BYTES && !last->note &&
	        last->bytes.at + last->bytes.len == bytes.at) {
		last->bytes.len += bytes.len;
		return 0;
	}
	last = lap_add(t->lap, PART_BYTES);
	if (!last)
		return -ENOMEM;
	last->bytes = bytes;
	return 0;
}

static int close_event(struct stream *t, struct slice bytes, uint32_t note)
{
	struct part *part = lap_add(t->lap, PART_BYTES);

	if (!part)
		return -ENOMEM;
	part->bytes = bytes;
	part->note = NOTE_EVENT | note;
	return 0;
}

/* Of one event and more of them; what they say is counted event by event. */
static inline void note_pattern_text(struct stream *t, size_t len)
{
	t->a->text_bytes += len;
	t->s->pattern_choice->said[t->s->pattern_field] |= len != 0;
}

static int take_pattern_text(struct stream *t, struct slice bytes, struct slice text)
{
	struct openai_choice *c = t->s->pattern_choice;
	struct part *part;

	note_pattern_text(t, text.len);
	if (t->a->tokens)
		tokens_feed(t->a->tokens, text);
	if (!text.len || !t->a->want_text)
		return pass(t, bytes);
	part = lap_add(t->lap, PART_TEXT);
	if (!part)
		return -ENOMEM;
	part->channel = &c->channels[t->s->pattern_field];
	part->text = text;
	return close_event(t, bytes, 0);
}

/* Keeps the event in hand as the pattern if it is one. */
static void learn(struct stream *t)
{
	struct openai_answer *s = t->s;
	const struct openai_view *v = &t->views[0];
	UNINIT struct openai_text texts[OPENAI_TEXTS_MAX];
	unsigned n;

	s->pattern.is_set = false;
	if (t->n_views != 1 || openai_has_calls(v) || v->finish || v->choice->finished ||
	        t->s->usage_came || t->top.error || !lies_in(t->doc.text, t->bytes) ||
	        openai_texts(v, texts, &n, NULL) || n != 1)
		return;
	pattern_learn(&s->pattern, t->bytes, &t->doc, texts[0].value,
	        json_get(t->doc.root, "obfuscation"));
	s->pattern_choice = v->choice;
	s->pattern_field = texts[0].field;
}

static bool pattern_holds(const struct stream *t)
{
	return t->s->pattern.is_set && !t->s->pattern_choice->finished;
}

/* A run of like events, each a part where their texts are judged. */
static int take_texts(struct stream *t, struct slice run, size_t *ret_taken)
{
	struct slice text;
	size_t len;
	int r = 0;

	*ret_taken = 0;
	while (!r && (len = pattern_length(&t->s->pattern, run, &text)) &&
	        len <= OPENAI_EVENT_MAX) {
		r = take_pattern_text(t, slice_from(run.at, len), text);
		run = slice_skip(run, len);
		*ret_taken += len;
	}
	return r;
}

/* A run of events that are known by their pattern need not even be cut, where they end in an LF as
 * it does. */
static int take_run(struct stream *t)
{
	const struct openai_pattern *p = &t->s->pattern;
	struct slice rest = sse_rest(&t->s->sse);
	size_t taken, text;
	int r = 0;

	if (!rest.len || t->s->done || !pattern_holds(t) || !slice_ends(p->tail, SLICE("\n")))
		return 0;
	if (t->a->want_text || t->a->tokens) {
		r = take_texts(t, rest, &taken);
	} else {
		taken = pattern_run(p, rest, OPENAI_EVENT_MAX, &text);
		note_pattern_text(t, text);
		if (taken)
			r = pass(t, slice_from(rest.at, taken));
	}
	sse_skip(&t->s->sse, taken);
	return r;
}

static int finish_choice(struct stream *t, struct openai_choice *c, uint32_t *note)
{
	int r;

	if (c->finished) {
		*note |= c->had_calls ? NOTE_AGAIN : 0;
		return 0;
	}
	c->finished = true;
	t->s->n_finished++;
	r = openai_add_calls(t->a, c, t->lap);
	if (!r && t->a->want_text)
		r = openai_add_text_ends(c, t->lap);
	if (t->s->n_finished >= t->a->facts->n)
		t->a->complete = true;
	return r;
}

/* Only usage, which the caller did not ask for: the event is there because Weir asked. */
static bool event_is_ours(const struct stream *t)
{
	return t->top.usage && !t->n_views && !t->top.error &&
	       json_type(t->top.choices) == JSON_ARRAY && !t->a->facts->usage_asked &&
	       !t->a->include_cost;
}

static int take_document(struct stream *t)
{
	unsigned before = t->lap->n;
	uint32_t note = 0;
	bool all_calls;
	int r = openai_stream_calls(t, &note, &all_calls);

	if (r || all_calls)
		return r;
	for (unsigned i = 0; !r && i < t->n_views; i++)
		r = openai_add_texts(t->a, &t->doc, &t->views[i], t->lap, t->why);
	for (unsigned i = 0; !r && i < t->n_views; i++)
		if (t->views[i].finish)
			r = finish_choice(t, t->views[i].choice, &note);
	if (r)
		return r;
	if (t->s->usage_came && t->a->include_cost)
		note |= NOTE_COST;
	learn(t);
	if (t->lap->n == before && !note)
		return pass(t, t->bytes);
	return close_event(t, t->bytes, note);
}

static int read_views(struct stream *t)
{
	int r = 0;

	t->n_views = 0;
	for (struct json_iter it = json_iter(t->top.choices); !r && json_next(&it);) {
		if (t->n_views == OPENAI_CHOICES_MAX)
			return openai_malformed(t->why, "it has more than 128 choices");
		r = openai_view(t->a, it.value, t->n_views, &t->views[t->n_views], t->why);
		for (unsigned i = 0; !r && i < t->n_views; i++)
			if (t->views[i].choice == t->views[t->n_views].choice)
				r = openai_malformed(t->why, "two choices have one index");
		t->n_views++;
	}
	return r;
}

static int take_json(struct stream *t, struct slice data, bool cut)
{
	struct json_complaint wrong;
	int r = json_read(json_scratch_mine(), data, &json_limits_default, &t->doc, &wrong);

	/* Half an event that the stream broke off in: clients drop it too. */
	if (r == -EPROTO && cut)
		return 0;
	if (r == -EPROTO)
		return openai_malformed(t->why, wrong.text);
	if (r)
		return r;
	r = openai_read_top(t->a, &t->doc, &t->top, t->why);
	t->s->failed = t->s->failed || (!r && t->top.error);
	if (!r)
		r = read_views(t);
	if (!r && !event_is_ours(t))
		r = take_document(t);
	json_done(&t->doc);
	return r;
}

/* Text channels of choices that did not finish end with the stream. */
static int take_end(struct stream *t, struct slice bytes)
{
	unsigned before = t->lap->n;
	int r = 0;

	for (unsigned i = 0; !r && t->a->want_text && i < t->s->n_choices; i++)
		if (!t->s->choices[i]->finished)
			r = openai_add_text_ends(t->s->choices[i], t->lap);
	if (r)
		return r;
	if (t->lap->n == before)
		return bytes.len ? pass(t, bytes) : 0;
	return close_event(t, bytes, NOTE_BARE);
}

/* The event's bytes where they stay until the lap is rendered. One that the stream ended in gets
 * the blank line it lacks: something may follow. */
static int own_event(struct stream *t, const struct sse_event *e, struct slice *data)
{
	size_t lacks = !e->cut ? 0 : slice_ends(e->bytes, SLICE("\n")) ? 1 : 2;
	char *at;

	t->bytes = e->bytes;
	if (!e->cut && lies_in(e->bytes, t->in))
		return 0;
	at = arena_alloc(t->lap->arena, e->bytes.len + 2);
	if (!at)
		return -ENOMEM;
	memcpy(at, e->bytes.at, e->bytes.len);
	memcpy(at + e->bytes.len, "\n\n", 2);
	t->bytes = slice_from(at, e->bytes.len + lacks);
	if (data->at && lies_in(*data, e->bytes))
		data->at = at + (data->at - e->bytes.at);
	return 0;
}

/* Bytes that some reader of lines takes for the end of one, though no stream of events has it so:
 * beyond ASCII, and control characters. */
static size_t separators(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		n += c >= 128 || (c < ' ' && c != '\t' && c != '\n' && c != '\r');
	}
	return n;
}

/* Comments and fields without data mean nothing to anyone, so nothing is lost with those that some
 * client could take for something else. */
static int take_no_data(struct stream *t, const struct sse_event *e)
{
	return !e->cut && !separators(t->bytes) ? pass(t, t->bytes) : 0;
}

/* Whether it is data, and what else it has no client takes for data. */
static bool is_plain(const struct stream *t, const struct sse_event *e, struct slice data)
{
	struct slice before, behind;

	if (e->odd)
		return false;
	if (!lies_in(data, t->bytes))
		return separators(data) == separators(t->bytes);
	before = slice_from(t->bytes.at, (size_t)(data.at - t->bytes.at));
	behind = slice_skip(t->bytes, before.len + data.len);
	return !separators(before) && !separators(behind);
}

/* Calls that are held at the end were never finished, and were never judged. */
static bool holds_calls(const struct openai_answer *s)
{
	for (unsigned i = 0; i < s->n_choices; i++)
		if (s->choices[i]->had_calls && !s->choices[i]->finished)
			return true;
	return false;
}

static int broke_off(struct stream *t)
{
	return openai_complain(t->why, FAULT_UPSTREAM_MALFORMED, "",
	        "the provider's answer broke off before its end");
}

static int take_done(struct stream *t)
{
	if (holds_calls(t->s) && !t->s->failed)
		return broke_off(t);
	t->s->done = t->a->complete = t->a->closed = true;
	return take_end(t, t->bytes);
}

/* The end without [DONE]: whole if every choice has finished, or the provider itself said why not.
 */
static int take_last(struct stream *t)
{
	const struct openai_answer *s = t->s;

	if (!s->failed && (!s->n_choices || s->n_finished < s->n_choices))
		return broke_off(t);
	return take_end(t, (struct slice){0});
}

static int take_event(struct stream *t, const struct sse_event *e)
{
	struct slice text, data = e->data;
	bool first = !t->s->began;
	int r;

	t->s->began = true;
	if (t->s->done)
		return 0;
	r = own_event(t, e, &data);
	if (r)
		return r;
	if (first && slice_starts(t->bytes, SLICE("\xef\xbb\xbf")))
		t->bytes = slice_skip(t->bytes, 3);
	if (!data.len && (!e->odd || e->cut))
		return take_no_data(t, e);
	if (!is_plain(t, e, data))
		return openai_malformed(t->why, "a line of an event is no field that this API has");
	if (pattern_holds(t) && pattern_length(&t->s->pattern, t->bytes, &text) == t->bytes.len)
		return take_pattern_text(t, t->bytes, text);
	if (slice_is(data, "[DONE]"))
		return take_done(t);
	/* Joined lines live until the next event, what is made of them longer. */
	if (!lies_in(data, t->bytes)) {
		data = arena_dup(t->lap->arena, data);
		if (!data.at)
			return -ENOMEM;
	}
	r = take_json(t, data, e->cut);
	if (t->s->usage_told)
		t->a->usage_at = t->a->text_bytes;
	return r;
}

int openai_stream_feed(
        struct answer *a, struct slice in, bool last, struct lap *lap, struct complaint *why)
{
	struct openai_answer *s = a->state;
	UNINIT struct stream t;
	struct sse_event event;
	int r;

	t.a = a;
	t.s = s;
	t.lap = lap;
	t.why = why;
	t.in = in;
	sse_feed(&s->sse, in);
	while (!(r = take_run(&t)) && (r = sse_next(&s->sse, &event)) > 0) {
		r = take_event(&t, &event);
		if (r)
			return r;
	}
	if (!r && last && (r = sse_end(&s->sse, &event)) > 0)
		r = take_event(&t, &event);
	if (r == -EMSGSIZE)
		return openai_malformed(why, "an event is too long");
	if (r || !last || s->done)
		return r;
	return take_last(&t);
}
