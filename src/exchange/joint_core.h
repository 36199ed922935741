/* SPDX-License-Identifier: Apache-2.0 */
/* joint_core: what a joint call is made of, for joint.c, which gathers and sends it, and joint_give.c, which gives out what came.
 * For nobody else. */
#pragma once
#include "exchange/carrier.h"
#include "exchange/embeddings.h"

struct joints;

/* One item of a joint call, whoever asks for it. */
struct joint_item {
	struct slice text;         /* borrowed from its first asker's body until it was sent */
	const uint8_t *key;        /* in the joint's arena */
	struct cache_entry *entry; /* counted: what came */
};

struct joint {
	struct reapable reapable;
	struct joints *joints; /* borrowed */
	struct list link;      /* in gathering; alone once it was sent */
	struct list members;
	struct arena arena;    /* owned */
	uint8_t rest[CACHE_KEY_LEN];
	const struct agent_conf *agent; /* borrowed from the snapshot of those who ask */
	struct deadline window;
	unsigned n_asked;      /* items, the same ones counted for each who asks */
	uint64_t bytes;
	/* once it was sent */
	struct joint_item *items; /* in arena */
	unsigned n;
	bool opened;           /* the carrier was */
	struct carrier carrier;
	uint64_t weight;       /* of all items; each is borne by whom it was asked for first */
	uint64_t gone;         /* of those whose calls have ended before the answer came */
	unsigned attempts;     /* that stand in somebody's record */
};

/* One call of it, in its exchange's arena. */
struct joint_member {
	struct source source;
	struct list link;
	struct joint *joint;   /* borrowed; NULL once it was left */
	uint64_t weight;       /* of the items that it bears */
	uint64_t bytes;
	unsigned *items;       /* of each that it asks for, the place in the joint */
};

static inline struct embeddings *embeddings_of(const struct joint_member *m)
{
	return m->source.exchange->calls[0].embeddings;
}

/* Of joint.c: m is no longer a member; */
void joint_leave(struct joint_member *m);
/* x's record gets what attempts no other has; */
void joint_take_attempts(struct joint *j, struct exchange *x);
/* and j ends with its last member. */
void joint_bury_if_left(struct joint *j);

/* Of joint_give.c: m asks for itself, and has left; */
void joint_go_alone(struct joint_member *m);
/* and its carrier has ended: every member gets its part. */
void joint_on_ended(struct joint *j);
