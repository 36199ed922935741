/* SPDX-License-Identifier: Apache-2.0 */
/* journal: a worker's own: what it puts down in a turn of its loop is written in one piece when the
 * turn ends, and counts from then on. All functions are for the worker's thread, but journal_place.
 * Whose file it is, and the next one, is the keeper's work (journal/keeper.h). */
#pragma once
#include "journal/entry.h"

struct journal;

/* Whether there is room for this turn and the next; while there is none, calls are to be refused.
 * After a write that failed it begins the next file, if there is one. Costs nothing while all is
 * well. */
bool journal_is_ready(struct journal *j);

/* 0; -ENOMEM; -ENOBUFS: more than a turn may hold; -EMSGSIZE: a reservation's or settlement's text
 * is too long. What was put down before stays put down. */
int journal_put_decision(struct journal *j, const struct entry_decision *e);
int journal_put_reservation(struct journal *j, const struct entry_reservation *e);
int journal_put_settlement(struct journal *j, const struct entry_settlement *e);
int journal_put_outcome(struct journal *j, const struct entry_outcome *e);
int journal_put_note(struct journal *j, const struct entry_note *e);
int journal_put_admin_action(struct journal *j, const struct entry_admin_action *e);
/* What the store keeps, whole: its bytes (at most VALUE_MAX) are sealed, and what does not fit into
 * this turn any more leaves nothing of it behind. */
int journal_put_kept(struct journal *j, const struct entry_kept *e);
bool journal_has_put(const struct journal *j); /* something waits for the end of the turn */

/* Writes what the turn put down. 0: all of it is in the file, and survives the process. A negative
 * errno: none of it counts, and the journal is not ready until another file could be begun. */
int journal_end_turn(struct journal *j);

struct journal_place {
	uint32_t worker, number; /* of the segment; 0: none was begun */
	uint32_t size;           /* bytes of it that count */
};
struct journal_place journal_place(struct journal *j); /* from any thread */

/* Asks for all that was written so far to be on the disk. done is called once, from the keeper's
 * thread, with 0 or a negative errno: then it may be lost with the power. The wait is the caller's,
 * and is to stay where it is until done was called. */
struct journal_wait {
	struct journal_wait *next;
	struct journal *journal;
	void (*done)(struct journal_wait *w, int result);
	struct journal_place place; /* up to where */
};
void journal_sync(struct journal *j, struct journal_wait *w,
        void (*done)(struct journal_wait *w, int result));

uint64_t journal_written(const struct journal *j); /* bytes, over all segments */
