/* SPDX-License-Identifier: Apache-2.0 */
/* check: what yyjson lets through and we do not: depth, number of values, keys that are too long,
 * hold NUL, or come twice. */
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

/* A container that the walk is in. */
struct level {
	const struct json_value *end;
	/* Of an object of few keys the first one, which are looked at as they come; else NULL. */
	const struct json_value *keys;
	uint64_t seen; /* a bit for each key that came */
};

static bool key_came(const struct json_value *first, const struct json_value *key)
{
	struct slice text = tree_text(key);

	for (; first != key; first = tree_next(tree_inner(first)))
		if (slice_equals(tree_text(first), text))
			return true;
	return false;
}

/* One of 64 bits, by the key's length and two of its bytes. An empty one has its closing quote. */
static inline uint64_t key_bit(struct slice key)
{
	size_t first = (unsigned char)key.at[0], middle = (unsigned char)key.at[key.len / 2];

	return 1ull << ((first + middle * 5 + key.len * 3) & 63);
}

/* Most keys of an object differ in their bit; those that do not are compared. */
static inline bool key_is_refused(struct level *in, const struct json_value *key, uint32_t key_len)
{
	struct slice text = tree_text(key);
	uint64_t bit = key_bit(text);

	if (key_is_odd(key, text, key_len) || (in->seen & bit && key_came(in->keys, key)))
		return true;
	in->seen |= bit;
	return false;
}

static int level_enter(struct level *in, struct json_doc *doc, const struct json_value *v,
        const struct json_limits *limits, struct json_complaint *why)
{
	const struct json_value *key = NULL;
	int r = 0;

	*in = (struct level){.end = tree_next(v)};
	if (!unsafe_yyjson_is_obj(tree_of(v)))
		return 0;
	if (tree_count(v) <= FEW_KEYS)
		in->keys = tree_inner(v);
	else
		r = many_keys_odd(doc, v, limits->key_len, &key);
	return key && !r ? refuse_key(doc, key, limits, why) : r;
}

/* One walk over the array of values, with the open containers on a stack. */
int json_check(struct json_doc *doc, const struct json_limits *limits, struct json_complaint *why)
{
	UNINIT struct level levels[JSON_DEPTH_MAX + 1];
	struct level *in = levels;
	int r;

	if (doc->n_values > limits->values)
		return refuse(doc, NULL, why, "the document holds too many values");
	*in = (struct level){.end = tree_next(doc->root)};
	for (const struct json_value *v = doc->root;; v = tree_inner(v)) {
		while (v == in->end)
			if (in-- == levels)
				return 0;
		if (in->keys) {
			if (key_is_refused(in, v, limits->key_len))
				return refuse_key(doc, v, limits, why);
			v = tree_inner(v);
		}
		if (!tree_is_container(v))
			continue;
		if (in == levels + limits->depth)
			return refuse(doc, NULL, why, "the document is too deep");
		r = level_enter(++in, doc, v, limits, why);
		if (r)
			return r;
	}
}
