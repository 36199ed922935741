/* SPDX-License-Identifier: Apache-2.0 */
/* exchange_rig: everything an exchange needs, without a loop and without a network: turn, wheel, a
 * clock that stands still, one agent's connection, one scripted answer, and an observer that keeps
 * the last record. */
#pragma once
#include "rig/fake_clock.h"
#include "rig/loopback.h"
#include "rig/scripted_source.h"
#include "weir/exchange.h"

/* The last record; its texts copied. */
struct rig_record {
	struct record r;
	char agent[80], team[80], user[140], user_shown[140], workflow[140], session[140],
	        note[512], model[140];
	char upstream_model[140], tools_removed[512];
	char tools[8][80];
	struct record_tool tool[8];
};

struct exchange_rig {
	struct exchange_env env;
	struct turn turn;
	struct wheel wheel;
	struct fake_clock clock;
	uint64_t now;
	struct view *view;  /* counted */
	unsigned view_refs; /* when it began */
	struct loopback down;
	struct scripted_source source;
	struct observer observer;
	unsigned n_records;
	struct rig_record last;
	/* Writes the turn down; true: steps run once more. NULL: nobody does. */
	bool (*journal)(struct exchange_rig *rig);
	bool keep_spare; /* finished exchanges serve again; else each is freed, so that a use of it
	                    shows */
	/* what reaching does */
	unsigned n_reached;
	int reach_result;       /* negative: it fails at once */
	enum fault reach_fault; /* it faults before it returns */
	char sending[4096];     /* the last request's body as it went */
};

/* The policy of a text, under the real rules; fails the test on a mistake in it. NULL: no memory.
 */
struct view *rig_view(const char *yaml);
extern const char rig_yaml[]; /* agents tester and other; models m, n, dear; tools a, b, c */

/* Takes view over. */
int rig_begin(struct exchange_rig *rig, struct view *view, const struct policy_ops *const *policies,
        unsigned n);
void rig_end(struct exchange_rig *rig); /* the agent leaves, everything is freed */
void rig_turn(struct exchange_rig *rig);
void rig_settle(struct exchange_rig *rig);               /* turns until nothing is ready */
void rig_advance(struct exchange_rig *rig, uint64_t ns); /* in steps of the wheel, each a turn */

/* A whole POST of body to the chat path, with more lines of header, each ended by CRLF. */
void rig_ask(struct exchange_rig *rig, const char *body, const char *headers);
/* The agent comes back on a new connection. */
void rig_reconnect(struct exchange_rig *rig);
