/* SPDX-License-Identifier: Apache-2.0 */
/* check: what yyjson lets through and we do not: depth, number of values, keys that are too long,
 * hold NUL, or come twice. The same walk counts the text in each container. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include "base/map.h"
#include "base/mem.h"
#include "json/tree.h"

#define FEW_KEYS 16u /* up to here they are compared one with another */

/* wrong comes before the key where there is one. */
static int refuse(const struct json_doc *doc, const struct json_value *key,
        struct json_complaint *why, const char *wrong)
{
	struct slice text = key ? tree_text(key) : SLICE("");
	char shown[41];
	size_t n = 0;

	if (!why)
		return -EPROTO;
	while (n < text.len && n < sizeof(shown) - 1 && text.at[n] > ' ' && text.at[n] < 127 &&
	        text.at[n] != '"' && text.at[n] != '\\') {
		shown[n] = text.at[n];
		n++;
	}
	shown[n] = '\0';
	why->at = key ? (size_t)(text.at - doc->scratch->copy) : 0;
	if (key)
		snprintf(why->text, sizeof(why->text), "%s \"%s\"", wrong, shown);
	else
		snprintf(why->text, sizeof(why->text), "%s", wrong);
	return -EPROTO;
}

static bool key_is_odd(const struct json_value *key, struct slice text, uint32_t key_len)
{
	/* yyjson marks strings of plain ASCII without escapes. */
	bool plain = tree_of(key)->tag & YYJSON_SUBTYPE_NOESC;

	return text.len > key_len || (!plain && memchr(text.at, 0, text.len));
}

/* An entry of the set: upper half of the hash, and the key's place in the object plus one. */
static int set_reserve(struct json_scratch *s, size_t n_keys)
{
	size_t cap = 64;
	uint64_t *set;

	while (cap < n_keys * 2)
		cap *= 2;
	if (cap > s->cap_set) {
		set = mem_alloc(cap * sizeof(*set));
		if (!set)
			return -ENOMEM;
		mem_free(s->set);
		s->set = set;
		s->cap_set = cap;
	}
	memset(s->set, 0, cap * sizeof(*s->set));
	return 0;
}

/* The same for many. The hash is keyed: whoever chooses the keys cannot make them collide. */
static int many_keys_odd(struct json_doc *doc, const struct json_value *object, uint32_t key_len,
        const struct json_value **ret_key)
{
	struct json_scratch *s = doc->scratch;
	size_t mask = 64;
	int r = set_reserve(s, tree_count(object));

	if (r)
		return r;
	while (mask < (size_t)tree_count(object) * 2)
		mask *= 2;
	mask--;
	for (struct json_iter it = json_iter(object); json_next(&it);) {
		struct slice key = tree_text(it.key);
		uint64_t hash = hash_bytes(key), high = hash & ~(uint64_t)UINT32_MAX;
		size_t i = hash & mask;

		*ret_key = it.key;
		if (key_is_odd(it.key, key, key_len))
			return 0;
		for (; s->set[i]; i = (i + 1) & mask) {
			size_t index = (uint32_t)s->set[i] - 1;
			const struct json_value *other =
			        (const struct json_value *)(tree_of(doc->root) + index);

			if ((s->set[i] & ~(uint64_t)UINT32_MAX) == high &&
			        slice_equals(tree_text(other), key))
				return 0;
		}
		s->set[i] = high | (uint32_t)(tree_index(doc, it.key) + 1);
	}
	*ret_key = NULL;
	return 0;
}

/* key: one that must not be there. */
static int refuse_key(const struct json_doc *doc, const struct json_value *key,
        const struct json_limits *limits, struct json_complaint *why)
{
	struct slice text = tree_text(key);

	if (text.len > limits->key_len)
		return refuse(doc, key, why, "a key is too long:");
	if (memchr(text.at, 0, text.len))
		return refuse(doc, key, why, "there is a NUL in a key:");
	return refuse(doc, key, why, "a key stands there twice:");
}

static bool key_came(const struct json_value *first, const struct json_value *key)
{
	struct slice text = tree_text(key);

	for (; first != key; first = json_behind(first + 1))
		if (slice_equals(tree_text(first), text))
			return true;
	return false;
}

/* One of 64 numbers, by the key's length and two of its bytes. An empty one has its closing quote.
 */
static inline unsigned key_kind(struct slice key)
{
	unsigned first = (unsigned char)key.at[0], middle = (unsigned char)key.at[key.len / 2];

	return (first + middle * 4 + (unsigned)key.len * 8 + (unsigned)key.len) & 63;
}

/* A container that the walk is in. */
struct level {
	const struct json_value *end;
	/* Of an object of few keys the first one, which are looked at as they come; else NULL. */
	const struct json_value *keys;
	uint64_t seen; /* a bit for each kind of key that came */
};

/* Most keys of an object differ in their kind; those that do not are compared. */
static inline bool key_is_refused(struct level *in, const struct json_value *key, uint32_t key_len)
{
	struct slice text = tree_text(key);
	uint64_t bit = 1ull << key_kind(text);

	if (key_is_odd(key, text, key_len) || (in->seen & bit && key_came(in->keys, key)))
		return true;
	in->seen |= bit;
	return false;
}

/* The keys of an object of many are looked at here. */
static __attribute__((noinline)) int many_keys_check(struct json_doc *doc,
        const struct json_value *object, const struct json_limits *limits,
        struct json_complaint *why)
{
	const struct json_value *key = NULL;
	int r = many_keys_odd(doc, object, limits->key_len, &key);

	return key && !r ? refuse_key(doc, key, limits, why) : r;
}

/* One more than have a place says that there are others. */
static inline void odd_note(struct json_doc *doc, const struct json_value *v)
{
	struct json_scratch *s = doc->scratch;

	if (s->n_odd > JSON_ODD_MAX)
		return;
	if (s->n_odd < JSON_ODD_MAX)
		s->odd[s->n_odd] = (uint32_t)tree_index(doc, v);
	s->n_odd++;
}

/* One walk over the array of values, with the containers around this one on a stack. */
int json_check(struct json_doc *doc, const struct json_limits *limits, struct json_complaint *why)
{
	UNINIT struct {
		struct level level;
		struct json_value *container; /* in it; there is kept what came before */
	} outer[JSON_DEPTH_MAX], *top = outer, *deepest = outer + limits->depth;
	struct level in = {.end = json_behind(doc->root)};
	uint32_t key_len = limits->key_len;
	uint64_t bytes = 0;
	int r = 0;

	doc->scratch->n_odd = 0;
	if (doc->n_values > limits->values)
		return refuse(doc, NULL, why, "the document holds too many values");
	for (struct json_value *v = tree_mine(doc->root); !r; v++) {
		unsigned tag;

		while (v == in.end) {
			if (top == outer)
				return 0;
			top--;
			top->container->text_bytes = (uint32_t)bytes - top->container->text_bytes;
			in = top->level;
		}
		if (in.keys) {
			if (key_is_refused(&in, v, key_len))
				return refuse_key(doc, v, limits, why);
			bytes += v->tag >> 8;
			v++;
		}
		tag = v->tag & 7;
		if (tag == JSON_TAG_STRING) {
			bytes += v->tag >> 8;
			continue;
		}
		if (tag < JSON_TAG_STRING) {
			odd_note(doc, v);
			bytes += tag == JSON_TAG_NUMBER ? JSON_NUMBER_BYTES : 0;
			continue;
		}
		if (top == deepest)
			return refuse(doc, NULL, why, "the document is too deep");
		top->level = in;
		top->container = v;
		v->text_bytes = (uint32_t)bytes;
		top++;
		if (!tree_count(v))
			odd_note(doc, v);
		in.end = tree_end(v);
		in.keys = NULL;
		in.seen = 0;
		if (tag == JSON_TAG_OBJECT && tree_count(v) <= FEW_KEYS)
			in.keys = v + 1;
		else if (tag == JSON_TAG_OBJECT)
			r = many_keys_check(doc, v, limits, why);
	}
	return r;
}
