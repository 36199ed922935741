/* SPDX-License-Identifier: Apache-2.0 */
/* tls_server: OpenSSL over blocking sockets, one connection after the other. */
#include "rig/tls_server.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <poll.h>
#include "base/mem.h"
#include "rig/net_rig.h"

struct tls_server_core {
	struct tls_server_options options;
	SSL_CTX *context;
	pthread_t thread;
	int fd;
	int stop[2];
};

static void need(bool good)
{
	if (!good) {
		ERR_print_errors_fp(stderr);
		abort();
	}
}

static void certificate_name(X509 *x, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(x);

	X509_NAME_add_entry_by_txt(
	        subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
}

static void certificate_extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *e;

	X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	need(e && X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
}

static X509 *certificate_new(EVP_PKEY *key, const char *name, long serial, bool expired)
{
	X509 *x = X509_new();

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), expired ? -3600 : 86400);
	X509_set_pubkey(x, key);
	certificate_name(x, name);
	return x;
}

static X509 *authority_new(EVP_PKEY *key, const char *name)
{
	X509 *x = certificate_new(key, name, 1, false);

	X509_set_issuer_name(x, X509_get_subject_name(x));
	certificate_extend(x, x, NID_basic_constraints, "critical,CA:TRUE");
	certificate_extend(x, x, NID_key_usage, "critical,keyCertSign");
	certificate_extend(x, x, NID_subject_key_identifier, "hash");
	need(X509_sign(x, key, EVP_sha256()));
	return x;
}

static X509 *leaf_new(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const struct tls_server_options *o)
{
	X509 *x = certificate_new(key, "leaf", 2, o->expired);

	X509_set_issuer_name(x, X509_get_subject_name(ca));
	certificate_extend(x, ca, NID_subject_alt_name, o->name ? o->name : "DNS:localhost");
	need(X509_sign(x, ca_key, EVP_sha256()));
	return x;
}

static void certificate_write(X509 *x, char path[64])
{
	int fd;
	FILE *file;

	snprintf(path, 64, "/tmp/weir-test-ca-XXXXXX");
	fd = mkstemp(path);
	need(fd >= 0);
	file = fdopen(fd, "w");
	need(file && PEM_write_X509(file, x));
	fclose(file);
}

static void client_write(X509 *ca, EVP_PKEY *ca_key, char path[64])
{
	static const struct tls_server_options client = {.name = "DNS:client"};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = leaf_new(key, ca, ca_key, &client);
	FILE *file;

	certificate_write(x, path);
	file = fopen(path, "a");
	need(file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
	fclose(file);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void want_client(SSL_CTX *c, X509 *ca)
{
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	need(X509_STORE_add_cert(SSL_CTX_get_cert_store(c), ca));
}

static int choose_h2(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
        const unsigned char *in, unsigned in_len, void *arg)
{
	(void)ssl;
	(void)in;
	(void)in_len;
	(void)arg;
	*ret = (const unsigned char *)"h2";
	*ret_len = 2;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(const struct tls_server_options *o, X509 *leaf, EVP_PKEY *key)
{
	static const unsigned char id[] = "weir";
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());

	need(c && SSL_CTX_use_certificate(c, leaf) && SSL_CTX_use_PrivateKey(c, key));
	SSL_CTX_set_session_id_context(c, id, 4);
	if (o->max_version)
		SSL_CTX_set_max_proto_version(c, o->max_version);
	if (o->old) {
		SSL_CTX_set_security_level(c, 0);
		SSL_CTX_set_min_proto_version(c, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(c, TLS1_1_VERSION);
	}
	if (o->h2_only)
		SSL_CTX_set_alpn_select_cb(c, choose_h2, NULL);
	return c;
}

static bool readable_or_stop(struct tls_server_core *c, int fd)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = c->stop[0], .events = POLLIN}};

	poll(p, 2, -1);
	return !p[1].revents;
}

static void echo(struct tls_server *s, SSL *ssl)
{
	char at[16384];

	for (;;) {
		int n;

		if (!SSL_pending(ssl) && !readable_or_stop(s->core, SSL_get_fd(ssl)))
			return;
		n = SSL_read(ssl, at, sizeof(at));
		if (n <= 0)
			return;
		atomic_fetch_add(&s->plain_bytes, (unsigned)n);
		if (SSL_write(ssl, at, n) <= 0)
			return;
	}
}

static void serve_tls(struct tls_server *s, int fd)
{
	SSL *ssl = SSL_new(s->core->context);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		atomic_fetch_add(&s->handshakes, 1);
		if (SSL_session_reused(ssl))
			atomic_fetch_add(&s->resumed, 1);
		if (s->core->options.does == TLS_SERVER_CUTS) {
			SSL_write(ssl, "part", 4);
		} else {
			echo(s, ssl);
			SSL_shutdown(ssl);
		}
	}
	ERR_clear_error();
	SSL_free(ssl);
}

static void serve(struct tls_server *s, int fd)
{
	char at[512];

	switch (s->core->options.does) {
	case TLS_SERVER_HANGS:
		readable_or_stop(s->core, s->core->stop[0]);
		break;
	case TLS_SERVER_LEAVES:
		(void)!read(fd, at, 1);
		break;
	case TLS_SERVER_SPEAKS_HTTP:
		(void)!read(fd, at, sizeof(at));
		(void)!write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
		break;
	default:
		serve_tls(s, fd);
	}
	close(fd);
}

static void *server_run(void *arg)
{
	struct tls_server *s = arg;

	while (readable_or_stop(s->core, s->core->fd)) {
		int fd = accept(s->core->fd, NULL, NULL);

		if (fd < 0)
			continue;
		atomic_fetch_add(&s->accepted, 1);
		serve(s, fd);
	}
	return NULL;
}

struct tls_server *tls_server_start(const struct tls_server_options *o)
{
	struct tls_server *s = mem_zalloc(sizeof(*s));
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *other_key = EVP_EC_gen("P-256"),
	         *key = EVP_EC_gen("P-256");
	X509 *ca = authority_new(ca_key, "test authority"),
	     *other = authority_new(other_key, "another");
	X509 *leaf =
	        o->self_made ? leaf_new(key, other, other_key, o) : leaf_new(key, ca, ca_key, o);

	signal(SIGPIPE, SIG_IGN);
	s->core = mem_zalloc(sizeof(*s->core));
	s->core->options = *o;
	s->core->context = context_new(o, leaf, key);
	certificate_write(ca, s->ca_path);
	client_write(ca, ca_key, s->client_path);
	if (o->wants_client)
		want_client(s->core->context, ca);
	s->core->fd = rig_listen(&s->port);
	need(!pipe(s->core->stop));
	need(!pthread_create(&s->core->thread, NULL, server_run, s));
	X509_free(ca);
	X509_free(other);
	X509_free(leaf);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(other_key);
	EVP_PKEY_free(key);
	return s;
}

void tls_server_stop(struct tls_server *s)
{
	(void)!write(s->core->stop[1], "x", 1);
	pthread_join(s->core->thread, NULL);
	SSL_CTX_free(s->core->context);
	close(s->core->fd);
	close(s->core->stop[0]);
	close(s->core->stop[1]);
	unlink(s->ca_path);
	unlink(s->client_path);
	mem_free(s->core);
	mem_free(s);
}
