/* SPDX-License-Identifier: Apache-2.0 */
/* openai_keys: keys that only some readers take for one that means something. Go's reader ignores
 * the case of a key and lets the last one count, so "Model" beside "model" is a second model: an
 * object that we read has no key that is another spelling of one we know. Its known members are
 * found in the same walk. */
#pragma once
#include "json/names.h"

#define KEY_FOLDED_MAX 48 /* bytes; longer than any name we know */

/* The key with its letters made small, at == NULL: they are, or it is too long to be any we know.
 * The letters beyond ASCII whose other case is an ASCII letter (U+017F, U+212A, U+0130, U+0131)
 * count as that letter. */
struct slice openai_key_fold(struct slice key, char room[KEY_FOLDED_MAX]);
/* The name that a key which is none of them is in other letters, NULL: none. names: in small
 * letters. */
const char *openai_key_is_odd(
        const struct json_value *key, const struct json_name *names, unsigned n);
/* One walk over an object: values[i] becomes the value of the member names[i]; all are NULL before.
 * The name that one of the keys is in other letters, with that key; NULL: no key is, and only then
 * all values count. */
const char *openai_fill_members(const struct json_value *object, const struct json_name *names,
        unsigned n, const struct json_value **values, const struct json_value **ret_key);

/* The same with the values of what is no object, or has no such member, NULL. n is mostly a
 * constant, and they are made so without a call. */
static inline const char *openai_members(const struct json_value *object,
        const struct json_name *names, unsigned n, const struct json_value **ret,
        const struct json_value **ret_key)
{
	memset(ret, 0, n * sizeof(*ret));
	return json_type(object) == JSON_OBJECT
	               ? openai_fill_members(object, names, n, ret, ret_key)
	               : NULL;
}
