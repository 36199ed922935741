/* SPDX-License-Identifier: Apache-2.0 */
/* loopback: an agent's connection without a socket: a real HTTP/1 server codec over a gather, whose
 * bytes come from the test and are seen by it. What the exchange asks of a connection is noted;
 * what a slow agent does is a flag. */
#pragma once
#include "http/h1.h"
#include "weir/exchange.h"

#define LOOPBACK_SENT_MAX (256u << 10)

struct loopback {
	struct downstream down;
	struct h1_codec codec;
	struct gather out;
	struct exchange_env *env;                    /* borrowed */
	struct view *view;                           /* borrowed: that requests are judged by */
	struct exchange *exchange;                   /* borrowed; NULL between two */
	void (*born)(void *arg, struct exchange *x); /* before its first step; may be NULL */
	void *arg;
	bool full;       /* the agent takes nothing: what is put out stays where it is */
	unsigned pauses; /* reasons that hold */
	unsigned n_ended;
	bool kept; /* the connection may carry another, said the last exchange that ended */
	bool ready, closed;
	bool refused;     /* there was no exchange for a request */
	enum fault reset; /* the codec itself refused one: a session would answer */
	size_t n_sent;
	char sent[LOOPBACK_SENT_MAX]; /* what the agent has taken */
};

void loopback_open(struct loopback *l, struct exchange_env *env, struct view *view,
        const struct listener_conf *listener);
void loopback_close(struct loopback *l); /* the agent leaves; its exchange is told */
/* Bytes from the agent. Returns how many were taken. */
size_t loopback_feed(struct loopback *l, struct slice in);
void loopback_turn_end(
        struct loopback *l); /* the agent takes what was put out, unless it is full */

/* An answer as a client reads it. */
#define LOOPBACK_HEADERS_MAX 48
struct loopback_answer {
	bool begun, whole, broken; /* its head came; its end came; it is no HTTP */
	unsigned status;
	size_t len;
	unsigned n_headers;
	size_t n_names;
	struct {
		const char *name, *value;
	} headers[LOOPBACK_HEADERS_MAX];
	char names[16 << 10];
	char body[LOOPBACK_SENT_MAX];
};

/* Reads the first answer in what was sent. */
void loopback_read(const struct loopback *l, struct loopback_answer *ret);
const char *loopback_header(
        const struct loopback_answer *a, const char *name); /* NULL: it has none */
