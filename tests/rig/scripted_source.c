/* SPDX-License-Identifier: Apache-2.0 */
/* scripted_source: see scripted_source.h. */
#include "rig/scripted_source.h"
#include <assert.h>

static void scripted_pause(struct source *source, enum pause_reason why, bool on)
{
	struct scripted_source *s = container_of(source, struct scripted_source, source);
	unsigned before = s->pauses;

	assert(!s->n_closed);
	s->pauses = on ? s->pauses | why : s->pauses & ~(unsigned)why;
	s->n_pauses += s->pauses & ~before ? 1 : 0;
	if (before && !s->pauses && s->resumed)
		s->resumed(s);
}

static void scripted_close(struct source *source)
{
	struct scripted_source *s = container_of(source, struct scripted_source, source);

	assert(!s->n_closed);
	s->n_closed++;
}

static const struct source_ops scripted_ops = {"upstream", scripted_pause, scripted_close};

void scripted_source_init(struct scripted_source *s)
{
	head_init(&s->head);
	s->used = 0;
	s->resumed = NULL;
}

void scripted_source_finish(struct scripted_source *s)
{
	head_finish(&s->head);
}

void scripted_source_open(struct scripted_source *s, struct exchange *x)
{
	head_reset(&s->head);
	s->source = (struct source){&scripted_ops, x};
	s->pauses = s->n_pauses = s->n_closed = 0;
	x->source = &s->source;
}

bool scripted_source_header(struct scripted_source *s, const char *name, const char *value)
{
	return head_add(&s->head, HEADER_OTHER, slice_str(name), slice_str(value)) == 0;
}

bool scripted_source_head(struct scripted_source *s, unsigned status, const char *content_type)
{
	if (s->n_closed)
		return false;
	s->head.status = (uint16_t)status;
	s->head.minor = 1;
	s->head.framing = FRAMING_CHUNKED;
	if (content_type &&
	        head_add_id(&s->head, HEADER_CONTENT_TYPE, slice_str(content_type)) < 0) {
		exchange_on_source_fault(s->source.exchange, FAULT_OVERLOADED, NULL);
		return false;
	}
	exchange_on_answer_head(s->source.exchange, &s->head);
	return true;
}

bool scripted_source_data(struct scripted_source *s, struct slice data)
{
	char *at = s->lent + s->used;

	if (s->n_closed)
		return false;
	assert(s->used + data.len + 1 <= sizeof(s->lent));
	if (data.len)
		memcpy(at, data.at, data.len);
	s->used += data.len + 1; /* neighbours must not look like one run */
	exchange_on_answer_data(s->source.exchange, slice_from(at, data.len));
	return true;
}

bool scripted_source_end(struct scripted_source *s)
{
	if (s->n_closed)
		return false;
	exchange_on_answer_end(s->source.exchange);
	return true;
}

bool scripted_source_fault(struct scripted_source *s, enum fault why, const char *note)
{
	if (s->n_closed)
		return false;
	exchange_on_source_fault(s->source.exchange, why, note);
	return true;
}

void scripted_source_turn_end(struct scripted_source *s)
{
	memset(s->lent, 0xdd, s->used);
	s->used = 0;
}
