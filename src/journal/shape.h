/* SPDX-License-Identifier: Apache-2.0 */
/* shape: the names of a record's members and where C has them, once for the writer, the reader and
 * who shows them. A name never changes its meaning or type: what is new gets a new name, since old
 * readers pass over what they do not know. */
#pragma once
#include "journal/entry.h"

enum field_type {
	FIELD_TEXT,  /* struct slice, msgpack str; any bytes */
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

enum { FIELD_NAME = 24 };

struct field {
	char name[FIELD_NAME]; /* filled up with zeros: copied whole, which needs no call */
	const char *shown;     /* by commands, where that is another name */
	uint8_t len;           /* of name */
	uint8_t type;
	uint16_t offset, other;
	const struct shape *of;
};

struct shape {
	const char *name; /* of the kind, as commands show it */
	const struct field *fields;
	unsigned n;
	unsigned size;   /* of the C structure */
	bool may_be_cut; /* what is too long is cut; otherwise it is refused */
};

const struct shape *shape_of(uint32_t kind); /* NULL: not known */

static inline const void *field_at(const struct field *f, const void *entry)
{
	return (const char *)entry + f->offset;
}
