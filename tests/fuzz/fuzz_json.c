/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_json: what is taken has no key twice, is not too deep, and every value stands where places
 * says, so that reading that place alone gives the same value again. */
#include <assert.h>
#include <stdlib.h>
#include "base/buf.h"
#include "json/places.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

#define SMALL 64

static void check_keys(const struct json_value *object)
{
	for (struct json_iter a = json_iter(object); json_next(&a);) {
		assert(json_text(a.key).len <= 1024);
		assert(!memchr(json_text(a.key).at, 0, json_text(a.key).len));
		for (struct json_iter b = a; json_next(&b);)
			assert(!slice_equals(json_text(a.key), json_text(b.key)));
	}
}

/* One value read again, alone in an object of its own. */
static void check_place(struct json_scratch *second, struct slice text, struct span place,
        const struct json_value *v)
{
	struct buf b = BUF_INIT(1 << 24);
	struct json_limits limits = json_limits_default;
	const struct json_value *again;
	struct json_doc doc;
	int r = buf_put_str(&b, "{\"v\":");

	assert(place.start < place.end && place.end <= text.len);
	r |= buf_put(&b, text.at + place.start, place.end - place.start);
	r |= buf_put_char(&b, '}');
	assert(!r);
	r = json_read(second, buf_slice(&b), &limits, &doc, NULL);
	assert(!r);
	again = json_get(doc.root, "v");
	assert(json_type(again) == json_type(v));
	assert(json_count(again) == json_count(v));
	assert(json_is_true(again) == json_is_true(v));
	assert(slice_equals(json_text(again), json_text(v)));
	assert(json_text_bytes(again) == json_text_bytes(v));
	json_done(&doc);
	buf_finish(&b);
}

struct walk {
	const struct json_doc *doc;
	const struct places *places;
	struct json_scratch *second;
	struct arena *arena;
	unsigned left;
};

static void check_value(struct walk *w, const struct json_value *v)
{
	struct span place = place_of(w->places, v);

	check_place(w->second, w->doc->text, place, v);
	if (json_type(v) == JSON_STRING || json_type(v) == JSON_NUMBER) {
		struct span token = json_token(w->doc, v);
		struct slice kept = json_keep(w->doc, v, w->arena);

		assert(token.start == place.start && token.end == place.end);
		assert(!kept.at || slice_equals(kept, json_text(v)));
	}
}

/* Depth is bounded by the reader. */
static void check_tree(struct walk *w, const struct json_value *v, unsigned depth)
{
	assert(depth <= JSON_DEPTH_MAX);
	if (!w->left)
		return;
	w->left--;
	check_value(w, v);
	if (json_type(v) == JSON_OBJECT && json_count(v) <= SMALL)
		check_keys(v);
	for (struct json_iter it = json_iter(v); json_next(&it);) {
		if (it.key && w->left)
			check_value(w, it.key);
		check_tree(w, it.value, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct json_scratch first, second;
	struct json_limits limits = json_limits_default;
	struct json_complaint why = {0};
	struct arena arena;
	struct places places;
	struct json_doc doc;

	limits.depth--; /* what is checked is read again one level deeper */
	if (json_read(&first, slice_from(at, len), &limits, &doc, &why)) {
		assert(why.text[0] && why.at <= len);
		return 0;
	}
	arena_init(&arena, 1 << 24);
	if (!places_find(&doc, &arena, &places)) {
		struct walk w = {&doc, &places, &second, &arena, 2000};

		check_tree(&w, doc.root, 0);
	}
	json_done(&doc);
	arena_finish(&arena);
	return 0;
}
