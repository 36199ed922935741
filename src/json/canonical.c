/* SPDX-License-Identifier: Apache-2.0 */
/* canonical: see canonical.h. Containers that are open stand on a stack, which the reader's depth
 * bounds. */
#include "json/canonical.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include "base/json_write.h"
#include "json/number.h"

struct member {
	struct slice key; /* at == NULL: it is an element */
	const struct json_value *value;
};

struct open {
	const struct member *at, *end; /* in the arena: what is still to be written */
	char close;
	bool is_begun;
};

struct pass {
	struct arena *arena; /* borrowed */
	struct buf *out;     /* borrowed */
	struct open stack[JSON_DEPTH_MAX];
	unsigned depth;
};

/* No two are alike: the reader has seen to that. */
static int compare(const void *a, const void *b)
{
	struct slice x = ((const struct member *)a)->key, y = ((const struct member *)b)->key;
	size_t len = x.len < y.len ? x.len : y.len;
	int order = len ? memcmp(x.at, y.at, len) : 0;

	return order ? order : x.len < y.len ? -1 : 1;
}

static int open(struct pass *p, const struct json_value *v)
{
	bool is_object = json_type(v) == JSON_OBJECT;
	size_t n = json_count(v), i = 0;
	struct member *members = arena_alloc(p->arena, (n + 1) * sizeof(*members));

	if (!members)
		return -ENOMEM;
	for (struct json_iter it = json_iter(v); json_next(&it); i++)
		members[i] = (struct member){json_text(it.key), it.value};
	if (is_object && n > 1)
		qsort(members, n, sizeof(*members), compare);
	assert(p->depth < JSON_DEPTH_MAX);
	p->stack[p->depth++] = (struct open){members, members + n, is_object ? '}' : ']', false};
	return buf_put_char(p->out, is_object ? '{' : '[');
}

static int put_string(struct buf *out, struct slice s)
{
	int error = buf_put_char(out, '"');

	if (!error)
		error = json_escape(out, s);
	return error ? error : buf_put_char(out, '"');
}

static int put_number(struct buf *out, struct slice text)
{
	struct number n;

	number_read(text, &n);
	return number_write(&n, out);
}

static int put_value(struct pass *p, const struct json_value *v)
{
	switch (json_type(v)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		return open(p, v);
	case JSON_STRING:
		return put_string(p->out, json_text(v));
	case JSON_NUMBER:
		return put_number(p->out, json_text(v));
	case JSON_BOOL:
		return buf_put_slice(p->out, json_is_true(v) ? SLICE("true") : SLICE("false"));
	default:
		return buf_put_slice(p->out, SLICE("null"));
	}
}

/* The next one of what is open, or its end. */
static int put_next(struct pass *p)
{
	struct open *o = &p->stack[p->depth - 1];
	const struct member *m = o->at;
	int error = 0;

	if (m == o->end) {
		p->depth--;
		return buf_put_char(p->out, o->close);
	}
	o->at++;
	if (o->is_begun)
		error = buf_put_char(p->out, ',');
	o->is_begun = true;
	if (!error && o->close == '}')
		error = put_string(p->out, m->key);
	if (!error && o->close == '}')
		error = buf_put_char(p->out, ':');
	return error ? error : put_value(p, m->value);
}

int json_canonical(const struct json_doc *doc, struct arena *arena, struct buf *out)
{
	struct pass p = {.arena = arena, .out = out};
	int error = put_value(&p, doc->root);

	while (!error && p.depth)
		error = put_next(&p);
	return error;
}
