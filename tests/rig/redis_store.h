/* SPDX-License-Identifier: Apache-2.0 */
/* redis_store: a struct redis in a loop, with notes of all it says and of the order in which it
 * says it. */
#pragma once
#include "store/redis/redis.h"

struct redis_store {
	struct loop *loop;
	struct resolver *resolver;
	struct tls_contexts *contexts;
	struct redis_options options; /* to be filled before redis_store_open */
	struct redis *redis;
	bool up, down; /* flags to wait for */
	unsigned failovers, mends, changes;
	unsigned answers; /* of asks, that were no failure */
	unsigned answers_at_failover;
	uint64_t stall; /* the longest time between two turns of the loop, ns */
	void (*changed)(struct redis_store *s);                    /* may be NULL */
	void (*mend)(struct redis_store *s, struct redis_link *l); /* may be NULL */
};

struct store_ask {
	struct redis_ask ask;
	struct redis_store *store;
	struct slice words[6];
	bool done;
	unsigned times;
	int result;
	enum reply_type type;
	int64_t integer;
	char text[128];
	uint64_t took; /* ns */
	uint64_t began;
};

void redis_store_init(struct redis_store *s); /* loop and resolver; then options are set */
void redis_store_open(struct redis_store *s);
void redis_store_close(struct redis_store *s);
bool redis_store_run(struct redis_store *s, const bool *done, unsigned ms);
/* Words end with NULL; the second one is the key. As redis_ask. */
int redis_store_put(struct redis_store *s, struct store_ask *a, const char *words, ...)
        __attribute__((sentinel));
/* The same, and waits: the result. */
int redis_store_ask(struct redis_store *s, struct store_ask *a, const char *words, ...)
        __attribute__((sentinel));
