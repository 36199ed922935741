/* SPDX-License-Identifier: Apache-2.0 */
/* bytes: see bytes.h. */
#include "bytes.h"
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

void *mem_grow(void *at, size_t n)
{
	void *got = realloc(at, n ? n : 1);
	if (!got) {
		fputs("scripted-provider: out of memory\n", stderr);
		abort();
	}
	return got;
}

void *mem_take(size_t n)
{
	return memset(mem_grow(NULL, n), 0, n);
}

void mem_give(void *at)
{
	free(at);
}

void bytes_room(struct bytes *b, size_t n)
{
	if (b->cap - b->n >= n)
		return;
	size_t cap = b->cap ? b->cap * 2 : 512;
	while (cap - b->n < n)
		cap *= 2;
	b->at = mem_grow(b->at, cap);
	b->cap = cap;
}

void bytes_add(struct bytes *b, const void *at, size_t n)
{
	if (!n)
		return;
	bytes_room(b, n);
	memcpy(b->at + b->n, at, n);
	b->n += n;
}

void bytes_text(struct bytes *b, const char *text)
{
	bytes_add(b, text, strlen(text));
}

void bytes_format(struct bytes *b, const char *format, ...)
{
	va_list args;
	int n;
	bytes_room(b, 256);
	va_start(args, format);
	n = vsnprintf(b->at + b->n, b->cap - b->n, format, args);
	va_end(args);
	if (b->n + (size_t)n >= b->cap) {
		bytes_room(b, (size_t)n + 1);
		va_start(args, format);
		n = vsnprintf(b->at + b->n, b->cap - b->n, format, args);
		va_end(args);
	}
	b->n += (size_t)n;
}

/* How many octets the well-formed UTF-8 character at the start of t has; 0 when it is none. */
static size_t utf8_length(struct text t)
{
	const unsigned char *p = (const unsigned char *)t.at;
	size_t n = p[0] < 0x80                   ? 1
	           : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
	           : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
	           : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
	                                         : 0;
	if (!n || n > t.n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void bytes_json(struct bytes *b, struct text t)
{
	bytes_add(b, "\"", 1);
	while (t.n) {
		unsigned char c = (unsigned char)t.at[0];
		size_t n = utf8_length(t);
		if (c == '"' || c == '\\')
			bytes_format(b, "\\%c", c);
		else if (c == '\n')
			bytes_text(b, "\\n");
		else if (!n || c < 0x20)
			bytes_format(b, "\\u%04x", c);
		else
			bytes_add(b, t.at, n);
		n = n ? n : 1;
		t.at += n;
		t.n -= n;
	}
	bytes_add(b, "\"", 1);
}

void bytes_base64(struct bytes *b, const void *at, size_t n)
{
	bytes_room(b, (n + 2) / 3 * 4 + 1);
	b->n += (size_t)EVP_EncodeBlock((unsigned char *)b->at + b->n, at, (int)n);
}

void bytes_unbase64(struct bytes *b, struct text t)
{
	bytes_room(b, t.n + 3);
	int n = EVP_DecodeBlock(
	        (unsigned char *)b->at + b->n, (const unsigned char *)t.at, (int)t.n);
	for (size_t i = t.n; n > 0 && i && t.at[i - 1] == '='; i--)
		n--; /* it counts the padding */
	b->n += n > 0 ? (size_t)n : 0;
}

void bytes_sha256(struct bytes *b, struct text t)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	EVP_Digest(t.n ? t.at : "", t.n, digest, &n, EVP_sha256(), NULL);
	for (unsigned i = 0; i < n; i++)
		bytes_format(b, "%02x", digest[i]);
}

static uint32_t crc32_of(struct text t)
{
	uint32_t crc = ~0u;
	for (size_t i = 0; i < t.n; i++) {
		crc ^= (unsigned char)t.at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void add_le(struct bytes *b, uint32_t value, unsigned octets)
{
	for (unsigned i = 0; i < octets; i++)
		bytes_add(b, &(unsigned char){(unsigned char)(value >> 8 * i)}, 1);
}

void bytes_gzip(struct bytes *b, struct text t)
{
	uint32_t crc = crc32_of(t), length = (uint32_t)t.n;
	bytes_add(b, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
	do {
		size_t n = t.n < 0xffff ? t.n : 0xffff;
		add_le(b, n == t.n, 1);
		add_le(b, (uint32_t)n, 2);
		add_le(b, ~(uint32_t)n & 0xffff, 2);
		bytes_add(b, t.at, n);
		t.at += n;
		t.n -= n;
	} while (t.n);
	add_le(b, crc, 4);
	add_le(b, length, 4);
}

void bytes_cut(struct bytes *b, size_t n)
{
	memmove(b->at, b->at + n, b->n - n);
	b->n -= n;
}

void bytes_finish(struct bytes *b)
{
	mem_give(b->at);
	*b = (struct bytes){0};
}

bool text_is(struct text t, const char *word)
{
	return t.at && t.n == strlen(word) && !memcmp(t.at, word, t.n);
}

bool text_is_nocase(struct text t, const char *word)
{
	return t.at && t.n == strlen(word) && !strncasecmp(t.at, word, t.n);
}

ptrdiff_t text_find(struct text t, struct text needle)
{
	const char *at = t.n ? memmem(t.at, t.n, needle.at, needle.n) : NULL;
	return at ? at - t.at : -1;
}

uint64_t text_hash(struct text t)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (size_t i = 0; i < t.n; i++)
		hash = (hash ^ (unsigned char)t.at[i]) * 0x100000001b3u;
	return hash;
}

uint64_t chance(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t wall_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}
