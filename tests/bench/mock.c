/* SPDX-License-Identifier: Apache-2.0 */
/* mock: the provider of the benchmark. Answers by the name of the model with bytes made beforehand:
 * "bench-chat" an answer, "bench-burst" a stream at once, "bench-paced" an event each 5 ms with the
 * time it was sent. Usage: mock PORT FOLDER */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000ull
#define PACE (5 * NS_PER_MS)
#define EVENTS 100
#define REQUEST_MAX (1 << 20)
#define SMALL "{\"object\":\"list\",\"data\":[]}"

struct bytes {
	char *at; /* owned for the life of the program */
	size_t len;
};

struct conn {
	int fd;
	char *in; /* owned, grows */
	size_t in_len, in_cap;
	size_t want;      /* bytes of the whole request, once its head was read */
	struct bytes out; /* borrowed: what is still to be sent */
	unsigned event; /* of a paced stream: events sent; EVENTS + 1 when no stream is under way */
	uint64_t next_at;
	struct conn *next, *prev; /* among paced streams */
};

static struct bytes chat, burst, stream_head, stream_first, stream_event, stream_last;
static size_t stamp_at; /* where the digits begin in stream_event */
static struct conn streams = {.next = &streams, .prev = &streams};
static int epoll_fd;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * NS_PER_MS + (uint64_t)t.tv_nsec;
}

static struct bytes read_file(const char *folder, const char *name)
{
	struct bytes b = {calloc(1, REQUEST_MAX), 0};
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (!file || !b.at) {
		fprintf(stderr, "mock: cannot read %s\n", path);
		exit(2);
	}
	b.len = fread(b.at, 1, REQUEST_MAX, file);
	fclose(file);
	return b;
}

static void conn_close(struct conn *c)
{
	if (c->next) {
		c->next->prev = c->prev;
		c->prev->next = c->next;
	}
	close(c->fd);
	free(c->in);
	free(c);
}

/* Sends what is left; false when the connection is gone. */
static bool conn_flush(struct conn *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

	while (c->out.len) {
		ssize_t n = send(c->fd, c->out.at, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			event.events |= EPOLLOUT;
			epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
			return true;
		}
		if (n < 0) {
			conn_close(c);
			return false;
		}
		c->out.at += n;
		c->out.len -= (size_t)n;
		if (!c->out.len)
			epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
	}
	return true;
}

static bool conn_put(struct conn *c, struct bytes bytes)
{
	c->out = bytes;
	return conn_flush(c);
}

/* A stream that cannot take an event is dropped: the benchmark is void then, and the load generator
 * says so. */
static bool conn_put_now(struct conn *c, struct bytes bytes)
{
	if (send(c->fd, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)bytes.len)
		return true;
	conn_close(c);
	return false;
}

static void stream_step(struct conn *c, uint64_t at)
{
	char digits[24];

	if (c->event == EVENTS) {
		c->next->prev = c->prev;
		c->prev->next = c->next;
		c->next = c->prev = NULL;
		conn_put(c, stream_last);
		return;
	}
	snprintf(digits, sizeof(digits), "%019llu", (unsigned long long)at);
	memcpy(stream_event.at + stamp_at, digits, 19);
	c->event++;
	c->next_at += PACE;
	conn_put_now(c, stream_event);
}

static bool stream_begin(struct conn *c)
{
	if (!conn_put_now(c, stream_head) || !conn_put_now(c, stream_first))
		return false;
	c->event = 0;
	c->next_at = now() + PACE;
	c->next = &streams;
	c->prev = streams.prev;
	streams.prev->next = c;
	streams.prev = c;
	return true;
}

static bool conn_answer(struct conn *c)
{
	static char small[256];
	const char *body = memmem(c->in, c->in_len, "\"bench-", 7);

	if (body && !strncmp(body + 7, "paced", 5))
		return stream_begin(c);
	if (body && !strncmp(body + 7, "burst", 5))
		return conn_put(c, burst);
	if (body)
		return conn_put(c, chat);
	snprintf(small, sizeof(small),
	        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
	        "%zu\r\n\r\n" SMALL,
	        strlen(SMALL));
	return conn_put(c, (struct bytes){small, strlen(small)});
}

/* How long the request is that begins the bytes read, or 0 when its head is not whole. */
static size_t request_len(const struct conn *c)
{
	const char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4), *length;

	if (!end)
		return 0;
	c->in[c->in_len] = 0;
	length = strcasestr(c->in, "\r\ncontent-length:");
	return (size_t)(end + 4 - c->in) +
	       (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static void conn_read(struct conn *c)
{
	ssize_t n;

	if (c->in_cap - c->in_len < 4096) {
		c->in_cap = c->in_cap ? c->in_cap * 2 : 16384;
		c->in = realloc(c->in, c->in_cap + 1);
		if (!c->in)
			exit(1);
	}
	n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, MSG_DONTWAIT);
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			conn_close(c);
		return;
	}
	c->in_len += (size_t)n;
	if (!c->want)
		c->want = request_len(c);
	if (!c->want || c->in_len < c->want)
		return;
	if (!conn_answer(c))
		return;
	c->in_len = c->want = 0;
}

static void accept_all(int listener)
{
	for (;;) {
		int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		struct conn *c = fd < 0 ? NULL : calloc(1, sizeof(*c));
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

		if (!c)
			return;
		c->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
	}
}

static int listen_on(int port)
{
	struct sockaddr_in here = {.sin_family = AF_INET,
	        .sin_port = htons((uint16_t)port),
	        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) || listen(fd, 4096)) {
		fprintf(stderr, "mock: cannot listen on port %d: %m\n", port);
		exit(1);
	}
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
	return fd;
}

/* Due events go out in the order of their streams, each stream on its own beat. */
static void streams_step(void)
{
	uint64_t at = now();

	for (struct conn *c = streams.next, *next; c != &streams; c = next) {
		next = c->next;
		if (c->next_at <= at)
			stream_step(c, now());
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[256];
	int listener;

	if (argc != 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	chat = read_file(argv[2], "chat.http");
	burst = read_file(argv[2], "burst.http");
	stream_head = read_file(argv[2], "stream-head.http");
	stream_first = read_file(argv[2], "stream-first.http");
	stream_event = read_file(argv[2], "stream-event.http");
	stream_last = read_file(argv[2], "stream-last.http");
	stamp_at = (size_t)(strchr(stream_event.at, '@') + 1 - stream_event.at);
	epoll_fd = epoll_create1(0);
	listener = listen_on((int)strtol(argv[1], NULL, 10));
	for (;;) {
		int n = epoll_wait(epoll_fd, events, 256, streams.next == &streams ? -1 : 1);

		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (!c)
				accept_all(listener);
			else if (!(events[i].events & EPOLLOUT) || conn_flush(c))
				conn_read(c);
		}
		streams_step();
	}
}
