/* SPDX-License-Identifier: Apache-2.0 */
/* wire_core: what a wire is to the files that make one: its descriptor, its place in the loop, its
 * state. For src/net only. */
#pragma once
#include <uv.h>
#include "net/loop_uv.h"
#include "net/tls.h"
#include "net/wire.h"

enum wire_state {
	WIRE_NEW, /* nobody has opened it */
	WIRE_CONNECTING,
	WIRE_SHAKING, /* TLS handshake */
	WIRE_OPEN,
	WIRE_LEAVING, /* closed by its owner, what waits is sent, perhaps lingering */
	WIRE_CLOSED,
};

struct wire_core {
	struct wire wire;
	uv_poll_t poll;
	struct reapable reapable;
	struct list resumed; /* in loop->resumed */
	struct list left;    /* in loop->leaving */
	struct deadline leaving;
	void (*step)(struct wire *w, int error); /* connected, or the handshake is over */
	int fd;
	int error;
	enum wire_state state;
	uint8_t how;      /* wire_close_how, in WIRE_LEAVING */
	uint8_t mask;     /* what poll looks for; 0: stopped */
	bool wants_write; /* the socket was full */
	bool wants_shutdown, is_shut;
	bool eof; /* the peer will send no more */
	bool told_end, told_full;
	bool held;         /* input waits inside tls */
	uint32_t dropped;  /* bytes, while lingering */
	uint64_t leave_by; /* however steadily the peer takes what is left */
};

static inline struct wire_core *wire_core(struct wire *w)
{
	return container_of(w, struct wire_core, wire);
}

/* wire.c */
void wire_watch(struct wire_core *c);           /* makes poll look for what the state asks for */
void wire_fail(struct wire_core *c, int error); /* dead both ways; tells whoever is concerned */
void wire_write_failed(struct wire_core *c, int error); /* what came in before may still be read */
void wire_tell_end(struct wire_core *c, int error);
uint8_t wire_wanted(const struct wire_core *c); /* what poll ought to look for */
void wire_destroy(
        struct wire_core *c); /* closes the descriptor; the rest follows at a turn's end */
/* wire_read.c */
void wire_read(struct wire_core *c);
void wire_drop(struct wire_core *c); /* reads and forgets, while lingering */
/* Reads once into the loop's scratch and hands it to tls. Bytes, 0 at the end, negative errno,
 * -EAGAIN. */
long wire_feed_tls(struct wire_core *c);
/* listener.c */
void listener_seat_freed(struct wire *w);
/* wire_connect.c: a wire that is not connected yet; step is called once, never from within this
 * call. */
int wire_connect(struct loop *l, const struct address *to, void (*step)(struct wire *w, int error),
        void *owner, struct wire **ret_wire);
int wire_connect_unix(struct loop *l, struct slice path, void (*step)(struct wire *w, int error),
        void *owner, struct wire **ret_wire);
void wire_on_connected(struct wire_core *c);
/* wire_connect.c: TLS over a connected wire; takes over tls. 0, or a negative errno at
 * once, else step as above. */
int wire_start_tls(struct wire *w, struct tls *tls, void (*step)(struct wire *w, int error));
void wire_shake(struct wire_core *c);
