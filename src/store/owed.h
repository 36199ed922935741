/* SPDX-License-Identifier: Apache-2.0 */
/* owed: settlements that processes which are no more wrote into their journals, and that the store
 * which instances share may not have heard of: there such a call counts as it was reserved. Said
 * again they count once, as they are told by id. A reservation that nobody settled is not among
 * them: nobody knows what it cost, and it is charged when it expires. */
#pragma once
#include <stdatomic.h>
#include "base/list.h"
#include "journal/journal.h"

#define OWED_MAX 65536u /* of the latest ones; older ones stay as they were reserved */
#define OWED_NS (24 * 3600 * UINT64_C(1000000000)) /* so long a store remembers what it charged */

struct owed {
	struct list link; /* in owed_list.all */
	struct slice id;
	nanousd cost;
	uint64_t tokens;
	unsigned n; /* budgets that it stands in */
	struct entry_counter counters[];
};

struct owed_list {
	struct list all; /* of struct owed.link: owned, those of one journal in their order */
	unsigned n;
	uint64_t passed_over; /* beyond OWED_MAX */
};

struct owed_options {
	int dir; /* the journal's folder, borrowed */
	const struct journal_place
	        *own; /* by worker: where this process has begun to write; borrowed */
	unsigned workers;
	uint64_t since;          /* wall ns: what was settled before is passed over */
	const atomic_bool *stop; /* borrowed: reading ends early once it is set */
};

void owed_list_init(struct owed_list *l);
/* Reads each worker's segments from the newest one of former processes back to those that are too
 * old. What does not hold any more is passed over: `weir audit verify` shows it. 0, or a negative
 * errno: then not all is there. */
int owed_read(const struct owed_options *o, struct owed_list *l);
struct owed *owed_take(
        struct owed_list *l); /* the first one, for the caller to free with mem_free */
void owed_list_finish(struct owed_list *l);
