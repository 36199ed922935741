/* SPDX-License-Identifier: Apache-2.0 */
/* users: sealing them, and remembering the latest: a call names its user twice, and calls of one
 * user come together. Equal users give equal bytes, so what is remembered is what sealing anew
 * would give. */
#pragma once
#include "crypto/seal.h"

enum {
	USERS_KEPT = 64,    /* slots; a user has one of them by its hash */
	USER_KEPT_MAX = 64, /* bytes; longer ones are not remembered */
};

struct users {
	struct seal seal;
	struct {
		uint8_t len; /* 0: nobody */
		char text[USER_KEPT_MAX];
		uint8_t sealed[USER_KEPT_MAX + SEAL_OVERHEAD];
	} kept[USERS_KEPT];
};

int users_init(struct users *u, struct slice key); /* 0 or -ENOMEM */
void users_finish(struct users *u);                /* wipes */
/* name.len + SEAL_OVERHEAD bytes; name is not empty. Borrowed until the next call; NULL: no memory.
 * room is for a name that is not remembered. */
const uint8_t *users_seal(struct users *u, struct slice name, uint8_t *room);
