/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_core: what the keeper's parts share. */
#pragma once
#include <pthread.h>
#include <semaphore.h>
#include "journal/keeper.h"
#include "journal/keeper_files.h"

struct keeper {
	struct journal *journals; /* owned */
	unsigned n;
	int dir;             /* owned; its lock is ours */
	uint64_t room;       /* of a segment */
	struct clock *clock; /* borrowed */
	uint8_t instance[16];
	struct buf left; /* owned; of struct recovered: until the recovery is ended */
	pthread_t thread;
	sem_t wake;
	struct journal_wait *_Atomic waits; /* the callers'; latest first */
	atomic_bool stop, full;
};

void *keeper_run(void *keeper); /* the thread */
/* The worker's next segment. 0 or a negative errno. */
int keeper_make_spare(struct keeper *k, struct journal *j);
/* All who waited for the disk so far; false: nobody did. */
bool keeper_answer(struct keeper *k);
void keeper_close_all(struct keeper *k, struct journal *j); /* when its worker is no more */
/* That there is no room, or some again: once. */
void keeper_tell(struct keeper *k, bool full, int error);
