/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_tool_form: how a tool is asked over HTTP: its method, and its path taken apart into what
 * is written and the arguments that stand in it. */
#include <stdio.h>
#include "config/resolve.h"

#define NAME_MAX_LEN 64u /* of an argument in a path */
#define PIECES_MAX 64u

struct path_reader {
	struct slice rest;
	struct tool_piece *pieces;
	unsigned n;
};

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_';
}

static bool name_is_valid(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_plain(s.at[i]))
			return false;
	return s.len && s.len <= NAME_MAX_LEN;
}

/* RFC 3986 3.3 without escapes, and without ';', which servers cut paths at. */
static bool literal_is_valid(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_plain(s.at[i]) && (!s.at[i] || !strchr("/~!$&'()*+,=:@", s.at[i])))
			return false;
	return true;
}

/* A value is never empty nor only dots, so what stands beside it makes no such segment either. */
static bool has_bad_segment(struct slice path)
{
	size_t from = 1;

	for (size_t i = 1; i <= path.len; i++) {
		struct slice segment;

		if (i < path.len && path.at[i] != '/')
			continue;
		segment = slice_from(path.at + from, i - from);
		if ((!segment.len && i < path.len) || slice_is(segment, ".") ||
		        slice_is(segment, ".."))
			return true;
		from = i + 1;
	}
	return false;
}

/* NULL, or why not: a clause without a full stop. */
static const char *read_piece(struct path_reader *p)
{
	bool is_name = *p->rest.at == '{';
	const char *end = memchr(p->rest.at, is_name ? '}' : '{', p->rest.len);
	struct slice text = {p->rest.at, end ? (size_t)(end - p->rest.at) : p->rest.len};

	if (p->n == PIECES_MAX)
		return "it has too many pieces";
	if (is_name && !end)
		return "a brace is not closed";
	p->rest = slice_skip(p->rest, text.len + is_name);
	if (is_name)
		text = slice_skip(text, 1);
	if (is_name && !name_is_valid(text))
		return "what stands between braces is no name of an argument";
	if (!is_name && !literal_is_valid(text))
		return "it holds a character that has no place in a path";
	p->pieces[p->n++] = (struct tool_piece){text, is_name};
	return NULL;
}

static const char *read_path(struct load *l, struct tool_conf *t, struct slice path)
{
	struct tool_piece pieces[PIECES_MAX];
	struct path_reader p = {.rest = path, .pieces = pieces};
	const char *why = NULL;
	struct tool_piece *kept;

	if (!path.len || *path.at != '/')
		return "it does not begin with a slash";
	while (p.rest.len && !why)
		why = read_piece(&p);
	if (!why && has_bad_segment(path))
		why = "it has an empty segment, or one of dots";
	kept = why ? NULL : reader_alloc(&l->reader, p.n * sizeof(*kept));
	if (kept) {
		memcpy(kept, pieces, p.n * sizeof(*kept));
		t->form.path = kept;
		t->form.n_path = p.n;
	}
	return why;
}

void resolve_tool_form(struct load *l, struct tool_conf *t)
{
	static const enum method methods[] = {
	        METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_PATCH, METHOD_DELETE};
	const struct node *n = node_member(load_entry(l, "tools", t->index), "path");
	struct slice name = t->upstream_name.len ? t->upstream_name : t->name, path = t->path;
	char text[160];
	const char *why;

	if (!path.len) {
		int len = snprintf(text, sizeof(text), "/%.*s", SLICE_FMT(name));
		path = reader_keep(&l->reader, slice_from(text, (size_t)len));
	}
	t->form.method = methods[t->method_word];
	why = read_path(l, t, path);
	if (!why || (!n && !t->upstream))
		return;
	diagnostics_error(l->d, node_place(n ? n : load_entry(l, "tools", t->index)), "this is no path of a tool: %s", why);
	diagnostics_hint(l->d, "write it as \"/orders/{order_id}\"");
}
