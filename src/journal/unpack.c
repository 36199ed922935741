/* SPDX-License-Identifier: Apache-2.0 */
/* unpack: msgpack into an entry. What is declared costs nothing until its bytes are there: a list
 * of 2^32 elements ends where the record ends. */
#include "journal/pack.h"
#include <endian.h>
#include <errno.h>
#include "base/mem.h"

enum value_type {
	VALUE_NIL,
	VALUE_BOOL,
	VALUE_UINT,
	VALUE_NEGATIVE,
	VALUE_STR,
	VALUE_BIN,
	VALUE_ARRAY,
	VALUE_MAP,
	VALUE_OTHER
};

struct value {
	enum value_type type;
	uint64_t number; /* BOOL, UINT; NEGATIVE as two's complement; ARRAY and MAP: elements, pairs
	                  */
	struct slice bytes; /* STR, BIN */
};

struct walk {
	const uint8_t *at, *end;
	bool bad; /* it ended too early, or holds what is no msgpack */
};

/* Of 1, 2, 4 or 8 bytes. */
static uint64_t take_number(struct walk *w, unsigned len)
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

static struct slice take_bytes(struct walk *w, uint64_t len)
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
static struct value take(struct walk *w)
{
	struct value v = {.type = VALUE_OTHER};
	uint8_t c = (uint8_t)take_number(w, 1);

	if (c < 0x80)
		return (struct value){.type = VALUE_UINT, .number = c};
	if (c >= 0xcc && c < 0xd0)
		return (struct value){
		        .type = VALUE_UINT, .number = take_number(w, 1u << (c - 0xcc))};
	if (c >= 0xe0)
		return (struct value){
		        .type = VALUE_NEGATIVE, .number = (uint64_t)(int64_t)(int8_t)c};
	if (c < 0x90)
		return (struct value){.type = VALUE_MAP, .number = c & 15};
	if (c < 0xa0)
		return (struct value){.type = VALUE_ARRAY, .number = c & 15};
	if (c < 0xc0)
		return (struct value){.type = VALUE_STR, .bytes = take_bytes(w, c & 31)};
	switch (c) {
	case 0xc0:
		v.type = VALUE_NIL;
		break;
	case 0xc1: /* never used */
		w->bad = true;
		break;
	case 0xc2:
	case 0xc3:
		v.type = VALUE_BOOL;
		v.number = c & 1;
		break;
	case 0xc4:
	case 0xc5:
	case 0xc6:
		v.type = VALUE_BIN;
		v.bytes = take_bytes(w, take_number(w, 1u << (c - 0xc4)));
		break;
	case 0xc7:
	case 0xc8:
	case 0xc9:
		take_bytes(w, take_number(w, 1u << (c - 0xc7)) + 1);
		break;
	case 0xca:
	case 0xcb:
		take_bytes(w, c == 0xca ? 4 : 8);
		break;
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3: {
		unsigned len = 1u << (c - 0xd0), shift = 64 - 8 * len;

		v.number = (uint64_t)((int64_t)(take_number(w, len) << shift) >> shift);
		v.type = v.number >> 63 ? VALUE_NEGATIVE : VALUE_UINT;
		break;
	}
	case 0xd4:
	case 0xd5:
	case 0xd6:
	case 0xd7:
	case 0xd8:
		take_bytes(w, 1 + (1u << (c - 0xd4)));
		break;
	case 0xd9:
	case 0xda:
	case 0xdb:
		v.type = VALUE_STR;
		v.bytes = take_bytes(w, take_number(w, 1u << (c - 0xd9)));
		break;
	case 0xdc:
	case 0xdd:
		v.type = VALUE_ARRAY;
		v.number = take_number(w, c == 0xdc ? 2 : 4);
		break;
	default:
		v.type = VALUE_MAP;
		v.number = take_number(w, c == 0xde ? 2 : 4);
		break;
	}
	return v;
}

/* Most keys and texts are short, and say so in their first byte. */
static inline struct slice take_text(struct walk *w)
{
	struct value v;

	if (w->at < w->end && (*w->at & 0xe0) == 0xa0)
		return take_bytes(w, *w->at++ & 31u);
	v = take(w);
	w->bad |= v.type != VALUE_STR;
	return v.bytes;
}

/* The elements of v, whose head was taken. */
static void skip_inside(struct walk *w, struct value v, unsigned depth)
{
	uint64_t n = v.type == VALUE_ARRAY ? v.number : v.type == VALUE_MAP ? 2 * v.number : 0;

	if (n && depth == RECORD_DEPTH_MAX)
		w->bad = true;
	while (n-- && !w->bad)
		skip_inside(w, take(w), depth + 1);
}

static const struct field *find_name(const struct shape *s, struct slice name, unsigned *hint)
{
	for (unsigned i = 0; i < s->n; i++) {
		unsigned at = *hint + i < s->n ? *hint + i : *hint + i - s->n;

		if (s->fields[at].len == name.len &&
		        bytes_equal(s->fields[at].name, name.at, name.len)) {
			*hint = at + 1;
			return &s->fields[at];
		}
	}
	return NULL;
}

/* The member whose key comes next; NULL: not known. A number of one byte, or a name. */
static const struct field *take_key(struct walk *w, const struct shape *s, unsigned *hint)
{
	struct slice name;

	if (w->at < w->end && *w->at < 0x80) {
		unsigned number = *w->at++;

		return s && number && number <= s->n ? &s->fields[number - 1] : NULL;
	}
	name = take_text(w);
	return s && !w->bad ? find_name(s, name, hint) : NULL;
}

static int open_user(struct unpack *u, struct slice sealed, struct slice *ret)
{
	for (unsigned i = 0; i < u->n_seals; i++) {
		if (!seal_knows(u->seals[i], sealed) ||
		        sealed.len - SEAL_OVERHEAD > sizeof(u->user))
			continue;
		int r = seal_open(u->seals[i], sealed, u->user);
		if (r == 0)
			*ret = slice_from(u->user, sealed.len - SEAL_OVERHEAD);
		return r == -EBADMSG ? 0 : r; /* shown as sealed */
	}
	return 0;
}

static int take_members(
        struct unpack *u, struct walk *w, const struct shape *s, uint64_t n, void *ret);

static int take_list(
        struct unpack *u, struct walk *w, const struct field *f, uint64_t n, void *entry)
{
	size_t size = f->of->size;
	int r;

	/* An element takes a byte at least. */
	if (n > RECORD_ITEMS_MAX || n > (uint64_t)(w->end - w->at))
		return -EBADMSG;
	r = buf_reserve(&u->lists, n * size);
	if (r)
		return r;
	char *items = buf_tail(&u->lists);
	if (n)
		memset(items, 0, n * size);
	buf_commit(&u->lists, n * size);
	for (uint64_t i = 0; !r && i < n; i++) {
		struct value v = take(w);

		r = v.type == VALUE_MAP ? take_members(u, w, f->of, v.number, items + i * size)
		                        : -EBADMSG;
	}
	*(const void **)((char *)entry + f->offset) = items;
	*(unsigned *)((char *)entry + f->other) = (unsigned)n;
	return r;
}

/* Most numbers are unsigned, and most of those small. False: it is another type. */
static inline bool take_unsigned(struct walk *w, uint64_t *ret)
{
	struct value v;

	if (w->at < w->end && *w->at < 0x80) {
		*ret = *w->at++;
		return true;
	}
	v = take(w);
	*ret = v.number;
	return v.type == VALUE_UINT;
}

static int take_member(struct unpack *u, struct walk *w, const struct field *f, void *entry)
{
	void *at = (char *)entry + f->offset;
	struct value v;
	uint64_t number;

	switch ((enum field_type)f->type) {
	case FIELD_TEXT:
	case FIELD_CALL:
		*(struct slice *)at = take_text(w);
		return 0;
	case FIELD_U32:
		if (!take_unsigned(w, &number) || number > UINT32_MAX)
			return -EBADMSG;
		*(uint32_t *)at = (uint32_t)number;
		return 0;
	case FIELD_U64:
	case FIELD_TIME:
	case FIELD_DURATION:
		return take_unsigned(w, at) ? 0 : -EBADMSG;
	default:
		break;
	}
	v = take(w);
	switch ((enum field_type)f->type) {
	case FIELD_BYTES:
	case FIELD_BLOB:
		*(struct slice *)at = v.bytes;
		return v.type == VALUE_BIN ? 0 : -EBADMSG;
	case FIELD_USER:
		*(struct slice *)((char *)entry + f->other) = v.bytes;
		return v.type == VALUE_BIN ? open_user(u, v.bytes, at) : -EBADMSG;
	case FIELD_BOOL:
		*(bool *)at = v.number == 1;
		return v.type == VALUE_BOOL ? 0 : -EBADMSG;
	case FIELD_MONEY:
		*(nanousd *)at = (nanousd)v.number;
		return v.type == VALUE_NEGATIVE || (v.type == VALUE_UINT && v.number <= INT64_MAX)
		               ? 0
		               : -EBADMSG;
	case FIELD_LIST:
		return v.type == VALUE_ARRAY ? take_list(u, w, f, v.number, entry) : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

/* s is NULL for a kind that is not known: its members are passed over. */
static int take_members(
        struct unpack *u, struct walk *w, const struct shape *s, uint64_t n, void *ret)
{
	uint64_t seen = 0;
	unsigned hint = 0;

	for (; n; n--) {
		const struct field *f = take_key(w, s, &hint);
		int r = 0;

		if (w->bad)
			return -EBADMSG;
		if (f && seen >> (f - s->fields) & 1)
			return -EBADMSG;
		if (f) {
			seen |= UINT64_C(1) << (f - s->fields);
			r = take_member(u, w, f, ret);
		} else {
			skip_inside(w, take(w), 0);
		}
		if (w->bad || r)
			return w->bad ? -EBADMSG : r;
	}
	return 0;
}

/* What FIELD_CALL leaves out. */
static void fill_calls(struct entry *e)
{
	if (e->kind == ENTRY_RESERVATION && !e->reservation.request_id.len)
		e->reservation.request_id = call_of_attempt(e->reservation.id);
	else if (e->kind == ENTRY_SETTLEMENT && !e->settlement.request_id.len)
		e->settlement.request_id = call_of_attempt(e->settlement.id);
}

int entry_unpack(struct unpack *u, struct slice record, struct entry *ret)
{
	struct walk w = {
	        (const uint8_t *)record.at, (const uint8_t *)record.at + record.len, false};
	struct value map = take(&w), key, kind;
	int r;

	if (map.type != VALUE_MAP || !map.number)
		return -EBADMSG;
	key = take(&w);
	kind = take(&w);
	if (w.bad || key.type != VALUE_STR || !slice_is(key.bytes, "kind") ||
	        kind.type != VALUE_UINT || kind.number > UINT32_MAX)
		return -EBADMSG;
	*ret = (struct entry){.kind = (uint32_t)kind.number};
	buf_clear(&u->lists);
	/* One list a record: what is in it does not move. */
	r = take_members(u, &w, shape_of(ret->kind), map.number - 1, &ret->segment);
	fill_calls(ret);
	return r ? r : w.at == w.end ? 0 : -EBADMSG;
}

void unpack_finish(struct unpack *u)
{
	buf_finish(&u->lists);
	explicit_bzero(u->user, sizeof(u->user));
}
