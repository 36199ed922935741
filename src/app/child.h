/* SPDX-License-Identifier: Apache-2.0 */
/* child: the command of `weir run -- COMMAND`: its key for this run, its environment, its start. */
#pragma once
#include "crypto/key.h"
#include "exchange/snapshot.h"

struct child {
	char key[KEY_LEN + 1];
	char **environment; /* owned */
};

/* Chooses the agent (name, or the policy's only one), makes its key and an environment without what the policy reads from
 * ours. Before the server takes conf. 0, or a negative errno and a sentence. */
int child_prepare(struct child *c, const struct conf *conf, const char *agent, struct run_key *ret_key, char note[512]);
/* The process id, or a negative errno and a sentence. */
int child_start(struct child *c, char **command, uint16_t port, char note[512]);
void child_finish(struct child *c);
