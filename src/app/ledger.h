/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: what the parts of `weir ledger` share. */
#pragma once
#include "observe/ledger_ask.h"

struct ledger_options {
	const char *config, *path; /* one of them, or none: the usual place */
	struct ledger_ask ask;
};

/* A copy of the book that lies there, with all that the journal says; a running Weir is not disturbed. 0, or 1: it was said
 * on stderr why not. *ret_behind: it ends before the journal does, which was said too. */
int ledger_open(struct book **ret, const struct ledger_options *o, bool *ret_behind);
