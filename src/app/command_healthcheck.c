/* SPDX-License-Identifier: Apache-2.0 */
/* command_healthcheck: `weir healthcheck`: asks a running Weir whether it is ready, for images without a shell or curl. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "app/commands.h"
#include "config/diagnostics.h"
#include "config/conf.h"
#include "net/cidr.h"

static const char help[] =
	"usage: weir healthcheck [-c PATH]... [--address HOST:PORT] [--live]\n"
	"\n"
	"Exit 0 if the Weir that serves this policy is ready, 1 if it is not. Without -c and --address it asks 127.0.0.1:4002.\n"
	"\n"
	"  -c, --config PATH    the policy whose health listener to ask\n"
	"  --address HOST:PORT  the health listener itself\n"
	"  --live               ask /healthz (alive) instead of /readyz (ready)\n";

struct question {
	const char *path;
	struct address address;
	char unix_path[108];
};

static int parse_address(const char *text, struct address *ret)
{
	const char *colon = strrchr(text, ':');
	struct slice host = {text, colon ? (size_t)(colon - text) : 0};
	uint64_t port;

	if (!colon || slice_to_u64(slice_str(colon + 1), 65535, &port) < 0)
		return -EINVAL;
	if (host.len > 2 && host.at[0] == '[')
		host = (struct slice){host.at + 1, host.len - 2};
	if (slice_is(host, "localhost"))
		host = SLICE("127.0.0.1");
	return address_parse(host, (uint16_t)port, ret);
}

/* Where the policy's health listener listens; a wildcard address is asked on loopback. */
static int find_listener(const char *const *paths, unsigned n, struct question *q)
{
	struct diagnostics d;
	int r = -ENOENT;

	diagnostics_init(&d);
	struct conf *conf = conf_load(paths, n, &d);
	for (unsigned i = 0; conf && i < conf->n_listeners; i++) {
		const struct address_conf *a = &conf->listeners[i].address;
		if (conf->listeners[i].kind != LISTENER_HEALTH || a->none)
			continue;
		if (a->unix_path.len && a->unix_path.len < sizeof(q->unix_path))
			memcpy(q->unix_path, a->unix_path.at, a->unix_path.len);
		struct slice host = a->host;
		if (slice_is(host, "0.0.0.0") || slice_is(host, "localhost"))
			host = SLICE("127.0.0.1");
		if (slice_is(host, "::"))
			host = SLICE("::1");
		r = a->unix_path.len ? 0 : address_parse(host, a->port, &q->address);
		break;
	}
	conf_free(conf);
	diagnostics_finish(&d);
	return r;
}

static int dial_listener(const struct question *q)
{
	struct timeval limit = {.tv_sec = 3};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	bool is_unix = q->unix_path[0];
	int fd = socket(is_unix ? AF_UNIX : q->address.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	memcpy(un.sun_path, q->unix_path, sizeof(q->unix_path));
	int r = is_unix ? connect(fd, (struct sockaddr *)&un, sizeof(un))
			: connect(fd, &q->address.sa, address_len(&q->address));
	if (r < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int ask(const struct question *q)
{
	char text[256], answer[64] = "";
	int fd = dial_listener(q);

	if (fd < 0) {
		fprintf(stderr, "weir healthcheck: nothing answers at the health listener: %s\n", strerror(errno));
		return 1;
	}
	int len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", q->path);
	ssize_t n = send(fd, text, (size_t)len, MSG_NOSIGNAL) == len ? recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) : -1;
	close(fd);
	if (n < 12 || strncmp(answer, "HTTP/1.1 200", 12)) {
		fprintf(stderr, "weir healthcheck: not ready: %.12s\n", n > 0 ? answer : "no answer");
		return 1;
	}
	return 0;
}

int command_healthcheck(int argc, char **argv)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'}, {"address", required_argument, NULL, 'a'},
		{"live", no_argument, NULL, 'l'}, {"help", no_argument, NULL, 'h'}, {0},
	};
	struct question q = {.path = "/readyz"};
	const char *paths[16], *address = "127.0.0.1:4002";
	unsigned n = 0;
	int ch, r;

	optind = 1;
	while ((ch = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		if (ch == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (ch == 'c' && n < 16)
			paths[n++] = optarg;
		else if (ch == 'a')
			address = optarg;
		else if (ch == 'l')
			q.path = "/healthz";
		else
			return 2;
	}
	r = n ? find_listener(paths, n, &q) : parse_address(address, &q.address);
	if (r < 0) {
		fputs("weir healthcheck: no health listener: the policy closes it or cannot be read, or the address is not HOST:PORT\n",
			stderr);
		return 2;
	}
	return ask(&q);
}
