/* SPDX-License-Identifier: Apache-2.0 */
/* tokens_learn: a table that only grows, and within bounds: a place once taken stays its pair's, so
 * that workers find and change it without a lock. */
#include "text/tokens_learn.h"
#include <errno.h>
#include "base/id.h"
#include "base/mem.h"

#define PROBES 16u
#define NEWEST 8 /* one in so many */
#define N_MAX (SIZE_MAX / sizeof(struct tokens_factor) / 4)

int tokens_learn_init(struct tokens_learn *l, size_t n)
{
	size_t room = PROBES;

	if (n > N_MAX)
		return -ENOMEM;
	while (room < n + n / 2)
		room *= 2;
	l->factors = mem_zalloc(room * sizeof(*l->factors));
	if (!l->factors)
		return -ENOMEM;
	l->n = room;
	random_bytes(&l->key, sizeof(l->key));
	return 0;
}

void tokens_learn_finish(struct tokens_learn *l)
{
	mem_free(l->factors);
	l->factors = NULL;
}

/* The hash of one under a key that the hash of the other makes, so that no two pairs are written
 * alike. */
static uint64_t pair_hash(struct siphash_key key, struct slice agent, struct slice model)
{
	uint64_t who;

	key.k0 ^= siphash(key, agent);
	who = siphash(key, model);
	return who ? who : 1;
}

struct tokens_factor *tokens_learn_factor(
        struct tokens_learn *l, struct slice agent, struct slice model)
{
	uint64_t who = pair_hash(l->key, agent, model);

	for (size_t i = 0; i < PROBES; i++) {
		struct tokens_factor *f = &l->factors[(who + i) & (l->n - 1)];
		uint64_t is = atomic_load_explicit(&f->who, memory_order_relaxed);

		if (!is && atomic_compare_exchange_strong(&f->who, &is, who))
			return f;
		if (is == who)
			return f;
	}
	return NULL;
}

static uint32_t factor_now(const struct tokens_factor *f)
{
	uint32_t factor = atomic_load_explicit(&f->factor, memory_order_relaxed);

	return factor ? factor : TOKENS_LEARN_SCALE;
}

uint64_t tokens_corrected(const struct tokens_factor *f, uint64_t estimate)
{
	unsigned __int128 scaled = estimate;

	if (!f)
		return estimate;
	scaled = (scaled * factor_now(f) + TOKENS_LEARN_SCALE - 1) / TOKENS_LEARN_SCALE;
	return scaled < UINT64_MAX ? (uint64_t)scaled : UINT64_MAX;
}

static uint32_t ratio_of(uint64_t estimate, uint64_t actual)
{
	unsigned __int128 ratio = (unsigned __int128)actual * TOKENS_LEARN_SCALE / estimate;

	if (ratio < TOKENS_LEARN_LEAST)
		return TOKENS_LEARN_LEAST;
	return ratio < TOKENS_LEARN_MOST ? (uint32_t)ratio : TOKENS_LEARN_MOST;
}

void tokens_learned(struct tokens_factor *f, uint64_t estimate, uint64_t actual)
{
	uint32_t was, next;
	int64_t off;

	if (!f || !estimate || !actual)
		return;
	was = atomic_load_explicit(&f->factor, memory_order_relaxed);
	do {
		int64_t from = was ? was : TOKENS_LEARN_SCALE;

		off = (int64_t)ratio_of(estimate, actual) - from;
		next = (uint32_t)(from + off / NEWEST);
	} while (!atomic_compare_exchange_weak(&f->factor, &was, next));
}
