/* SPDX-License-Identifier: Apache-2.0 */
/* follow: one worker's records over all its segments, from any place on, also while they are being
 * written: by the thread that folds them into the store, by commands. */
#pragma once
#include "journal/journal.h"
#include "journal/read.h"

struct follow {
	int dir; /* borrowed */
	uint32_t worker;
	uint32_t number; /* of the segment that is read, or is looked for; 0: from the first */
	uint64_t offset; /* where to begin in it */
	struct segment_reader s;    /* s.fd -1: none is open */
	struct journal_place limit; /* nothing beyond is given; number 0: no limit */
};

/* From segment number and offset on, as follow_place said once; 0, 0: from the start. */
void follow_init(struct follow *f, int dir, uint32_t worker, uint32_t number, uint64_t offset);
void follow_finish(struct follow *f);
/* What journal_place said: within the writer's process, where nothing that is half written is to be
 * looked at. */
void follow_limit(struct follow *f, struct journal_place place);
/* 1 and an entry, whose slices live until the next call; 0: no more for now; -EBADMSG,
 * -EPROTONOSUPPORT: what comes next in this segment does not hold (f->s.problem, f->s.at):
 * follow_skip goes on with the next one; other negative errno. */
int follow_next(struct follow *f, struct unpack *u, struct entry *ret);
void follow_skip(struct follow *f);
/* Where the next record is: what was given is before it. */
void follow_place(const struct follow *f, uint32_t *ret_number, uint64_t *ret_offset);
