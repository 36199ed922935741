/* SPDX-License-Identifier: Apache-2.0 */
/* openai_stream: what the parts of reading a stream share while one piece of it is read. */
#pragma once
#include "dialect/openai_answer.h"

struct stream {
	struct answer *a;
	struct openai_answer *s;
	struct lap *lap;
	struct complaint *why;
	struct slice in;     /* lent until the lap is rendered */
	struct slice bytes;  /* of the event in hand: in in, or in the lap's arena */
	struct json_doc doc; /* of the event in hand */
	struct openai_top top;
	struct openai_view views[OPENAI_CHOICES_MAX];
	unsigned n_views;
};

/* The calls of the event in hand go to the assembler; the event, or the portion of it that is about
 * calls, is held for choices that go on, and *ret_note says where it was split. *ret_all: nothing
 * of the event is left. 0 or a negative errno. */
int openai_stream_calls(struct stream *t, uint32_t *ret_note, bool *ret_all);
