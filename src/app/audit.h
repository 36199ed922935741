/* SPDX-License-Identifier: Apache-2.0 */
/* audit: what the commands of `weir audit` share: where the journal lies, who may see whose name, and its records of all
 * workers in the order of their time. */
#pragma once
#include "config/load.h"
#include "crypto/seal.h"
#include "journal/follow.h"

#define AUDIT_KEYS 9 /* the policy's eight and the one of the state folder */

struct audit {
	int dir;                    /* owned; the journal's folder */
	char path[4096];
	struct seal keys[AUDIT_KEYS], *seals[AUDIT_KEYS];
	unsigned n_keys;
	struct audit_worker *workers; /* owned */
	unsigned n_workers;
	bool damaged;               /* something did not hold and was passed over; it was said on stderr */
};

struct audit_options {
	const char *config, *path; /* one of them, or none: the usual place */
	struct slice agent, request;
	uint64_t since;            /* wall ns */
	bool json, follow;
	unsigned last;             /* tail: so many */
};

/* Finds and opens the folder, and the keys where they can be had. 0, or an exit status; what was wrong is said. */
int audit_open(struct audit *a, const struct audit_options *o);
void audit_close(struct audit *a);
int audit_verify(struct audit *a); /* these two: exit statuses */
int audit_show(struct audit *a, const struct audit_options *o, bool tail);
