/* SPDX-License-Identifier: Apache-2.0 */
/* tls: one TLS connection inside a wire. Ciphertext in, plaintext out and back, without a socket:
 * the wire reads and writes. Only wire.c and dial.c use it. */
#pragma once
#include "base/buf.h"
#include "base/gather.h"
#include "net/tls_context.h"

struct tls;
/* What is remembered of an upstream between connections, so that the next one resumes. One a place
 * to dial. */
struct tls_memory {
	struct ssl_session_st *session; /* counted; NULL: nothing */
	struct tls_context
	        *context; /* counted: whose trust the session stands on; NULL with session */
};
void tls_memory_finish(struct tls_memory *m);

/* name: what the certificate must be for, a DNS name (also sent as SNI) or a numeric address.
 * memory: borrowed, may be NULL; tls_forget detaches it. 0, -ENOMEM or -EINVAL. */
int tls_new_client(
        struct tls_context *x, struct slice name, struct tls_memory *memory, struct tls **ret_tls);
void tls_free(struct tls *t);
void tls_forget(struct tls *t);

/* Ciphertext that came in. It is borrowed until tls_hold or until all of it was taken by the calls
 * below. */
void tls_feed(struct tls *t, struct slice in);
/* Keeps what was not taken yet. 0, -ENOMEM, -ENOBUFS. */
int tls_hold(struct tls *t);
bool tls_has_input(const struct tls *t);

/* 1: done, 0: needs more input, negative errno: failed, with a note. */
int tls_handshake(struct tls *t);
bool tls_is_ready(const struct tls *t);
/* Bytes put at to; 0: needs more input; -EPIPE: the peer said goodbye; -EPROTO: broken. */
long tls_read(struct tls *t, char *to, size_t room);
/* Seals what plain holds until sealed has room no more. 0 or -EPROTO, -ENOMEM. */
int tls_seal(struct tls *t, struct gather *plain);
void tls_goodbye(struct tls *t);
/* Ciphertext that is to be sent. */
struct buf *tls_out(struct tls *t);
const char *tls_note(const struct tls *t); /* NULL when nothing is wrong */
bool tls_was_resumed(const struct tls *t);
