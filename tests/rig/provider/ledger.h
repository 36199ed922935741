/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: what was asked and what it cost, as JSON lines: one before an answer's first octet, one
 * at its end. Credentials are written as their SHA-256 only. */
#pragma once
#include "answer.h"

struct ledger {
	int lines, bodies; /* file descriptors; -1: not kept */
	struct bytes line; /* owned: the line being written */
};

bool ledger_open(
        struct ledger *l, const char *path, const char *bodies_path); /* either may be NULL */
void ledger_begin(struct ledger *l, uint64_t id, uint64_t connection, const struct request *r,
        const struct ask *ask);
struct outcome {
	unsigned status;
	const char *ended, *fault;
	uint64_t octets; /* sent */
	bool usage_sent;
	const struct bytes *usage, *called;
};
void ledger_end(struct ledger *l, uint64_t id, const struct outcome *o);
struct text credential_in(
        struct text name, struct text value); /* absent when the header holds none */
