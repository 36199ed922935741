/* SPDX-License-Identifier: Apache-2.0 */
/* key: making agents' keys and telling them from other text. The checksum covers the prefix and the
 * random part. */
#include "crypto/key.h"
#include "base/id.h"
#include "base/mem.h"

#define PREFIX_LEN (sizeof(KEY_PREFIX) - 1)
#define RANDOM_LEN 43u
#define CHECK_LEN 6u
#define BASE 62u

static const char alphabet[BASE + 1] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* CRC-32 as in ISO 3309 and zip: reflected, 0xedb88320. */
static uint32_t crc32_of(const char *at, size_t len)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
	}
	return ~crc;
}

static void put_check(const char *key, char ret[CHECK_LEN])
{
	uint32_t crc = crc32_of(key, PREFIX_LEN + RANDOM_LEN);

	for (unsigned i = CHECK_LEN; i--; crc /= BASE)
		ret[i] = alphabet[crc % BASE];
}

/* Each character is drawn by itself; bytes that would make some likelier than others are drawn
 * again. */
static char random_char(void)
{
	unsigned char byte;

	do
		random_bytes(&byte, 1);
	while (byte >= 256 / BASE * BASE);
	return alphabet[byte % BASE];
}

void key_new(char ret[KEY_LEN + 1])
{
	memcpy(ret, KEY_PREFIX, PREFIX_LEN);
	for (unsigned i = 0; i < RANDOM_LEN; i++)
		ret[PREFIX_LEN + i] = random_char();
	put_check(ret, ret + PREFIX_LEN + RANDOM_LEN);
	ret[KEY_LEN] = '\0';
}

bool key_has_prefix(struct slice text)
{
	return slice_starts(text, SLICE(KEY_PREFIX));
}

bool key_memo_knows(const struct key_memo *memo, struct slice text, uint8_t ret_sha256[SHA256_LEN])
{
	if (!memo || memo->len != text.len || !bytes_equal_constant(memo->text, text.at, text.len))
		return false;
	memcpy(ret_sha256, memo->sha256, SHA256_LEN);
	return true;
}

void key_memo_keep(struct key_memo **memo, struct slice text, const uint8_t sha256[SHA256_LEN])
{
	struct key_memo *m = *memo;

	if (!text.len || text.len > sizeof(m->text))
		return;
	if (!m)
		m = *memo = mem_alloc(sizeof(*m));
	if (!m)
		return;
	m->len = (uint8_t)text.len;
	memcpy(m->text, text.at, text.len);
	memcpy(m->sha256, sha256, SHA256_LEN);
}

void key_memo_forget(struct key_memo **memo)
{
	if (*memo)
		wipe(*memo, sizeof(**memo));
	mem_free(*memo);
	*memo = NULL;
}

bool key_is_wellformed(struct slice text)
{
	char check[CHECK_LEN];

	if (text.len != KEY_LEN || !key_has_prefix(text))
		return false;
	for (size_t i = PREFIX_LEN; i < KEY_LEN; i++)
		if (!text.at[i] || !strchr(alphabet, text.at[i]))
			return false;
	put_check(text.at, check);
	return !memcmp(check, text.at + KEY_LEN - CHECK_LEN, CHECK_LEN);
}
