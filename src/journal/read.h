/* SPDX-License-Identifier: Apache-2.0 */
/* read: the records of one segment in order, each verified before it is given: its length, its hash
 * (and with it everything before it), its msgpack. Also of one that is being written: what is not
 * there yet comes with a later call. Where this very process is the writer, it may say up to where
 * hashes are to be believed. */
#pragma once
#include "journal/pack.h"
#include "journal/segment.h"

struct segment_reader {
	int fd; /* owned; -1: none */
	struct segment_id id;
	uint64_t at;         /* of the next frame, in the file */
	uint64_t limit;      /* nothing from here on is looked at; UINT64_MAX: no limit */
	uint64_t trusted;    /* the hash of a frame that ends before here is not computed anew: this
	                        process wrote it; 0: of all */
	uint64_t records;    /* that were given */
	struct buf bytes;    /* owned: of the file, from 32 before `at` on */
	uint64_t ended_at;   /* where the last record that was given began */
	struct slice record; /* its msgpack; borrowed from bytes */
	bool ends; /* the last answer was 0, because of a length of zero and not of the file's end
	            */
	const char *problem; /* what the last -EBADMSG was about */
};

/* From offset on, as `at` was once; 0: from the start. 0; -ENOENT; -EBADMSG: not a segment;
 * -EPROTONOSUPPORT: of a later format; other negative errno. A file of zeros or none is a segment
 * without records. */
int segment_open(struct segment_reader *s, int dir, struct segment_id id, uint64_t offset);
void segment_close(struct segment_reader *s);
/* 1 and an entry, whose slices live until the next call; 0: no more for now; -EBADMSG: the frame at
 * `at` does not hold, the next call looks again; other negative errno. u may be NULL: then ret gets
 * only its kind. */
int segment_next(struct segment_reader *s, struct unpack *u, struct entry *ret);
/* After an end: the hash of the last record, which the worker's next segment names. */
void segment_hash(const struct segment_reader *s, uint8_t ret[SHA256_LEN]);
/* After 0 or -EBADMSG: whether all from the next frame on is zero. 1, 0, or a negative errno. */
int segment_is_blank(struct segment_reader *s);
/* After -EBADMSG: whether a frame that holds stands behind the bad one, so that it is no torn tail.
 * 1, 0, negative errno. */
int segment_goes_on(struct segment_reader *s);
uint64_t entry_wall(const struct entry *e); /* when; 0 where that is not known */
