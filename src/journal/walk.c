/* SPDX-License-Identifier: Apache-2.0 */
/* walk: see walk.h. */
#include "journal/walk.h"
#include "journal/pack.h"

struct walked walk_value(struct walk *w)
{
	struct walked v = {.type = WALKED_OTHER};
	uint8_t c = (uint8_t)walk_number(w, 1);

	if (c < 0x80)
		return (struct walked){.type = WALKED_UINT, .number = c};
	if (c >= 0xcc && c < 0xd0)
		return (struct walked){
		        .type = WALKED_UINT, .number = walk_number(w, 1u << (c - 0xcc))};
	if (c >= 0xe0)
		return (struct walked){
		        .type = WALKED_NEGATIVE, .number = (uint64_t)(int64_t)(int8_t)c};
	if (c < 0x90)
		return (struct walked){.type = WALKED_MAP, .number = c & 15};
	if (c < 0xa0)
		return (struct walked){.type = WALKED_ARRAY, .number = c & 15};
	if (c < 0xc0)
		return (struct walked){.type = WALKED_STR, .bytes = walk_bytes(w, c & 31)};
	switch (c) {
	case 0xc0:
		v.type = WALKED_NIL;
		break;
	case 0xc1: /* never used */
		w->bad = true;
		break;
	case 0xc2:
	case 0xc3:
		v.type = WALKED_BOOL;
		v.number = c & 1;
		break;
	case 0xc4:
	case 0xc5:
	case 0xc6:
		v.type = WALKED_BIN;
		v.bytes = walk_bytes(w, walk_number(w, 1u << (c - 0xc4)));
		break;
	case 0xc7:
	case 0xc8:
	case 0xc9:
		walk_bytes(w, walk_number(w, 1u << (c - 0xc7)) + 1);
		break;
	case 0xca:
	case 0xcb:
		walk_bytes(w, c == 0xca ? 4 : 8);
		break;
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3: {
		unsigned len = 1u << (c - 0xd0), shift = 64 - 8 * len;

		v.number = (uint64_t)((int64_t)(walk_number(w, len) << shift) >> shift);
		v.type = v.number >> 63 ? WALKED_NEGATIVE : WALKED_UINT;
		break;
	}
	case 0xd4:
	case 0xd5:
	case 0xd6:
	case 0xd7:
	case 0xd8:
		walk_bytes(w, 1 + (1u << (c - 0xd4)));
		break;
	case 0xd9:
	case 0xda:
	case 0xdb:
		v.type = WALKED_STR;
		v.bytes = walk_bytes(w, walk_number(w, 1u << (c - 0xd9)));
		break;
	case 0xdc:
	case 0xdd:
		v.type = WALKED_ARRAY;
		v.number = walk_number(w, c == 0xdc ? 2 : 4);
		break;
	default:
		v.type = WALKED_MAP;
		v.number = walk_number(w, c == 0xde ? 2 : 4);
		break;
	}
	return v;
}

void walk_skip(struct walk *w, struct walked v, unsigned depth)
{
	uint64_t n = v.type == WALKED_ARRAY ? v.number : v.type == WALKED_MAP ? 2 * v.number : 0;

	if (n && depth == RECORD_DEPTH_MAX)
		w->bad = true;
	while (n-- && !w->bad)
		walk_skip(w, walk_value(w), depth + 1);
}
