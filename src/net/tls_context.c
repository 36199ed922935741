/* SPDX-License-Identifier: Apache-2.0 */
/* tls_context: entries by their files under one lock. An entry is loaded by a thread of its own;
 * who asks meanwhile is put on its list and told by mailbox. */
#include "net/tls_context.h"
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/mailbox.h"
#include "net/tls_ssl.h"

#define ENTRIES_MAX 256
#define RETRY_AFTER (10 * NS_PER_S)
#define CIPHERS_TLS12 "ECDHE+AESGCM:ECDHE+CHACHA20"

enum entry_state { ENTRY_EMPTY, ENTRY_LOADING, ENTRY_READY, ENTRY_FAILED };

struct entry {
	struct list link; /* in contexts->entries */
	struct tls_contexts *contexts;
	char *ca;                /* owned; "": the system's */
	char *certificate, *key; /* owned; "": none */
	bool not_http;
	enum entry_state state;
	struct tls_context *context; /* counted; when READY */
	int error;
	uint64_t failed_at;
	bool has_thread, outdated;
	pthread_t thread;
	struct list waiters;
};

struct waiter {
	struct letter letter;
	struct list link;  /* in entry->waiters until it is posted; under the lock */
	struct loop *loop; /* borrowed */
	struct tls_contexts *contexts;
	struct ticket *ticket; /* borrowed; NULL once dropped; of the loop's thread */
	struct tls_context **ret_context;
	struct tls_context *context; /* counted */
	int error;
};

struct tls_contexts {
	pthread_mutex_t lock;
	struct list entries;
	unsigned n;
};

struct tls_context *tls_context_ref(struct tls_context *x)
{
	atomic_fetch_add_explicit(&x->refs, 1, memory_order_relaxed);
	return x;
}

void tls_context_unref(struct tls_context *x)
{
	if (!x || atomic_fetch_sub_explicit(&x->refs, 1, memory_order_acq_rel) != 1)
		return;
	SSL_CTX_free(x->ssl);
	mem_free(x);
}

/* OpenSSL's default on many systems is a folder that it searches, on the loop, at each handshake;
 * one file that is read once is better. */
static const char *system_bundle(void)
{
	const char *const usual[] = {X509_get_default_cert_file(),
	        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
	        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
	const char *named = getenv(X509_get_default_cert_file_env());

	if (named && *named)
		return named;
	if (getenv(X509_get_default_cert_dir_env()))
		return NULL;
	for (unsigned i = 0; i < sizeof(usual) / sizeof(*usual); i++)
		if (!access(usual[i], R_OK))
			return usual[i];
	return NULL;
}

static int ssl_trust(SSL_CTX *ssl, const char *ca)
{
	const char *file = *ca ? ca : system_bundle();

	if (!file)
		return SSL_CTX_set_default_verify_paths(ssl) ? 0 : -EINVAL;
	if (access(file, R_OK))
		return -errno;
	return SSL_CTX_load_verify_file(ssl, file) ? 0 : -EINVAL;
}

static int ssl_configure(SSL_CTX *ssl, bool not_http)
{
	static const unsigned char alpn[] = "\x08http/1.1";

	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ssl, tls_on_session);
	if (!SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) ||
	        !SSL_CTX_set_cipher_list(ssl, CIPHERS_TLS12) ||
	        (!not_http && SSL_CTX_set_alpn_protos(ssl, alpn, sizeof(alpn) - 1)))
		return -EINVAL;
	return 0;
}

static int ssl_show(SSL_CTX *ssl, const char *certificate, const char *key)
{
	if (!*certificate)
		return 0;
	if (access(certificate, R_OK) || access(key, R_OK))
		return -errno;
	if (SSL_CTX_use_certificate_chain_file(ssl, certificate) != 1 ||
	        SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1)
		return -EINVAL;
	return 0;
}

static int context_load(const struct entry *e, struct tls_context **ret_context)
{
	struct tls_context *x = mem_zalloc(sizeof(*x));
	int r = -ENOMEM;

	if (!x)
		return -ENOMEM;
	atomic_init(&x->refs, 1);
	x->ssl = SSL_CTX_new(TLS_client_method());
	if (x->ssl)
		r = ssl_configure(x->ssl, e->not_http);
	if (!r)
		r = ssl_trust(x->ssl, e->ca);
	if (!r)
		r = ssl_show(x->ssl, e->certificate, e->key);
	ERR_clear_error();
	if (r) {
		tls_context_unref(x);
		return r;
	}
	*ret_context = x;
	return 0;
}

static void waiter_deliver(struct letter *letter)
{
	struct waiter *w = container_of(letter, struct waiter, letter);

	if (w->ticket) {
		if (w->context)
			*w->ret_context = w->context;
		ticket_complete(w->ticket, w->error);
	} else {
		tls_context_unref(w->context);
	}
	mem_free(w);
}

/* Under the lock. */
static void entry_tell(struct entry *e)
{
	struct list *node;

	while ((node = list_pop(&e->waiters))) {
		struct waiter *w = container_of(node, struct waiter, link);

		w->error = e->error;
		w->context = e->context ? tls_context_ref(e->context) : NULL;
		mailbox_post(w->loop, &w->letter);
	}
}

static void *entry_run(void *arg)
{
	struct entry *e = arg;
	struct tls_context *context = NULL;
	int r = context_load(e, &context);

	pthread_mutex_lock(&e->contexts->lock);
	e->context = context;
	e->error = r;
	e->state = r ? ENTRY_FAILED : ENTRY_READY;
	e->failed_at = clock_mono(&clock_system);
	entry_tell(e);
	if (e->outdated && !r) { /* the files changed while they were read */
		tls_context_unref(e->context);
		e->context = NULL;
		e->state = ENTRY_EMPTY;
	}
	e->outdated = false;
	pthread_mutex_unlock(&e->contexts->lock);
	return NULL;
}

static int entry_load(struct entry *e)
{
	if (e->has_thread)
		pthread_join(e->thread, NULL); /* it has left the lock for good */
	e->has_thread = !pthread_create(&e->thread, NULL, entry_run, e);
	if (!e->has_thread)
		return -EAGAIN;
	e->state = ENTRY_LOADING;
	return 0;
}

static void entry_free(struct entry *e)
{
	mem_free(e->ca);
	mem_free(e->certificate);
	mem_free(e->key);
	mem_free(e);
}

static struct entry *entry_new(struct tls_contexts *c, const struct tls_files *f)
{
	struct entry *e = c->n < ENTRIES_MAX ? mem_zalloc(sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	e->ca = mem_dup(f->ca.at, f->ca.len);
	e->certificate = mem_dup(f->certificate.at, f->certificate.len);
	e->key = mem_dup(f->key.at, f->key.len);
	if (!e->ca || !e->certificate || !e->key) {
		entry_free(e);
		return NULL;
	}
	e->not_http = f->not_http;
	e->contexts = c;
	list_init(&e->waiters);
	list_push(&c->entries, &e->link);
	c->n++;
	return e;
}

static struct entry *entry_find(struct tls_contexts *c, const struct tls_files *f)
{
	list_foreach_safe(node, after, &c->entries)
	{
		struct entry *e = container_of(node, struct entry, link);

		if (slice_is(f->ca, e->ca) && slice_is(f->certificate, e->certificate) &&
		        slice_is(f->key, e->key) && f->not_http == e->not_http)
			return e;
	}
	return entry_new(c, f);
}

/* Makes sure that a load runs, unless there is a result. */
static int entry_begin(struct entry *e)
{
	if (e->state == ENTRY_FAILED) {
		if (clock_mono(&clock_system) - e->failed_at < RETRY_AFTER)
			return e->error;
		e->state = ENTRY_EMPTY;
	}
	return e->state == ENTRY_EMPTY ? entry_load(e) : 0;
}

static void waiter_drop(struct ticket *t)
{
	struct waiter *w = t->provider;
	bool was_posted;

	pthread_mutex_lock(&w->contexts->lock);
	was_posted = list_is_empty(&w->link);
	list_unlink(&w->link);
	pthread_mutex_unlock(&w->contexts->lock);
	w->ticket = NULL;
	if (!was_posted)
		mem_free(w);
}

static int entry_wait(
        struct entry *e, struct loop *l, struct ticket *t, struct tls_context **ret_context)
{
	struct waiter *w = mem_zalloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->letter.deliver = waiter_deliver;
	w->loop = l;
	w->contexts = e->contexts;
	w->ticket = t;
	w->ret_context = ret_context;
	list_push(&e->waiters, &w->link);
	ticket_arm(t, &l->turn, waiter_drop, w);
	return PENDING;
}

int tls_contexts_get_with(struct tls_contexts *c, struct loop *l, const struct tls_files *files,
        struct ticket *t, struct tls_context **ret_context)
{
	struct entry *e;
	int r = -ENOMEM;

	pthread_mutex_lock(&c->lock);
	e = entry_find(c, files);
	if (e)
		r = entry_begin(e);
	if (!r && e->state == ENTRY_READY)
		*ret_context = tls_context_ref(e->context);
	else if (!r)
		r = entry_wait(e, l, t, ret_context);
	pthread_mutex_unlock(&c->lock);
	return r;
}

int tls_contexts_get(struct tls_contexts *c, struct loop *l, struct slice ca, struct ticket *t,
        struct tls_context **ret_context)
{
	return tls_contexts_get_with(c, l, &(struct tls_files){.ca = ca}, t, ret_context);
}

void tls_contexts_warm(struct tls_contexts *c, struct slice ca)
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = entry_find(c, &(struct tls_files){.ca = ca});
	if (e)
		entry_begin(e);
	pthread_mutex_unlock(&c->lock);
}

void tls_contexts_renew(struct tls_contexts *c)
{
	pthread_mutex_lock(&c->lock);
	list_foreach_safe(node, after, &c->entries)
	{
		struct entry *e = container_of(node, struct entry, link);

		if (e->state == ENTRY_LOADING) {
			e->outdated = true;
			continue;
		}
		tls_context_unref(e->context);
		e->context = NULL;
		e->state = ENTRY_EMPTY;
	}
	pthread_mutex_unlock(&c->lock);
}

struct tls_contexts *tls_contexts_new(void)
{
	struct tls_contexts *c = mem_zalloc(sizeof(*c));

	if (!c)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	list_init(&c->entries);
	return c;
}

void tls_contexts_free(struct tls_contexts *c)
{
	struct list *node;

	if (!c)
		return;
	while ((node = list_pop(&c->entries))) {
		struct entry *e = container_of(node, struct entry, link);

		if (e->has_thread)
			pthread_join(e->thread, NULL);
		assert(list_is_empty(&e->waiters));
		tls_context_unref(e->context);
		entry_free(e);
	}
	pthread_mutex_destroy(&c->lock);
	mem_free(c);
}
