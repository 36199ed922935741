/* SPDX-License-Identifier: Apache-2.0 */
/* access_log_line: how a record becomes a line, in either shape; the newline is the caller's. */
#pragma once
#include "base/clock.h"
#include "base/buf.h"
#include "weir/record.h"

#define LINE_TEXT_MAX 1024 /* bytes of one text; what is longer ends in an ellipsis */
#define LINE_TOOLS_MAX 32  /* names of tools that were called */

/* Puts that go on until the first failure and then do nothing, or nothing that counts. */
struct line {
	struct buf *out; /* borrowed; it knows of what was put when the line has ended */
	char *at, *end;  /* the next byte's place, and where the room ends */
	size_t began;    /* bytes of out before the line */
	int error;       /* -ENOMEM, -ENOBUFS */
};

void line_begin(struct line *l, struct buf *out);
int line_end(struct line *l);               /* 0 or the first error, and then out is what it was */
bool line_grow(struct line *l, size_t len); /* room for len bytes; false: there is none */

static inline bool line_has_room(struct line *l, size_t len)
{
	return __builtin_expect(len <= (size_t)(l->end - l->at), 1) || line_grow(l, len);
}

static inline void line_put(struct line *l, const char *at, size_t len)
{
	if (!line_has_room(l, len))
		return;
	bytes_copy(l->at, at, len);
	l->at += len;
}

#define line_put_literal(line, literal) line_put((line), (literal), sizeof(literal) - 1)

/* Texts as inside a JSON string, cut at LINE_TEXT_MAX. */
void line_put_escaped(struct line *l, struct slice s);
void line_put_u64(struct line *l, uint64_t n);
/* Milliseconds with the microseconds behind the point. */
void line_put_ms(struct line *l, uint64_t ns);
void line_put_money(struct line *l, nanousd amount);

/* The date of the last line, so that a second's date is put together once. */
struct line_time {
	uint64_t second;
	char text[25];
};

const char *line_time(struct line_time *t, uint64_t wall_ns); /* 24 characters */

void line_as_json(struct line *l, struct line_time *t, const struct record *r);
void line_as_text(struct line *l, struct line_time *t, const struct record *r);
