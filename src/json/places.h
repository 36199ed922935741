/* SPDX-License-Identifier: Apache-2.0 */
/* places: where every value and key of a document stands in its text. Made only when something is
 * edited: strings and numbers know their places without it (json_token). */
#pragma once
#include "json/json.h"

struct places {
	const struct json_doc *doc; /* borrowed */
	const struct span *spans; /* in the arena: one a value, keys included, in document order */
};

/* 0 or -ENOMEM. Lives as long as the arena and the document. */
int places_find(const struct json_doc *doc, struct arena *arena, struct places *ret);
struct span place_of(
        const struct places *p, const struct json_value *v); /* strings with their quotes */
