/* SPDX-License-Identifier: Apache-2.0 */
/* errand: one question about a value to the shared store, or one word that must reach it: what is
 * said to scripts/values.lua, and what it answers. Bytes, and what a claim is for, are sealed for
 * the very key that they lie under, so that nobody who may write there can give one for another. */
#pragma once
#include "crypto/seal.h"
#include "store/remote.h"

#define ERRAND_WORDS 12u
/* Bytes that a value needs there beside its own: scripts/values.lua says the same. */
#define VALUE_AROUND 400u
#define ERRAND_LABEL SLICE("shared value")

struct remote;

enum errand_state {
	ERRAND_ASKING,      /* somebody hears the answer */
	ERRAND_OWNED,       /* a claim, granted */
	ERRAND_OWNED_AGAIN, /* to be said again */
	ERRAND_ENDING,      /* to be said until it is answered */
	ERRAND_ENDED,       /* remembered for a fail-over */
};

struct errand {
	struct list link;      /* of the list of its state */
	struct list wait;      /* to be put again */
	struct remote *remote; /* borrowed */
	struct redis_ask ask;
	struct ticket *ticket;     /* borrowed while asking */
	struct value_claim *claim; /* borrowed while asking; NULL otherwise, and of a value */
	struct value *value;       /* the same */
	const char *op;
	uint64_t asked_at, until, ends, ended_at; /* loop time */
	uint64_t expected, room;
	enum errand_state state;
	enum claim_end how;
	bool is_doubtful;
	struct slice key, id; /* in this memory, as the next two */
	struct slice grave,
	        names;     /* of a claim; of a value with a room: its bytes, and the values in it */
	struct slice mark; /* sealed; in this memory */
	struct slice bytes; /* sealed: owned */
	struct slice words[ERRAND_WORDS];
	char numbers[4 * 24];
	char text[];
};

struct errand_answer {
	int64_t code;
	uint64_t version;
	struct slice mark, bytes; /* sealed; borrowed from the reply */
};

/* What a claim, or a value, asks. 0, -ENOMEM, -EMSGSIZE, -ENOKEY. */
int errand_of_claim(struct remote *r, struct value_claim *c, struct errand **ret);
int errand_of_value(struct remote *r, const char *op, struct value *v, struct errand **ret);
void errand_free(struct errand *e);
/* Seals them for its key. 0, -ENOMEM. */
int errand_seal(struct errand *e, struct slice bytes);
/* As hold_ask. */
int errand_ask(struct errand *e, struct redis_link *on,
        void (*done)(struct redis_ask *a, int result, const struct redis_reply *reply));
/* 0 or -EPROTO. */
int errand_read(const struct redis_reply *reply, struct errand_answer *ret);
/* What stands under a key, opened with whichever key fits. 0, -EBADMSG, -ENOMEM. */
int value_open(struct remote *r, struct slice key, struct slice sealed, struct blob **ret);
