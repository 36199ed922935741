/* SPDX-License-Identifier: Apache-2.0 */
/* access_log_line: the puts that both shapes of a line are made of. */
#include "observe/access_log_line.h"
#include "base/decimal.h"
#include "base/json_write.h"
#include "base/plain.h"
#include "base/utf8.h"

void line_begin(struct line *l, struct buf *out)
{
	*l = (struct line){.out = out, .at = buf_tail(out), .end = buf_tail(out) + buf_room(out)};
	l->began = buf_len(out);
}

/* What was put is the buffer's. */
static void line_commit(struct line *l)
{
	buf_commit(l->out, (size_t)(l->at - buf_tail(l->out)));
}

static void line_go_on(struct line *l)
{
	l->at = buf_tail(l->out);
	l->end = l->at + buf_room(l->out);
}

bool line_grow(struct line *l, size_t len)
{
	line_commit(l);
	if (!l->error)
		l->error = buf_reserve(l->out, len);
	line_go_on(l);
	return !l->error;
}

int line_end(struct line *l)
{
	line_commit(l);
	if (l->error)
		buf_truncate(l->out, l->began);
	return l->error;
}

void line_put_escaped(struct line *l, struct slice s)
{
	bool is_cut = s.len > LINE_TEXT_MAX;

	if (!is_cut && bytes_are_plain(s)) {
		line_put(l, s.at, s.len);
		return;
	}
	s = utf8_cut(s, LINE_TEXT_MAX);
	line_commit(l);
	if (!l->error)
		l->error = json_escape(l->out, s);
	line_go_on(l);
	if (is_cut)
		line_put_literal(l, "\xe2\x80\xa6");
}

void line_put_u64(struct line *l, uint64_t n)
{
	if (line_has_room(l, DECIMAL_MAX))
		l->at += decimal_put(n, l->at);
}

void line_put_ms(struct line *l, uint64_t ns)
{
	uint64_t us = ns / NS_PER_US;
	char part[4] = {'.', (char)('0' + us / 100 % 10)};

	decimal_put_pair(us, part + 2);
	line_put_u64(l, us / 1000);
	line_put(l, part, sizeof(part));
}

void line_put_money(struct line *l, nanousd amount)
{
	if (line_has_room(l, MONEY_TEXT))
		l->at += money_format(amount, l->at);
}

const char *line_time(struct line_time *t, uint64_t wall_ns)
{
	uint64_t second = wall_ns / NS_PER_S, ms = wall_ns / NS_PER_MS % 1000;

	if (second != t->second || !t->text[0]) {
		clock_format(wall_ns, t->text);
		t->second = second;
		return t->text;
	}
	t->text[20] = (char)('0' + ms / 100);
	t->text[21] = (char)('0' + ms / 10 % 10);
	t->text[22] = (char)('0' + ms % 10);
	return t->text;
}
