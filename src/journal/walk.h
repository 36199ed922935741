/* SPDX-License-Identifier: Apache-2.0 */
/* walk: msgpack values, one after the other. What is declared costs nothing until its bytes are
 * there: a list of 2^32 elements ends where the bytes end. */
#pragma once
#include <endian.h>
#include "base/slice.h"

enum walked_type {
	WALKED_NIL,
	WALKED_BOOL,
	WALKED_UINT,
	WALKED_NEGATIVE,
	WALKED_STR,
	WALKED_BIN,
	WALKED_ARRAY,
	WALKED_MAP,
	WALKED_OTHER
};

struct walked {
	enum walked_type type;
	uint64_t number; /* BOOL, UINT; NEGATIVE as two's complement; ARRAY and MAP: elements, pairs
	                  */
	struct slice bytes; /* STR, BIN */
};

struct walk {
	const uint8_t *at, *end;
	bool bad; /* it ended too early, or holds what is no msgpack */
};

/* Of 1, 2, 4 or 8 bytes. */
static inline uint64_t walk_number(struct walk *w, unsigned len)
{
	const uint8_t *at = w->at;
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	if ((size_t)(w->end - w->at) < len) {
		w->bad = true;
		return 0;
	}
	w->at += len;
	switch (len) {
	case 1:
		return *at;
	case sizeof(two):
		memcpy(&two, at, sizeof(two));
		return be16toh(two);
	case sizeof(four):
		memcpy(&four, at, sizeof(four));
		return be32toh(four);
	default:
		memcpy(&eight, at, sizeof(eight));
		return be64toh(eight);
	}
}

static inline struct slice walk_bytes(struct walk *w, uint64_t len)
{
	struct slice s = {(const char *)w->at, (size_t)len};

	if ((uint64_t)(w->end - w->at) < len) {
		w->bad = true;
		return (struct slice){"", 0};
	}
	w->at += len;
	return s;
}

/* The value in place, without the elements of a list or map. What is of no use here (floats,
 * extensions) is passed over. */
struct walked walk_value(struct walk *w);
/* The elements of v, whose head was taken. */
void walk_skip(struct walk *w, struct walked v, unsigned depth);

/* Most keys and texts are short, and say so in their first byte. */
static inline struct slice walk_text(struct walk *w)
{
	struct walked v;

	if (w->at < w->end && (*w->at & 0xe0) == 0xa0)
		return walk_bytes(w, *w->at++ & 31u);
	v = walk_value(w);
	w->bad |= v.type != WALKED_STR;
	return v.bytes;
}
