/* SPDX-License-Identifier: Apache-2.0 */
/* remote_lease: what groups have leased of budgets that all share ("g"). A call takes from its own
 * group's lease in the one script that asks for the rest of it; only when that lacks room is the
 * pool asked, for 1% of what is left or what the call needs. What a lease was granted and what it
 * has returned only grow, and both sides keep what they know to be the most: a grant whose answer
 * was lost is found again by the next who asks, and whatever is said twice or late changes nothing.
 * At every instant what is spent out of leases and what they hold stands in the pool.
 *
 * Known leases are looked after: what they have spent is told to the pool within a second or so;
 * what nobody has used for a while, and what is too small for who was refused, is returned. A lease
 * that nobody knows any more stands in the pool until its window ends. After a fail-over what is
 * known of leases is said again before anything is admitted or settled. */
#pragma once
#include "store/redis/ask.h"
#include "weir/store.h"

#define LEASES_MAX 4096u /* that are looked after; others are told of when they lack */
#define LEASE_TICK NS_PER_S
#define LEASE_AGAIN (50 * NS_PER_MS) /* while a fence waits for them */
#define LEASE_IDLE (5 * NS_PER_S)    /* unused so long it returns what is free */
#define LEASE_ASKS 64u               /* a tick */
#define LEASE_NUMBERS 10u
#define LEASE_ROUNDS 3u /* so often a call asks the pool */
#define POOL_NUMBERS 19u
#define POOL_ANSWER 8u

/* In nano-dollars and tokens. */
struct lease_state {
	uint64_t spent, reserved, spent_tokens, reserved_tokens;
	uint64_t granted, granted_tokens, returned, returned_tokens;
	uint64_t born; /* us of the server's clock; 0: there is none */
	uint64_t at;   /* when it was like this, by the same */
};

/* What is wanted of a pool. */
struct pool_wish {
	uint64_t cost, tokens, least_cost, least_tokens;
	uint64_t limit_cost, limit_tokens; /* as struct demand's */
	bool is_soft;
};

struct pool_answer {
	enum demand_state state; /* DEMAND_NOT_ASKED: the lease is an old one */
	bool is_whole;
	uint64_t granted, granted_tokens;
	uint64_t spent, reserved, spent_tokens, reserved_tokens; /* of all groups */
};

struct remote;
struct hold;
void leases_init(struct remote *r);
void leases_finish(struct remote *r);
void leases_failed_over(struct remote *r);

void lease_read(struct slice numbers, unsigned at, struct lease_state *ret);
/* How d's lease is. out, if not NULL, is told the sums of all groups where they are known. */
void lease_note(struct remote *r, const struct demand *d, struct demand *out,
        const struct lease_state *s, bool is_used);
bool lease_is_known(struct remote *r, const struct demand *d);
/* What the pool said about d's lease, asked about the one that was born then. */
void lease_granted(struct remote *r, const struct demand *d, uint64_t born,
        const struct pool_answer *a);
/* What is free of it is of no use here. */
void lease_give_back(struct remote *r, const struct demand *d);

/* remote_pool: asks for what the hold's part lacks, then for the part again. PENDING or a negative
 * errno. */
int hold_lease(struct hold *h);
/* Four words for pool.lua, two of them keys; text has room for pool_room. wish NULL: none. */
size_t pool_room(const struct demand *d);
void pool_words(struct slice words[4], char *text, const struct demand *d,
        const struct lease_state *l, const struct pool_wish *wish);
bool pool_read(const struct redis_reply *reply, struct pool_answer *ret);
