/* SPDX-License-Identifier: Apache-2.0 */
/* tls_ssl: OpenSSL's part of a context. For tls.c and tls_context.c. */
#pragma once
#include <openssl/ssl.h>
#include <stdatomic.h>
#include "net/tls_context.h"

struct tls_context {
	atomic_uint refs;
	SSL_CTX *ssl; /* owned */
};

/* tls.c: called by OpenSSL when a session can be resumed. */
int tls_on_session(SSL *ssl, SSL_SESSION *session);
