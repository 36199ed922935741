/* SPDX-License-Identifier: Apache-2.0 */
/* pack: an entry into msgpack. Room for the largest record is there before it is begun, so that
 * packing cannot fail half way; members that say nothing are left out, so their number is put in
 * afterwards. */
#include "journal/pack.h"
#include <assert.h>
#include <errno.h>
#include <endian.h>
#include "base/mem.h"
#include "journal/put.h"
#include "journal/shape_rows.h"

#define TAIL_ROOM 64 /* for what follows a list that was cut, and for the map's own head */

struct packing {
	struct put to;
	const char *limit;   /* no element of a list goes beyond */
	struct users *users; /* borrowed */
	uint8_t key;         /* number of the member that is put next */
	bool may_cut, cut;
};

static inline void put_key(struct packing *p)
{
	*p->to.at++ = (char)p->key;
}

/* 0, 1: left out, or -EMSGSIZE. */
static int put_slice(struct packing *p, const struct field *f, struct slice text)
{
	if (!text.len)
		return 1;
	if (text.len > (f->type == FIELD_BLOB ? ENTRY_BLOB_MAX : ENTRY_TEXT_MAX)) {
		if (!p->may_cut)
			return -EMSGSIZE;
		text.len = ENTRY_TEXT_MAX;
		p->cut = true;
	}
	put_key(p);
	if (f->type == FIELD_BYTES || f->type == FIELD_BLOB)
		put_bin(&p->to, text.len);
	else
		put_str(&p->to, text.len);
	put_append(&p->to, text.at, text.len);
	return 0;
}

static int put_call(struct packing *p, const struct field *f, struct slice call, struct slice id)
{
	return slice_equals(call, call_of_attempt(id)) ? 1 : put_slice(p, f, call);
}

/* Of a call that another process began: no key is needed that this one may not have. */
static int put_sealed_user(struct packing *p, struct slice sealed)
{
	if (sealed.len > ENTRY_USER_MAX + SEAL_OVERHEAD) {
		p->cut = true;
		return 1;
	}
	put_key(p);
	put_bin(&p->to, sealed.len);
	put_append(&p->to, sealed.at, sealed.len);
	return 0;
}

static int put_user(struct packing *p, struct slice user, struct slice as_read)
{
	uint8_t room[ENTRY_USER_MAX + SEAL_OVERHEAD] UNINIT;
	const uint8_t *sealed;

	if (as_read.len)
		return put_sealed_user(p, as_read);
	if (!user.len)
		return 1;
	if (user.len > ENTRY_USER_MAX) {
		user.len = ENTRY_USER_MAX;
		p->cut = true;
	}
	assert(p->users);
	sealed = users_seal(p->users, user, room);
	if (!sealed)
		return -ENOMEM;
	put_key(p);
	put_bin(&p->to, user.len + SEAL_OVERHEAD);
	put_append(&p->to, (const char *)sealed, user.len + SEAL_OVERHEAD);
	return 0;
}

static int put_number(struct packing *p, uint64_t number)
{
	if (!number)
		return 1;
	put_key(p);
	put_uint64(&p->to, number);
	return 0;
}

static int put_members(struct packing *p, const struct shape *s, const void *entry, uint16_t n);

/* At most so many bytes one element of the list takes: its texts, and all else. */
static size_t bound(const struct shape *s, const void *element)
{
	size_t n = TAIL_ROOM;

	for (unsigned i = 0; i < s->n; i++) {
		const struct slice *text = field_at(&s->fields[i], element);

		n += 1u + 10u; /* key, and head or number */
		if (s->fields[i].type == FIELD_TEXT)
			n += text->len < ENTRY_TEXT_MAX ? text->len : ENTRY_TEXT_MAX;
	}
	return n;
}

static int put_list(struct packing *p, const struct field *f, const char *items, unsigned n)
{
	uint16_t count = 0;
	char *head;
	int r = 0;

	if (!n)
		return 1;
	put_key(p);
	head = p->to.at;
	put_array(&p->to, UINT16_MAX);
	for (; !r && count < n; count++, items += f->of->size) {
		if (count == RECORD_ITEMS_MAX ||
		        bound(f->of, items) > (size_t)(p->limit - p->to.at))
			break;
		r = put_members(p, f->of, items, 0);
	}
	if (!r && count < n) {
		p->cut = true;
		r = p->may_cut ? 0 : -EMSGSIZE;
	}
	count = htobe16(count);
	memcpy(head + 1, &count, sizeof(count));
	return r;
}

static int put_member(struct packing *p, const struct field *f, const void *entry)
{
	const void *at = field_at(f, entry);

	switch ((enum field_type)f->type) {
	case FIELD_TEXT:
	case FIELD_BYTES:
	case FIELD_BLOB:
		return put_slice(p, f, *(const struct slice *)at);
	case FIELD_CALL:
		return put_call(p, f, *(const struct slice *)at,
		        *(const struct slice *)((const char *)entry + f->other));
	case FIELD_USER:
		return put_user(p, *(const struct slice *)at,
		        *(const struct slice *)((const char *)entry + f->other));
	case FIELD_BOOL:
		if (!*(const bool *)at)
			return 1;
		put_key(p);
		put_true(&p->to);
		return 0;
	case FIELD_U32:
		return put_number(p, *(const uint32_t *)at);
	case FIELD_U64:
	case FIELD_TIME:
	case FIELD_DURATION:
		return put_number(p, *(const uint64_t *)at);
	case FIELD_MONEY:
		if (!*(const nanousd *)at)
			return 1;
		put_key(p);
		put_int64(&p->to, *(const nanousd *)at);
		return 0;
	case FIELD_LIST:
		return put_list(p, f, *(const char *const *)at,
		        *(const unsigned *)((const char *)entry + f->other));
	}
	return -EINVAL;
}

/* Two bytes or more. */
static inline char *put_unsigned(char *at, uint64_t number)
{
	uint64_t eight = htobe64(number);
	uint32_t four = htobe32((uint32_t)number);

	if (number <= UINT8_MAX) {
		*at++ = (char)0xcc;
		*at++ = (char)number;
	} else if (number <= UINT16_MAX) {
		*at++ = (char)0xcd;
		*at++ = (char)(number >> 8);
		*at++ = (char)number;
	} else if (number <= UINT32_MAX) {
		*at++ = (char)0xce;
		memcpy(at, &four, sizeof(four));
		at += sizeof(four);
	} else {
		*at++ = (char)0xcf;
		memcpy(at, &eight, sizeof(eight));
		at += sizeof(eight);
	}
	return at;
}

/* What most members are, or that they say nothing. False: put_member is to look at it. */
static inline __attribute__((always_inline)) bool put_usual(
        char **to, uint8_t key, const struct field *f, const void *entry)
{
	const void *from = field_at(f, entry);
	const struct slice *text = from;
	uint64_t number;
	char *at = *to;

	switch ((enum field_type)f->type) {
	case FIELD_TEXT:
		if (!text->len)
			return true;
		if (text->len >= 32)
			return false;
		*at++ = (char)key;
		*at++ = (char)(0xa0 | text->len);
		bytes_copy(at, text->at, text->len);
		*to = at + text->len;
		return true;
	case FIELD_USER:
		return !text->len && !((const struct slice *)((const char *)entry + f->other))->len;
	case FIELD_BOOL:
		if (*(const bool *)from) {
			*at++ = (char)key;
			*at++ = (char)0xc3;
			*to = at;
		}
		return true;
	case FIELD_U32:
		number = *(const uint32_t *)from;
		break;
	case FIELD_MONEY:
		if (*(const nanousd *)from < 0)
			return false;
		number = *(const uint64_t *)from;
		break;
	case FIELD_U64:
	case FIELD_TIME:
	case FIELD_DURATION:
		number = *(const uint64_t *)from;
		break;
	default:
		return false;
	}
	if (number) {
		*at++ = (char)key;
		if (number < 128)
			*at++ = (char)number;
		else
			at = put_unsigned(at, number);
		*to = at;
	}
	return true;
}

/* The map: its kind, where it has one, what the entry says, and whether something was cut. One
 * without a kind has few members. Where the shape is known to the compiler the loop becomes a line
 * of looks, one a member, each of which goes the same way in every call. */
static inline __attribute__((always_inline)) int put_members_of(
        struct packing *p, const struct shape *s, const void *entry, uint16_t kind)
{
	char *head = p->to.at, *at;
	uint16_t count = 0;

	assert(kind || s->n < 16);
	put_map(&p->to, kind ? UINT16_MAX : 0);
	if (kind) {
		put_text(&p->to, "kind", 4);
		put_uint16(&p->to, kind);
		count++;
	}
	at = p->to.at;
#pragma GCC unroll 63
	for (unsigned i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];
		char *before = at;

		if (put_usual(&at, (uint8_t)(i + 1), f, entry)) {
			count += at != before;
			continue;
		}
		p->to.at = at;
		p->key = (uint8_t)(i + 1);
		int r = put_member(p, f, entry);
		if (r < 0)
			return r;
		count += !r;
		at = p->to.at;
	}
	p->to.at = at;
	if (kind && p->cut) {
		put_text(&p->to, "cut", 3);
		put_true(&p->to);
		count++;
	}
	if (!kind) {
		*head = (char)((uint8_t)*head | count);
		return 0;
	}
	count = htobe16(count);
	memcpy(head + 1, &count, sizeof(count));
	return 0;
}

static __attribute__((noinline)) int put_members(
        struct packing *p, const struct shape *s, const void *entry, uint16_t kind)
{
	return put_members_of(p, s, entry, kind);
}

/* Those of calls, each with a walk of its own. */
static int put_entry(struct packing *p, enum entry_kind kind, const void *entry)
{
	switch (kind) {
	case ENTRY_DECISION:
		return put_members_of(p, &shapes[ENTRY_DECISION], entry, ENTRY_DECISION);
	case ENTRY_RESERVATION:
		return put_members_of(p, &shapes[ENTRY_RESERVATION], entry, ENTRY_RESERVATION);
	case ENTRY_SETTLEMENT:
		return put_members_of(p, &shapes[ENTRY_SETTLEMENT], entry, ENTRY_SETTLEMENT);
	case ENTRY_OUTCOME:
		return put_members_of(p, &shapes[ENTRY_OUTCOME], entry, ENTRY_OUTCOME);
	default:
		return put_members(p, shape_of(kind), entry, (uint16_t)kind);
	}
}

int entry_pack(struct buf *out, enum entry_kind kind, const void *entry, struct users *users)
{
	const struct shape *s = shape_of(kind);
	int r = buf_reserve(out, RECORD_MAX);

	if (r)
		return r;
	struct packing p = {.to.at = buf_tail(out),
	        .limit = buf_tail(out) + RECORD_MAX - TAIL_ROOM,
	        .users = users,
	        .may_cut = s->may_be_cut};
	r = put_entry(&p, kind, entry);
	if (!r)
		buf_commit(out, (size_t)(p.to.at - buf_tail(out)));
	return r;
}
