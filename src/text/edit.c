/* SPDX-License-Identifier: Apache-2.0 */
/* edit: the list is sorted by place, wider first, so that one walk finds what a removal swallows
 * and what overlaps. */
#include "weir/edit.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 8u

void edits_init(struct edits *e, struct arena *arena)
{
	*e = (struct edits){.arena = arena, .sorted = true};
}

int edits_add(struct edits *e, struct span place, struct slice bytes, const char *who)
{
	assert(place.start <= place.end);
	if (e->n == e->cap) {
		unsigned cap = e->cap ? e->cap * 2 : FIRST_ROOM;
		struct edit *list = arena_alloc(e->arena, cap * sizeof(*list));

		if (!list)
			return -ENOMEM;
		if (e->n)
			memcpy(list, e->list, e->n * sizeof(*list));
		e->list = list;
		e->cap = cap;
	}
	e->list[e->n] = (struct edit){place, bytes, who, e->n};
	e->n++;
	e->sorted = false;
	return 0;
}

static bool edit_is_insert(const struct edit *e)
{
	return e->place.start == e->place.end;
}

static bool edit_is_removal(const struct edit *e)
{
	return !e->bytes.len && !edit_is_insert(e);
}

/* At one start: inserts in their order, then the widest, of equal ones a removal. */
static int edit_compare(const void *left, const void *right)
{
	const struct edit *a = left, *b = right;

	if (a->place.start != b->place.start)
		return a->place.start < b->place.start ? -1 : 1;
	if (edit_is_insert(a) != edit_is_insert(b))
		return edit_is_insert(a) ? -1 : 1;
	if (a->place.end != b->place.end)
		return a->place.end > b->place.end ? -1 : 1;
	if (edit_is_removal(a) != edit_is_removal(b))
		return edit_is_removal(a) ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Inserts at either edge of another edit stand outside it. */
int edits_sort(struct edits *e)
{
	const struct edit *last = NULL; /* the last one kept that takes bytes away */
	unsigned kept = 0;

	if (e->sorted)
		return 0;
	if (e->n > 1)
		qsort(e->list, e->n, sizeof(*e->list), edit_compare);
	for (unsigned i = 0; i < e->n; i++) {
		struct edit *edit = &e->list[i];

		if (edit_is_insert(edit) && !edit->bytes.len)
			continue;
		if (last && edit->place.start < last->place.end) {
			if (!edit_is_removal(last) || edit->place.end > last->place.end)
				return -EINVAL;
			continue;
		}
		if (!edit_is_insert(edit))
			last = &e->list[kept];
		e->list[kept++] = *edit;
	}
	e->n = kept;
	e->sorted = true;
	return 0;
}

size_t edits_length(const struct edits *e, size_t original)
{
	size_t length = original;

	assert(e->sorted);
	for (unsigned i = 0; i < e->n; i++) {
		length += e->list[i].bytes.len;
		length -= e->list[i].place.end - e->list[i].place.start;
	}
	return length;
}

int edits_apply(struct edits *e, struct slice original, struct slice **ret_slices, unsigned *ret_n)
{
	struct slice *slices;
	unsigned n = 0;
	size_t at = 0;
	int r = edits_sort(e);

	if (r)
		return r;
	if (e->n && e->list[e->n - 1].place.end > original.len)
		return -EINVAL;
	slices = arena_alloc(e->arena, (2 * (size_t)e->n + 1) * sizeof(*slices));
	if (!slices)
		return -ENOMEM;
	for (unsigned i = 0; i < e->n; i++) {
		const struct edit *edit = &e->list[i];

		if (edit->place.start > at)
			slices[n++] = slice_from(original.at + at, edit->place.start - at);
		if (edit->bytes.len)
			slices[n++] = edit->bytes;
		at = edit->place.end;
	}
	if (original.len > at)
		slices[n++] = slice_from(original.at + at, original.len - at);
	*ret_slices = slices;
	*ret_n = n;
	return 0;
}
