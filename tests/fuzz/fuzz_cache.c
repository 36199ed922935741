/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_cache: puts and questions in any order against the cache, beside a list kept by hand in the
 * order in which its entries were asked for. Bytes: what to do, with which key, and how much. */
#include <assert.h>
#include "base/mem.h"
#include "store/cache.h"

#define KEYS 16u
#define MEMORY 4096u
#define ENTRY 900u

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static struct model {
	bool there;
	size_t len;
	uint64_t expires, used;
} model[KEYS];

static size_t beside; /* bytes that an entry weighs beside its own */

static size_t weight(void)
{
	size_t sum = 0;

	for (unsigned i = 0; i < KEYS; i++)
		sum += model[i].there ? model[i].len + beside : 0;
	return sum;
}

static void throw_oldest(void)
{
	struct model *oldest = NULL;

	for (unsigned i = 0; i < KEYS; i++)
		if (model[i].there && (!oldest || model[i].used < oldest->used))
			oldest = &model[i];
	assert(oldest);
	oldest->there = false;
}

static void ask(struct cache *c, const uint8_t *key, unsigned n, uint64_t now)
{
	struct cache_entry *e = cache_find(c, key, now);
	struct model *m = &model[n];

	if (m->there && now >= m->expires)
		m->there = false;
	assert(!e == !m->there);
	if (!e)
		return;
	m->used = now;
	assert(e->body.len == m->len);
	for (size_t i = 0; i < m->len; i++)
		assert((uint8_t)e->body.at[i] == n);
	cache_entry_unref(e);
}

static void put(struct cache *c, const uint8_t *key, unsigned n, size_t len, uint64_t now)
{
	char body[ENTRY + 200];
	struct model *m = &model[n];

	memset(body, (int)n, sizeof(body));
	int r = cache_put(c, key, SLICE(""), slice_from(body, len), now + 1 + len % 50);
	assert((r == 0) == (len <= ENTRY));
	if (r < 0)
		return;
	while (weight() > MEMORY - len - beside)
		throw_oldest();
	*m = (struct model){true, len, now + 1 + len % 50, now};
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct cache *c = cache_new((struct cache_limits){MEMORY, ENTRY});
	uint8_t key[CACHE_KEY_LEN] = {0};

	assert(c);
	memset(model, 0, sizeof(model));
	assert(cache_put(c, key, SLICE(""), SLICE(""), 1) == 0);
	beside = cache_memory(c);
	assert(!cache_find(c, key, 1) && !cache_memory(c));
	for (uint64_t now = 1; len >= 2; at += 2, len -= 2, now++) {
		unsigned n = at[0] % KEYS;

		memset(key, (int)n, sizeof(key));
		key[1] = 0;
		if (at[0] & 0x80)
			ask(c, key, n, now);
		else
			put(c, key, n, at[1] * 4u, now);
		assert(cache_memory(c) == weight() && weight() <= MEMORY);
	}
	cache_free(c);
	return 0;
}
