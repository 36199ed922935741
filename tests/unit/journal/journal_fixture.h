/* SPDX-License-Identifier: Apache-2.0 */
/* journal_fixture: a folder, and a keeper of it with small segments while a test wants one. */
#pragma once
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "journal/keeper.h"
#include "rig/journal_rig.h"
#include "rig/unit.h"

#define FIRST "0000-0000000001.journal"

struct fixture {
	struct journal_rig rig;
	struct keeper *keeper;   /* owned; NULL while there is none */
	struct journal *journal; /* the first worker's */
};

static inline int open_keeper(struct fixture *f, unsigned workers)
{
	struct keeper_options o = {.path = f->rig.path,
	        .workers = workers,
	        .segment = KEEPER_SEGMENT_MIN,
	        .key = JOURNAL_KEY};
	char note[KEEPER_NOTE];
	int r = keeper_open(&f->keeper, &o, note);

	f->journal = r ? NULL : keeper_journal(f->keeper, 0);
	return r;
}

static inline void start(struct fixture *f)
{
	assert_int_equal(open_keeper(f, 1), 0);
}

static inline void stop(struct fixture *f)
{
	keeper_close(f->keeper);
	f->keeper = NULL;
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	journal_rig_init(&f->rig);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->keeper)
		stop(f);
	journal_rig_finish(&f->rig);
	free(f);
	return 0;
}

static inline int folder(const struct fixture *f)
{
	int dir = open(f->rig.path, O_RDONLY | O_DIRECTORY);

	assert_true(dir >= 0);
	return dir;
}
