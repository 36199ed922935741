/* SPDX-License-Identifier: Apache-2.0 */
/* access_log_line: how a record becomes a line, in either shape; the newline is the caller's. */
#pragma once
#include "base/clock.h"
#include "weir/record.h"

#define LINE_TEXT_MAX 1024 /* bytes of one text; what is longer ends in an ellipsis */
#define LINE_TOOLS_MAX 32  /* names of tools that were called */

/* Puts that go on until the first failure and then do nothing. */
struct line {
	struct buf *out; /* borrowed */
	int error;       /* -ENOMEM, -ENOBUFS */
};

static inline void line_put(struct line *l, const char *at, size_t len)
{
	if (__builtin_expect(len > buf_room(l->out), 0)) {
		if (!l->error)
			l->error = buf_reserve(l->out, len);
		if (l->error)
			return;
	}
	bytes_copy(buf_tail(l->out), at, len);
	buf_commit(l->out, len);
}

#define line_put_literal(line, literal) line_put((line), (literal), sizeof(literal) - 1)

void line_put_escaped(
        struct line *l, struct slice s); /* as inside a JSON string, cut at LINE_TEXT_MAX */
void line_put_u64(struct line *l, uint64_t n);
void line_put_ms(
        struct line *l, uint64_t ns); /* milliseconds with the microseconds behind the point */
void line_put_money(struct line *l, nanousd amount);

/* The date of the last line, so that a second's date is put together once. */
struct line_time {
	uint64_t second;
	char text[25];
};

const char *line_time(struct line_time *t, uint64_t wall_ns); /* 24 characters */

void line_as_json(struct line *l, struct line_time *t, const struct record *r);
void line_as_text(struct line *l, struct line_time *t, const struct record *r);
