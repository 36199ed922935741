/* SPDX-License-Identifier: Apache-2.0 */
/* play: an answer as it goes over the wire: octets, and acts that say up to where to send, after
 * which wait, and what then happens to the connection. Faults are edits of a play. Counted: one
 * play may be on stage on many connections. */
#pragma once
#include "answer.h"

enum act_then { THEN_GO_ON, THEN_RESET, THEN_CLOSE, THEN_HALF_CLOSE, THEN_STALL };

struct act {
	size_t end;       /* in octets: sent up to here */
	uint32_t wait_us; /* before it */
	uint8_t then;
	bool held; /* until PUT /_/release, instead of the wait */
};

struct play {
	unsigned refs;
	struct bytes octets;
	struct act *acts; /* owned; ends grow */
	unsigned n_acts, cap_acts;
	bool keep_alive;
	unsigned status;
	const char *fault; /* a constant; NULL when none is scripted */
	struct bytes usage, called;
	size_t usage_end; /* octets up to here hold the usage; 0: never said */
};

struct play *play_new(
        struct answer *a, const struct script *s, bool keep_alive); /* takes usage and called */
struct play *play_raw(struct text octets, bool keep_alive, unsigned status);
struct play *play_ref(struct play *p);
void play_unref(struct play *p);
