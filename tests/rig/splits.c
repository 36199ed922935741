/* SPDX-License-Identifier: Apache-2.0 */
/* splits: where to cut. */
#include "rig/splits.h"
#include <assert.h>
#include "base/mem.h"

#define THREE_MAX 512u

struct run {
	struct slice bytes; /* borrowed */
	split_fn *fn;
	void *arg;
	unsigned long runs;
};

/* A copy with nothing behind it. */
static struct slice piece_new(const char *at, size_t len)
{
	char *copy = mem_alloc(len);

	assert(copy);
	if (len)
		memcpy(copy, at, len);
	return slice_from(copy, len);
}

static void run_pieces(struct run *r, struct slice *pieces, unsigned n)
{
	r->runs++;
	r->fn(r->arg, pieces, n);
	for (unsigned i = 0; i < n; i++)
		mem_free((void *)pieces[i].at);
}

/* Cuts at a and at b; a cut at the end is none. */
static void run_cut(struct run *r, size_t a, size_t b)
{
	size_t ends[3] = {a, b, r->bytes.len}, from = 0;
	struct slice pieces[3];
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++) {
		if (ends[i] == from && (n || i < 2))
			continue;
		pieces[n++] = piece_new(r->bytes.at + from, ends[i] - from);
		from = ends[i];
	}
	run_pieces(r, pieces, n);
}

static void run_bytes(struct run *r)
{
	struct slice *pieces = mem_alloc(r->bytes.len * sizeof(*pieces));

	assert(pieces);
	for (size_t i = 0; i < r->bytes.len; i++)
		pieces[i] = piece_new(r->bytes.at + i, 1);
	run_pieces(r, pieces, (unsigned)r->bytes.len);
	mem_free(pieces);
}

unsigned long splits_each(struct slice bytes, split_fn *fn, void *arg)
{
	struct run r = {.bytes = bytes, .fn = fn, .arg = arg};
	size_t len = bytes.len, step = 1 + len / (THREE_MAX + 1);

	run_cut(&r, 0, 0);
	for (size_t a = 1; a < len; a++)
		run_cut(&r, a, a);
	for (size_t a = 1; a < len; a += step)
		for (size_t b = a + 1; b < len; b += step)
			run_cut(&r, a, b);
	if (len > 1)
		run_bytes(&r);
	return r.runs;
}
