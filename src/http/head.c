/* SPDX-License-Identifier: Apache-2.0 */
/* head: the header list and the names it knows. Known names are found by one hash over words of
 * eight bytes and one comparison; the table of places is filled once, before main. */
#include "weir/head.h"
#include <assert.h>
#include <errno.h>
#include "base/mem.h"

#define HEAD_BLOCK_MAX (64u << 10)
#define HEAD_FIELDS_MAX 1024u
#define SLOTS 256u

static const struct slice names[HEADER_N] = {[HEADER_OTHER] = SLICE_INIT(""),
#define H(id, text) [HEADER_##id] = SLICE_INIT(text),
        HEADERS(H)
#undef H
};

static uint8_t slots[SLOTS]; /* an id, or 0 */

static inline uint64_t word_at(const char *at)
{
	uint64_t w;

	memcpy(&w, at, sizeof(w));
	return w;
}

/* Whether eight bytes of a name are those of a known one, whatever the case of letters. One bit
 * makes them small; a byte that has neither that bit nor the one above would become another one's
 * twin (CR and '-'), and is none of a name's. */
static inline bool word_equals(uint64_t w, uint64_t known)
{
	return (w | 0x2020202020202020u) == known && !(~(w | w << 1) & 0x4040404040404040u);
}

static inline bool byte_equals(char c, char known)
{
	return (c | 0x20) == known && (c & 0x60);
}

/* Both of one length. The last word may overlap the one before. */
static bool name_equals(const char *at, const char *known, size_t len)
{
	size_t i = 0;

	if (len < sizeof(uint64_t)) {
		for (; i < len; i++)
			if (!byte_equals(at[i], known[i]))
				return false;
		return true;
	}
	for (; i + sizeof(uint64_t) <= len; i += sizeof(uint64_t))
		if (!word_equals(word_at(at + i), word_at(known + i)))
			return false;
	i = len - sizeof(uint64_t);
	return word_equals(word_at(at + i), word_at(known + i));
}

/* Length and three letters tell the known names apart well enough: seldom is more than one
 * compared. */
static inline unsigned name_slot(struct slice name)
{
	unsigned first = name.at[0] | 0x20, last = name.at[name.len - 1] | 0x20,
	         middle = name.at[name.len / 2] | 0x20;

	return (unsigned)(name.len * 2 + first * 201 + last * 235 + middle * 10) % SLOTS;
}

__attribute__((constructor)) static void slots_fill(void)
{
	static_assert(HEADER_N < SLOTS / 2 && HEADER_N <= 64,
	        "the table of names, or head.seen, is too small");
	for (unsigned id = HEADER_OTHER + 1; id < HEADER_N; id++) {
		unsigned slot = name_slot(names[id]);

		while (slots[slot])
			slot = (slot + 1) % SLOTS;
		slots[slot] = (uint8_t)id;
	}
}

enum header_id header_id_of(struct slice name)
{
	if (!name.len)
		return HEADER_OTHER;
	for (unsigned slot = name_slot(name); slots[slot]; slot = (slot + 1) % SLOTS) {
		unsigned id = slots[slot];

		if (names[id].len == name.len && name_equals(name.at, names[id].at, name.len))
			return id;
	}
	return HEADER_OTHER;
}

struct slice header_name(enum header_id id)
{
	assert(id < HEADER_N);
	return names[id];
}

void head_init(struct head *h)
{
	*h = (struct head){.block = BUF_INIT(HEAD_BLOCK_MAX), .minor = 1, .keep_alive = true};
}

void head_finish(struct head *h)
{
	buf_finish(&h->block);
	mem_free(h->headers);
	head_init(h);
}

#define HEADERS_A_BLOCK ((unsigned)(STOCK_BLOCK / sizeof(struct header)))

void head_take_memory(struct head *h, struct stock *stock)
{
	if (!h->block.mem && h->block.max >= STOCK_BLOCK) {
		h->block.mem = stock_take(stock);
		h->block.cap = h->block.mem ? STOCK_BLOCK : 0;
	}
	if (!h->headers) {
		h->headers = stock_take(stock);
		h->cap_headers = h->headers ? HEADERS_A_BLOCK : 0;
	}
}

void head_give_memory(struct head *h, struct stock *stock)
{
	if (h->block.cap == STOCK_BLOCK) {
		stock_give(stock, h->block.mem, STOCK_BLOCK);
		buf_init(&h->block, h->block.max);
	}
	h->n_headers = 0;
	if (h->cap_headers == HEADERS_A_BLOCK) {
		stock_give(stock, h->headers, STOCK_BLOCK);
		h->headers = NULL;
		h->cap_headers = 0;
	}
}

void head_reset(struct head *h)
{
	/* All that follows is of the one message. */
	const size_t kept = offsetof(struct head, seen);

	buf_clear(&h->block);
	h->n_headers = 0;
	memset((char *)h + kept, 0, sizeof(*h) - kept);
	h->minor = 1;
	h->keep_alive = true;
}

int head_reserve(struct head *h, unsigned n)
{
	unsigned cap = h->cap_headers ? h->cap_headers : 16;
	struct header *more;

	if (n <= h->cap_headers)
		return 0;
	if (n > HEAD_FIELDS_MAX)
		return -ENOBUFS;
	while (cap < n)
		cap *= 2;
	more = mem_realloc(h->headers, cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	h->headers = more;
	h->cap_headers = cap;
	return 0;
}

int head_add(struct head *h, enum header_id id, struct slice name, struct slice value)
{
	return head_add_header(
	        h, (struct header){name, value, id == HEADER_OTHER ? header_id_of(name) : id});
}

int head_add_id(struct head *h, enum header_id id, struct slice value)
{
	assert(id != HEADER_OTHER);
	return head_add(h, id, header_name(id), value);
}

const struct header *head_search(const struct head *h, enum header_id id)
{
	for (unsigned i = 0; i < h->n_headers; i++)
		if (h->headers[i].id == id)
			return &h->headers[i];
	return NULL;
}

struct slice header_credential(enum header_id id, struct slice value)
{
	static const struct slice scheme = SLICE_INIT("bearer ");

	if (id != HEADER_AUTHORIZATION)
		return value;
	if (value.len < scheme.len ||
	        !slice_equals_nocase(slice_from(value.at, scheme.len), scheme))
		return (struct slice){"", 0};
	return slice_trim(slice_skip(value, scheme.len));
}

unsigned head_count(const struct head *h, enum header_id id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->n_headers; i++)
		n += h->headers[i].id == id;
	return n;
}

const struct header *head_find_name(const struct head *h, struct slice name)
{
	for (unsigned i = 0; i < h->n_headers; i++)
		if (slice_equals_nocase(h->headers[i].name, name))
			return &h->headers[i];
	return NULL;
}

static inline enum method method_if(struct slice text, const char *name, enum method method)
{
	return memcmp(text.at, name, text.len) ? METHOD_OTHER : method;
}

enum method method_of(struct slice text)
{
	switch (text.len) {
	case 3:
		return text.at[0] == 'G' ? method_if(text, "GET", METHOD_GET)
		                         : method_if(text, "PUT", METHOD_PUT);
	case 4:
		return text.at[0] == 'P' ? method_if(text, "POST", METHOD_POST)
		                         : method_if(text, "HEAD", METHOD_HEAD);
	case 5:
		return method_if(text, "PATCH", METHOD_PATCH);
	case 6:
		return method_if(text, "DELETE", METHOD_DELETE);
	case 7:
		return method_if(text, "OPTIONS", METHOD_OPTIONS);
	default:
		return METHOD_OTHER;
	}
}

struct slice method_name(enum method m)
{
	static const struct slice texts[] = {
	        [METHOD_OTHER] = SLICE_INIT(""),
	        [METHOD_GET] = SLICE_INIT("GET"),
	        [METHOD_HEAD] = SLICE_INIT("HEAD"),
	        [METHOD_POST] = SLICE_INIT("POST"),
	        [METHOD_PUT] = SLICE_INIT("PUT"),
	        [METHOD_PATCH] = SLICE_INIT("PATCH"),
	        [METHOD_DELETE] = SLICE_INIT("DELETE"),
	        [METHOD_OPTIONS] = SLICE_INIT("OPTIONS"),
	};

	return texts[m];
}
