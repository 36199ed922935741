/* SPDX-License-Identifier: Apache-2.0 */
/* journal_rig: a folder that goes when the test ends, and entries with something in every member.
 */
#pragma once
#include "journal/entry.h"

struct journal_rig {
	char path[64]; /* of the folder; not made yet: its parent is */
	char parent[48];
};

void journal_rig_init(struct journal_rig *r);
void journal_rig_finish(struct journal_rig *r); /* removes all */
/* The whole file, to be freed; NULL where there is none. */
char *journal_rig_read(const struct journal_rig *r, const char *name, size_t *ret_len);
void journal_rig_write(const struct journal_rig *r, const char *name, const void *at, size_t len);

#define JOURNAL_KEY SLICE("a deployment key of 32 bytes or so")

extern const struct entry_decision full_decision;
extern const struct entry_reservation full_reservation;
extern const struct entry_settlement full_settlement;
extern const struct entry_outcome full_outcome;
extern const struct entry_admin_action full_admin_action;
/* As a usual chat call's: about 350 bytes each. */
extern const struct entry_decision usual_decision;
extern const struct entry_outcome usual_outcome;
