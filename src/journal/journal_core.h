/* SPDX-License-Identifier: Apache-2.0 */
/* journal_core: what the worker's and the keeper's side of a journal share. A segment is made by
 * the keeper, taken by the worker (take of `spare`), given back by setting `done`, and then closed
 * and freed by the keeper. */
#pragma once
#include <semaphore.h>
#include <stdatomic.h>
#include "base/clock.h"
#include "base/list.h"
#include "journal/journal.h"
#include "journal/pack.h"
#include "journal/segment.h"

struct segment {
	struct list link; /* keeper's: in journal.segments, by number */
	int fd;           /* owned */
	uint32_t number;
	uint64_t room;         /* bytes that are preallocated */
	uint64_t synced;       /* keeper's: bytes known to be on the disk */
	_Atomic uint64_t size; /* bytes that count; 0: no record was written */
	atomic_bool done;      /* the worker has left it */
	atomic_bool suspect;   /* the disk lost some of it: to be left */
};

struct keeper;
struct journal {
	struct keeper *keeper; /* borrowed */
	uint32_t worker;
	uint64_t turn_max;       /* bytes a turn may have */
	struct clock *clock;     /* borrowed */
	const uint8_t *instance; /* borrowed; 16 bytes */

	/* the worker's */
	struct segment *current; /* NULL: none was begun */
	struct buf turn; /* owned: 32 bytes for the hash before, then frames without their hashes */
	struct buf head; /* owned: a new segment's first bytes */
	struct users users;
	struct seal kept;
	uint8_t hash[SHA256_LEN]; /* of the last record that counts */
	uint32_t last;            /* the segment that it is in; 0: there is none */
	uint64_t written;
	bool broken; /* a write failed: another segment is to be begun */

	/* both sides' */
	struct segment *_Atomic spare;
	_Atomic uint64_t place; /* number << 32 | size */

	/* the keeper's */
	struct list segments; /* of struct segment.link */
	uint32_t next;        /* number of the next segment to be made */
	uint32_t lost;        /* the latest segment that was closed without all of it on the disk */
	uint64_t retry_at;    /* monotonic: no other spare is made before */
	bool failing;         /* the last try to make one failed */
};

int journal_init(struct journal *j, struct keeper *k, uint32_t worker, struct slice user_key);
void journal_finish(struct journal *j); /* its segments are the keeper's to close */
int journal_put(struct journal *j, enum entry_kind kind, const void *entry);
int journal_begin(struct journal *j); /* begins the spare segment; 0 or a negative errno */

void keeper_wake(struct keeper *k);
void keeper_push(struct keeper *k, struct journal_wait *w);
