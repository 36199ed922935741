/* SPDX-License-Identifier: Apache-2.0 */
/* tls_server: a TLS server on a thread of its own with certificates made on the spot, that does
 * what a test asks of it. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum tls_server_does {
	TLS_SERVER_ECHOES,      /* the handshake, then every byte back, until the peer ends */
	TLS_SERVER_HANGS,       /* accepts and says nothing */
	TLS_SERVER_LEAVES,      /* reads a little of the handshake and closes */
	TLS_SERVER_SPEAKS_HTTP, /* answers in clear text */
	TLS_SERVER_CUTS,        /* the handshake, four bytes, then closes without a goodbye */
};

struct tls_server_options {
	enum tls_server_does does;
	const char *name; /* in the certificate: DNS:localhost, IP:127.0.0.1; NULL: DNS:localhost */
	bool expired;
	bool self_made;    /* signed by nobody that ca_path knows */
	bool old;          /* TLS 1.1 at most */
	bool h2_only;      /* answers ALPN with h2 whatever was asked */
	int max_version;   /* 0: no limit */
	bool wants_client; /* refuses who shows no certificate of the CA's */
};

struct tls_server {
	uint16_t port;
	char ca_path[64];     /* PEM file that a client is to trust */
	char client_path[64]; /* PEM file with a certificate of the CA's and its key */
	atomic_uint accepted;
	atomic_uint handshakes; /* that succeeded */
	atomic_uint resumed;
	atomic_uint plain_bytes; /* of application data that it read */
	struct tls_server_core *core;
};

struct tls_server *tls_server_start(const struct tls_server_options *o);
void tls_server_stop(struct tls_server *s);
