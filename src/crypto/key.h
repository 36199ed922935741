/* SPDX-License-Identifier: Apache-2.0 */
/* key: an agent's key, as `weir key new` makes it: "weir_", 43 base62 characters (256 bits), 6 of CRC-32 in base62, so that
 * a scanner of leaked secrets can tell one without asking us. */
#pragma once
#include "base/slice.h"
#include "crypto/digest.h"

#define KEY_PREFIX "weir_"
#define KEY_LEN (5 + 43 + 6)

void key_new(char ret[KEY_LEN + 1]);
/* A credential that was shown before and its digest, so that showing it again costs a comparison. It says nothing about whom
 * it names, nor whether it still holds: that is asked each time. */
struct key_memo {
	uint8_t sha256[SHA256_LEN];
	uint8_t len;
	char text[79];
};

/* In constant time for texts of one length; memo may be NULL. ret is untouched when false. */
bool key_memo_knows(const struct key_memo *memo, struct slice text, uint8_t ret_sha256[SHA256_LEN]);
/* Takes text's place in *memo, which is made when it is NULL. One that is too long, or finds no memory, is not kept. */
void key_memo_keep(struct key_memo **memo, struct slice text, const uint8_t sha256[SHA256_LEN]);
void key_memo_forget(struct key_memo **memo); /* wipes and frees */

bool key_has_prefix(struct slice text); /* begins like one of ours, whatever follows */
bool key_is_wellformed(struct slice text); /* and its checksum holds */
