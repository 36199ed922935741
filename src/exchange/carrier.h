/* SPDX-License-Identifier: Apache-2.0 */
/* carrier: an exchange without an agent. It makes one call upstream for several exchanges, which were judged and wait for it;
 * it is itself neither judged nor recorded. */
#pragma once
#include "weir/exchange.h"

struct carrier {
	struct downstream down;
	struct codec codec;
	struct arena arena;         /* owned: the request's head, the answer's headers */
	struct head request, answer; /* owned; answer: as its upstream said it, status 0: none came */
	struct buf body;            /* owned: of the answer */
	const struct call *like;    /* borrowed until the call is judged */
	struct exchange *exchange;  /* owned until it ends; NULL then */
	void (*done)(struct carrier *c); /* it has ended */
	/* how */
	enum fault fault;
	struct slice note;
	struct usage usage;         /* if known: what was used, and what that costs */
	nanousd cost;
	bool price_unknown, went_upstream;
	unsigned attempts, upstream_status;
};

/* Makes env one for carriers, like that of others: same loop, no policies, nothing written down. */
void carrier_env_init(struct exchange_env *env, struct exchange_env *others);
void carrier_env_finish(struct exchange_env *env);

/* Sends a call like x's own, but with this body, which is copied. done is not called before this has returned: when it then has
 * no exchange, it has ended already. 0, or a negative errno: nothing was sent. carrier_finish must follow in any case. */
int carrier_open(struct carrier *c, struct exchange_env *env, struct exchange *x, struct slice body,
	void (*done)(struct carrier *c));
/* Nobody wants it any more: upstream is cancelled in this turn, and done is not called. */
void carrier_cancel(struct carrier *c);
void carrier_finish(struct carrier *c); /* frees what it owns, once it has ended or was cancelled */
