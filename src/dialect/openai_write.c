/* SPDX-License-Identifier: Apache-2.0 */
/* openai_write: events that Weir makes: text of its own in a stream, an edited event, and the end
 * of a stream that is cut. */
#include "dialect/openai_answer.h"
#include <errno.h>
#include "base/json_write.h"

#define EVENT_MAX (32u << 20)

/* The members that every event of this answer has, as its events had them. */
static void put_head(struct json_writer *w, const struct answer *a)
{
	const struct openai_answer *s = a->state;
	bool completion = a->facts->action == ACTION_COMPLETION;

	json_open(w, '{');
	json_key(w, "id");
	json_raw(w, s->id.len ? s->id : SLICE("\"weir\""));
	json_put_str(w, "object", completion ? "text_completion" : "chat.completion.chunk");
	json_key(w, "created");
	json_raw(w, s->created.len ? s->created : SLICE("0"));
	json_key(w, "model");
	if (s->model.len)
		json_raw(w, s->model);
	else
		json_string(w, a->facts->model);
	json_key(w, "choices");
	json_open(w, '[');
}

/* field at == NULL: nothing is said. reason NULL: the choice goes on. */
static void put_choice(struct json_writer *w, const struct answer *a, uint32_t index,
        struct slice field, struct slice text, const char *reason)
{
	bool completion = a->facts->action == ACTION_COMPLETION;

	json_open(w, '{');
	json_put_u64(w, "index", index);
	if (completion) {
		json_put_slice(w, "text", text);
	} else {
		json_key(w, "delta");
		json_open(w, '{');
		if (field.at) {
			json_key_slice(w, field);
			json_string(w, text);
		}
		json_close(w, '}');
	}
	json_key(w, "logprobs");
	json_null(w);
	json_put_str(w, "finish_reason", reason);
	json_close(w, '}');
}

/* What was written becomes part of the lap. */
static int put_out(struct lap *lap, struct buf *b, int r)
{
	struct slice bytes = {0};

	if (!r)
		bytes = arena_dup(lap->arena, buf_slice(b));
	buf_finish(b);
	if (r || !bytes.at)
		return -ENOMEM;
	return lap_out(lap, bytes);
}

int openai_write_text(struct answer *a, struct lap *lap, uint32_t choice, enum openai_field field,
        struct slice text)
{
	struct buf b = BUF_INIT(EVENT_MAX);
	struct json_writer w;
	int r = buf_put_str(&b, "data: ");

	json_begin(&w, &b);
	put_head(&w, a);
	put_choice(&w, a, choice, openai_fields[field], text, NULL);
	json_close(&w, ']');
	json_close(&w, '}');
	if (!r)
		r = json_end(&w);
	if (!r)
		r = buf_put_str(&b, "\n\n");
	return put_out(lap, &b, r);
}

int openai_event_text(struct edits *edits, struct slice json, struct slice *ret)
{
	struct slice *slices;
	unsigned n;
	size_t len = 8;
	char *at, *p;
	int r = edits_apply(edits, json, &slices, &n);

	if (r)
		return r;
	for (unsigned i = 0; i < n; i++)
		len += slices[i].len;
	at = p = arena_alloc(edits->arena, len);
	if (!at)
		return -ENOMEM;
	memcpy(p, "data: ", 6);
	p += 6;
	for (unsigned i = 0; i < n; p += slices[i++].len)
		memcpy(p, slices[i].at, slices[i].len);
	memcpy(p, "\n\n", 2);
	*ret = slice_from(at, len);
	return 0;
}

struct slice openai_event_json(struct arena *arena, struct slice event)
{
	struct sse_event e = {0};
	struct slice json = {0};
	struct sse sse;
	char *at;

	sse_init(&sse, event.len + 1);
	sse_feed(&sse, event);
	if (sse_next(&sse, &e) == 1 || sse_end(&sse, &e) == 1)
		json = e.data.at ? arena_dup(arena, e.data) : json;
	sse_finish(&sse);
	/* Between values a line end is a blank, and inside strings there are none. */
	for (at = (char *)(uintptr_t)json.at;
	        at && (at = memchr(at, '\n', json.len - (size_t)(at - json.at)));)
		*at = ' ';
	return json;
}

static void put_cut_choices(struct json_writer *w, const struct answer *a, const char *reason)
{
	const struct openai_answer *s = a->state;
	unsigned open = 0;

	for (unsigned i = 0; i < s->n_choices; i++)
		if (!s->choices[i]->finished) {
			put_choice(
			        w, a, s->choices[i]->index, (struct slice){0}, SLICE(""), reason);
			open++;
		}
	if (!open && !s->n_choices)
		put_choice(w, a, 0, (struct slice){0}, SLICE(""), reason);
}

static int put_cut(struct answer *a, const struct refusal *r, struct buf *b)
{
	bool content = r->fault == FAULT_PRIVACY_BLOCKED || r->fault == FAULT_CONTENT_BLOCKED ||
	               r->fault == FAULT_PROMPT_INJECTION;
	struct json_writer w;
	int error = buf_put_str(b, "data: ");

	json_begin(&w, b);
	put_head(&w, a);
	put_cut_choices(&w, a, content ? "content_filter" : "length");
	json_close(&w, ']');
	json_key(&w, "weir");
	json_open(&w, '{');
	json_put_str(&w, "status", fault_infos[r->fault].code);
	json_put_slice(&w, "message", r->sentence);
	json_close(&w, '}');
	json_close(&w, '}');
	if (!error)
		error = json_end(&w);
	return error ? error : buf_put_str(b, "\n\ndata: [DONE]\n\n");
}

int openai_answer_cut(struct answer *a, const struct refusal *r, struct lap *lap)
{
	struct openai_answer *s = a->state;
	struct buf b = BUF_INIT(EVENT_MAX);
	int error;

	/* Everything was said already. */
	if (s->done)
		return 0;
	s->done = true;
	if (fault_infos[r->fault].blame != BLAME_UPSTREAM)
		return put_out(lap, &b, put_cut(a, r, &b));
	error = buf_put_str(&b, "data: ");
	if (!error)
		error = openai_put_error(r, (struct slice){0}, &b);
	if (!error)
		error = buf_put_str(&b, "\n\n");
	return put_out(lap, &b, error);
}
