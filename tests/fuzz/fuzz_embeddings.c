/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_embeddings: up to the first zero byte a request, behind it an answer to it. What is left of
 * the request has the items that stayed, as they were; an answer whose items are put in again is an
 * answer with the same ones. The first byte says which items are left out. */
#include <assert.h>
#include <errno.h>
#include "weir/dialect.h"
#include "weir/embeddings.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

#define ARENA (64u << 20)
#define MOST 64u

static const struct embedding_ops *const ops = &openai_embeddings;

static struct slice part(struct slice text, struct span s)
{
	assert(s.start < s.end && s.end <= text.len);
	return slice_from(text.at + s.start, s.end - s.start);
}

static unsigned choose(unsigned bits, unsigned n, bool *left_out)
{
	unsigned stay = 0;

	for (unsigned i = 0; i < n; i++) {
		left_out[i] = bits >> (i % 7) & 1;
		stay += !left_out[i];
	}
	return stay;
}

/* How many items it asks for; 0: they cannot be told apart. */
static unsigned check_request(struct slice body, unsigned bits, struct arena *arena)
{
	struct embedding_input in, after;
	struct request_facts facts;
	struct complaint why;
	struct edits edits;
	struct buf text = BUF_INIT(ARENA);
	struct slice *slices;
	bool left_out[MOST];
	unsigned n, k = 0;

	if (dialect_openai.read_request(ACTION_EMBEDDING, body, arena, NULL, &facts, &why))
		return 0;
	if (ops->read_input(body, arena, &in) || in.n > MOST)
		return 0;
	if (!choose(bits, in.n, left_out))
		return in.n;
	edits_init(&edits, arena);
	int r = ops->edit_input(&in, left_out, &edits);
	assert(!r);
	r = edits_apply(&edits, body, &slices, &n);
	assert(!r);
	for (unsigned i = 0; i < n; i++)
		buf_put_slice(&text, slices[i]);
	r = ops->read_input(buf_slice(&text), arena, &after);
	assert(!r);
	for (unsigned i = 0; i < in.n; i++) {
		if (left_out[i])
			continue;
		assert(k < after.n);
		assert(slice_equals(
		        part(body, in.items[i]), part(buf_slice(&text), after.items[k])));
		k++;
	}
	assert(k == after.n);
	uint64_t bytes = facts.text_bytes;
	r = ops->weigh_input(body, left_out, &facts, NULL);
	assert(!r && facts.text_bytes <= bytes && facts.n_texts == after.n);
	buf_finish(&text);
	return in.n;
}

static void check_answer(struct slice text, unsigned n, struct arena *arena)
{
	struct embedding_answer a, after;
	struct complaint why = {0};
	struct buf whole = BUF_INIT(ARENA);

	int r = ops->read_answer(text, n, arena, &a, &why);
	if (r) {
		assert(r == -EPROTO && why.text[0]);
		return;
	}
	part(text, a.list);
	buf_put(&whole, text.at, a.list.start);
	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_put_char(&whole, ',');
		r = embedding_put(&whole, &a.items[n - 1 - i], i);
		assert(!r);
	}
	buf_put_slice(&whole, slice_skip(text, a.list.end));
	r = ops->read_answer(buf_slice(&whole), n, arena, &after, &why);
	assert(!r);
	for (unsigned i = 0; i < n; i++) {
		const struct embedding *was = &a.items[n - 1 - i], *is = &after.items[i];

		assert(slice_equals(slice_from(was->bytes.at, was->number.start),
		        slice_from(is->bytes.at, is->number.start)));
		assert(slice_equals(slice_skip(was->bytes, was->number.end),
		        slice_skip(is->bytes, is->number.end)));
	}
	assert(slice_equals(a.model, after.model));
	buf_finish(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const uint8_t *zero = len ? memchr(at + 1, 0, len - 1) : NULL;
	struct arena arena;

	if (!zero)
		return 0;
	arena_init(&arena, ARENA);
	unsigned n = check_request(slice_from(at + 1, (size_t)(zero - at) - 1), at[0], &arena);
	if (n)
		check_answer(slice_from(zero + 1, (size_t)(at + len - zero) - 1), n, &arena);
	arena_finish(&arena);
	return 0;
}
