/* SPDX-License-Identifier: Apache-2.0 */
/* session: one connection of an agent: a wire, the server side of a codec, and the exchange that is on it. Requests that
 * were sent ahead wait until the one before them has ended. */
#pragma once
#include "exchange/served.h"
#include "weir/exchange.h"

struct loop;
struct wire;

/* Where sessions come from: one listener of one worker. Outlives its sessions. */
struct session_gate {
	struct exchange_env *env;      /* borrowed */
	struct loop *loop;             /* borrowed */
	struct view *view;             /* counted: the policy that new requests are judged by */
	const struct listener_conf *conf; /* the view's */
	struct list sessions;
	unsigned n_sessions;
	const struct service *service; /* answers requests itself; NULL: every request is an agent's */
	void *owner;
};

void session_gate_init(struct session_gate *g, struct exchange_env *env, struct loop *loop);
/* The policy changed: requests from now on are judged by view. */
void session_gate_set_view(struct session_gate *g, struct view *view, const struct listener_conf *conf);
/* Shows fn the exchanges of at most max sessions, the newest connections first, until it says false. How many were looked at. On
 * the loop's thread. */
unsigned session_gate_each(
	struct session_gate *g, unsigned max, bool (*fn)(void *arg, const struct exchange *x), void *arg);
/* Drain: idle sessions close now, the others with their next answer. */
void session_gate_drain(struct session_gate *g);
/* The end: streams end well-formed, everything else is refused; connections close. */
void session_gate_shutdown(struct session_gate *g);
/* Takes over w. Closes it when there is no memory. */
void session_open(struct session_gate *g, struct wire *w);
