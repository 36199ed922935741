/* SPDX-License-Identifier: Apache-2.0 */
/* channel: one connection to an upstream, carrying one exchange at a time: a wire and the client
 * side of a codec. It is taken from a pool, used for one message pair, and given back or closed. */
#pragma once
#include "http/h1.h"
#include "net/dial.h"
#include "net/wire.h"
#include "weir/codec.h"

/* What the user of a channel is told; none of these is called from within a call of the user on
 * this channel, and none after channel_release or channel_cancel. */
struct channel_ops {
	/* The answer's head; borrowed until the channel is released or cancelled. last: neither
	 * content nor end follows, channel_release is due. */
	void (*head)(void *user, struct head *head, bool last);
	/* Content. It stays where it is until the end of the turn, so it can be lent. */
	void (*data)(void *user, struct slice data);
	/* The answer is whole: channel_release is due, now or later. */
	void (*end)(void *user);
	/* It cannot go on; channel_facts says what had happened. channel_cancel is due, now or
	 * later. note: one sentence, borrowed for the call. */
	void (*fault)(void *user, enum fault why, const char *note);
	/* channel_is_full had said yes and there is room again. May be NULL. */
	void (*drained)(void *user);
};

struct pool;
struct channel {
	struct list link; /* in pool->idle */
	struct reapable reapable;
	struct pool *pool; /* borrowed */
	struct wire *wire; /* owned; NULL once closed */
	struct h1_codec codec;
	const struct channel_ops
	        *ops; /* borrowed; NULL while idle, and once it was released or cancelled */
	void *user;   /* borrowed */
	struct deadline idle;
	uint64_t idle_since;
	uint64_t out_before;  /* the wire's counter when the request began */
	uint64_t received;    /* of the answer, without TLS */
	unsigned uses;        /* exchanges begun */
	bool whole;           /* the answer ended as it should */
	bool broken;          /* fault was told */
	bool surplus;         /* bytes came that belong to no answer */
	bool lost;            /* the wire has ended */
	bool unread;          /* and its peer had not got all of the request when it closed */
	bool resting;         /* idle in its pool */
	bool trimmed;
	bool feeding, gone_meanwhile,
	        release_meanwhile; /* asked for from within an event of the codec */
};

/* What is known when it went wrong; decides whether another attempt is safe. */
struct channel_facts {
	bool reused;   /* it had served an exchange before: the peer may have closed it just as we
	                  wrote */
	bool sent;     /* the kernel took at least a byte of this request */
	bool answered; /* at least a byte of the answer came */
	bool closed;   /* it went wrong by the connection's end or reset, not by what was said on it
	                */
	bool unread; /* it ended in order before the peer had all of the request, which so has not run
	              */
	uint64_t bytes_sent, bytes_received;
};

/* Everything the channel reports goes to ops from here on. Call it right after a channel was taken.
 */
void channel_use(struct channel *c, const struct channel_ops *ops, void *user);
/* The request. The body is lent until the end of the turn; last: it ends with these slices. n may
 * be 0. 0, or a negative errno as the codec's puts: then cancel. */
int channel_send(struct channel *c, const struct head *head, const struct slice *body, unsigned n,
        bool last);
/* More of a body whose first part was sent with last == false. */
int channel_send_more(struct channel *c, const struct slice *body, unsigned n, bool last);
bool channel_is_full(struct channel *c);
/* Reading goes on while no reason is set. */
void channel_pause(struct channel *c, enum pause_reason why, bool on);
struct channel_facts channel_facts(const struct channel *c);
/* The exchange is over. Back into the pool when the next one could follow, else closed. c is not
 * the caller's any more. */
void channel_release(struct channel *c);
/* Closes it in this turn, whatever it does. c is not the caller's any more. */
void channel_cancel(struct channel *c);
/* The address it leads to, as "192.0.2.1:443". */
void channel_address(const struct channel *c, char ret[ADDRESS_TEXT]);

/* For pool.c. */
int channel_new(struct pool *p, struct wire *w,
        struct channel **ret_channel); /* takes over w, also when it fails */
void channel_close(struct channel *c, enum wire_close_how how);
void channel_rest(
        struct channel *c); /* it is idle from now on: closed by itself after POOL_IDLE_NS */
