/* SPDX-License-Identifier: Apache-2.0 */
/* diagnostics_print: the list as people and as machines want it. */
#include "base/json_write.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "config/diagnostics.h"
#include <errno.h>
#include <stdlib.h>

#define CARET_MAX 200u /* a caret further right helps nobody */
#define EXPECT(call)                                                                               \
	do {                                                                                       \
		int error_ = (call);                                                               \
		if (error_)                                                                        \
			return error_;                                                             \
	} while (0)

static int compare(const void *left, const void *right)
{
	const struct diagnostic *a = *(const struct diagnostic *const *)left;
	const struct diagnostic *b = *(const struct diagnostic *const *)right;

	if (a->at.file_index != b->at.file_index)
		return a->at.file_index < b->at.file_index ? -1 : 1;
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column ? -1 : 1;
	return a < b ? -1 : a > b; /* both lie in one array: as they were found */
}

/* The items by place, in memory that the caller frees; NULL: none. */
static const struct diagnostic **sorted(const struct diagnostics *d)
{
	const struct diagnostic **order = mem_alloc((d->n + 1) * sizeof(*order));

	if (!order)
		return NULL;
	for (unsigned i = 0; i < d->n; i++)
		order[i] = &d->items[i];
	qsort(order, d->n, sizeof(*order), compare);
	return order;
}

/* A policy may come from anyone; the terminal is ours. */
static int put_visible(struct buf *out, struct slice s)
{
	for (const char *p = s.at, *end = s.at + s.len; p < end;) {
		struct utf8 c = utf8_next(p, end);
		bool bidi = (c.point >= 0x200e && c.point <= 0x200f) ||
		            (c.point >= 0x202a && c.point <= 0x202e) ||
		            (c.point >= 0x2066 && c.point <= 0x2069);

		if (c.valid && c.point == '\t')
			EXPECT(buf_put_char(out, ' '));
		else if (!c.valid || c.point < 0x20 || (c.point >= 0x7f && c.point < 0xa0) || bidi)
			EXPECT(buf_printf(out, "\\x%02x", (unsigned)(unsigned char)*p));
		else
			EXPECT(buf_put(out, p, c.len));
		p += !c.valid || bidi ? 1 : c.len;
	}
	return 0;
}

static int put_place(struct buf *out, const struct diagnostic_place *p)
{
	EXPECT(put_visible(out, p->file));
	if (p->line)
		EXPECT(buf_printf(out, ":%u:%u", p->line, p->column));
	return 0;
}

/* The line with a caret under the column; nothing where there is no line to show. */
static int put_line(
        struct buf *out, const struct diagnostic_place *p, const char *caret, const char *plain)
{
	size_t width = 0;

	if (!p->line_text.len || !p->column)
		return 0;
	EXPECT(buf_printf(out, "%6u | ", p->line));
	EXPECT(put_visible(out, p->line_text));
	if (p->column > CARET_MAX || p->column > p->line_text.len + 1)
		return buf_put_char(out, '\n');
	for (size_t i = 0; i + 1 < p->column; i++) /* characters, not bytes */
		width += ((unsigned char)p->line_text.at[i] & 0xc0) != 0x80;
	return buf_printf(out, "\n       | %*s%s^%s\n", (int)width, "", caret, plain);
}

static int put_item(struct buf *out, const struct diagnostic *item, bool colour)
{
	bool is_error = item->severity == SEVERITY_ERROR;
	const char *bold = colour ? "\033[1m" : "", *plain = colour ? "\033[0m" : "";
	const char *red = !colour ? "" : is_error ? "\033[1;31m" : "\033[1;33m";

	EXPECT(buf_put_str(out, bold));
	EXPECT(put_place(out, &item->at));
	EXPECT(buf_printf(out, ":%s %s%s:%s ", plain, red, is_error ? "error" : "warning", plain));
	EXPECT(put_visible(out, item->sentence));
	EXPECT(buf_put_char(out, '\n'));
	EXPECT(put_line(out, &item->at, red, plain));
	if (item->also.file.len) {
		EXPECT(buf_put_str(out, "the other place is "));
		EXPECT(put_place(out, &item->also));
		EXPECT(buf_put_char(out, '\n'));
		EXPECT(put_line(out, &item->also, red, plain));
	}
	if (!item->hint.len)
		return 0;
	EXPECT(buf_printf(out, "%shint:%s ", bold, plain));
	EXPECT(put_visible(out, item->hint));
	return buf_put_char(out, '\n');
}

static int put_all(
        const struct diagnostics *d, const struct diagnostic **order, struct buf *out, bool colour)
{
	for (unsigned i = 0; i < d->n; i++)
		EXPECT(put_item(out, order[i], colour));
	if (d->errors + d->warnings > d->n)
		EXPECT(buf_printf(out, "and %u more\n", d->errors + d->warnings - d->n));
	if (d->no_memory)
		EXPECT(buf_put_str(out, "error: there is not enough memory to read the policy\n"));
	return 0;
}

int diagnostics_print(const struct diagnostics *d, struct buf *out, bool colour)
{
	const struct diagnostic **order = sorted(d);
	int error = order ? put_all(d, order, out, colour) : -ENOMEM;

	mem_free(order);
	return error;
}

static void json_place(struct json_writer *w, const struct diagnostic_place *p)
{
	json_put_slice(w, "file", p->file);
	if (!p->line)
		return;
	json_put_u64(w, "line", p->line);
	json_put_u64(w, "column", p->column);
}

static void json_item(struct json_writer *w, const struct diagnostic *item)
{
	json_open(w, '{');
	json_put_str(w, "severity", item->severity == SEVERITY_ERROR ? "error" : "warning");
	json_place(w, &item->at);
	json_put_slice(w, "message", item->sentence);
	if (item->hint.len)
		json_put_slice(w, "hint", item->hint);
	if (item->also.file.len) {
		json_key(w, "also");
		json_open(w, '{');
		json_place(w, &item->also);
		json_close(w, '}');
	}
	json_close(w, '}');
}

int diagnostics_print_json(const struct diagnostics *d, const char *const *inactive,
        unsigned n_inactive, struct buf *out)
{
	const struct diagnostic **order = sorted(d);
	struct json_writer w;

	if (!order)
		return -ENOMEM;
	json_begin(&w, out);
	json_open(&w, '{');
	json_put_bool(&w, "ok", !diagnostics_failed(d));
	json_put_u64(&w, "errors", d->errors + d->no_memory);
	json_put_u64(&w, "warnings", d->warnings);
	json_key(&w, "diagnostics");
	json_open(&w, '[');
	for (unsigned i = 0; i < d->n; i++)
		json_item(&w, order[i]);
	json_close(&w, ']');
	json_key(&w, "inactive");
	json_open(&w, '[');
	for (unsigned i = 0; i < n_inactive; i++)
		json_string(&w, slice_str(inactive[i]));
	json_close(&w, ']');
	json_close(&w, '}');
	mem_free(order);
	return json_end(&w);
}
