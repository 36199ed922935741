/* SPDX-License-Identifier: Apache-2.0 */
/* header_set: known headers as bits, so that a head's way through costs one look a header instead of a comparison a name. */
#pragma once
#include "weir/head.h"

_Static_assert(HEADER_N <= 64, "a bit for each known header");

#define HEADER_BIT(name) ((uint64_t)1 << HEADER_##name)

static inline bool header_set_has(uint64_t set, enum header_id id)
{
	return set >> id & 1;
}

/* Names that are not known begin like Weir's own. The third letter alone tells most of them. */
static inline bool name_is_of_weir(struct slice name)
{
	struct slice ours = SLICE("x-weir");

	return name.len >= ours.len && (name.at[2] | 0x20) == 'w' &&
	       slice_equals_nocase((struct slice){name.at, ours.len}, ours);
}

/* Those whose names are Weir's own. */
static inline uint64_t header_set_of_weir(void)
{
#define H(id, name) (__builtin_strncmp(name, "x-weir-", 7) ? 0 : HEADER_BIT(id)) |
	return HEADERS(H) 0;
#undef H
}
