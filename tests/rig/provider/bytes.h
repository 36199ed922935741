/* SPDX-License-Identifier: Apache-2.0 */
/* bytes: what the scripted provider builds its answers in: a growing buffer, JSON text, digests,
 * base64, chance and time. A test tool: when memory runs out it ends. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	char *at; /* owned */
	size_t n, cap;
};

struct text {
	const char *at; /* borrowed; NULL when absent */
	size_t n;
};

#define TEXT(literal) ((struct text){"" literal, sizeof(literal) - 1})

void *mem_take(size_t n); /* zeroed */
void *mem_grow(void *at, size_t n);
void mem_give(void *at);

void bytes_room(struct bytes *b, size_t n);
void bytes_add(struct bytes *b, const void *at, size_t n);
void bytes_text(struct bytes *b, const char *text);
void bytes_format(struct bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bytes_json(
        struct bytes *b, struct text t); /* as a JSON string, in quotes; every octet survives */
void bytes_base64(struct bytes *b, const void *at, size_t n);
void bytes_unbase64(struct bytes *b, struct text t);
void bytes_sha256(struct bytes *b, struct text t); /* 64 hexadecimal digits */
void bytes_gzip(struct bytes *b, struct text t);   /* stored blocks: coded, not smaller */
void bytes_cut(struct bytes *b, size_t n);         /* takes n octets off the front */
void bytes_finish(struct bytes *b);

static inline struct text bytes_view(const struct bytes *b)
{
	return (struct text){b->at, b->n};
}

bool text_is(struct text t, const char *word);
bool text_is_nocase(struct text t, const char *word);
/* Where needle begins in t, or -1. */
ptrdiff_t text_find(struct text t, struct text needle);
uint64_t text_hash(struct text t);

uint64_t chance(uint64_t *state); /* a fixed sequence for each seed */
uint64_t now_ns(void);            /* monotonic */
uint64_t wall_us(void);
