/* SPDX-License-Identifier: Apache-2.0 */
/* openai_embeddings: calls for embeddings, item by item. The input is a text, a list of tokens, or
 * a list of either; the answer has one object for each, which says itself which one it is for. */
#include <errno.h>
#include <stdio.h>
#include "base/mem.h"
#include "dialect/openai_answer.h"
#include "dialect/openai_keys.h"
#include "dialect/openai_request.h"
#include "weir/embeddings.h"

#define ANSWER_VALUES (1u << 24)
#define PLACES_MAX (sizeof(struct span) * ANSWER_VALUES + (1u << 20))

/* ---- what is asked for ---- */

/* A list of numbers and nothing else, and at least one. */
static bool is_tokens(const struct json_value *v)
{
	if (json_type(v) != JSON_ARRAY || !json_count(v))
		return false;
	for (struct json_iter it = json_iter(v); json_next(&it);)
		if (json_type(it.value) != JSON_NUMBER)
			return false;
	return true;
}

/* With the brackets around it, between which there is nothing else but blanks. */
static struct span in_brackets(struct slice text, struct span inner)
{
	while (text.at[--inner.start] != '[')
		;
	while (text.at[inner.end++] != ']')
		;
	return inner;
}

static struct span item_place(const struct json_doc *doc, const struct json_value *v)
{
	struct json_iter it = json_iter(v);
	struct span inner = {0, 0};
	bool first = true;

	if (json_type(v) == JSON_STRING)
		return json_token(doc, v);
	for (; json_next(&it); first = false) {
		struct span token = json_token(doc, it.value);

		inner.start = first ? token.start : inner.start;
		inner.end = token.end;
	}
	return in_brackets(doc->text, inner);
}

static bool is_item(const struct json_value *v)
{
	return json_type(v) == JSON_STRING || is_tokens(v);
}

static bool is_list(const struct json_value *v)
{
	if (json_type(v) != JSON_ARRAY || !json_count(v) || json_count(v) > EMBEDDING_ITEMS_MAX)
		return false;
	for (struct json_iter it = json_iter(v); json_next(&it);)
		if (!is_item(it.value))
			return false;
	return true;
}

/* As request_text_bound has it. */
static uint32_t weight_of(const struct json_value *item)
{
	return (uint32_t)json_text_bytes(item) + 16;
}

static int find_items(const struct json_doc *doc, struct arena *arena, struct embedding_input *ret)
{
	const struct json_value *v = json_get(doc->root, "input");
	bool alone = is_item(v);

	if (!alone && !is_list(v))
		return -ENOTSUP;
	ret->n = alone ? 1 : json_count(v);
	ret->items = arena_alloc(arena, ret->n * sizeof(*ret->items));
	ret->weights = arena_alloc(arena, ret->n * sizeof(*ret->weights));
	if (!ret->items || !ret->weights)
		return -ENOMEM;
	if (alone) {
		ret->place = ret->items[0] = item_place(doc, v);
		ret->weights[0] = weight_of(v);
		return 0;
	}
	unsigned i = 0;
	for (struct json_iter it = json_iter(v); json_next(&it); i++) {
		ret->items[i] = item_place(doc, it.value);
		ret->weights[i] = weight_of(it.value);
	}
	ret->place =
	        in_brackets(doc->text, (struct span){ret->items[0].start, ret->items[i - 1].end});
	return 0;
}

static int read_input(struct slice body, struct arena *arena, struct embedding_input *ret)
{
	struct json_doc doc;
	int r = json_read(json_scratch_mine(), body, &json_limits_default, &doc, NULL);

	if (r)
		return r == -EPROTO ? -ENOTSUP : r;
	r = find_items(&doc, arena, ret);
	json_done(&doc);
	return r;
}

static int weigh_input(struct slice body, const bool *left_out, struct request_facts *facts,
        struct token_counter *t)
{
	struct json_doc doc;
	unsigned i = 0;
	int r = json_read(json_scratch_mine(), body, &json_limits_default, &doc, NULL);

	if (r)
		return r == -EPROTO ? 0 : r;
	if (t)
		memset(t, 0, sizeof(*t));
	const struct json_value *input = json_get(doc.root, "input");
	struct json_iter it = json_iter(input);

	if (is_item(input)) { /* it is the only one */
		it.left = 0;
		if (t)
			openai_count_list(t, input);
	}
	for (; json_next(&it); i++) {
		if (!left_out[i]) {
			if (t)
				openai_count_list(t, it.value);
			continue;
		}
		facts->text_bytes -= json_text_bytes(it.value);
		facts->n_texts--;
	}
	json_done(&doc);
	return 0;
}

/* What is left out goes with the comma that stands behind it; at the list's end with the one before
 * it. */
static int edit_input(const struct embedding_input *in, const bool *left_out, struct edits *edits)
{
	unsigned first = 0, end;
	int r = 0;

	for (; !r && first < in->n; first = end) {
		bool out = left_out[first];

		for (end = first + 1; end < in->n && left_out[end] == out; end++)
			;
		if (!out)
			continue;
		struct span gone = {in->items[first].start, in->items[end - 1].end};
		if (end < in->n)
			gone.end = in->items[end].start;
		else
			gone.start = in->items[first - 1].end;
		r = edits_add(edits, gone, (struct slice){"", 0}, OPENAI_WHO);
	}
	return r;
}

/* ---- what is answered ---- */

enum item_member { ITEM_INDEX, ITEM_EMBEDDING, ITEM_N };
static const struct json_name item_names[ITEM_N] = {
        [ITEM_INDEX] = JSON_NAME("index"),
        [ITEM_EMBEDDING] = JSON_NAME("embedding"),
};

/* Several vectors for one item come as lists in the list. */
static bool is_embedding(const struct json_value *v)
{
	return (json_type(v) == JSON_STRING && json_text(v).len) ||
	       (json_type(v) == JSON_ARRAY && json_count(v));
}

static int read_item(const struct json_doc *doc, const struct places *places,
        const struct json_value *v, struct embedding_answer *ret, struct complaint *why)
{
	const struct json_value *m[ITEM_N], *key;
	struct span place = place_of(places, v), number;
	struct embedding *item;
	uint64_t i;

	if (openai_members(v, item_names, ITEM_N, m, &key))
		return openai_malformed(why, "a key of an embedding is spelled in other letters");
	if (!is_embedding(m[ITEM_EMBEDDING]) || json_to_u64(m[ITEM_INDEX], UINT32_MAX, &i))
		return openai_malformed(why, "an embedding is not there or has no index");
	if (i >= ret->n || ret->items[i].bytes.at)
		return openai_malformed(
		        why, "two embeddings have one index, or one that nobody asked for");
	item = &ret->items[i];
	number = json_token(doc, m[ITEM_INDEX]);
	item->bytes = slice_from(doc->text.at + place.start, place.end - place.start);
	item->number = (struct span){number.start - place.start, number.end - place.start};
	ret->list.start = ret->list.end ? ret->list.start : place.start;
	ret->list.end = place.end;
	return 0;
}

static int read_items(const struct json_doc *doc, const struct places *places,
        struct embedding_answer *ret, struct complaint *why)
{
	const struct json_value *data = json_get(doc->root, "data"),
	                        *model = json_get(doc->root, "model");
	int r = 0;

	if (json_type(data) != JSON_ARRAY || json_count(data) != ret->n)
		return openai_malformed(
		        why, "it has another number of embeddings than was asked for");
	for (struct json_iter it = json_iter(data); !r && json_next(&it);)
		r = read_item(doc, places, it.value, ret, why);
	if (!r && json_type(model) == JSON_STRING) {
		struct span place = json_token(doc, model);

		ret->model = slice_from(doc->text.at + place.start, place.end - place.start);
	}
	return r;
}

/* Where all values stand is known for as long as that takes. */
static int read_places(
        const struct json_doc *doc, struct embedding_answer *ret, struct complaint *why)
{
	struct arena arena;
	struct places places;
	int r;

	arena_init(&arena, PLACES_MAX);
	r = places_find(doc, &arena, &places);
	if (!r)
		r = read_items(doc, &places, ret, why);
	arena_finish(&arena);
	return r;
}

static int read_answer(struct slice text, unsigned n, struct arena *arena,
        struct embedding_answer *ret, struct complaint *why)
{
	struct json_limits limits = json_limits_default;
	struct json_complaint wrong;
	struct json_doc doc;
	int r;

	*ret = (struct embedding_answer){.n = n};
	ret->items = arena_zalloc(arena, n * sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	limits.values = ANSWER_VALUES;
	r = json_read(json_scratch_mine(), text, &limits, &doc, &wrong);
	if (r == -EPROTO)
		return openai_malformed(why, wrong.text);
	if (r)
		return r;
	r = read_places(&doc, ret, why);
	json_done(&doc);
	return r;
}

static struct slice empty_answer(struct slice model, const struct embedding_usage *used,
        struct arena *arena, struct span *ret_list)
{
	static const char before[] = "{\"object\":\"list\",\"data\":[";
	size_t room = sizeof(before) + model.len + 120;
	char *text = arena_alloc(arena, room), usage[96] = "";

	if (!text)
		return (struct slice){NULL, 0};
	if (used->known)
		snprintf(usage, sizeof(usage),
		        ",\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu}",
		        (unsigned long long)used->prompt, (unsigned long long)used->total);
	int len = snprintf(text, room, "%s],\"model\":%.*s%s}", before, SLICE_FMT(model), usage);
	*ret_list = (struct span){sizeof(before) - 1, sizeof(before) - 1};
	return slice_from(text, (size_t)len);
}

int embedding_put(struct buf *b, const struct embedding *item, unsigned number)
{
	struct slice rest = slice_skip(item->bytes, item->number.end);
	int r = buf_put(b, item->bytes.at, item->number.start);

	if (!r)
		r = buf_put_u64(b, number);
	return r ? r : buf_put_slice(b, rest);
}

const struct embedding_ops openai_embeddings = {
        .read_input = read_input,
        .weigh_input = weigh_input,
        .edit_input = edit_input,
        .read_answer = read_answer,
        .empty_answer = empty_answer,
};
