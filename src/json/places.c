/* SPDX-License-Identifier: Apache-2.0 */
/* places: one pass over the text in step with the tree: both are in document order. */
#include "json/places.h"
#include <assert.h>
#include <errno.h>
#include "json/tree.h"

struct pass {
	const char *at; /* in the text */
	struct span *spans;
	unsigned depth;
	struct {
		const struct json_value *end; /* the first value behind the container */
		size_t index;
	} open[JSON_DEPTH_MAX];
};

size_t json_string_end(struct slice text, size_t start)
{
	const char *from = text.at + start, *end = text.at + text.len;

	for (const char *p = from;;) {
		const char *quote = memchr(p, '"', (size_t)(end - p)), *q;

		assert(quote);
		for (q = quote; q > from && q[-1] == '\\'; q--)
			;
		/* An even number of backslashes before it: they escape each other. */
		if (!((quote - q) & 1))
			return (size_t)(quote - text.at) + 1;
		p = quote + 1;
	}
}

/* To the next byte that begins a value or ends a container. */
static void skip_between(struct pass *pass)
{
	while (*pass->at == ' ' || *pass->at == ',' || *pass->at == ':' || *pass->at == '\n' ||
	        *pass->at == '\r' || *pass->at == '\t')
		pass->at++;
}

static void close_containers(struct pass *pass, const char *text, const struct json_value *next)
{
	while (pass->depth && pass->open[pass->depth - 1].end == next) {
		skip_between(pass);
		assert(*pass->at == ']' || *pass->at == '}');
		pass->at++;
		pass->depth--;
		pass->spans[pass->open[pass->depth].index].end = (uint32_t)(pass->at - text);
	}
}

static void pass_value(struct pass *pass, const struct json_doc *doc, const struct json_value *v)
{
	const char *text = doc->text.at;
	size_t start, index = tree_index(doc, v);

	skip_between(pass);
	start = (size_t)(pass->at - text);
	pass->spans[index].start = (uint32_t)start;
	switch (json_type(v)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		assert(pass->depth < JSON_DEPTH_MAX);
		pass->open[pass->depth].end = json_behind(v);
		pass->open[pass->depth++].index = index;
		pass->at++;
		return;
	case JSON_STRING:
		pass->at = text + json_string_end(doc->text, start + 1);
		break;
	case JSON_NUMBER:
		pass->at += tree_text(v).len;
		break;
	default:
		pass->at += json_type(v) == JSON_NULL || json_is_true(v) ? 4 : 5;
	}
	pass->spans[index].end = (uint32_t)(pass->at - text);
}

int places_find(const struct json_doc *doc, struct arena *arena, struct places *ret)
{
	const struct json_value *v = doc->root, *end = json_behind(v);
	struct pass pass = {.at = doc->text.at};

	pass.spans = arena_alloc(arena, doc->n_values * sizeof(*pass.spans));
	if (!pass.spans)
		return -ENOMEM;
	for (; v != end; v = tree_inner(v)) {
		close_containers(&pass, doc->text.at, v);
		pass_value(&pass, doc, v);
	}
	close_containers(&pass, doc->text.at, end);
	assert(!pass.depth);
	*ret = (struct places){doc, pass.spans};
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The mark that there must be between start and a value. */
static size_t skip_mark(struct slice text, size_t at, char mark)
{
	while (is_blank(text.at[at]))
		at++;
	assert(text.at[at] == mark);
	(void)mark;
	for (at++; is_blank(text.at[at]); at++)
		;
	return at;
}

/* The same backwards: what comes before end. */
static size_t skip_mark_back(struct slice text, size_t end, char mark)
{
	while (is_blank(text.at[end - 1]))
		end--;
	end--;
	assert(text.at[end] == mark);
	(void)mark;
	while (is_blank(text.at[end - 1]))
		end--;
	return end;
}

struct span json_member_place(const struct json_doc *doc, const struct json_value *key)
{
	const struct json_value *next = json_behind(key + 1);
	bool is_last = next == json_behind(doc->root);
	size_t start = skip_mark(doc->text, json_token(doc, key).end, ':');
	size_t end =
	        is_last ? doc->text.len : (size_t)(tree_text(next).at - doc->scratch->copy) - 1;

	end = skip_mark_back(doc->text, end, is_last ? '}' : ',');
	return (struct span){(uint32_t)start, (uint32_t)end};
}

struct span place_of(const struct places *p, const struct json_value *v)
{
	return p->spans[tree_index(p->doc, v)];
}
