/* SPDX-License-Identifier: Apache-2.0 */
/* plain_dialect: see plain_dialect.h. What it does not understand it has no opinion about. */
#include "rig/plain_dialect.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct plain {
	struct text_channel channel;
	struct buf marker; /* owned: a marker that has begun, its first character included */
};

/* ---- requests ---- */

static int add_tools(struct arena *arena, struct slice names, struct request_facts *f)
{
	f->tools = arena_zalloc(arena, (names.len + 1) * sizeof(*f->tools));
	if (!f->tools)
		return -ENOMEM;
	for (size_t from = 0, i = 0; i <= names.len; i++) {
		if (i < names.len && names.at[i] != ',')
			continue;
		struct tool_decl *t = &f->tools[f->n_tools];
		t->name = slice_from(names.at + from, i - from);
		t->kind = slice_starts(t->name, SLICE("hosted:")) ? TOOL_HOSTED : TOOL_FUNCTION;
		t->name = t->kind == TOOL_HOSTED ? slice_skip(t->name, 7) : t->name;
		t->index = (uint16_t)f->n_tools++;
		from = i + 1;
	}
	return 0;
}

static int read_word(
        struct slice word, struct arena *arena, struct request_facts *f, struct complaint *why)
{
	struct slice value = slice_skip(word, 6);

	if (slice_is(word, "bad")) {
		snprintf(why->text, sizeof(why->text), "The word at /%u is bad.", 1);
		snprintf(why->param, sizeof(why->param), "bad");
		return -EPROTO;
	}
	if (slice_starts(word, SLICE("tools=")))
		return add_tools(arena, value, f);
	if (slice_starts(word, SLICE("user=")))
		f->user = slice_skip(word, 5);
	if (slice_is(word, "whole"))
		f->stream = false;
	if (slice_is(word, "require"))
		f->choice = CHOICE_REQUIRED;
	if (!slice_starts(word, SLICE("choose")))
		return 0;
	f->choice = CHOICE_NAMED;
	f->chosen = arena_zalloc(arena, sizeof(*f->chosen));
	if (!f->chosen)
		return -ENOMEM;
	f->chosen[f->n_chosen++] = slice_skip(value, 1);
	return 0;
}

static int plain_read_request(enum action action, struct slice body, struct arena *arena,
        struct token_counter *tokens, struct request_facts *f, struct complaint *why)
{
	f->stream = true;
	(void)action;
	f->text_bytes = body.len;
	if (tokens)
		tokens_feed(tokens, body);
	for (size_t from = 0, i = 0; i <= body.len; i++) {
		struct slice word = {body.at + from, i - from};

		if (i < body.len && body.at[i] != ' ')
			continue;
		if (!from) {
			f->model = word;
			f->model_place = (struct span){0, (uint32_t)i};
		}
		int r = from ? read_word(word, arena, f, why) : 0;
		if (r < 0)
			return r;
		from = i + 1;
	}
	return 0;
}

/* A tool that went leaves a minus where its name was. */
static int plain_edit_request(const struct request_facts *f, struct slice body,
        const struct edit_wishes *wishes, struct edits *edits)
{
	int r = 0;

	if (wishes->upstream_model.at)
		r = edits_add(edits, f->model_place, wishes->upstream_model, "plain");
	for (unsigned i = 0; i < f->n_tools && !r; i++) {
		uint32_t at = (uint32_t)(f->tools[i].name.at - body.at);
		struct span place = {at, at + (uint32_t)f->tools[i].name.len};
		if (f->tools[i].removed)
			r = edits_add(edits, place, SLICE("-"), "plain");
	}
	return r;
}

static int plain_write_refusal(const struct refusal *r, struct slice request_id, struct buf *out)
{
	(void)request_id;
	return buf_printf(out, "{%s/%.*s: %.*s}", fault_infos[r->fault].code, SLICE_FMT(r->param),
	        SLICE_FMT(r->sentence));
}

/* ---- answers ---- */

static int plain_open(struct answer *a)
{
	struct plain *s = a->state;

	s->channel = (struct text_channel){.field = SLICE_INIT("text")};
	buf_init(&s->marker, 4096);
	return 0;
}

static void plain_close(struct answer *a)
{
	struct plain *s = a->state;

	buf_finish(&s->marker);
}

static int add_bytes(struct lap *lap, enum part_kind kind, struct slice bytes,
        const struct text_channel *channel)
{
	struct part *p = bytes.len ? lap_add(lap, kind) : NULL;

	if (!p)
		return bytes.len ? -ENOMEM : 0;
	p->bytes = bytes;
	if (kind == PART_TEXT) {
		p->text = bytes;
		p->channel = channel;
	}
	return 0;
}

static int add_call(struct lap *lap, struct slice name)
{
	struct part *p = lap_add(lap, PART_CALL);
	struct toolcall *tc = p ? arena_zalloc(lap->arena, sizeof(*tc)) : NULL;

	if (!tc)
		return -ENOMEM;
	tc->name = arena_dup(lap->arena, name);
	tc->arguments = (struct slice){"", 0};
	p->call = tc;
	return tc->name.at ? 0 : -ENOMEM;
}

/* The marker is whole, its first character included and its last not. */
static int add_marker(struct answer *a, struct plain *s, struct lap *lap)
{
	const char *at = buf_at(&s->marker);
	struct slice inside = {at + 1, buf_len(&s->marker) - 1};
	char kind = *at;
	int r = 0;

	if (kind == '!')
		r = add_call(lap, inside);
	if (kind == '|') {
		struct slice copy = arena_dup(lap->arena, inside);
		r = copy.at ? add_bytes(lap, PART_BYTES, copy, NULL) : -ENOMEM;
	}
	if (kind == '~') {
		const char *comma = memchr(inside.at, ',', inside.len);
		size_t len = comma ? (size_t)(comma - inside.at) : inside.len;
		uint64_t in = 0, out = 0;
		slice_to_u64(slice_from(inside.at, len), 1000000, &in);
		slice_to_u64(slice_skip(inside, len + 1), 1000000, &out);
		a->usage.in_uncached = in;
		a->usage.out_text = out;
		a->usage.total = in + out;
		a->usage.known = true;
		a->usage_at = a->text_bytes;
	}
	buf_clear(&s->marker);
	return r;
}

/* One run of text, or one character of a marker. */
static int feed_some(struct answer *a, struct plain *s, struct slice *in, struct lap *lap)
{
	size_t n = 0;
	int r;

	while (!buf_len(&s->marker) && n < in->len && !memchr("!|~^", in->at[n], 4))
		n++;
	if (n) {
		a->text_bytes += n;
		if (a->tokens)
			tokens_feed(a->tokens, slice_from(in->at, n));
		r = add_bytes(lap, PART_TEXT, slice_from(in->at, n), &s->channel);
		*in = slice_skip(*in, n);
		return r;
	}
	char c = *in->at;
	*in = slice_skip(*in, 1);
	if (c == '^')
		return -EPROTO;
	if (buf_len(&s->marker) && c == *buf_at(&s->marker))
		return add_marker(a, s, lap);
	r = buf_put_char(&s->marker, c);
	return r == -ENOBUFS ? -EPROTO : r;
}

static int plain_feed(
        struct answer *a, struct slice in, bool last, struct lap *lap, struct complaint *why)
{
	struct plain *s = a->state;
	int r = 0;

	if (a->status >= 300)
		return add_bytes(lap, PART_BYTES, in, NULL);
	while (in.len && !r)
		r = feed_some(a, s, &in, lap);
	if (!r && last && buf_len(&s->marker))
		r = -EPROTO;
	if (!r && last) {
		struct part *p = lap_add(lap, PART_TEXT_END);
		if (p)
			p->channel = &s->channel;
		r = p ? 0 : -ENOMEM;
		a->complete = true;
	}
	if (r == -EPROTO)
		snprintf(why->text, sizeof(why->text), "the plain answer has no sense");
	return r;
}

static int render_call(struct answer *a, const struct toolcall *tc, struct lap *lap)
{
	char text[200];
	int n;

	if (tc->denied) {
		a->calls_denied++;
		n = snprintf(text, sizeof(text), "[no %.*s: %s]", SLICE_FMT(tc->name),
		        fault_infos[tc->fault].code);
	} else {
		a->calls_released++;
		n = snprintf(text, sizeof(text), "!%.*s!", SLICE_FMT(tc->name));
	}
	struct slice copy = arena_dup(lap->arena, slice_from(text, (size_t)n));
	return copy.at ? lap_out(lap, copy) : -ENOMEM;
}

static int plain_render(struct answer *a, struct lap *lap)
{
	int r = 0;

	for (unsigned i = 0; i < lap->n && !r; i++) {
		const struct part *p = &lap->parts[i];

		if (p->kind == PART_CALL)
			r = render_call(a, p->call, lap);
		else
			r = lap_out(lap, p->kind == PART_BYTES ? p->bytes : p->text);
	}
	return r;
}

static int plain_cut(struct answer *a, const struct refusal *r, struct lap *lap)
{
	char text[100];
	int n = snprintf(text, sizeof(text), "[cut %s]", fault_infos[r->fault].code);
	struct slice copy = arena_dup(lap->arena, slice_from(text, (size_t)n));

	(void)a;
	return copy.at ? lap_out(lap, copy) : -ENOMEM;
}

const struct dialect_ops dialect_plain = {
        .name = "plain",
        .answer_size = sizeof(struct plain),
        .read_request = plain_read_request,
        .edit_request = plain_edit_request,
        .write_refusal = plain_write_refusal,
        .answer_open = plain_open,
        .answer_feed = plain_feed,
        .answer_render = plain_render,
        .answer_cut = plain_cut,
        .answer_close = plain_close,
};
