/* SPDX-License-Identifier: Apache-2.0 */
/* digest: SHA-256 by OpenSSL's own functions for it. EVP around them takes 50 ns a digest, a third of one as short as the
 * journal's, of which each call has two to four. They are deprecated in favour of EVP, and there in every OpenSSL 3. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/digest.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include "base/mem.h"

#define SHA256_BLOCK 64
#define HKDF_INFO_MAX 128

static pthread_once_t begun = PTHREAD_ONCE_INIT;

/* OpenSSL reads its configuration when the first algorithm is fetched. The first digest is made while the process starts and
 * may still open files; and one that is configured to have no SHA-256 is not gone behind. */
static void begin(void)
{
	EVP_MD *algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);

	if (!algorithm) {
		fputs("weir: SHA-256 is not to be had from OpenSSL\n", stderr);
		abort();
	}
	EVP_MD_free(algorithm);
}

/* Of two pieces, one after the other, the first of which may be a key. */
static void sha256_two(struct slice first, struct slice second, uint8_t ret[SHA256_LEN])
{
	SHA256_CTX c UNINIT;

	pthread_once(&begun, begin);
	SHA256_Init(&c);
	SHA256_Update(&c, first.at, first.len);
	SHA256_Update(&c, second.at, second.len);
	SHA256_Final(ret, &c);
	wipe(&c, sizeof(c));
}

void sha256(struct slice data, uint8_t ret[SHA256_LEN])
{
	SHA256_CTX c UNINIT;

	pthread_once(&begun, begin);
	SHA256_Init(&c);
	SHA256_Update(&c, data.at, data.len);
	SHA256_Final(ret, &c);
}

/* RFC 2104. */
void hmac_sha256(struct slice key, struct slice data, uint8_t ret[SHA256_LEN])
{
	uint8_t pad[SHA256_BLOCK] = {0}, inner[SHA256_LEN];

	if (key.len > sizeof(pad))
		sha256(key, pad);
	else if (key.len)
		memcpy(pad, key.at, key.len);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	sha256_two(slice_from(pad, sizeof(pad)), data, inner);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	sha256_two(slice_from(pad, sizeof(pad)), slice_from(inner, sizeof(inner)), ret);
	wipe(pad, sizeof(pad));
	wipe(inner, sizeof(inner));
}

void hkdf_sha256(struct slice key, struct slice salt, struct slice info, uint8_t *ret, size_t len)
{
	uint8_t secret[SHA256_LEN], block[SHA256_LEN + HKDF_INFO_MAX + 1], piece[SHA256_LEN];
	size_t before = 0; /* bytes of the piece before this one */

	assert(info.len <= HKDF_INFO_MAX && len <= 255 * SHA256_LEN);
	hmac_sha256(salt, key, secret);
	for (uint8_t n = 1; len; n++) {
		size_t take = len < SHA256_LEN ? len : SHA256_LEN;

		if (info.len)
			memcpy(block + before, info.at, info.len);
		block[before + info.len] = n;
		hmac_sha256(slice_from(secret, sizeof(secret)),
		        slice_from(block, before + info.len + 1), piece);
		memcpy(ret, piece, take);
		memcpy(block, piece, sizeof(piece));
		before = sizeof(piece);
		ret += take;
		len -= take;
	}
	wipe(secret, sizeof(secret));
	wipe(block, sizeof(block));
	wipe(piece, sizeof(piece));
}

/* The compiler must not see that nothing more can change once a bit differs. */
#define KEEP_SECRET(diff) __asm__("" : "+r"(diff))

/* Word by word, which OpenSSL's goes byte by byte. The last word may overlap the one before. */
bool bytes_equal_constant(const void *a, const void *b, size_t len)
{
	const char *x = a, *y = b;
	uint64_t diff = 0;

	for (size_t i = 0; len >= 8 && i < len; i += 8) {
		size_t at = i + 8 <= len ? i : len - 8;
		uint64_t v, w;

		memcpy(&v, x + at, sizeof(v));
		memcpy(&w, y + at, sizeof(w));
		diff |= v ^ w;
		KEEP_SECRET(diff);
	}
	for (size_t i = 0; len < 8 && i < len; i++) {
		diff |= (uint64_t)(x[i] ^ y[i]);
		KEEP_SECRET(diff);
	}
	return !diff;
}

void wipe(void *at, size_t len)
{
	OPENSSL_cleanse(at, len);
}

void hex_encode(const void *at, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = at;

	for (size_t i = 0; i < len; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret[2 * len] = '\0';
}

/* 16 or more when c is no hex digit. */
static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

int hex_decode(struct slice hex, void *ret, size_t len)
{
	uint8_t *bytes = ret;

	if (len > SIZE_MAX / 2 || hex.len != 2 * len)
		return -EINVAL;
	for (size_t i = 0; i < hex.len; i++)
		if (hex_digit(hex.at[i]) > 15)
			return -EINVAL;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(hex_digit(hex.at[2 * i]) << 4 | hex_digit(hex.at[2 * i + 1]));
	return 0;
}
