/* SPDX-License-Identifier: Apache-2.0 */
/* redis_peer: what a Redis server says, as a test wants it: the greeting is answered as a master
 * does, anything else by the test. It lives in the test's own thread, between the turns of its
 * loop. */
#pragma once
#include "base/buf.h"
#include "net/loop.h"

#define REDIS_PEER_WIRES 8
#define REDIS_PEER_WORDS 64

struct redis_peer;
struct redis_peer_command {
	struct redis_peer *peer;
	unsigned wire;
	struct slice words[REDIS_PEER_WORDS];
	unsigned n;
};

struct redis_peer {
	int fd;
	uint16_t port;
	int wires[REDIS_PEER_WIRES]; /* -1: free */
	struct buf in[REDIS_PEER_WIRES], out[REDIS_PEER_WIRES];
	const char *info; /* NULL: a master's */
	/* Puts an answer to out, or nothing. NULL: "+OK". True: the greeting is not to be answered
	 * by the peer itself. */
	bool (*answer)(struct redis_peer_command *c, struct buf *out);
	void *arg;
	size_t piece;     /* bytes a write; 0: all */
	long leave_after; /* bytes that are sent, then it closes; -1: never */
	bool mute;        /* sends nothing */
	unsigned accepted, commands;
};

void redis_peer_open(struct redis_peer *p);
void redis_peer_close(struct redis_peer *p);
void redis_peer_hang_up(struct redis_peer *p); /* every connection */
/* Turns loop and peer until *done, at most ms milliseconds. */
bool redis_peer_run(struct redis_peer *p, struct loop *l, const bool *done, unsigned ms);
