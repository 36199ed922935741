/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: what the parts of `weir ledger` share. */
#pragma once
#include "observe/ledger_ask.h"

#define LEDGER_WORDS 6

struct ledger_options {
	const char *config, *path; /* one of them, or none: the usual place */
	const char *admin, *key_file; /* either: a running Weir is asked */
	const char *words[LEDGER_WORDS]; /* as they were given, in the order of ledger_words; NULL: not */
	struct ledger_ask ask;
};

extern const char *const ledger_words[LEDGER_WORDS];
/* Asks the Weir that runs and prints its answer. An exit status. */
int ledger_ask_running(const struct ledger_options *o);
/* A copy of the book that lies there, with all that the journal says; a running Weir is not disturbed. 0, or 1: it was said
 * on stderr why not. *ret_behind: it ends before the journal does, which was said too. */
int ledger_open(struct book **ret, const struct ledger_options *o, bool *ret_behind);
