/* SPDX-License-Identifier: Apache-2.0 */
/* kept: what the store keeps, put down. Its bytes go first, sealed as one and cut into records of
 * their own, so that whoever reads the last of them has read them all. */
#include <errno.h>
#include "base/mem.h"
#include "journal/journal_core.h"

struct slice kept_about(const struct entry_kept *e, char room[KEPT_ABOUT_MAX])
{
	size_t group = e->group.len, name = e->name.len;

	if (group > UINT8_MAX || group + name + 2 > KEPT_ABOUT_MAX)
		return (struct slice){"", 0};
	room[0] = (char)e->type;
	room[1] = (char)group;
	bytes_copy(room + 2, e->group.at, group);
	bytes_copy(room + 2 + group, e->name.at, name);
	return slice_from(room, 2 + group + name);
}

static int put_parts(struct journal *j, const struct entry_kept *e, struct slice sealed)
{
	uint32_t part = 0;
	int r = 0;

	for (; !r && sealed.len; sealed = slice_skip(sealed, ENTRY_BLOB_MAX)) {
		struct entry_kept p = {.wall_ns = e->wall_ns,
		        .type = e->type,
		        .group = e->group,
		        .name = e->name,
		        .version = e->version,
		        .part = ++part,
		        .sealed = sealed};

		if (sealed.len > ENTRY_BLOB_MAX)
			p.sealed.len = ENTRY_BLOB_MAX;
		r = journal_put(j, ENTRY_KEPT, &p);
	}
	return r;
}

static int put_bytes(struct journal *j, const struct entry_kept *e, struct slice about)
{
	size_t len = e->bytes.len + SEAL_OVERHEAD;
	uint8_t *sealed = mem_alloc(len);
	int r = sealed ? seal_put_about(&j->kept, about, e->bytes, sealed) : -ENOMEM;

	if (!r)
		r = put_parts(j, e, slice_from(sealed, len));
	mem_free(sealed);
	return r;
}

int journal_put_kept(struct journal *j, const struct entry_kept *e)
{
	size_t before = buf_len(&j->turn), len = e->bytes.len + SEAL_OVERHEAD;
	struct entry_kept head = *e;
	char room[KEPT_ABOUT_MAX];
	struct slice about = kept_about(e, room);
	int r = about.len ? 0 : -EMSGSIZE;

	/* What calls have to say finds room in every turn. */
	if (!r && e->bytes.len && before + len > j->turn_max / 2)
		return -ENOBUFS;
	if (!r && e->bytes.len) {
		head.parts = (uint32_t)((len + ENTRY_BLOB_MAX - 1) / ENTRY_BLOB_MAX);
		r = put_bytes(j, e, about);
	}
	head.bytes = head.sealed = (struct slice){"", 0};
	if (!r)
		r = journal_put(j, ENTRY_KEPT, &head);
	if (r)
		buf_truncate(&j->turn, before);
	return r;
}
