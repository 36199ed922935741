/* SPDX-License-Identifier: Apache-2.0 */
/* wire: a stream of bytes to a peer, over TCP or a unix socket, plain or in TLS. What is put into
 * out leaves at the end of the turn in one gathered write; what comes in is read into the loop's
 * slab and reported. It knows nothing of HTTP. */
#pragma once
#include "base/gather.h"
#include "net/cidr.h"
#include "net/loop.h"
#include "weir/pause.h"

#define WIRE_HIGH_WATER (64u << 10)
#define WIRE_OUT_MAX                                                                               \
	(40u << 20) /* ceiling of copied bytes: a whole body may be waiting for a slow peer */
#define WIRE_LINGER (2 * NS_PER_S) /* without progress */
#define WIRE_LEAVE_MAX (600 * NS_PER_S)

/* Callbacks report; none is called from within a call of the owner on this wire, and none after
 * wire_close. */
struct wire_events {
	/* Bytes came in. All of them are the owner's now; they stay where they are until the end of
	 * the turn. */
	void (*data)(void *owner, struct slice in);
	/* Nothing more will come. 0: the peer closed its side in an orderly way (we may still
	 * write); else a negative errno and the wire is dead both ways (-EPROTO: TLS was broken or
	 * cut without a goodbye). Once. */
	void (*end)(void *owner, int error);
	/* wire_is_full had said yes, and now at most half of the high water is left. May be NULL.
	 */
	void (*drained)(void *owner);
};

struct tls;
struct listener;

struct wire {
	struct gather out;                /* put bytes here, then wire_mark_dirty */
	struct loop *loop;                /* borrowed */
	const struct wire_events *events; /* borrowed; NULL once closed */
	void *owner;                      /* borrowed */
	struct tls *tls;                  /* owned; NULL: plain */
	struct list dirty;                /* in loop->dirty */
	struct list seat;                 /* in listener->wires */
	struct listener *listener;        /* borrowed; NULL: dialled, or the listener is gone */
	struct address peer;              /* AF_UNSPEC for unix sockets */
	uint32_t peer_uid;                /* unix sockets; else UINT32_MAX */
	uint32_t peer_pid;                /* unix sockets; else 0 */
	uint64_t bytes_in, bytes_out; /* on the socket, TLS included; out: taken by the kernel */
	uint64_t last_in;             /* loop time of the last read that brought bytes */
	uint8_t pauses;               /* set of pause_reason */
	bool eager_end; /* a reset is told even while paused, at the price of what was not read; set
	                   by listeners */
};

/* Takes over a connected, non-blocking fd; closes it when it fails. Reading begins with wire_open,
 * so that the owner can be set first. 0 or a negative errno. */
int wire_new(struct loop *l, int fd, struct wire **ret_wire);
void wire_open(struct wire *w, const struct wire_events *events, void *owner);
/* Changes who is told. */
void wire_hand_over(struct wire *w, const struct wire_events *events, void *owner);

/* out holds something: it leaves at the end of this turn. Cheap to call twice. Does nothing on a
 * dead or closed wire. */
void wire_mark_dirty(struct wire *w);
/* Bytes that wait, in out and behind it. */
size_t wire_pending(const struct wire *w);
/* More than the high water waits: stop what fills it (PAUSE_SINK_FULL on the other side). drained
 * follows. */
bool wire_is_full(struct wire *w);
/* Reading goes on while no reason is set. May be called from within data: no further data follows
 * then. */
void wire_pause(struct wire *w, enum pause_reason why, bool on);
/* Gives back the memory that was needed for writing, as when it becomes idle. */
void wire_trim(struct wire *w);
/* Closes our side for writing once out is empty. */
void wire_shutdown(struct wire *w);

enum wire_close_how {
	WIRE_CLOSE_NOW,   /* what waits is lost */
	WIRE_CLOSE_FLUSH, /* once what waits was sent, or the peer has taken nothing for WIRE_LINGER
	                   */
	WIRE_CLOSE_LINGER, /* the same, then reads and drops until the peer closes too, so that a
	                    * peer which still sends gets to read our last words (RFC 9112 9.6) */
};
/* The owner hears nothing any more and must forget w. Never frees at once. */
void wire_close(struct wire *w, enum wire_close_how how);
/* Wires that were closed and are still there: whether any of them has bytes to send, and the end of
 * all of them, for a loop that stops. */
bool wires_have_words(const struct loop *l);
void wires_end(struct loop *l);
/* Whether the peer's kernel is known not to have got all that was written here. Asked when the peer
 * has ended in an orderly way: what it lacked then, its program has not read. */
bool wire_lacks_bytes(struct wire *w);
/* The last write or read error, 0 when there was none. */
int wire_error(const struct wire *w);
/* One sentence about what went wrong in TLS, or NULL. */
const char *wire_tls_note(const struct wire *w);
