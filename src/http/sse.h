/* SPDX-License-Identifier: Apache-2.0 */
/* sse: a stream of server-sent events (HTML, 9.2.6), cut into events without copying: one that lies
 * whole in what was fed is handed out as slices of it, one that was split is put together first.
 * Every byte fed is in exactly one event, so what is passed on unedited is what came. */
#pragma once
#include "base/buf.h"

#define SSE_EVENT_MAX (1u << 20)

struct sse_event {
	struct slice bytes; /* all of it with its blank line; also comments and stray empty lines
	                       are such events */
	struct slice data;  /* its data lines joined by LF; at == NULL: it has none */
	struct slice name;  /* of its event line; at == NULL: it has none */
	bool cut;           /* the stream ended before its blank line */
	bool odd; /* it has a line that is neither a comment nor data, event, id or retry: the
	             standard has it ignored, a careless reader may not */
};

struct sse {
	struct buf carry;  /* owned: the beginning of an event whose end has not come */
	struct buf joined; /* owned: data lines of an event that has several */
	const char *from;  /* borrowed: where the event goes on, or begins, in what was fed */
	const char *at;    /* borrowed: where to look on */
	const char *end;   /* borrowed */
	const char
	        *lf; /* borrowed: the next LF, end when there is none, NULL when not looked for */
	/* places in the event's bytes */
	size_t line_at; /* of the line that is being read */
	size_t data_at, data_len, name_at, name_len;
	unsigned n_data;
	bool has_name, odd;
	bool started;  /* the first line, which may begin with a byte order mark, was read */
	bool after_cr; /* the last byte was a CR: an LF that follows belongs to it */
	bool crlf;     /* the event's last line ended in CRLF */
	bool whole;    /* only that LF is missing */
	bool given;    /* the event was handed out: begin a new one */
	int error;     /* sticks */
};

void sse_init(struct sse *s, size_t event_max);
void sse_finish(struct sse *s);
/* Borrowed until sse_next has returned 0. */
void sse_feed(struct sse *s, struct slice in);
/* 1: an event, valid until the next call; 0: all was taken; -ENOMEM; -EMSGSIZE: an event is over
 * the ceiling. */
int sse_next(struct sse *s, struct sse_event *ret);
/* Between two events: what was fed and not looked at; else empty. */
struct slice sse_rest(const struct sse *s);
/* The caller knows the first len bytes of the rest: they are whole events, the last of which ends
 * in an LF. */
void sse_skip(struct sse *s, size_t len);
/* The stream has ended: 1 and what is left, or 0. */
int sse_end(struct sse *s, struct sse_event *ret);
