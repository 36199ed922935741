/* SPDX-License-Identifier: Apache-2.0 */
/* store: counters that outlive a call, asked by ticket. Answers READY with the result in place, or PENDING and the ticket
 * is done later with 1 (granted), 0 (refused) or a negative errno. */
#pragma once
#include "base/slice.h"
#include "weir/ticket.h"

struct store;
struct store_ops {
	const char *name;
	/* Adds amount to key unless it would pass limit. *ret_granted is set when READY. Cancelling a ticket that waits takes
	 * nothing; one that is complete with 1 has taken, and who cancels it gives. */
	int (*take)(struct store *s, struct slice key, uint64_t amount, uint64_t limit, struct ticket *t, bool *ret_granted);
	void (*give)(struct store *s, struct slice key, uint64_t amount); /* never waits, never fails for the caller */
};

struct store {
	const struct store_ops *ops;
};
