/* SPDX-License-Identifier: Apache-2.0 */
/* openai_keys: keys that only some readers take for one that means something. Go's reader ignores
 * the case of a key and lets the last one count, so "Model" beside "model" is a second model: an
 * object that we read has no key that is another spelling of one we know. */
#pragma once
#include "json/json.h"

#define KEY_FOLDED_MAX 48 /* bytes; longer than any name we know */

/* The key with its letters made small, at == NULL: they are, or it is too long to be any we know.
 * The letters beyond ASCII whose other case is an ASCII letter (U+017F, U+212A, U+0130, U+0131)
 * count as that letter. */
struct slice openai_key_fold(struct slice key, char room[KEY_FOLDED_MAX]);
/* The name that one of the object's keys is in other letters, NULL: none is, or it is no object.
 * names: in small letters, ended by NULL. */
const char *openai_odd_key(
        const struct json_value *object, const char *const *names, struct slice *ret_key);
