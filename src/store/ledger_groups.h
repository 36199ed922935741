/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_groups: adds up rows of the ledger by their names and window. SQLite would sort all rows
 * of the time in memory first, however few lines they come to; here only the lines are kept, and
 * there is a ceiling to them. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "store/ledger.h"

#define LEDGER_GROUPS_MAX 100000u
#define LEDGER_GROUPS_BYTES ((size_t)64 << 20)

struct ledger_groups {
	const struct ledger_query *q; /* borrowed */
	struct arena arena;           /* lines and their names */
	struct map map;               /* of struct ledger_line, by window and names */
	struct buf key;               /* owned: of the row that is looked for */
	struct ledger_line **sorted;  /* owned */
	unsigned n;
};

void ledger_groups_init(struct ledger_groups *g, const struct ledger_query *q);
void ledger_groups_finish(struct ledger_groups *g);
/* 0; -ENOBUFS: one more line than there may be; -ENOMEM. What row points to is copied. */
int ledger_groups_add(struct ledger_groups *g, const struct ledger_line *row);
/* Puts them in the query's order, once. 0 or -ENOMEM; then sorted and n are there to be read. */
int ledger_groups_sort(struct ledger_groups *g);
