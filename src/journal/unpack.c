/* SPDX-License-Identifier: Apache-2.0 */
/* unpack: msgpack into an entry. */
#include "journal/pack.h"
#include <errno.h>
#include "base/mem.h"
#include "journal/shape_rows.h"
#include "journal/walk.h"

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
	name = walk_text(w);
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
		struct walked v = walk_value(w);

		r = v.type == WALKED_MAP ? take_members(u, w, f->of, v.number, items + i * size)
		                         : -EBADMSG;
	}
	*(const void **)((char *)entry + f->offset) = items;
	*(unsigned *)((char *)entry + f->other) = (unsigned)n;
	return r;
}

/* Most numbers are unsigned, and most of those small. False: it is another type. */
static inline bool take_unsigned(struct walk *w, uint64_t *ret)
{
	struct walked v;

	if (w->at < w->end && *w->at < 0x80) {
		*ret = *w->at++;
		return true;
	}
	v = walk_value(w);
	*ret = v.number;
	return v.type == WALKED_UINT;
}

static int take_member(struct unpack *u, struct walk *w, const struct field *f, void *entry)
{
	void *at = (char *)entry + f->offset;
	struct walked v;
	uint64_t number;

	switch ((enum field_type)f->type) {
	case FIELD_TEXT:
	case FIELD_CALL:
		*(struct slice *)at = walk_text(w);
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
	v = walk_value(w);
	switch ((enum field_type)f->type) {
	case FIELD_BYTES:
	case FIELD_BLOB:
		*(struct slice *)at = v.bytes;
		return v.type == WALKED_BIN ? 0 : -EBADMSG;
	case FIELD_USER:
		*(struct slice *)((char *)entry + f->other) = v.bytes;
		return v.type == WALKED_BIN ? open_user(u, v.bytes, at) : -EBADMSG;
	case FIELD_BOOL:
		*(bool *)at = v.number == 1;
		return v.type == WALKED_BOOL ? 0 : -EBADMSG;
	case FIELD_MONEY:
		*(nanousd *)at = (nanousd)v.number;
		return v.type == WALKED_NEGATIVE || (v.type == WALKED_UINT && v.number <= INT64_MAX)
		               ? 0
		               : -EBADMSG;
	case FIELD_LIST:
		return v.type == WALKED_ARRAY ? take_list(u, w, f, v.number, entry) : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

/* In any order; but for those that were seen. s is NULL for a kind that is not known: its members
 * are passed over. */
static int take_rest(struct unpack *u, struct walk *w, const struct shape *s, uint64_t n,
        uint64_t seen, void *ret)
{
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
			walk_skip(w, walk_value(w), 0);
		}
		if (w->bad || r)
			return w->bad ? -EBADMSG : r;
	}
	return 0;
}

static int take_members(
        struct unpack *u, struct walk *w, const struct shape *s, uint64_t n, void *ret)
{
	return take_rest(u, w, s, n, 0, ret);
}

/* What most members are. False: take_member is to look at it. */
static inline __attribute__((always_inline)) bool take_usual(
        struct walk *w, enum field_type type, void *at)
{
	size_t left = (size_t)(w->end - w->at), len;
	uint64_t number;

	if (!left)
		return false;
	switch (type) {
	case FIELD_TEXT:
		len = *w->at & 31u;
		if (*w->at >> 5 != 5 || left <= len)
			return false;
		*(struct slice *)at = slice_from(w->at + 1, len);
		w->at += 1 + len;
		return true;
	case FIELD_U32:
	case FIELD_U64:
	case FIELD_TIME:
	case FIELD_DURATION:
	case FIELD_MONEY:
		break;
	default:
		return false;
	}
	if (*w->at < 0x80) {
		number = *w->at++;
	} else {
		unsigned size = *w->at & 3;

		/* of 1, 2, 4, 8 bytes; what may be too large for its member is looked at there */
		if (*w->at >> 2 != 0xcc >> 2 || left <= 1u << size ||
		        (size == 3 && (type == FIELD_MONEY || type == FIELD_U32)))
			return false;
		w->at++;
		number = walk_number(w, 1u << size);
	}
	if (type == FIELD_U32)
		*(uint32_t *)at = (uint32_t)number;
	else
		*(uint64_t *)at = number;
	return true;
}

/* Of a shape that the compiler knows: first those that stand in the order in which they are
 * written, one look a member, each of which goes the same way in most records. */
static inline __attribute__((always_inline)) int take_members_of(
        struct unpack *u, struct walk *w, const struct shape *s, uint64_t n, void *ret)
{
	uint64_t seen = 0;

#pragma GCC unroll 63
	for (unsigned i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];

		if (!n || w->at == w->end || *w->at != i + 1)
			continue;
		w->at++;
		n--;
		seen |= UINT64_C(1) << i;
		if (take_usual(w, (enum field_type)f->type, (char *)ret + f->offset))
			continue;
		int r = take_member(u, w, f, ret);
		if (w->bad || r)
			return w->bad ? -EBADMSG : r;
	}
	return n ? take_rest(u, w, s, n, seen, ret) : 0;
}

/* Those of calls, each with a walk of its own. */
static int take_entry(struct unpack *u, struct walk *w, uint64_t n, struct entry *ret)
{
	switch (ret->kind) {
	case ENTRY_DECISION:
		return take_members_of(u, w, &shapes[ENTRY_DECISION], n, &ret->segment);
	case ENTRY_RESERVATION:
		return take_members_of(u, w, &shapes[ENTRY_RESERVATION], n, &ret->segment);
	case ENTRY_SETTLEMENT:
		return take_members_of(u, w, &shapes[ENTRY_SETTLEMENT], n, &ret->segment);
	case ENTRY_OUTCOME:
		return take_members_of(u, w, &shapes[ENTRY_OUTCOME], n, &ret->segment);
	default:
		return take_members(u, w, shape_of(ret->kind), n, &ret->segment);
	}
}

/* What FIELD_CALL leaves out. */
static void fill_calls(struct entry *e)
{
	if (e->kind == ENTRY_RESERVATION && !e->reservation.request_id.len)
		e->reservation.request_id = call_of_attempt(e->reservation.id);
	else if (e->kind == ENTRY_SETTLEMENT && !e->settlement.request_id.len)
		e->settlement.request_id = call_of_attempt(e->settlement.id);
}

/* How many members, and the kind, which is the first. Nearly always as Weir writes them. */
static bool take_head(struct walk *w, uint64_t *ret_n, uint32_t *ret_kind)
{
	static const char kind_key[] = "\xa4kind";
	struct walked map, key, kind;

	if (w->end - w->at > 8 && *w->at == 0xde && w->at[8] < 0x80 &&
	        bytes_equal((const char *)w->at + 3, kind_key, sizeof(kind_key) - 1)) {
		*ret_n = (uint64_t)w->at[1] << 8 | w->at[2];
		*ret_kind = w->at[8];
		w->at += 9;
		return *ret_n;
	}
	map = walk_value(w);
	if (map.type != WALKED_MAP || !map.number)
		return false;
	key = walk_value(w);
	kind = walk_value(w);
	if (w->bad || key.type != WALKED_STR || !slice_is(key.bytes, "kind") ||
	        kind.type != WALKED_UINT || kind.number > UINT32_MAX)
		return false;
	*ret_n = map.number;
	*ret_kind = (uint32_t)kind.number;
	return true;
}

int entry_unpack(struct unpack *u, struct slice record, struct entry *ret)
{
	struct walk w = {
	        (const uint8_t *)record.at, (const uint8_t *)record.at + record.len, false};
	uint32_t kind;
	uint64_t n;
	int r;

	if (!take_head(&w, &n, &kind))
		return -EBADMSG;
	*ret = (struct entry){.kind = kind};
	buf_clear(&u->lists);
	/* One list a record: what is in it does not move. */
	r = take_entry(u, &w, n - 1, ret);
	fill_calls(ret);
	return r ? r : w.at == w.end ? 0 : -EBADMSG;
}

void unpack_finish(struct unpack *u)
{
	buf_finish(&u->lists);
	explicit_bzero(u->user, sizeof(u->user));
}
