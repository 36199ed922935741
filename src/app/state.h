/* SPDX-License-Identifier: Apache-2.0 */
/* state: the folder that outlives a process. One process owns it; its lock is taken before anything is bound, since
 * SO_REUSEPORT would let a second Weir take half of the connections. */
#pragma once
#include "base/slice.h"
#include "crypto/digest.h"

struct state {
	int dir, lock;             /* descriptors; -1: none */
	uint8_t key[SHA256_LEN];   /* the deployment key made here when the policy names none */
	bool key_made;             /* by this start */
};

/* Makes the folder (0700) when it is missing, locks it, reads or makes its key (0600). 0, or a negative errno and one
 * sentence in ret_note. */
int state_open(struct state *s, struct slice path, char ret_note[256]);
/* The key that was made in a folder, for who only reads there: nothing is locked or made. The caller wipes it. 0, -ENOENT,
 * -EACCES, -EINVAL (it holds no 64 hex digits), or another negative errno; then ret_key says nothing. */
int state_key(const char *path, uint8_t ret_key[SHA256_LEN]);
void state_close(struct state *s);
