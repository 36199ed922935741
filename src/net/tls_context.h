/* SPDX-License-Identifier: Apache-2.0 */
/* tls_context: what TLS connections to upstreams share: the CAs that are trusted, protocol
 * versions, ALPN. Loading the system's bundle takes 30 ms, so a thread does it and whoever needs it
 * meanwhile waits. Verification is always on. */
#pragma once
#include "base/slice.h"
#include "weir/ticket.h"

struct loop;
struct tls_context;

/* All contexts of the process, by what they trust; used by every worker. */
struct tls_contexts;
struct tls_contexts *tls_contexts_new(void); /* NULL: no memory */
/* Workers must have ended or hold no ticket; waits for a load that runs. */
void tls_contexts_free(struct tls_contexts *c);

/* What a context is made of: paths of PEM files. */
struct tls_files {
	struct slice ca; /* empty: the system's bundle, SSL_CERT_FILE and SSL_CERT_DIR heeded */
	struct slice certificate; /* shown to servers that ask, with its chain; empty: none */
	struct slice key;         /* the certificate's */
	bool not_http;            /* nothing is offered by ALPN */
};

/* The context that trusts ca (path of a PEM file; empty: the system's bundle, SSL_CERT_FILE and
 * SSL_CERT_DIR heeded). READY: *ret_context is counted for the caller. PENDING: t is done later,
 * with 0 and *ret_context set before (after a ticket_cancel look whether it is, and unref it), or
 * with a negative errno (-ENOENT -EACCES -EINVAL -ENOMEM). A load that failed is tried again after
 * ten seconds. */
int tls_contexts_get(struct tls_contexts *c, struct loop *l, struct slice ca, struct ticket *t,
        struct tls_context **ret_context);
/* The same for a context that shows a certificate or speaks something other than HTTP. -EINVAL also
 * when the key does not belong to the certificate. */
int tls_contexts_get_with(struct tls_contexts *c, struct loop *l, const struct tls_files *files,
        struct ticket *t, struct tls_context **ret_context);
/* Begins to load ca without waiting, as at start-up. */
void tls_contexts_warm(struct tls_contexts *c, struct slice ca);
/* Files may have changed: whoever asks from now on gets a new load; connections keep what they
 * have. */
void tls_contexts_renew(struct tls_contexts *c);

struct tls_context *tls_context_ref(struct tls_context *x);
void tls_context_unref(struct tls_context *x);
