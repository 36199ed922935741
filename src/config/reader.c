/* SPDX-License-Identifier: Apache-2.0 */
/* reader: walks a block beside its table: unknown keys, shapes, what is not built yet, fallbacks.
 * Recursion follows the tables, whose depth is fixed, and inside DIRECTIVE_ANY nothing is walked.
 */
#include "config/reader.h"
#include <stdio.h>
#include "config/nearest.h"

struct slice reader_keep(struct reader *r, struct slice s)
{
	struct slice copy = arena_dup(r->arena, s);

	if (copy.at)
		return copy;
	diagnostics_no_memory(r->d);
	return SLICE("");
}

void *reader_alloc(struct reader *r, size_t size)
{
	void *at = arena_zalloc(r->arena, size);

	if (!at)
		diagnostics_no_memory(r->d);
	return at;
}

const struct directive *directive_find(const struct directive *table, struct slice name)
{
	for (const struct directive *d = table; d->name; d++)
		if (slice_is(name, d->name))
			return d;
	return NULL;
}

bool directive_is_inactive(const struct directive *d, const struct node *n)
{
	unsigned index;

	if (!n || n->kind == NODE_NULL)
		return true;
	if (n->kind == NODE_SCALAR)
		return words_find(d->inactive, n->text, &index);
	return !n->n &&
	       words_find(d->inactive, n->kind == NODE_LIST ? SLICE("[]") : SLICE("{}"), &index);
}

static const char *node_noun(const struct node *n)
{
	static const char *const nouns[] = {[NODE_NULL] = "nothing",
	        [NODE_SCALAR] = "one value",
	        [NODE_LIST] = "a list",
	        [NODE_MAP] = "a map"};

	return nouns[n->kind];
}

/* At the value's own place, or its key's when it is empty. */
static bool expect(
        struct reader *r, const struct directive *d, const struct node *n, enum node_kind kind)
{
	if (n->kind == kind)
		return true;
	diagnostics_error(r->d, n->at, "%s: %s stands where %s is meant", d->name, node_noun(n),
	        kind == NODE_SCALAR ? kind_form(d->kind) : node_noun(&(struct node){.kind = kind}));
	if (kind == NODE_LIST && n->kind == NODE_SCALAR)
		diagnostics_hint(r->d, "a list of one is written [%.*s]", SLICE_FMT(n->text));
	return false;
}

bool scalar_read(struct reader *r, const struct directive *d, const struct node *n, void *at)
{
	return expect(r, d, n, NODE_SCALAR) && scalar_read_as(r, d, d->kind, n, at);
}

/* A map, or the one value that may stand for it. */
static bool block_value_read(
        struct reader *r, const struct directive *d, const struct node *n, void *at)
{
	if (n->kind == NODE_SCALAR && d->short_kind != DIRECTIVE_ANY)
		return scalar_read_as(r, d, d->short_kind, n, NULL);
	if (!expect(r, d, n, NODE_MAP))
		return false;
	block_read(r, d->block, n, at);
	return true;
}

bool value_read(struct reader *r, const struct directive *d, const struct node *n, void *at)
{
	if (d->kind == DIRECTIVE_ANY)
		return true;
	if (d->kind == DIRECTIVE_BLOCK)
		return block_value_read(r, d, n, at);
	return scalar_read(r, d, n, at);
}

/* Room for n items in base; NULL when they are only checked or there is no memory. */
static char *items_new(struct reader *r, const struct directive *d, unsigned n, void *base)
{
	char *items;

	if (!base || !d->stored || !n)
		return NULL;
	items = reader_alloc(r, (size_t)n * d->width);
	if (!items)
		return NULL;
	*(void **)((char *)base + d->offset) = items;
	*(unsigned *)((char *)base + d->count_offset) = n;
	return items;
}

static void list_read(struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	bool single = d->shape == SHAPE_ONE_OR_LIST && n->kind != NODE_LIST;
	char *items;
	unsigned i = 0;

	if (!single && !expect(r, d, n, NODE_LIST))
		return;
	items = items_new(r, d, single ? 1 : n->n, base);
	if (single) {
		value_read(r, d, n, items);
		return;
	}
	for (const struct node *item = n->first; item; item = item->next, i++)
		value_read(r, d, item, items ? items + (size_t)i * d->width : NULL);
}

static void key_check(struct reader *r, const struct directive *d, const struct node *member)
{
	struct node name = {
	        .kind = NODE_SCALAR, .text = member->key, .at = member->key_at, .plain = true};
	struct directive as_name = {.name = d->name, .kind = d->key_kind};

	scalar_read(r, &as_name, &name, NULL);
	if (d->key_kind == DIRECTIVE_TOOL && memchr(member->key.at, '*', member->key.len)) {
		diagnostics_error(r->d, member->key_at, "the name of a tool holds no *");
		diagnostics_hint(r->d, "declare each tool; agents may name several at once with *");
	}
}

static void map_read(struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	char *items;
	unsigned i = 0;

	if (!expect(r, d, n, NODE_MAP))
		return;
	items = items_new(r, d, n->n, base);
	for (const struct node *member = n->first; member; member = member->next, i++) {
		char *item = items ? items + (size_t)i * d->width : NULL;

		key_check(r, d, member);
		if (item)
			*(struct slice *)item = reader_keep(r, member->key);
		/* An entry without keys stands there as a name alone. */
		if (member->kind == NODE_NULL && d->kind == DIRECTIVE_BLOCK)
			block_read(r, d->block, NULL, item);
		else
			value_read(r, d, member, item);
	}
}

static void generic_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	void *at = base && d->stored ? (char *)base + d->offset : NULL;

	if (d->shape == SHAPE_MAP)
		map_read(r, d, n, base);
	else if (d->shape != SHAPE_ONE)
		list_read(r, d, n, base);
	else if (d->kind == DIRECTIVE_BLOCK)
		/* A block without an offset is a group of keys of the same struct. */
		value_read(r, d, n, d->stored ? at : base);
	else
		value_read(r, d, n, at);
}

static void absent_read(struct reader *r, const struct directive *d, void *base)
{
	struct node text = {.kind = NODE_SCALAR};

	if (!base)
		return;
	if (d->fallback) {
		text.text = slice_str(d->fallback);
		text.plain = d->kind == DIRECTIVE_BOOL;
		generic_read(r, d, &text, base);
	} else if (d->kind == DIRECTIVE_BLOCK && d->shape == SHAPE_ONE) {
		block_read(r, d->block, NULL, d->stored ? (char *)base + d->offset : base);
	}
}

/* Only words are shown with it: other values may be secrets. */
static void not_supported(struct reader *r, const struct directive *d, const struct node *n)
{
	if (d->kind == DIRECTIVE_CHOICE && n->kind == NODE_SCALAR)
		diagnostics_error(r->d, node_place(n), "%s: %.*s is not supported yet", d->name,
		        SLICE_FMT(n->text));
	else
		diagnostics_error(r->d, node_place(n), "%s is not supported yet", d->name);
	diagnostics_hint(
	        r->d, "leave it out, or write %.*s", (int)strcspn(d->inactive, " "), d->inactive);
}

static void later_read(struct reader *r, const struct directive *d, const struct node *n)
{
	if (directive_is_inactive(d, n))
		return;
	if (d->read)
		d->read(r, d, n, NULL);
	else
		generic_read(r, d, n, NULL);
	not_supported(r, d, n);
}

void directive_read(struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	/* null unsets: the same as leaving it out. */
	if (n && n->kind == NODE_NULL)
		n = NULL;
	if (n && d->status == DIRECTIVE_BUILT && d->inactive && directive_is_inactive(d, n)) {
		if (d->off_is_nothing)
			return;
		n = NULL;
	}
	if (d->status == DIRECTIVE_LATER) {
		if (n)
			later_read(r, d, n);
	} else if (d->read) {
		d->read(r, d, n, base);
	} else if (n) {
		generic_read(r, d, n, base);
		if (base && d->present)
			*(bool *)((char *)base + d->present) = true;
	} else {
		absent_read(r, d, base);
	}
}

static void unknown_key(struct reader *r, const struct directive *table, const struct node *member)
{
	struct nearest nearest;

	nearest_init(&nearest, member->key);
	for (const struct directive *d = table; d->name; d++)
		nearest_offer(&nearest, slice_str(d->name));
	diagnostics_error(
	        r->d, member->key_at, "there is no key named %.*s here", SLICE_FMT(member->key));
	if (nearest.best.at)
		diagnostics_hint(r->d, "did you mean %.*s?", SLICE_FMT(nearest.best));
}

void block_read(struct reader *r, const struct directive *table, const struct node *n, void *base)
{
	for (const struct node *member = n ? n->first : NULL; member; member = member->next)
		if (!directive_find(table, member->key))
			unknown_key(r, table, member);
	for (const struct directive *d = table; d->name; d++) {
		const struct node *member = node_member(n, d->name);

		if (n && d->required && (!member || member->kind == NODE_NULL))
			diagnostics_error(r->d, node_place(n), "%s is missing here", d->name);
		directive_read(r, d, member, base);
	}
}
