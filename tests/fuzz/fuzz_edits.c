/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_edits: a list of edits against a model that keeps, for every byte and every gap between two,
 * what stands there. Four bytes an edit: where it begins, how long it is, how long its bytes are,
 * and which. */
#include <assert.h>
#include <errno.h>
#include "weir/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

#define ORIGINAL 48
#define EDITS 24

struct model_edit {
	unsigned start, end, len;
	char byte;
	bool swallowed;
};

static bool is_insert(const struct model_edit *e)
{
	return e->start == e->end;
}

static bool is_removal(const struct model_edit *e)
{
	return !e->len && !is_insert(e);
}

static bool overlap(const struct model_edit *a, const struct model_edit *b)
{
	return a->start < b->end && b->start < a->end;
}

static bool lies_inside(const struct model_edit *e, const struct model_edit *r)
{
	if (is_insert(e))
		return r->start < e->start && e->start < r->end;
	return r->start <= e->start && e->end <= r->end;
}

/* Whether the list contradicts itself; marks what is swallowed. */
static bool contradicts(struct model_edit *edits, unsigned n)
{
	bool wrong = false;

	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < n; j++) {
			struct model_edit *e = &edits[i], *r = &edits[j];

			if (i == j || !is_removal(r) || !lies_inside(e, r))
				continue;
			/* Of equal removals the first one added stays. */
			if (is_removal(e) && e->start == r->start && e->end == r->end && i < j)
				continue;
			e->swallowed = true;
		}
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = i + 1; j < n; j++) {
			const struct model_edit *a = &edits[i], *b = &edits[j];

			if (a->swallowed || b->swallowed || (is_insert(a) && !a->len) ||
			        (is_insert(b) && !b->len))
				continue;
			if (is_insert(a) || is_insert(b)
			                ? lies_inside(is_insert(a) ? a : b, is_insert(a) ? b : a)
			                : overlap(a, b))
				wrong = true;
		}
	return wrong;
}

static size_t model_apply(
        const struct model_edit *edits, unsigned n, const char *original, char *out)
{
	size_t len = 0;

	for (unsigned at = 0; at <= ORIGINAL; at++) {
		bool taken = false;

		for (unsigned i = 0; i < n; i++)
			if (!edits[i].swallowed && is_insert(&edits[i]) && edits[i].start == at)
				for (unsigned k = 0; k < edits[i].len; k++)
					out[len++] = edits[i].byte;
		for (unsigned i = 0; i < n; i++) {
			const struct model_edit *e = &edits[i];

			if (e->swallowed || is_insert(e) || at < e->start || at >= e->end)
				continue;
			taken = true;
			for (unsigned k = 0; at == e->start && k < e->len; k++)
				out[len++] = e->byte;
		}
		if (!taken && at < ORIGINAL)
			out[len++] = original[at];
	}
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static const char original[ORIGINAL + 1] =
	        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL";
	static char bytes[EDITS][16];
	struct model_edit model[EDITS];
	char want[4096], got[4096];
	struct slice *slices;
	struct arena arena;
	struct edits edits;
	unsigned n = 0, n_slices;
	size_t want_len, got_len = 0;
	int r;

	arena_init(&arena, 1 << 20);
	edits_init(&edits, &arena);
	for (; len >= 4 && n < EDITS; at += 4, len -= 4) {
		struct model_edit *e = &model[n];

		e->start = at[0] % (ORIGINAL + 1);
		e->end = e->start + at[1] % 12;
		if (e->end > ORIGINAL)
			e->end = ORIGINAL;
		e->len = at[2] % 8;
		e->byte = (char)at[3];
		e->swallowed = false;
		memset(bytes[n], e->byte, e->len);
		if (edits_add(&edits, (struct span){e->start, e->end}, slice_from(bytes[n], e->len),
		            "fuzz"))
			break;
		n++;
	}
	r = edits_apply(&edits, slice_from(original, ORIGINAL), &slices, &n_slices);
	if (contradicts(model, n)) {
		assert(r == -EINVAL);
	} else {
		assert(!r);
		for (unsigned i = 0; i < n_slices; i++) {
			assert(got_len + slices[i].len <= sizeof(got));
			memcpy(got + got_len, slices[i].at, slices[i].len);
			got_len += slices[i].len;
		}
		want_len = model_apply(model, n, original, want);
		assert(got_len == want_len && !memcmp(got, want, got_len));
		assert(edits_length(&edits, ORIGINAL) == got_len);
	}
	arena_finish(&arena);
	return 0;
}
