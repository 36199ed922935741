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

/* Bytes of a key as a number: eight, or as many as there are; the copy is padded that far. */
static uint64_t key_word(struct slice key)
{
	uint64_t word;

	memcpy(&word, key.at, sizeof(word));
	return key.len < 8 ? word & ((1ull << (8 * key.len)) - 1) : word;
}

static bool key_is_odd(const struct json_value *key, struct slice text, uint32_t key_len)
{
	/* yyjson marks strings of plain ASCII without escapes. */
	bool plain = tree_of(key)->tag & YYJSON_SUBTYPE_NOESC;

	return text.len > key_len || (!plain && memchr(text.at, 0, text.len));
}

/* The first key that is too long, holds NUL or came before, NULL when none is. Most keys of an
 * object differ in a 64-bit filter; those that do not are compared. */
static const struct json_value *few_keys_odd(const struct json_value *object, uint32_t key_len)
{
	const struct json_value *key = tree_inner(object);
	UNINIT const struct json_value *seen[FEW_KEYS];
	unsigned n = tree_count(object);
	uint64_t filter = 0;

	for (unsigned i = 0; i < n; i++) {
		struct slice text = tree_text(key);
		uint64_t word = key_word(text) + text.len;
		uint64_t bit = 1ull << ((word * 0x9e3779b97f4a7c15ull) >> 58);

		if (key_is_odd(key, text, key_len))
			return key;
		if (filter & bit)
			for (unsigned j = 0; j < i; j++)
				if (slice_equals(tree_text(seen[j]), text))
					return key;
		filter |= bit;
		seen[i] = key;
		key = tree_next(tree_inner(key));
	}
	return NULL;
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

static int check_keys(struct json_doc *doc, const struct json_value *object,
        const struct json_limits *limits, struct json_complaint *why)
{
	const struct json_value *key = NULL;
	struct slice text;
	int r = 0;

	if (tree_count(object) > FEW_KEYS)
		r = many_keys_odd(doc, object, limits->key_len, &key);
	else
		key = few_keys_odd(object, limits->key_len);
	if (r || !key)
		return r;
	text = tree_text(key);
	if (text.len > limits->key_len)
		return refuse(doc, key, why, "a key is too long:");
	if (memchr(text.at, 0, text.len))
		return refuse(doc, key, why, "there is a NUL in a key:");
	return refuse(doc, key, why, "a key stands there twice:");
}

/* One walk over the array of values; open containers on a stack of their ends. */
int json_check(struct json_doc *doc, const struct json_limits *limits, struct json_complaint *why)
{
	UNINIT const struct json_value *ends[JSON_DEPTH_MAX];
	const struct json_value *v = doc->root, *end = tree_next(v);
	unsigned depth = 0;

	if (doc->n_values > limits->values)
		return refuse(doc, NULL, why, "the document holds too many values");
	for (; v != end; v = tree_inner(v)) {
		while (depth && ends[depth - 1] == v)
			depth--;
		if (!tree_is_container(v))
			continue;
		if (depth == limits->depth)
			return refuse(doc, NULL, why, "the document is too deep");
		ends[depth++] = tree_next(v);
		if (unsafe_yyjson_is_obj(tree_of(v)) && tree_of(v)->tag >> YYJSON_TAG_BIT) {
			int r = check_keys(doc, v, limits, why);

			if (r)
				return r;
		}
	}
	return 0;
}
