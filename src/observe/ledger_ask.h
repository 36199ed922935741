/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_ask: what people ask of the ledger, in words: the options of `weir ledger` and the
 * parameters of /api/ledger are the same. */
#pragma once
#include "store/ledger.h"

enum ledger_format { LEDGER_TABLE, LEDGER_CSV, LEDGER_JSON };

struct ledger_ask {
	struct ledger_query query;
	enum ledger_format format;
	uint64_t now; /* wall seconds */
};

/* Agents, by the day, of the last seven days, as a table. */
void ledger_ask_init(struct ledger_ask *a, uint64_t now);
/* name: by, per, since, until, top, format. NULL, or what is wrong with the value, as the end of
 * "NAME …". */
const char *ledger_ask_set(struct ledger_ask *a, struct slice name, struct slice value);
