/* SPDX-License-Identifier: Apache-2.0 */
/* script_words: how keys and numbers are written for the scripts. Each writes at *at, moves it on,
 * and returns what it wrote. */
#pragma once
#include "base/decimal.h"
#include "base/slice.h"

#define EXACT_MAX 9007199254740991ull /* Lua's numbers tell integers up to this one apart */
#define KEY_AROUND 16u                /* what a key has besides group and name */

static inline struct slice script_text(char **at, struct slice s)
{
	struct slice copy = slice_from(*at, s.len);

	bytes_copy(*at, s.at, s.len);
	*at += s.len;
	return copy;
}

/* What is greater than EXACT_MAX becomes that. */
static inline struct slice script_number(char **at, uint64_t number)
{
	char *from = *at;

	*at += decimal_put(number < EXACT_MAX ? number : EXACT_MAX, *at);
	return slice_from(from, (size_t)(*at - from));
}

/* Keys of a group lie on one node of a cluster: its name is their hash tag. kind: "}:v:" and such.
 */
static inline struct slice script_key(
        char **at, struct slice group, struct slice kind, struct slice name)
{
	char *from = *at;

	script_text(at, SLICE("weir:{"));
	script_text(at, group);
	script_text(at, kind);
	script_text(at, name);
	return slice_from(from, (size_t)(*at - from));
}
