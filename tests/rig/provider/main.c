/* SPDX-License-Identifier: Apache-2.0 */
/* scripted-provider: an OpenAI-shaped provider that answers by script, keeps a ledger of what it
 * was asked, and fails as it is told to. See README.md. */
#include "server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct options {
	const char *host, *ledger, *bodies, *certificate, *key, *client_ca;
	long port;
};

static const char usage[] = "usage: scripted-provider [--host 127.0.0.1] [--port 0] [--script "
                            "FILE] [--ledger FILE] [--keep-bodies FILE]\n"
                            "                         [--cert FILE --key FILE [--client-ca FILE]] "
                            "[--expect-key-sha256 HEX]\n";

static int fail(const char *what)
{
	fprintf(stderr, "scripted-provider: %s: %s\n", what, strerror(errno));
	return 1;
}

static bool load_script(struct server *s)
{
	char part[4096];
	struct bytes all = {0};
	FILE *f = fopen(s->script_path, "re");
	for (size_t n; f && (n = fread(part, 1, sizeof part, f));)
		bytes_add(&all, part, n);
	bool good = f && server_set_script(s, bytes_view(&all));
	if (f)
		fclose(f);
	if (!good)
		fprintf(stderr, "scripted-provider: %s holds no JSON object\n", s->script_path);
	bytes_finish(&all);
	return good;
}

static int open_listener(struct server *s, const struct options *o)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
	socklen_t n = sizeof a;
	if (inet_pton(AF_INET, o->host, &a.sin_addr) != 1)
		return fail("--host is not an IPv4 address");
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(s->listener, (struct sockaddr *)&a, sizeof a) || listen(s->listener, 4096))
		return fail("listen");
	getsockname(s->listener, (struct sockaddr *)&a, &n);
	printf("listening on %s://%s:%d\n", s->tls ? "https" : "http", o->host, ntohs(a.sin_port));
	fflush(stdout);
	return 0;
}

static int open_tls(struct server *s, const struct options *o)
{
	s->tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_mode(
	        s->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_min_proto_version(s->tls, TLS1_2_VERSION);
	if (SSL_CTX_use_certificate_chain_file(s->tls, o->certificate) != 1 ||
	        SSL_CTX_use_PrivateKey_file(s->tls, o->key, SSL_FILETYPE_PEM) != 1)
		return fail("certificate and key");
	if (!o->client_ca)
		return 0;
	SSL_CTX_set_verify(s->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return SSL_CTX_load_verify_locations(s->tls, o->client_ca, NULL) == 1 ? 0
	                                                                      : fail("client CA");
}

static void accept_all(struct server *s)
{
	int fd;
	while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		conn_new(s, fd);
}

/* true: it is time to go. */
static bool take_signal(struct server *s)
{
	struct signalfd_siginfo info;
	if (read(s->signals, &info, sizeof info) != sizeof info)
		return false;
	if (info.ssi_signo == SIGHUP && s->script_path)
		load_script(s);
	return info.ssi_signo != SIGHUP;
}

static int wait_ms(void)
{
	uint64_t next = timer_next(), now = now_ns();
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (int)((next - now + 999999) / 1000000);
}

static void serve(struct server *s)
{
	struct epoll_event events[256];
	for (bool stop = false; !stop;) {
		int n = epoll_wait(s->epoll, events, 256, wait_ms());
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == s)
				accept_all(s);
			else if (events[i].data.ptr)
				conn_ready(events[i].data.ptr, events[i].events);
			else
				stop = take_signal(s);
		}
		uint64_t now = now_ns();
		for (struct timer *t; (t = timer_take_due(now));)
			conn_wake(t);
	}
	for (struct conn *c = s->conns; c; c = conn_next(c))
		conn_stop(c);
}

static int watch_all(struct server *s)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event listener = {.events = EPOLLIN, .data.ptr = s},
	                   signals = {.events = EPOLLIN};
	if (s->signals < 0 || s->epoll < 0 ||
	        epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &listener) ||
	        epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->signals, &signals))
		return fail("epoll");
	return 0;
}

static bool read_options(int count, char **words, struct options *o, struct server *s)
{
	static const struct option known[] = {{"host", 1, 0, 'h'}, {"port", 1, 0, 'p'},
	        {"script", 1, 0, 's'}, {"ledger", 1, 0, 'l'}, {"keep-bodies", 1, 0, 'b'},
	        {"cert", 1, 0, 'c'}, {"key", 1, 0, 'k'}, {"client-ca", 1, 0, 'a'},
	        {"expect-key-sha256", 1, 0, 'e'}, {0}};
	for (int c; (c = getopt_long(count, words, "", known, NULL)) != -1;)
		switch (c) {
		case 'h':
			o->host = optarg;
			break;
		case 'p':
			o->port = strtol(optarg, NULL, 10);
			break;
		case 's':
			s->script_path = optarg;
			break;
		case 'l':
			o->ledger = optarg;
			break;
		case 'b':
			o->bodies = optarg;
			break;
		case 'c':
			o->certificate = optarg;
			break;
		case 'k':
			o->key = optarg;
			break;
		case 'a':
			o->client_ca = optarg;
			break;
		case 'e':
			s->expect_key = optarg;
			break;
		default:
			return false;
		}
	return optind == count && !o->certificate == !o->key;
}

int main(int count, char **words)
{
	static struct server server;
	struct options o = {.host = "127.0.0.1"};
	if (!read_options(count, words, &o, &server)) {
		fputs(usage, stderr);
		return 2;
	}
	if (!ledger_open(&server.ledger, o.ledger, o.bodies))
		return fail("ledger");
	server.prepared = !o.ledger && !o.bodies && !server.expect_key;
	if (server.script_path && !load_script(&server))
		return 1;
	if (o.certificate && open_tls(&server, &o))
		return 1;
	if (open_listener(&server, &o) || watch_all(&server))
		return 1;
	serve(&server);
	return 0;
}
