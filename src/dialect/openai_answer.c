/* SPDX-License-Identifier: Apache-2.0 */
/* openai_answer: the life of an answer, and answers that are one JSON document. */
#include "dialect/openai_answer.h"
#include <errno.h>

/* An answer full of embeddings holds little but numbers. */
#define EMBEDDING_VALUES (1u << 24)

int openai_answer_open(struct answer *a)
{
	struct openai_answer *s = a->state;

	sse_init(&s->sse, OPENAI_EVENT_MAX);
	toolcalls_init(&s->calls);
	held_init(&s->held, TOOLCALL_HELD_MAX);
	buf_init(&s->pattern.event, OPENAI_EVENT_MAX);
	return 0;
}

void openai_answer_close(struct answer *a)
{
	struct openai_answer *s = a->state;

	sse_finish(&s->sse);
	toolcalls_finish(&s->calls);
	held_finish(&s->held);
	buf_finish(&s->pattern.event);
}

static int close_document(struct lap *lap, struct slice bytes, uint32_t note)
{
	struct part *part = lap_add(lap, PART_BYTES);

	if (!part)
		return -ENOMEM;
	part->bytes = bytes;
	part->note = note;
	return 0;
}

static int read_choice(struct answer *a, const struct json_doc *doc,
        const struct json_value *element, unsigned position, struct lap *lap, struct complaint *why)
{
	struct openai_answer *s = a->state;
	struct openai_view v;
	int r = openai_view(a, element, position, &v, why);

	if (!r && v.choice->finished)
		return openai_malformed(why, "two choices have one index");
	if (!r && openai_has_calls(&v))
		r = openai_feed_calls(a, &v, why);
	if (!r)
		r = openai_add_texts(a, doc, &v, lap, why);
	if (!r)
		r = openai_add_calls(a, v.choice, lap);
	if (!r && a->want_text)
		r = openai_add_text_ends(v.choice, lap);
	if (!r) {
		v.choice->finished = true;
		s->n_finished++;
	}
	return r;
}

static int read_document(
        struct answer *a, const struct json_doc *doc, struct lap *lap, struct complaint *why)
{
	struct openai_top top = {0};
	unsigned i = 0;
	int r = openai_read_top(a, doc, &top, why);

	for (struct json_iter it = json_iter(top.choices); !r && json_next(&it); i++)
		r = read_choice(a, doc, it.value, i, lap, why);
	return r ? r : close_document(lap, doc->text, NOTE_EVENT);
}

static int feed_whole(struct answer *a, struct slice in, struct lap *lap, struct complaint *why)
{
	struct json_limits limits = json_limits_default;
	struct json_complaint wrong;
	struct json_doc doc;
	int r;

	if (a->facts->action == ACTION_EMBEDDING)
		limits.values = EMBEDDING_VALUES;
	r = json_read(json_scratch_mine(), in, &limits, &doc, &wrong);
	if (r == -EPROTO)
		return openai_malformed(why, wrong.text);
	if (r)
		return r;
	r = read_document(a, &doc, lap, why);
	json_done(&doc);
	if (!r)
		a->complete = a->closed = true;
	return r;
}

int openai_answer_feed(
        struct answer *a, struct slice in, bool last, struct lap *lap, struct complaint *why)
{
	if (a->status >= 400)
		return in.len ? close_document(lap, in, 0) : 0;
	if (a->stream)
		return openai_stream_feed(a, in, last, lap, why);
	return feed_whole(a, in, lap, why);
}

int openai_answer_render(struct answer *a, struct lap *lap)
{
	unsigned first = 0;
	int r = 0;

	for (unsigned i = 0; !r && i < lap->n; i++) {
		const struct part *part = &lap->parts[i];

		if (part->kind != PART_BYTES)
			continue;
		if (part->note & NOTE_EVENT)
			r = openai_render_group(a, lap, first, i);
		else
			r = lap_out(lap, part->bytes);
		first = i + 1;
	}
	return r;
}
