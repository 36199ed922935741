/* SPDX-License-Identifier: Apache-2.0 */
/* quotes: JSON in tests is written with ' for ", so that it can be read. */
#pragma once
#include <assert.h>
#include "base/arena.h"

/* The text with its apostrophes turned into quotes, in the arena. */
static inline struct slice quotes(struct arena *arena, const char *text)
{
	struct slice s = arena_dup(arena, slice_str(text));

	assert(s.at);
	for (char *at = (char *)(uintptr_t)s.at; *at; at++)
		if (*at == '\'')
			*at = '"';
	return s;
}
