/* SPDX-License-Identifier: Apache-2.0 */
/* tokens_learn: how far a provider's own count is from the estimate, learned for each agent and
 * model from the calls that were: a moving average of actual / estimate, an eighth of it the newest
 * call. All workers share it. What it says is an estimate too and bounds nothing. */
#pragma once
#include <stdatomic.h>
#include "base/siphash.h"

#define TOKENS_LEARN_SCALE 65536u /* a factor of 1 */
#define TOKENS_LEARN_LEAST (TOKENS_LEARN_SCALE / 4)
#define TOKENS_LEARN_MOST (TOKENS_LEARN_SCALE * 4)

struct tokens_factor {
	_Atomic uint64_t who;    /* 0: nobody's yet */
	_Atomic uint32_t factor; /* 0: 1, nothing was learned yet */
};

struct tokens_learn {
	struct siphash_key key;
	struct tokens_factor *factors; /* owned */
	size_t n;                      /* a power of two */
};

/* Room for n pairs or somewhat more. 0, -ENOMEM. */
int tokens_learn_init(struct tokens_learn *l, size_t n);
void tokens_learn_finish(struct tokens_learn *l);
/* Of this agent and model, as long as l; NULL: there is no room, and then nothing is corrected. */
struct tokens_factor *tokens_learn_factor(
        struct tokens_learn *l, struct slice agent, struct slice model);
/* f may be NULL. */
uint64_t tokens_corrected(const struct tokens_factor *f, uint64_t estimate);
/* The provider said actual where the estimate, not corrected, was estimate. */
void tokens_learned(struct tokens_factor *f, uint64_t estimate, uint64_t actual);
