/* SPDX-License-Identifier: Apache-2.0 */
/* tls: OpenSSL over a BIO of our own, which reads from what the wire has fed and writes to a buffer
 * that the wire sends. */
#include "net/tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include "base/mem.h"
#include "net/tls_ssl.h"

#define RECORD 16384
#define SEALED_HIGH (64u << 10)
#define SEALED_MAX (1u << 20)
#define KEPT_MAX (256u << 10)
#define VECTORS 16

struct tls {
	SSL *ssl;                    /* owned */
	struct tls_context *context; /* counted */
	struct tls_memory *memory;   /* borrowed, may be NULL */
	struct slice in;             /* borrowed: fed and not taken yet */
	struct buf kept;             /* owned: comes before in */
	struct buf out;              /* owned */
	bool ready;
	char note[160];
};

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static int wire_bio_read(BIO *bio, char *to, size_t room, size_t *ret_n)
{
	struct tls *t = BIO_get_data(bio);
	struct slice from = buf_len(&t->kept) ? buf_slice(&t->kept) : t->in;
	size_t n = from.len < room ? from.len : room;

	BIO_clear_retry_flags(bio);
	if (!n) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(to, from.at, n);
	if (buf_len(&t->kept))
		buf_take(&t->kept, n);
	else
		t->in = slice_skip(t->in, n);
	*ret_n = n;
	return 1;
}

static int wire_bio_write(BIO *bio, const char *at, size_t len, size_t *ret_n)
{
	struct tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (buf_put(&t->out, at, len))
		return 0;
	*ret_n = len;
	return 1;
}

static long wire_bio_ctrl(BIO *bio, int command, long number, void *at)
{
	(void)bio;
	(void)number;
	(void)at;
	return command == BIO_CTRL_FLUSH;
}

static void method_make(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
	if (!method)
		return;
	BIO_meth_set_read_ex(method, wire_bio_read);
	BIO_meth_set_write_ex(method, wire_bio_write);
	BIO_meth_set_ctrl(method, wire_bio_ctrl);
}

void tls_memory_finish(struct tls_memory *m)
{
	SSL_SESSION_free(m->session);
	tls_context_unref(m->context);
	*m = (struct tls_memory){.session = NULL};
}

int tls_on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = SSL_get_app_data(ssl);

	if (!t->memory)
		return 0;
	tls_memory_finish(t->memory);
	t->memory->session = session;
	t->memory->context = tls_context_ref(t->context);
	return 1;
}

/* Once the context was renewed, a session says nothing about who is trusted now. */
static void tls_recall(struct tls *t)
{
	struct tls_memory *m = t->memory;

	if (!m || !m->session)
		return;
	if (m->context != t->context)
		tls_memory_finish(m);
	else
		SSL_set_session(t->ssl, m->session);
}

static bool name_is_numeric(const char *name)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static int tls_expect(struct tls *t, struct slice slice)
{
	char name[256];
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);

	if (slice_ends(slice, SLICE(".")))
		slice.len--;
	if (!slice.len || slice.len >= sizeof(name) || memchr(slice.at, 0, slice.len))
		return -EINVAL;
	memcpy(name, slice.at, slice.len);
	name[slice.len] = 0;
	if (name_is_numeric(name))
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) ? 0 : -EINVAL;
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (!SSL_set1_host(t->ssl, name) || !SSL_set_tlsext_host_name(t->ssl, name))
		return -ENOMEM;
	return 0;
}

static int tls_attach_bio(struct tls *t)
{
	BIO *bio = method ? BIO_new(method) : NULL;

	if (!bio)
		return -ENOMEM;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	return 0;
}

int tls_new_client(
        struct tls_context *x, struct slice name, struct tls_memory *memory, struct tls **ret_tls)
{
	struct tls *t = mem_zalloc(sizeof(*t));
	int r = -ENOMEM;

	if (!t)
		return -ENOMEM;
	pthread_once(&method_once, method_make);
	t->context = tls_context_ref(x);
	t->memory = memory;
	buf_init(&t->kept, KEPT_MAX);
	buf_init(&t->out, SEALED_MAX);
	t->ssl = SSL_new(x->ssl);
	if (t->ssl)
		r = tls_attach_bio(t);
	if (!r)
		r = tls_expect(t, name);
	if (r) {
		tls_free(t);
		return r;
	}
	SSL_set_app_data(t->ssl, t);
	SSL_set_connect_state(t->ssl);
	tls_recall(t);
	*ret_tls = t;
	return 0;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	tls_context_unref(t->context);
	buf_finish(&t->kept);
	buf_finish(&t->out);
	mem_free(t);
}

void tls_forget(struct tls *t)
{
	t->memory = NULL;
}

void tls_feed(struct tls *t, struct slice in)
{
	t->in = in;
}

int tls_hold(struct tls *t)
{
	int r = buf_put_slice(&t->kept, t->in);

	t->in = SLICE("");
	return r;
}

bool tls_has_input(const struct tls *t)
{
	return t->in.len || buf_len(&t->kept) || SSL_has_pending(t->ssl);
}

/* What people can do something about, in words; the rest as OpenSSL names it. */
static void tls_explain(struct tls *t)
{
	long verdict = SSL_get_verify_result(t->ssl);
	unsigned long error = ERR_peek_error();

	if (t->note[0])
		return;
	if (verdict != X509_V_OK)
		snprintf(t->note, sizeof(t->note), "the certificate was not accepted: %s",
		        X509_verify_cert_error_string(verdict));
	else if (ERR_GET_REASON(error) == SSL_R_UNSUPPORTED_PROTOCOL ||
	         ERR_GET_REASON(error) == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)
		snprintf(t->note, sizeof(t->note), "it offers no TLS version from 1.2 on");
	else if (ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER)
		snprintf(t->note, sizeof(t->note), "it does not speak TLS on this port");
	else
		snprintf(t->note, sizeof(t->note), "TLS failed: %s",
		        error ? ERR_reason_error_string(error) : "the connection broke");
	ERR_clear_error();
}

static int tls_check_protocol(struct tls *t)
{
	const unsigned char *name;
	unsigned len;

	SSL_get0_alpn_selected(t->ssl, &name, &len);
	if (!len || slice_is(slice_from(name, len), "http/1.1"))
		return 0;
	snprintf(t->note, sizeof(t->note), "it insists on a protocol that was not offered");
	return -EPROTO;
}

int tls_handshake(struct tls *t)
{
	int r;

	if (t->ready)
		return 1;
	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	if (r == 1) {
		r = tls_check_protocol(t);
		t->ready = !r;
		return r ? r : 1;
	}
	if (SSL_get_error(t->ssl, r) == SSL_ERROR_WANT_READ)
		return 0;
	tls_explain(t);
	return -EPROTO;
}

bool tls_is_ready(const struct tls *t)
{
	return t->ready;
}

long tls_read(struct tls *t, char *to, size_t room)
{
	size_t n = 0;
	int error;

	ERR_clear_error();
	if (SSL_read_ex(t->ssl, to, room, &n))
		return (long)n;
	error = SSL_get_error(t->ssl, 0);
	if (error == SSL_ERROR_WANT_READ)
		return 0;
	if (error == SSL_ERROR_ZERO_RETURN)
		return -EPIPE;
	tls_explain(t);
	return -EPROTO;
}

/* Small segments are joined, so that each does not become a record of its own. */
static struct slice plain_record(const struct gather *plain, char scratch[RECORD])
{
	struct iovec v[VECTORS];
	unsigned n = gather_vectors(plain, v, VECTORS);
	size_t len = 0;

	if (n == 1 || v[0].iov_len >= RECORD)
		return slice_from(v[0].iov_base, v[0].iov_len < RECORD ? v[0].iov_len : RECORD);
	for (unsigned i = 0; i < n && len < RECORD; i++) {
		size_t part = v[i].iov_len < RECORD - len ? v[i].iov_len : RECORD - len;

		memcpy(scratch + len, v[i].iov_base, part);
		len += part;
	}
	return slice_from(scratch, len);
}

int tls_seal(struct tls *t, struct gather *plain)
{
	static _Thread_local char scratch[RECORD];

	ERR_clear_error();
	while (plain->len && buf_len(&t->out) < SEALED_HIGH) {
		struct slice record = plain_record(plain, scratch);
		size_t n = 0;

		if (!SSL_write_ex(t->ssl, record.at, record.len, &n)) {
			tls_explain(t);
			return -EPROTO;
		}
		gather_take(plain, n);
	}
	return 0;
}

void tls_goodbye(struct tls *t)
{
	ERR_clear_error();
	if (t->ready)
		SSL_shutdown(t->ssl);
	ERR_clear_error();
}

struct buf *tls_out(struct tls *t)
{
	return &t->out;
}

const char *tls_note(const struct tls *t)
{
	return t->note[0] ? t->note : NULL;
}

bool tls_was_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl) == 1;
}
