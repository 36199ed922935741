/* SPDX-License-Identifier: Apache-2.0 */
/* keeper: the journal's own thread. It makes each worker's next segment ready ahead of need, so
 * that a full disk is known before it matters, closes the full ones, and brings to the disk what is
 * waited for. No worker ever waits for it. */
#pragma once
#include "base/clock.h"
#include "journal/journal.h"

#define KEEPER_SEGMENT (UINT64_C(64) << 20) /* the usual size */
#define KEEPER_SEGMENT_MIN (UINT64_C(1) << 20)
#define KEEPER_SEGMENT_MAX (UINT64_C(1) << 30)
#define KEEPER_NOTE 320

struct keeper_options {
	const char *path;    /* the folder; made (0700) when it is missing, its parent is there */
	unsigned workers;    /* 1 to 1000; each has a journal */
	uint64_t segment;    /* bytes of a segment; 0: the usual; held within the bounds above */
	struct slice key;    /* users are sealed with what is derived from it */
	struct clock *clock; /* borrowed; NULL: the system's */
};

struct keeper;
/* Takes the folder for this process, cuts torn tails, begins a segment for each worker with notes
 * of what was found, and starts the thread. What a process that died has left open stays so until
 * keeper_end_recovery. A disk that is full now is no failure: the journals are
 * not ready then. 0, or a negative errno and one sentence in ret_note. */
int keeper_open(struct keeper **ret, const struct keeper_options *o, char ret_note[KEEPER_NOTE]);
/* Once no worker uses its journal any more: answers who waits, closes all segments. */
void keeper_close(struct keeper *k);
struct journal *keeper_journal(
        struct keeper *k, unsigned worker); /* the worker's own, as long as the keeper */
int keeper_folder(const struct keeper *k);  /* the descriptor, for readers within the process */
/* Once whoever reads the journal has moved to where it ends now, and that is on the disk: what was
 * left open is closed, what holds no record is removed. */
void keeper_end_recovery(struct keeper *k);
bool keeper_is_full(struct keeper *k); /* the last try to make a segment failed; from any thread */
