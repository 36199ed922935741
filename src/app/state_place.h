/* SPDX-License-Identifier: Apache-2.0 */
/* state_place: where a Weir keeps its state and its journal, and the keys that open users' ids there, for commands that look
 * at both. Nothing is locked and nothing made: a running Weir is not disturbed. */
#pragma once
#include "config/load.h"
#include "crypto/digest.h"

#define STATE_PLACE_KEYS 9 /* the policy's eight and the one of the state folder */

struct state_place {
	char state[4096], journal[4096 + 16];
	struct slice keys[STATE_PLACE_KEYS]; /* borrowed from what is below */
	unsigned n_keys;
	const struct conf *conf; /* the policy's; NULL: a folder was named */
	struct load load;        /* open until the end, for the keys in it */
	struct diagnostics diagnostics;
	uint8_t own[SHA256_LEN]; /* the state folder's key */
};

/* As the policy says; config NULL: as it would be without one. All three: 0, or an exit status, and what was wrong was said as
 * `weir COMMAND: …`. To be finished in any case. */
int state_place_of_policy(struct state_place *p, const char *command, const char *config);
int state_place_of_state(struct state_place *p, const char *command, const char *path);
int state_place_of_journal(struct state_place *p, const char *command, const char *path);
void state_place_finish(struct state_place *p);
