/* SPDX-License-Identifier: Apache-2.0 */
/* shape: the members of a record, their names and where C has them, once for the writer, the reader
 * and who shows them. In a record a member's key is its number, which is its place here from 1 on:
 * all of a record is hashed and read again, and the names are half of it. A number never changes
 * its meaning or type, and is never used again: what is new goes behind the last one, since old
 * readers pass over what they do not know. Format 1 wrote the names, which are read as well. */
#pragma once
#include "journal/entry.h"

enum field_type {
	FIELD_TEXT,  /* struct slice, msgpack str; any bytes */
	FIELD_CALL,  /* the same; left out where the text at `other` is this, a ':' and no further
	                one */
	FIELD_BYTES, /* struct slice, msgpack bin */
	FIELD_BLOB,  /* struct slice, msgpack bin, up to ENTRY_BLOB_MAX; shown as how many there are
	              */
	FIELD_USER,  /* struct slice, sealed, msgpack bin; the slice for the sealed bytes is at
	                `other` */
	FIELD_BOOL,
	FIELD_U32,
	FIELD_U64,
	FIELD_TIME,     /* uint64_t, ns since 1970 UTC */
	FIELD_DURATION, /* uint64_t, ns */
	FIELD_MONEY,    /* nanousd */
	FIELD_LIST,     /* pointer to what `of` says, and at `other` an unsigned: how many */
};

enum { SHAPE_FIELDS_MAX = 63 };

struct field {
	const char *name;  /* of format 1, and for commands */
	const char *shown; /* by commands, where that is another name */
	uint8_t len;       /* of name */
	uint8_t type;
	uint16_t offset, other;
	const struct shape *of;
};

struct shape {
	const char *name; /* of the kind, as commands show it */
	const struct field *fields;
	unsigned n;      /* SHAPE_FIELDS_MAX at most */
	unsigned size;   /* of the C structure */
	bool may_be_cut; /* what is too long is cut; otherwise it is refused */
};

const struct shape *shape_of(uint32_t kind); /* NULL: not known */

/* The call that an attempt's id names; empty: none. */
static inline struct slice call_of_attempt(struct slice id)
{
	const char *colon = id.len ? memrchr(id.at, ':', id.len) : NULL;

	return colon ? slice_from(id.at, (size_t)(colon - id.at)) : (struct slice){"", 0};
}

static inline const void *field_at(const struct field *f, const void *entry)
{
	return (const char *)entry + f->offset;
}
