/* SPDX-License-Identifier: Apache-2.0 */
/* server: what all connections share, and the connection itself. One thread, one epoll. */
#pragma once
#include <openssl/ssl.h>
#include "ledger.h"
#include "play.h"
#include "timers.h"

struct server {
	int epoll, listener, signals;
	SSL_CTX *tls; /* NULL: plain text */
	struct ledger ledger;
	struct json_doc *defaults; /* owned, as is the text it borrows from */
	struct bytes defaults_text;
	const char *script_path; /* NULL: none */
	const char *expect_key;  /* SHA-256 of the only credential that is taken; NULL: any */
	uint64_t last_id, last_connection, accept_faults;
	struct conn *conns; /* all, linked */
	bool prepared;      /* no ledger: answers are made once and kept */
};

bool server_set_script(
        struct server *s, struct text t); /* false: no JSON object; the old one stays */
const struct json *server_defaults(const struct server *s);

/* stage: which play a request gets. */
struct play *stage_play(
        struct server *s, uint64_t id, uint64_t connection, const struct request *r);

void conn_new(struct server *s, int fd);
struct conn;
void conn_ready(struct conn *c, uint32_t events);
void conn_wake(struct timer *t);
void conn_release(struct conn *c); /* what is held goes on */
void conn_stop(struct conn *c); /* the provider ends: notes what was under way */
struct conn *conn_next(struct conn *c);
