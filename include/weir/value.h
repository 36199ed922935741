/* SPDX-License-Identifier: Apache-2.0 */
/* value: bytes that the store keeps by group and name for a while, for all workers and, with Redis, all instances; asked by
 * store_ops (weir/store.h). Groups are those of demands ("a:AGENT", "t:TEAM", "g"). A name is at most 160 bytes and no
 * secret: of what a caller chose (user, tool, idempotency-key) it is the digest. Claims and values have names of their own.
 *
 * A claim is the right to do something at most once:
 *
 *	struct value_claim c = {.group = agent's, .name = hex of SHA-256 (user, tool, key), .id = the attempt's, .mark = SHA-256 of
 *		the arguments, .now_wall_ns = now, .until = call deadline + 60 s, .ends = now + 24 h, .journal = env->journal};
 *	ticket_init(&c.ticket, done); READY, PENDING or a negative errno = store->ops->claim(store, &c);
 *	c.state: OWNED run it | FOUND answer c.found | BUSY 409 | OTHER 422 | LOST outcome_unknown | CROWDED rate_limited
 *	when OWNED, at the end and once: store->ops->finish(store, &c, CLAIM_RECORDED | CLAIM_UNKNOWN | CLAIM_UNUSED, bytes)
 *
 * It is claimed after everything that may refuse the call has been asked, right before it goes upstream (who is refused
 * leaves nothing behind), and in the turn whose journal write comes before the first byte: `.journal` says where. Where that
 * write fails the call does not go, and its claim is finished as UNUSED. CLAIM_UNUSED is for what surely did not run: nobody
 * was connected to, or the tool refused before it looked at the call; whatever else ends without an answer is UNKNOWN.
 *
 * Whose owner dies stays claimed until `ends`, and is LOST once `until` is over, or at once where the store knows that he is
 * dead (the embedded one at its start): it may have run, so it never runs again under this name, and nobody can say how it
 * ended. An owner who was only late may still say it after `until`. An answer whose bytes cannot be kept (longer than
 * VALUE_MAX, no room) is LOST too. A store that cannot be asked is a negative errno: then nothing may run under a claim. */
#pragma once
#include "base/blob.h"
#include "weir/ticket.h"

#define VALUE_MAX ((size_t)1 << 20) /* bytes of one */
#define VALUE_NAME_MAX 160u
#define VALUE_GROUP_MAX 160u
#define CLAIM_ID_MAX 64u
#define CLAIM_MARK_MAX 32u

struct journal;

enum claim_state {
	CLAIM_NOT_ASKED,
	CLAIM_OWNED,   /* the caller's: finish must follow */
	CLAIM_BUSY,    /* somebody's, who is not over */
	CLAIM_FOUND,   /* over: found is what was recorded */
	CLAIM_LOST,    /* over, or its owner is dead; how it ended is not known here */
	CLAIM_OTHER,   /* in one of these three states, but under another mark */
	CLAIM_CROWDED, /* its group, or all groups, have as many as there may be */
};

enum claim_end {
	CLAIM_RECORDED, /* it ran: what it gave is what everybody gets until `ends` */
	CLAIM_UNKNOWN,  /* it may have run */
	CLAIM_UNUSED,   /* nothing happened: the name is free */
};

struct value_claim {
	struct ticket ticket;    /* done with READY (state says) or a negative errno */
	struct slice group, name; /* borrowed until finished, as id and mark */
	struct slice id;         /* of the attempt, unique over all instances */
	struct slice mark;       /* what is to be done, as a digest; may be empty */
	uint64_t now_wall_ns;
	uint64_t until;          /* wall ns: whoever has not finished by then has died */
	uint64_t ends;           /* wall ns: nobody remembers it from then on */
	struct journal *journal; /* borrowed: where a store without another memory writes it down; NULL: it dies with us */
	/* the answer */
	enum claim_state state;
	void *held;              /* the store's own */
	struct blob *found;      /* FOUND: counted, for the caller to unref */
};

enum value_state {
	VALUE_NOT_ASKED,
	VALUE_ABSENT,
	VALUE_FOUND,
	VALUE_STORED,
	VALUE_OTHER,   /* what stands there is not the expected version: found and version say what it is; version 0: nothing is */
	VALUE_CROWDED,
};

#define VALUE_ANY UINT64_MAX

/* get: ABSENT or FOUND. put: keeps bytes until `ends` if the version that stands there is the expected one, in one step over
 * all who ask: so something is made once (expected 0), changed by what was read, or used up once (of many who put with the
 * version that they all have read, one gets STORED). With an `ends` that is over, what stands there goes. */
struct value {
	struct ticket ticket;     /* done with READY (state says) or a negative errno: then a put may have happened, or not */
	struct slice group, name; /* borrowed until the answer, as bytes */
	uint64_t now_wall_ns;
	struct journal *journal;  /* as a claim's */
	struct slice bytes;       /* put: at most VALUE_MAX */
	uint64_t ends;            /* put: wall ns */
	uint64_t expected;        /* put: VALUE_ANY; 0: nothing may stand there; else a version */
	uint64_t room;            /* leave, of a shared store: bytes of all of its group that were left with one (names and all):
	                           * what ends first goes. 0: it is not counted among them */
	/* the answer */
	enum value_state state;
	uint64_t version;         /* of what stands there now; grows with each put */
	struct blob *found;       /* FOUND, OTHER: counted, for the caller to unref */
};
