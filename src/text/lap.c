/* SPDX-License-Identifier: Apache-2.0 */
/* lap: the parts of one portion of an answer and the slices that it is rendered to. */
#include "weir/lap.h"
#include <errno.h>

#define FIRST_ROOM 8u

/* Room for one more of size bytes each; the old list stays behind in the arena. NULL: no memory. */
static void *list_grow(
        struct arena *arena, const void *list, unsigned n, unsigned *cap, size_t size)
{
	unsigned more = *cap ? *cap * 2 : FIRST_ROOM;
	void *bigger = arena_alloc(arena, more * size);

	if (!bigger)
		return NULL;
	if (n)
		memcpy(bigger, list, n * size);
	*cap = more;
	return bigger;
}

struct part *lap_add(struct lap *l, enum part_kind kind)
{
	if (l->n == l->cap) {
		struct part *parts =
		        list_grow(l->arena, l->parts, l->n, &l->cap, sizeof(*l->parts));

		if (!parts)
			return NULL;
		l->parts = parts;
	}
	l->parts[l->n] = (struct part){.kind = kind};
	return &l->parts[l->n++];
}

int lap_out(struct lap *l, struct slice bytes)
{
	struct slice *last = l->n_out ? &l->out[l->n_out - 1] : NULL;

	if (!bytes.len)
		return 0;
	if (last && last->at + last->len == bytes.at) {
		last->len += bytes.len;
		return 0;
	}
	if (l->n_out == l->cap_out) {
		struct slice *out =
		        list_grow(l->arena, l->out, l->n_out, &l->cap_out, sizeof(*l->out));

		if (!out)
			return -ENOMEM;
		l->out = out;
	}
	l->out[l->n_out++] = bytes;
	return 0;
}

static void keep(struct slice *s, char **at)
{
	if (!s->len)
		return;
	memcpy(*at, s->at, s->len);
	s->at = *at;
	*at += s->len;
}

/* All bytes first, then all texts, each in one run, so that neighbours stay neighbours. */
int lap_keep(struct lap *l)
{
	size_t size = 0;
	char *at;

	for (unsigned i = 0; i < l->n; i++)
		size += l->parts[i].bytes.len + l->parts[i].text.len;
	if (!size)
		return 0;
	at = arena_alloc(l->arena, size);
	if (!at)
		return -ENOMEM;
	for (unsigned i = 0; i < l->n; i++)
		keep(&l->parts[i].bytes, &at);
	for (unsigned i = 0; i < l->n; i++)
		keep(&l->parts[i].text, &at);
	return 0;
}
