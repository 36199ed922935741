/* SPDX-License-Identifier: Apache-2.0 */
/* digest: SHA-256, HMAC-SHA-256, keys derived from keys, hex and constant-time comparison, over OpenSSL. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/slice.h"

#define SHA256_LEN 32

void sha256(struct slice data, uint8_t ret[SHA256_LEN]);
void hmac_sha256(struct slice key, struct slice data, uint8_t ret[SHA256_LEN]);
/* RFC 5869, with no salt where it is empty: len bytes, at most 8 KiB, for the purpose that info (at most 128 bytes) names. */
void hkdf_sha256(struct slice key, struct slice salt, struct slice info, uint8_t *ret, size_t len);
bool bytes_equal_constant(const void *a, const void *b, size_t len);
void hex_encode(const void *at, size_t len, char *ret); /* 2 * len characters and a NUL */
int hex_decode(struct slice hex, void *ret, size_t len); /* 0 or -EINVAL unless hex is exactly 2 * len hex digits */
void wipe(void *at, size_t len);
