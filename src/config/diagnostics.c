/* SPDX-License-Identifier: Apache-2.0 */
/* diagnostics: collecting. Printing stands in diagnostics_print.c. */
#include "config/diagnostics.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include "config/yaml_hint.h"

#define ARENA_MAX (4u << 20)
#define SENTENCE_MAX 600u
#define LINE_MAX_SHOWN 400u
#define MASK_MIN 16u /* a run of letters and digits this long may be a key */

struct hidden_line {
	struct hidden_line *next;
	unsigned file_index;
	uint32_t line;
};

void diagnostics_init(struct diagnostics *d)
{
	*d = (struct diagnostics){0};
	arena_init(&d->arena, ARENA_MAX);
}

void diagnostics_finish(struct diagnostics *d)
{
	arena_finish(&d->arena);
	diagnostics_init(d);
}

bool diagnostics_failed(const struct diagnostics *d)
{
	return d->errors || d->no_memory;
}

void diagnostics_no_memory(struct diagnostics *d)
{
	d->no_memory = true;
	d->last = NULL;
}

static struct slice keep(struct diagnostics *d, struct slice s)
{
	struct slice copy = arena_dup(&d->arena, s);

	if (copy.at)
		return copy;
	d->no_memory = true;
	return SLICE("");
}

static bool line_is_hidden(const struct diagnostics *d, struct place at)
{
	for (const struct hidden_line *h = d->hidden; h; h = h->next)
		if (h->line == at.line && h->file_index == at.source->index)
			return true;
	return false;
}

static struct diagnostic_place keep_place(struct diagnostics *d, struct place at)
{
	struct diagnostic_place p = {.line = at.line, .column = at.column};
	struct slice line = text_line(at.source->text, at.line);

	p.file_index = at.source->index;
	p.file = keep(d, at.source->name);
	if (line.len > LINE_MAX_SHOWN)
		line.len = LINE_MAX_SHOWN;
	p.line_text = keep(d, line_is_hidden(d, at) ? SLICE("") : line);
	return p;
}

/* NULL: there is no room. */
static struct diagnostic *item_new(struct diagnostics *d)
{
	unsigned cap = d->cap ? d->cap * 2 : 8;
	struct diagnostic *items;

	if (d->n == DIAGNOSTICS_MAX)
		return NULL;
	if (d->n == d->cap) {
		items = arena_alloc(&d->arena, cap * sizeof(*items));
		if (!items) {
			d->no_memory = true;
			return NULL;
		}
		if (d->n)
			memcpy(items, d->items, d->n * sizeof(*items));
		d->items = items;
		d->cap = cap;
	}
	d->items[d->n] = (struct diagnostic){0};
	return &d->items[d->n++];
}

__attribute__((format(printf, 2, 0))) static struct slice format_sentence(
        char room[SENTENCE_MAX], const char *format, va_list args)
{
	int len = vsnprintf(room, SENTENCE_MAX, format, args);

	if (len < 0)
		return SLICE("");
	return slice_from(room, (size_t)len < SENTENCE_MAX ? (size_t)len : SENTENCE_MAX - 1);
}

static bool is_known(const struct diagnostics *d, const struct diagnostic *new)
{
	for (unsigned i = 0; i < d->n; i++) {
		const struct diagnostic *old = &d->items[i];

		if (old->severity == new->severity && old->at.line == new->at.line &&
		        old->at.column == new->at.column &&
		        old->at.file_index ==
		                new->at.file_index &&slice_equals(old->at.file, new->at.file) &&
		        slice_equals(old->sentence, new->sentence))
			return true;
	}
	return false;
}

/* at.source may be NULL: then the place is only the file, in new->at.file. */
static void report(struct diagnostics *d, struct place at, struct diagnostic new)
{
	struct diagnostic *item;

	d->last = NULL;
	if (at.source) {
		new.at.file = at.source->name;
		new.at.file_index = at.source->index;
		new.at.line = at.line;
		new.at.column = at.column;
	}
	if (is_known(d, &new))
		return;
	if (new.severity == SEVERITY_ERROR)
		d->errors++;
	else
		d->warnings++;
	item = item_new(d);
	if (!item)
		return;
	*item = new;
	item->sentence = keep(d, new.sentence);
	if (at.source)
		item->at = keep_place(d, at);
	else
		item->at.file = keep(d, new.at.file);
	d->last = item;
}

void diagnostics_error(struct diagnostics *d, struct place at, const char *format, ...)
{
	struct diagnostic new = {.severity = SEVERITY_ERROR};
	char room[SENTENCE_MAX];
	va_list args;

	va_start(args, format);
	new.sentence = format_sentence(room, format, args);
	va_end(args);
	report(d, at, new);
}

void diagnostics_warning(struct diagnostics *d, struct place at, const char *format, ...)
{
	struct diagnostic new = {.severity = SEVERITY_WARNING};
	char room[SENTENCE_MAX];
	va_list args;

	va_start(args, format);
	new.sentence = format_sentence(room, format, args);
	va_end(args);
	report(d, at, new);
}

void diagnostics_file_error(struct diagnostics *d, const char *file, const char *format, ...)
{
	struct diagnostic new = {.severity = SEVERITY_ERROR, .at = {.file = slice_str(file)}};
	char room[SENTENCE_MAX];
	va_list args;

	va_start(args, format);
	new.sentence = format_sentence(room, format, args);
	va_end(args);
	report(d, (struct place){0}, new);
}

void diagnostics_hint(struct diagnostics *d, const char *format, ...)
{
	char room[SENTENCE_MAX];
	struct slice hint;
	va_list args;

	if (!d->last)
		return;
	va_start(args, format);
	hint = format_sentence(room, format, args);
	va_end(args);
	d->last->hint = keep(d, hint);
}

void diagnostics_also(struct diagnostics *d, struct place at)
{
	if (d->last && at.source)
		d->last->also = keep_place(d, at);
}

static void hide_line(struct diagnostic_place *p, const struct hidden_line *h)
{
	if (p->file.len && p->line == h->line && p->file_index == h->file_index)
		p->line_text = SLICE("");
}

void diagnostics_hide(struct diagnostics *d, struct place at)
{
	struct hidden_line *h;

	if (!at.source || !at.line || line_is_hidden(d, at))
		return;
	h = arena_alloc(&d->arena, sizeof(*h));
	if (!h) {
		d->no_memory = true;
		return;
	}
	*h = (struct hidden_line){d->hidden, at.source->index, at.line};
	d->hidden = h;
	for (unsigned i = 0; i < d->n; i++) {
		hide_line(&d->items[i].at, h);
		hide_line(&d->items[i].also, h);
	}
}

void diagnostics_mask(struct diagnostics *d)
{
	struct slice line = d->last ? d->last->at.line_text : SLICE("");
	size_t start = 0;
	bool digit = false;

	for (size_t i = 0; i <= line.len; i++) {
		unsigned char c = i < line.len ? (unsigned char)line.at[i] : ' ';

		if (isalnum(c) || c == '_' || c == '-') {
			digit = digit || isdigit(c);
			continue;
		}
		/* The line is a copy in our own arena. */
		if (i - start >= MASK_MIN && digit)
			memset((char *)(uintptr_t)line.at + start, '*', i - start);
		start = i + 1;
		digit = false;
	}
}
