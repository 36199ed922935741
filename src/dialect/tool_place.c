/* SPDX-License-Identifier: Apache-2.0 */
/* tool_place: where the arguments of a tool's call go. What stands in the path is escaped byte by
 * byte, and nothing that could split or climb it is taken; the rest is the query of a method
 * without content, else the body, which stays byte for byte as it came but for what the path took.
 */
#include <errno.h>
#include <stdio.h>
#include "dialect/trim.h"
#include "http/chars.h"
#include "json/places.h"
#include "weir/dialect.h"

#define WHO "http" /* in edits */
#define TARGET_MAX (8u << 10)
#define SHOWN_MAX 64 /* bytes of an argument's name in a complaint */

struct placing {
	const struct tool_form *form;
	struct json_doc doc;
	struct buf target; /* owned */
	struct complaint *why;
	bool has_query;
};

/* wanted: a clause that the argument is the subject of. */
static int refuse(struct placing *p, struct slice name, const char *wanted)
{
	int shown = (int)(name.len < SHOWN_MAX ? name.len : SHOWN_MAX);

	p->why->fault = FAULT_ARGUMENTS_INVALID;
	snprintf(p->why->param, sizeof(p->why->param), "/%.*s", shown, name.at);
	snprintf(p->why->text, sizeof(p->why->text), "The argument /%.*s %s.", shown, name.at,
	        wanted);
	return -EPROTO;
}

static int refuse_length(struct placing *p)
{
	p->why->fault = FAULT_ARGUMENTS_INVALID;
	snprintf(p->why->text, sizeof(p->why->text),
	        "The arguments make a request line of more than %u bytes; send shorter ones.",
	        TARGET_MAX);
	return -EPROTO;
}

static int put_escaped(struct buf *b, struct slice s)
{
	static const char hex[] = "0123456789ABCDEF";
	int error = 0;

	for (size_t i = 0; i < s.len && !error; i++) {
		unsigned char byte = (unsigned char)s.at[i];
		char escape[3] = {'%', hex[byte >> 4], hex[byte & 15]};

		error = char_is(s.at[i], CHAR_PLAIN) ? buf_put_char(b, s.at[i])
		                                     : buf_put(b, escape, sizeof(escape));
	}
	return error;
}

/* The text of what can stand in a line; at == NULL: it has none. */
static struct slice text_of(const struct json_value *v)
{
	switch (json_type(v)) {
	case JSON_STRING:
	case JSON_NUMBER:
		return json_text(v);
	case JSON_BOOL:
		return json_is_true(v) ? SLICE("true") : SLICE("false");
	default:
		return (struct slice){0};
	}
}

static bool splits_a_path(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char byte = (unsigned char)s.at[i], next = 0;

		if (i + 1 < s.len)
			next = (unsigned char)s.at[i + 1];
		if (byte < ' ' || byte == 0x7f || byte == '/' || byte == '\\')
			return true;
		if (byte == 0xc2 && next < 0xa0) /* U+0080 to U+009F */
			return true;
	}
	return slice_is(s, ".") || slice_is(s, "..");
}

static int put_in_path(struct placing *p, struct slice name)
{
	const struct json_value *v = json_find(p->doc.root, name);
	struct slice text = text_of(v);

	if (!v)
		return refuse(p, name, "is missing, and this tool's address needs it");
	if (!text.at)
		return refuse(p, name,
		        "is part of the tool's address, so it must be a string, a number, true or "
		        "false");
	if (!text.len || splits_a_path(text))
		return refuse(p, name,
		        "is part of the tool's address, so it must not be empty, \".\" or \"..\", "
		        "nor "
		        "hold a slash, a backslash or a control character");
	return put_escaped(&p->target, text);
}

static int put_path(struct placing *p)
{
	int error = 0;

	for (unsigned i = 0; i < p->form->n_path && !error; i++) {
		const struct tool_piece *piece = &p->form->path[i];

		error = piece->is_name ? put_in_path(p, piece->text)
		                       : buf_put_slice(&p->target, piece->text);
	}
	return error;
}

static bool is_in_path(const struct tool_form *form, struct slice name)
{
	for (unsigned i = 0; i < form->n_path; i++)
		if (form->path[i].is_name && slice_equals(form->path[i].text, name))
			return true;
	return false;
}

static int put_parameter(struct placing *p, struct slice name, const struct json_value *v)
{
	struct slice text = text_of(v);
	int error;

	if (!text.at)
		return refuse(p, name,
		        "goes into the tool's query, so it must be a string, a number, true, false "
		        "or a list of these");
	error = buf_put_char(&p->target, p->has_query ? '&' : '?');
	p->has_query = true;
	if (!error)
		error = put_escaped(&p->target, name);
	if (!error)
		error = buf_put_char(&p->target, '=');
	return error ? error : put_escaped(&p->target, text);
}

/* A list is its elements, each under the list's name; null is an argument that was left out. */
static int put_query(struct placing *p)
{
	int error = 0;

	for (struct json_iter it = json_iter(p->doc.root); !error && json_next(&it);) {
		struct slice name = json_text(it.key);

		if (is_in_path(p->form, name) || json_type(it.value) == JSON_NULL)
			continue;
		if (json_type(it.value) != JSON_ARRAY) {
			error = put_parameter(p, name, it.value);
			continue;
		}
		for (struct json_iter in = json_iter(it.value); !error && json_next(&in);)
			error = put_parameter(p, name, in.value);
	}
	return error;
}

static bool is_bodiless(const struct tool_form *form)
{
	return form->method == METHOD_GET || form->method == METHOD_DELETE;
}

/* What the path took goes out of the body. */
static int cut_members(struct placing *p, struct arena *arena, struct tool_asked *ret)
{
	struct places places;
	struct edits cuts;
	struct trim trim;
	int error = places_find(&p->doc, arena, &places);

	edits_init(&cuts, arena);
	trim_init(&trim, &cuts, WHO);
	for (struct json_iter it = json_iter(p->doc.root); !error && json_next(&it);) {
		struct span place = {
		        place_of(&places, it.key).start, place_of(&places, it.value).end};

		error = trim_item(&trim, place, is_in_path(p->form, json_text(it.key)));
	}
	if (!error)
		error = trim_end(&trim);
	ret->cuts = cuts.list;
	ret->n_cuts = cuts.n;
	return error;
}

static int cut_all(struct slice body, struct arena *arena, struct tool_asked *ret)
{
	struct edits cuts;
	int error;

	edits_init(&cuts, arena);
	error = edits_add(&cuts, (struct span){0, (uint32_t)body.len}, (struct slice){0}, WHO);
	ret->cuts = cuts.list;
	ret->n_cuts = cuts.n;
	return error;
}

static int place_all(
        struct placing *p, struct slice body, struct arena *arena, struct tool_asked *ret)
{
	int error = put_path(p);

	if (!error && ret->bodiless)
		error = put_query(p);
	if (!error && ret->bodiless)
		error = cut_all(body, arena, ret);
	else if (!error)
		error = cut_members(p, arena, ret);
	if (error)
		return error == -ENOBUFS ? refuse_length(p) : error;
	ret->target = arena_dup(arena, buf_slice(&p->target));
	return ret->target.at ? 0 : -ENOMEM;
}

int tool_place(const struct tool_form *form, struct slice body, struct arena *arena,
        struct tool_asked *ret, struct complaint *why)
{
	struct placing p = {.form = form, .target = BUF_INIT(TARGET_MAX), .why = why};
	int error;

	ret->bodiless = is_bodiless(form);
	if (!ret->bodiless && form->n_path == 1 && !form->path->is_name) {
		ret->target = form->path->text;
		return 0;
	}
	error = json_read(json_scratch_mine(), body, &json_limits_default, &p.doc, NULL);
	if (error)
		return error;
	error = place_all(&p, body, arena, ret);
	json_done(&p.doc);
	buf_finish(&p.target);
	return error;
}
