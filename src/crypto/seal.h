/* SPDX-License-Identifier: Apache-2.0 */
/* seal: AES-256-GCM for what is stored. Equal texts under one key and label give equal bytes, so that what is sealed can
 * still be grouped by; that two records are of the same person is what this tells, and all that it tells. Sealed bytes are:
 * the key's id (8), the nonce (12: HMAC-SHA-256 of the text under a key of its own), the text's bytes, the tag (16). */
#pragma once
#include "crypto/digest.h"

#define SEAL_ID_LEN 8
#define SEAL_OVERHEAD (SEAL_ID_LEN + 12 + 16)

struct seal {
	void *cipher;             /* owned; NULL until it is needed */
	struct slice label;       /* borrowed */
	uint8_t key[SHA256_LEN];  /* of the cipher */
	uint8_t name[SHA256_LEN]; /* of the HMAC that makes nonces */
	uint8_t id[SEAL_ID_LEN];
};

/* Keys are derived from key for this label (at most 100 bytes, to live as long as the seal): what was sealed under another
 * one does not open. 0 or -ENOMEM. A seal is one thread's at a time. */
int seal_init(struct seal *s, struct slice key, struct slice label);
void seal_finish(struct seal *s); /* wipes */
/* text.len + SEAL_OVERHEAD bytes to ret; text is at most 1 MiB. 0 or -ENOMEM. */
int seal_put(struct seal *s, struct slice text, uint8_t *ret);
/* As seal_put and seal_open, bound to what the text is about (at most 1 MiB): it opens for that only (else -EBADMSG), and is
 * equal only for that. */
int seal_put_about(struct seal *s, struct slice about, struct slice text, uint8_t *ret);
int seal_open_about(struct seal *s, struct slice about, struct slice sealed, char *ret);
bool seal_knows(const struct seal *s, struct slice sealed); /* it was sealed under this key, or says so */
/* sealed.len - SEAL_OVERHEAD bytes to ret. 0, -EBADMSG (another key, or changed; ret holds nothing then), -ENOMEM. */
int seal_open(struct seal *s, struct slice sealed, char *ret);
