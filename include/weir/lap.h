/* SPDX-License-Identifier: Apache-2.0 */
/* lap: one portion of an answer on its way from upstream to agent. The dialect's reader cuts it into parts, the chain
 * judges them, the dialect renders what is left. At most one lap of an answer is in flight. */
#pragma once
#include "weir/toolcall.h"

enum part_kind {
	PART_BYTES,    /* nothing a policy reads */
	PART_TEXT,     /* a piece of a channel's text */
	PART_TEXT_END, /* a channel's text is complete: what was held back must come now */
	PART_CALL,     /* one whole tool call; as many parts as there are calls, each judged by itself */
};

/* Which text of an answer: (choice 0, content), (choice 0, reasoning), (choice 1, refusal) ... Numbered by the dialect. */
struct text_channel {
	uint16_t number;
	uint32_t choice;
	struct slice field; /* static: "content", "refusal", "reasoning_content", "text" */
};

struct part {
	enum part_kind kind;
	struct slice bytes;    /* as it came: whole events, their blank lines included; empty where the dialect keeps them */
	const struct text_channel *channel; /* PART_TEXT, PART_TEXT_END: borrowed from the answer */
	struct slice text;     /* PART_TEXT: unescaped; the chain puts its own here and sets edited */
	bool edited;
	struct toolcall *call; /* PART_CALL */
	uint32_t note;         /* the dialect's own */
};

struct lap {
	struct arena *arena;   /* borrowed: all that is made for this lap; bytes of parts may be lent from elsewhere */
	struct part *parts;    /* in arena */
	unsigned n, cap;
	bool last;             /* the answer ends with this lap: fixed when the lap starts */
	struct slice *out;     /* rendered, in arena or lent */
	unsigned n_out, cap_out;
};

struct part *lap_add(struct lap *l, enum part_kind kind); /* zeroed; NULL: no memory */
int lap_out(struct lap *l, struct slice bytes);           /* 0 or -ENOMEM; neighbours in memory are joined */
/* Copies every part's lent bytes and text into the arena: a policy waits, and the lap outlives the turn. */
int lap_keep(struct lap *l);
