/* SPDX-License-Identifier: Apache-2.0 */
/* warnings: which budgets have come so far that somebody should know (warn_at): said once a window, whichever worker
 * notices. */
#pragma once
#include <stdatomic.h>
#include "weir/exchange.h"

#define WARNINGS_MAX 1024 /* budgets of agents, teams and the gateway that have warned; one more does not warn */

/* Zeroed it is empty. Shared by all workers, without a lock. */
struct warnings {
	struct warned {
		_Atomic uint64_t budget; /* hash of its counter and limits; 0: free */
		_Atomic uint64_t window; /* that it last warned in, and 1 */
	} at[WARNINGS_MAX];
};

/* Of an ended call: the budgets that it is the first to see beyond their warn_at, in arena; logged already. What it had
 * found spent and its own cost are what counts: where several cross the line together, the next call sees it. */
unsigned warnings_of(struct exchange *x, const struct call *c, const struct record_warning **ret);
/* True once for a budget and a window; windows of one budget only go on. */
bool warnings_are_first(struct warnings *w, uint64_t budget, uint64_t window);
/* Whose a budget is, by name; empty: one of many (users, workflows, sessions), which nobody is warned of. */
struct slice budget_owner(const struct agent_conf *a, enum budget_scope scope);
