/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_files: making and closing segment files. One that is closed can no longer be written to
 * (its mode): only the others are looked at after a crash. */
#pragma once
#include "journal/journal_core.h"

/* Preallocated and empty; nothing is left of it when it fails. 0, or a negative errno: -ENOSPC,
 * -EDQUOT, ... */
int segment_make(int dir, struct segment_id id, uint64_t room, struct segment **ret);
/* Cuts the file to what counts, brings it to the disk and closes it; removes one without records.
 * Frees s, which is in no list any more. 0 or a negative errno: not all is on the disk. */
int segment_finish(int dir, uint32_t worker, struct segment *s);
/* A file from before ends at size, on the disk too; it is closed later. */
int segment_shorten(int fd, uint64_t size);

struct recover_note {
	uint32_t worker;
	char text[236];
};
struct recovery {
	struct buf notes; /* owned; of struct recover_note */
	struct buf left;  /* owned; of struct recovered: what is still to be closed or removed */
};
struct recovered {
	struct segment_id id;
	bool is_empty;
};
/* What a process that died has left: tails that were torn are cut, segments without records
 * emptied. All of them stay open: so the next start, too, tells them from files that were closed,
 * which lose nothing with the power. 0 or a negative errno. */
int recover_folder(int dir, struct recovery *ret);
/* They are closed, and the empty ones removed. What fails stays for the next start. */
void recover_end(int dir, const struct buf *left);
void recovery_finish(struct recovery *r);
/* The worker's latest segment that is not empty and its last hash; 0 where there is none. *ret_next
 * is a number that no segment has or had. */
int recover_last(int dir, uint32_t worker, uint32_t *ret_number, uint32_t *ret_next,
        uint8_t ret_hash[SHA256_LEN]);
