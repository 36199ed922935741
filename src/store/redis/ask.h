/* SPDX-License-Identifier: Apache-2.0 */
/* ask: one command on its way to Redis and its answer on the way back. done is never called from
 * within the call that asked, at most once, and never after ask_cancel; the ask may be used again
 * or freed from within done. */
#pragma once
#include "base/gather.h"
#include "net/loop.h"
#include "store/redis/reply.h"
#include "store/redis/script.h"

#define ASK_ARGS_MAX 1024u
#define ASK_BYTES_MAX (16u << 20)
#define ASK_TIMEOUT (25 * NS_PER_MS)
#define ASK_HOPS_MAX 5u

struct redis;
struct redis_link;

struct redis_ask {
	/* Set by whoever asks, borrowed until it has ended. */
	const struct slice
	        *args; /* the command's words; of a script: its keys, then its arguments */
	unsigned n_args;
	unsigned n_keys;                   /* of a script */
	const struct redis_script *script; /* NULL: args begin with the command's name */
	uint64_t timeout; /* ns; 0: ASK_TIMEOUT. Told to the millisecond */
	bool reads;       /* it changes nothing, so no replica needs to have it */
	/* result 0: reply is the answer. Negative: what went wrong, see redis_error_of; -ETIMEDOUT
	 * and -ECONNRESET: whether it was carried out is unknown. -EAGAIN with a reply that is no
	 * error: it was carried out, but too few replicas have said so. reply may be NULL and
	 * stands until done returns. */
	void (*done)(struct redis_ask *a, int result, const struct redis_reply *reply);

	/* Of this folder. */
	struct slice key; /* decides the slot */
	void (*answer)(struct redis_ask *a, struct redis_link *from, int result,
	        const struct redis_reply *reply); /* who hears of it before done */
	void *owner;                              /* borrowed: answer's */
	struct loop *loop;                        /* borrowed; NULL: not under way */
	struct redis_link *link; /* borrowed: it was put there and has not been answered */
	struct list seat;        /* where it waits, when it does */
	struct list peers;       /* of all that its redis has under way */
	struct deadline deadline;
	struct redis_reply *kept; /* owned: answered, while replicas are waited for */
	uint32_t entry;           /* its place among the link's */
	uint8_t hops;
	bool looked; /* its time is up, and what has come is read once more before it is late */
	bool asking; /* the next server has to be told that we were sent */
};

/* The asker's members stay. Whoever puts it somewhere calls it. */
void ask_begin(struct redis_ask *a, struct loop *l);
/* For whoever answers: done is called, a is the asker's again. */
void ask_end(struct redis_ask *a, int result, const struct redis_reply *reply);
/* Any ask, also one that was never used (zeroed) or has ended. Its answer is dropped when it comes.
 */
void ask_cancel(struct redis_ask *a);
static inline bool ask_is_under_way(const struct redis_ask *a)
{
	return a->loop != NULL;
}

/* The bytes of the command. 0, -ENOMEM, -EMSGSIZE; nothing is put unless 0. */
int ask_format(const struct redis_ask *a, struct gather *out);
int command_format(const struct slice *args, unsigned n, struct gather *out);
