/* SPDX-License-Identifier: Apache-2.0 */
/* access_log_line: the puts that both shapes of a line are made of. */
#include "observe/access_log_line.h"
#include "base/decimal.h"
#include "base/json_write.h"
#include "base/plain.h"

/* The longest beginning that does not end inside a character. */
static struct slice cut_text(struct slice s)
{
	s.len = LINE_TEXT_MAX;
	while (s.len && ((unsigned char)s.at[s.len] & 0xc0) == 0x80)
		s.len--;
	return s;
}

void line_put_escaped(struct line *l, struct slice s)
{
	bool is_cut = s.len > LINE_TEXT_MAX;

	if (!is_cut && plain_skip(s.at, s.at + s.len) == s.at + s.len) {
		line_put(l, s.at, s.len);
		return;
	}
	if (is_cut)
		s = cut_text(s);
	if (!l->error)
		l->error = json_escape(l->out, s);
	if (is_cut)
		line_put_literal(l, "\xe2\x80\xa6");
}

void line_put_u64(struct line *l, uint64_t n)
{
	char text[DECIMAL_MAX];
	unsigned first = decimal_write(n, text);

	line_put(l, text + first, DECIMAL_MAX - first);
}

void line_put_ms(struct line *l, uint64_t ns)
{
	uint64_t us = ns / NS_PER_US;
	char part[4] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
	        (char)('0' + us % 10)};

	line_put_u64(l, us / 1000);
	line_put(l, part, sizeof(part));
}

void line_put_money(struct line *l, nanousd amount)
{
	char text[MONEY_TEXT];
	size_t len = money_format(amount, text);

	line_put(l, text, len);
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
