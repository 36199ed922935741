/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_groups: see ledger_groups.h. */
#include "store/ledger_groups.h"
#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"
#include "store/tally.h"

#define KEY_MAX ((size_t)64 << 10)

void ledger_groups_init(struct ledger_groups *g, const struct ledger_query *q)
{
	*g = (struct ledger_groups){.q = q, .key = BUF_INIT(KEY_MAX)};
	arena_init(&g->arena, LEDGER_GROUPS_BYTES);
	map_init(&g->map);
}

void ledger_groups_finish(struct ledger_groups *g)
{
	map_finish(&g->map);
	arena_finish(&g->arena);
	buf_finish(&g->key);
	mem_free(g->sorted);
}

/* The window, then each name behind its length. */
static int write_key(struct ledger_groups *g, const struct ledger_line *row)
{
	int r;

	buf_clear(&g->key);
	r = buf_put(&g->key, &row->from, sizeof(row->from));
	for (unsigned i = 0; !r && i < g->q->n_by; i++) {
		r = buf_put(&g->key, &row->names[i].len, sizeof(row->names[i].len));
		if (!r)
			r = buf_put_slice(&g->key, row->names[i]);
	}
	return r;
}

static void add(uint64_t *to, uint64_t n)
{
	*to = (uint64_t)plus(as_signed(*to), as_signed(n));
}

static void line_add(struct ledger_line *to, const struct ledger_line *row)
{
	add(&to->calls, row->calls);
	add(&to->refused, row->refused);
	add(&to->tokens_input, row->tokens_input);
	add(&to->tokens_cached, row->tokens_cached);
	add(&to->tokens_output, row->tokens_output);
	add(&to->tokens_reasoning, row->tokens_reasoning);
	add(&to->tokens_total, row->tokens_total);
	to->cost = plus(to->cost, row->cost);
	to->estimated = plus(to->estimated, row->estimated);
}

/* Its names lie within its key. */
static int line_new(struct ledger_groups *g, const struct ledger_line *row)
{
	size_t at = sizeof(row->from);
	struct ledger_line *l;
	struct slice key;

	if (g->map.n >= LEDGER_GROUPS_MAX || g->arena.used + 2 * KEY_MAX > g->arena.max)
		return -ENOBUFS;
	l = arena_alloc(&g->arena, sizeof(*l));
	key = arena_dup(&g->arena, buf_slice(&g->key));
	if (!l || !key.at)
		return -ENOMEM;
	*l = *row;
	for (unsigned i = 0; i < g->q->n_by; i++) {
		at += sizeof(row->names[i].len);
		l->names[i] = slice_from(key.at + at, row->names[i].len);
		at += row->names[i].len;
	}
	return map_add(&g->map, key, l);
}

int ledger_groups_add(struct ledger_groups *g, const struct ledger_line *row)
{
	struct ledger_line *l;
	int r = write_key(g, row);

	if (r)
		return r;
	l = map_get(&g->map, buf_slice(&g->key));
	if (!l)
		return line_new(g, row);
	line_add(l, row);
	return 0;
}

/* ---- their order */

static int by_number(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_names(
        const struct ledger_query *q, const struct ledger_line *a, const struct ledger_line *b)
{
	for (unsigned i = 0; i < q->n_by; i++) {
		struct slice x = a->names[i], y = b->names[i];
		size_t len = x.len < y.len ? x.len : y.len;
		int c = len ? memcmp(x.at, y.at, len) : 0;

		if (!c)
			c = by_number(x.len, y.len);
		if (c)
			return c;
	}
	return 0;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct ledger_line *x = *(struct ledger_line *const *)a,
	                         *y = *(struct ledger_line *const *)b;
	const struct ledger_query *q = arg;
	int time = by_number(x->from, y->from), dearer = (x->cost < y->cost) - (x->cost > y->cost);
	int first = q->top ? dearer : time, second = q->top ? time : dearer;

	return first ? first : second ? second : by_names(q, x, y);
}

int ledger_groups_sort(struct ledger_groups *g)
{
	void *line;
	struct slice key;

	g->sorted = mem_alloc((g->map.n + 1) * sizeof(*g->sorted));
	if (!g->sorted)
		return -ENOMEM;
	for (size_t it = 0; map_next(&g->map, &it, &key, &line);)
		g->sorted[g->n++] = line;
	qsort_r(g->sorted, g->n, sizeof(*g->sorted), compare, (void *)g->q);
	if (g->q->top && g->n > g->q->top)
		g->n = g->q->top;
	return 0;
}
