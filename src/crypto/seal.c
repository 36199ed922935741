/* SPDX-License-Identifier: Apache-2.0 */
/* seal: see seal.h. A nonce that comes from the text cannot meet another text but by a collision of
 * HMAC-SHA-256 cut to 96 bits: 2^-33 after 2^32 different texts under one key. */
#include "crypto/seal.h"
#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>

#define NONCE_LEN 12
#define TAG_LEN 16
#define TEXT_MAX (1u << 20)
#define LABEL_MAX 100

int seal_init(struct seal *s, struct slice key, struct slice label)
{
	uint8_t derived[2 * SHA256_LEN], hash[SHA256_LEN];
	char info[16 + LABEL_MAX] = "weir seal 1 ";
	size_t prefix = strlen(info);

	assert(label.len <= LABEL_MAX && key.len);
	bytes_copy(info + prefix, label.at, label.len);
	hkdf_sha256(key, SLICE(""), slice_from(info, prefix + label.len), derived, sizeof(derived));
	*s = (struct seal){.label = label};
	memcpy(s->key, derived, sizeof(s->key));
	memcpy(s->name, derived + sizeof(s->key), sizeof(s->name));
	sha256(slice_from(derived, sizeof(derived)), hash);
	memcpy(s->id, hash, sizeof(s->id));
	wipe(derived, sizeof(derived));
	wipe(hash, sizeof(hash));
	return 0;
}

/* Made when there is something to seal or to open: OpenSSL makes all ciphers that it has, 120 KiB
 * of them, when it is asked for the first one. */
static bool cipher_make(struct seal *s)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	EVP_CIPHER *gcm = c ? EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL) : NULL;
	bool good = gcm && EVP_CipherInit_ex2(c, gcm, s->key, NULL, 1, NULL) == 1;

	EVP_CIPHER_free(gcm); /* the context holds it */
	if (good)
		s->cipher = c;
	else
		EVP_CIPHER_CTX_free(c);
	return good;
}

void seal_finish(struct seal *s)
{
	EVP_CIPHER_CTX_free(s->cipher);
	wipe(s, sizeof(*s));
}

static bool associate(struct seal *s, struct slice data)
{
	int n;

	return !data.len || EVP_CipherUpdate(s->cipher, NULL, &n, (const uint8_t *)data.at,
	                            (int)data.len) == 1;
}

/* The direction, the label and what it is about, after which text can pass. */
static bool begin(struct seal *s, struct slice about, const uint8_t *nonce, bool to_seal)
{
	return EVP_CipherInit_ex2(s->cipher, NULL, to_seal ? NULL : s->key, nonce, to_seal, NULL) ==
	               1 &&
	       associate(s, s->label) && associate(s, about);
}

static bool pass(struct seal *s, struct slice in, uint8_t *ret)
{
	int n = 0;

	return !in.len ||
	       (EVP_CipherUpdate(s->cipher, ret, &n, (const uint8_t *)in.at, (int)in.len) == 1 &&
	               (size_t)n == in.len);
}

/* Two tags of one nonce would tell what makes tags: so the nonce comes from what the text is about
 * as well, by a key of its own. */
static void nonce_make(const struct seal *s, struct slice about, struct slice text, uint8_t *ret)
{
	uint8_t key[SHA256_LEN], mac[SHA256_LEN];

	memcpy(key, s->name, sizeof(key));
	if (about.len)
		hmac_sha256(slice_from(s->name, sizeof(s->name)), about, key);
	hmac_sha256(slice_from(key, sizeof(key)), text, mac);
	memcpy(ret, mac, NONCE_LEN);
	wipe(key, sizeof(key));
}

int seal_put_about(struct seal *s, struct slice about, struct slice text, uint8_t *ret)
{
	uint8_t *nonce = ret + SEAL_ID_LEN, *body = nonce + NONCE_LEN, none[16];
	int n;

	assert(text.len <= TEXT_MAX && about.len <= TEXT_MAX);
	memcpy(ret, s->id, SEAL_ID_LEN);
	nonce_make(s, about, text, nonce);
	if (!s->cipher && !cipher_make(s))
		return -ENOMEM;
	return begin(s, about, nonce, true) && pass(s, text, body) &&
	                       EVP_CipherFinal_ex(s->cipher, none, &n) == 1 &&
	                       EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_LEN,
	                               body + text.len) == 1
	               ? 0
	               : -ENOMEM;
}

int seal_put(struct seal *s, struct slice text, uint8_t *ret)
{
	return seal_put_about(s, (struct slice){"", 0}, text, ret);
}

bool seal_knows(const struct seal *s, struct slice sealed)
{
	return sealed.len >= SEAL_OVERHEAD && !memcmp(sealed.at, s->id, SEAL_ID_LEN);
}

int seal_open_about(struct seal *s, struct slice about, struct slice sealed, char *ret)
{
	uint8_t tag[TAG_LEN], none[16];
	int n;

	if (!seal_knows(s, sealed) || sealed.len - SEAL_OVERHEAD > TEXT_MAX)
		return -EBADMSG;
	if (!s->cipher && !cipher_make(s))
		return -ENOMEM;
	size_t len = sealed.len - SEAL_OVERHEAD;
	const uint8_t *nonce = (const uint8_t *)sealed.at + SEAL_ID_LEN, *body = nonce + NONCE_LEN;

	memcpy(tag, body + len, TAG_LEN);
	/* The tag is compared by the library, in constant time, once all has passed. */
	bool whole = begin(s, about, nonce, false) && pass(s, slice_from(body, len), (uint8_t *)ret) &&
	             EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
	             EVP_CipherFinal_ex(s->cipher, none, &n) == 1;
	/* The next one to be sealed finds the key in place. */
	bool ready = EVP_CipherInit_ex2(s->cipher, NULL, s->key, NULL, 1, NULL) == 1;

	if (!whole && len)
		wipe(ret, len);
	return !whole ? -EBADMSG : ready ? 0 : -ENOMEM;
}

int seal_open(struct seal *s, struct slice sealed, char *ret)
{
	return seal_open_about(s, (struct slice){"", 0}, sealed, ret);
}
