/* SPDX-License-Identifier: Apache-2.0 */
/* gather: segments in sending order. Copied bytes stand in own in that order too, so a copied
 * segment needs no address: the first one begins where own does. */
#include "base/gather.h"
#include <assert.h>
#include <errno.h>
#include "base/mem.h"

#define SEGMENTS_MAX 65536u

void gather_init(struct gather *g, size_t max)
{
	*g = (struct gather){.own = BUF_INIT(max), .cap = GATHER_INLINE};
	g->segments = g->few;
}

void gather_finish(struct gather *g)
{
	struct stock *stock = g->stock;
	size_t max = g->own.max;

	buf_finish(&g->own);
	if (g->segments != g->few)
		mem_free(g->segments);
	gather_init(g, max);
	g->stock = stock;
}

void gather_rest(struct gather *g)
{
	assert(!g->len);
	if (g->own.cap != STOCK_BLOCK)
		return;
	stock_give(g->stock, g->own.mem, g->own.cap);
	buf_init(&g->own, g->own.max);
}

/* What fits no block comes from the heap. */
static void gather_take_block(struct gather *g, size_t len)
{
	if (len > STOCK_BLOCK || g->own.max < STOCK_BLOCK)
		return;
	g->own.mem = stock_take(g->stock);
	g->own.cap = g->own.mem ? STOCK_BLOCK : 0;
}

void gather_clear(struct gather *g)
{
	buf_clear(&g->own);
	g->first = g->n = 0;
	g->len = 0;
	g->error = 0;
}

/* What failed is not sent, and nothing may point at bytes that were lent. */
static __attribute__((cold)) void gather_fail(struct gather *g, int error)
{
	gather_clear(g);
	g->error = error;
}

static int gather_widen(struct gather *g)
{
	unsigned n = g->n - g->first, cap = g->cap * 2;
	struct gather_segment *more;

	if (g->first >= n) {
		memcpy(g->segments, g->segments + g->first, n * sizeof(*more));
		g->first = 0;
		g->n = n;
		return 0;
	}
	if (cap > SEGMENTS_MAX)
		return -ENOBUFS;
	more = mem_alloc(cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	memcpy(more, g->segments + g->first, n * sizeof(*more));
	if (g->segments != g->few)
		mem_free(g->segments);
	g->segments = more;
	g->cap = cap;
	g->first = 0;
	g->n = n;
	return 0;
}

static void gather_append(struct gather *g, const char *at, size_t len)
{
	if (g->n == g->cap) {
		int r = gather_widen(g);

		if (r) {
			gather_fail(g, r);
			return;
		}
	}
	g->segments[g->n++] = (struct gather_segment){at, len};
	g->len += len;
}

static inline struct gather_segment *gather_last(struct gather *g)
{
	return g->n > g->first ? &g->segments[g->n - 1] : NULL;
}

char *gather_room(struct gather *g, size_t len)
{
	int r;

	if (!g->own.mem)
		gather_take_block(g, len);
	r = g->error ? 0 : buf_reserve(&g->own, len);
	if (r)
		gather_fail(g, r);
	return g->error ? NULL : buf_tail(&g->own);
}

void gather_wrote(struct gather *g, size_t len)
{
	struct gather_segment *last = gather_last(g);

	if (!len)
		return;
	buf_commit(&g->own, len);
	if (last && !last->at) {
		last->len += len;
		g->len += len;
	} else {
		gather_append(g, NULL, len);
	}
}

void gather_copy(struct gather *g, struct slice s)
{
	char *room = s.len ? gather_room(g, s.len) : NULL;

	if (!room)
		return;
	memcpy(room, s.at, s.len);
	gather_wrote(g, s.len);
}

void gather_lend(struct gather *g, struct slice s)
{
	struct gather_segment *last = gather_last(g);

	if (!s.len || g->error)
		return;
	if (last && last->at && last->at + last->len == s.at) {
		last->len += s.len;
		g->len += s.len;
	} else {
		gather_append(g, s.at, s.len);
	}
}

unsigned gather_vectors(const struct gather *g, struct iovec *ret, unsigned max)
{
	const char *own = buf_slice(&g->own).at;
	unsigned n = 0;

	for (unsigned i = g->first; i < g->n && n < max; i++) {
		const struct gather_segment *s = &g->segments[i];

		ret[n++] = (struct iovec){(void *)(s->at ? s->at : own), s->len};
		if (!s->at)
			own += s->len;
	}
	return n;
}

void gather_take(struct gather *g, size_t len)
{
	assert(len <= g->len);
	g->len -= len;
	while (len) {
		struct gather_segment *s = &g->segments[g->first];
		size_t n = len < s->len ? len : s->len;

		if (s->at)
			s->at += n;
		else
			buf_take(&g->own, n);
		s->len -= n;
		len -= n;
		if (!s->len)
			g->first++;
	}
	if (g->first == g->n)
		g->first = g->n = 0;
}

/* Makes room for lent bytes among the copied ones, from the back, and stops where nothing lent is
 * left before: a backlog that was kept in earlier turns is not moved again. */
static void gather_merge(struct gather *g, size_t lent)
{
	char *base = buf_at(&g->own);
	size_t from = buf_len(&g->own), to = from + lent;

	for (unsigned i = g->n; from != to; i--) {
		const struct gather_segment *s = &g->segments[i - 1];

		to -= s->len;
		if (s->at) {
			memcpy(base + to, s->at, s->len);
		} else {
			from -= s->len;
			memmove(base + to, base + from, s->len);
		}
	}
	buf_commit(&g->own, lent);
}

void gather_keep(struct gather *g)
{
	size_t lent = g->len - buf_len(&g->own);
	int r;

	if (!lent)
		return;
	r = buf_reserve(&g->own, lent);
	if (r) {
		gather_fail(g, r);
		return;
	}
	gather_merge(g, lent);
	g->segments[0] = (struct gather_segment){NULL, g->len};
	g->first = 0;
	g->n = 1;
}
