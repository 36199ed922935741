/* SPDX-License-Identifier: Apache-2.0 */
/* served: a request that a listener of Weir's own answers (health, admin): no exchange, no policies. */
#pragma once
#include "base/buf.h"
#include "weir/head.h"
#include "weir/ticket.h"

#define SERVED_ANSWER_MAX (16u << 20)

struct session;
struct session_gate;
struct served {
	struct session *session;     /* borrowed; the session's own business */
	struct session_gate *gate;   /* borrowed */
	const struct listener_conf *listener; /* borrowed until it is answered, as are the next two */
	const struct head *head;
	struct slice peer;           /* where it came from, as text */
	uint32_t stream;
	struct buf body;             /* owned: the request's, whole when it is asked */
	struct head answer;          /* owned: status and headers; what they point to stays until it is answered */
	struct buf out;              /* owned: the answer's body */
	void *job;                   /* the service's, between PENDING and served_answer */
	char request_id[27], text[96]; /* the service's, for what headers of the answer point to */
};

/* What a gate does with requests, instead of making exchanges of them. */
struct service {
	size_t body_max;             /* of a request; 0: whoever sends one is refused */
	int (*serve)(struct served *q);   /* READY: answered. PENDING: served_answer follows */
	void (*forget)(struct served *q); /* it was PENDING, and nobody waits any more: q is gone when this returns */
};

/* The answer is there. On the loop's thread, never from within serve; q is gone afterwards. */
void served_answer(struct served *q);
