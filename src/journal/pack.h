/* SPDX-License-Identifier: Apache-2.0 */
/* pack: an entry into one msgpack map, and back. The map's first member is "kind". */
#pragma once
#include "base/buf.h"
#include "crypto/seal.h"
#include "journal/shape.h"
#include "journal/users.h"

enum {
	RECORD_MAX = 64 << 10,   /* bytes of one record's msgpack */
	RECORD_DEPTH_MAX = 16,   /* of what an unknown member may hold */
	RECORD_ITEMS_MAX = 4096, /* of a list that is read */
};
#define USER_LABEL SLICE("user_id") /* of the seal */
#define KEPT_LABEL SLICE("kept")
#define KEPT_ABOUT_MAX 330u

/* Appended to out, or out stays as it was. users may be NULL where no user is named. 0; -EMSGSIZE:
 * a text or list of what may not be cut is too long; -ENOMEM; -ENOBUFS. */
int entry_pack(struct buf *out, enum entry_kind kind, const void *entry, struct users *users);

/* What the bytes of an entry are sealed about: its type, group and name. Empty: they are too long.
 */
struct slice kept_about(const struct entry_kept *e, char room[KEPT_ABOUT_MAX]);

/* What an unpacked entry points to besides the record itself; used again for the next one. */
struct unpack {
	struct seal *const *seals; /* borrowed: whichever knows a sealed user opens it */
	unsigned n_seals;
	struct buf lists; /* owned */
	char user[ENTRY_USER_MAX];
};
#define UNPACK_INIT                                                                                \
	{                                                                                          \
		.lists = BUF_INIT((size_t)RECORD_ITEMS_MAX * 128)                                  \
	}

/* Walks the record with a reader of its own: msgpack-c's builds a tree of what is declared, with
 * memory of its own, and all that is wanted is borrowed slices. 0, -EBADMSG (not a record; nothing
 * of ret is to be used), -ENOMEM. */
int entry_unpack(struct unpack *u, struct slice record, struct entry *ret);
void unpack_finish(struct unpack *u);
