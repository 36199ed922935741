/* SPDX-License-Identifier: Apache-2.0 */
/* names: which of the names that somebody knows a key is. A name is padded with NULs, so that its
 * first eight bytes are compared as one number, and nearly every key is told by that alone. */
#pragma once
#include "json/json.h"

struct json_name {
	char text[31];
	uint8_t len;
};

#define JSON_NAME(literal)                                                                         \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}

/* A key is always a string. */
static inline struct slice json_key_text(const struct json_value *key)
{
	return (struct slice){key->text, key->tag >> 8};
}

/* The first eight bytes of a key, or as many as it has and NULs. Whole words may be read at any
 * key: a document has that much room behind it. */
static inline uint64_t json_key_word(const struct json_value *key)
{
	size_t len = key->tag >> 8;
	uint64_t word;

	memcpy(&word, key->text, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return len < 8 ? word & ((1ull << (8 * len)) - 1) : word;
#else
	return len < 8 ? word & ~(UINT64_MAX >> (8 * len)) : word;
#endif
}

/* Of two texts that are equally long, and longer than eight bytes of which the first eight are the
 * same. */
static inline bool json_rest_is(const char *a, const char *b, size_t len)
{
	for (size_t i = 8; i < len; i += 8) {
		size_t from = i + 8 <= len ? i : len - 8;
		uint64_t x, y;

		memcpy(&x, a + from, sizeof(x));
		memcpy(&y, b + from, sizeof(y));
		if (x != y)
			return false;
	}
	return true;
}

static inline bool json_name_is(
        const struct json_name *name, const struct json_value *key, uint64_t key_word)
{
	size_t len = key->tag >> 8;
	uint64_t word;

	memcpy(&word, name->text, sizeof(word));
	return word == key_word && name->len == len &&
	       (len <= 8 || json_rest_is(name->text, key->text, len));
}

/* The place of the key among n names, n: it is none of them. Members mostly come in the order that
 * their names are written down in: begins at from, the place behind the one found last. */
static inline unsigned json_name_find(
        const struct json_name *names, unsigned n, unsigned from, const struct json_value *key)
{
	uint64_t word = json_key_word(key);

	for (unsigned i = from; i < n; i++)
		if (json_name_is(&names[i], key, word))
			return i;
	for (unsigned i = 0; i < from; i++)
		if (json_name_is(&names[i], key, word))
			return i;
	return n;
}
