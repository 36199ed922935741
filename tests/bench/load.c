/* SPDX-License-Identifier: Apache-2.0 */
/* load: an HTTP/1.1 load generator for the benchmark: one thread, one request of fixed bytes,
 * keep-alive connections to 127.0.0.1. Closed loop, or open loop at a rate with latency counted
 * from when a call was due. One JSON line at the end. */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "bench/histogram.h"

#define NS_PER_S 1000000000ull
#define HEAD_MAX 8192
#define STAMP_LEN 19 /* digits of a CLOCK_MONOTONIC time in ns, behind "@" */

enum phase { CLOSED, IDLE, SENDING, HEAD, BODY };
enum chunk { CHUNK_SIZE, CHUNK_EXT, CHUNK_DATA, CHUNK_END, TRAILER };

struct conn {
	int fd;
	enum phase phase;
	bool writable_wanted;
	uint64_t due; /* when the call in flight should have begun */
	size_t sent;
	char head[HEAD_MAX];
	size_t head_len;
	bool chunked;
	enum chunk chunk;
	uint64_t left; /* bytes of the body, or of the chunk */
	size_t line;   /* bytes of the trailer line so far */
	unsigned calls;
};

static struct {
	int port;
	unsigned conns;
	double seconds, warm, rate, ramp;
	bool hold; /* one call a connection, then keep it open */
	const char *request;
	size_t request_len;
} opt = {.conns = 1, .seconds = 3, .warm = 0.3};

static int epoll_fd;
static struct conn *conns;
static unsigned opened;
static unsigned *idle, idle_n;
static uint64_t calls, errors, stamps, began_at, warm_at, end_at, next_due;
static struct histogram latency, first_byte, delay;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void conn_want_writable(struct conn *c, bool wanted)
{
	struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = c};

	if (c->writable_wanted == wanted)
		return;
	c->writable_wanted = wanted;
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static void conn_open(struct conn *c)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	        .sin_port = htons((uint16_t)opt.port),
	        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to))) {
		fprintf(stderr, "load: cannot connect to port %d: %m\n", opt.port);
		exit(1);
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
	c->phase = IDLE;
	c->writable_wanted = false;
}

static void conn_send(struct conn *c)
{
	while (c->sent < opt.request_len) {
		ssize_t n = send(c->fd, opt.request + c->sent, opt.request_len - c->sent,
		        MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			conn_want_writable(c, true);
			return;
		}
		if (n < 0)
			break; /* the read that follows sees why */
		c->sent += (size_t)n;
	}
	conn_want_writable(c, false);
	c->phase = HEAD;
	c->head_len = 0;
}

static void conn_begin(struct conn *c, uint64_t due)
{
	c->due = due;
	c->sent = 0;
	c->phase = SENDING;
	conn_send(c);
}

/* An idle connection begins its next call: at once, when it is due, or not at all. */
static void conn_next(struct conn *c, uint64_t at)
{
	c->phase = IDLE;
	if (opt.hold && c->calls)
		return;
	if (opt.rate <= 0) {
		conn_begin(c, at);
	} else if (next_due <= at) {
		next_due += (uint64_t)((double)NS_PER_S / opt.rate);
		conn_begin(c, next_due - (uint64_t)((double)NS_PER_S / opt.rate));
	} else if (idle_n < opt.conns) {
		idle[idle_n++] = (unsigned)(c - conns);
	}
}

static void conn_failed(struct conn *c, const char *why)
{
	if (errors++ == 0)
		fprintf(stderr, "load: %s: %.*s\n", why, c->head_len < 200 ? (int)c->head_len : 200,
		        c->head);
	close(c->fd);
	if (errors > 1000)
		exit(1);
	conn_open(c);
	conn_next(c, now());
}

static void conn_done(struct conn *c)
{
	uint64_t at = now();

	calls++;
	c->calls++;
	if (at >= warm_at)
		histogram_add(&latency, at - c->due);
	conn_next(c, at);
}

/* Counts the stamped events in what was read and how long each was under way; a stamp cut by a read
 * is not seen. */
static void find_stamps(const char *at, const char *end, uint64_t read_at)
{
	while ((at = memchr(at, '@', (size_t)(end - at))) && end - at > STAMP_LEN) {
		uint64_t sent = 0;
		int i = 1;

		for (; i <= STAMP_LEN && at[i] >= '0' && at[i] <= '9'; i++)
			sent = sent * 10 + (uint64_t)(at[i] - '0');
		at++;
		if (i <= STAMP_LEN)
			continue;
		stamps++;
		if (sent && read_at >= warm_at)
			histogram_add(&delay, read_at - sent);
	}
}

static const char *header(const char *head, const char *name)
{
	const char *at = strcasestr(head, name);

	return at ? at + strlen(name) : NULL;
}

/* Takes bytes of the head; returns how many, or 0 after a failure. */
static size_t conn_take_head(struct conn *c, const char *at, size_t len)
{
	size_t before = c->head_len, room = HEAD_MAX - 1 - before, n = len < room ? len : room;
	const char *end, *value;

	memcpy(c->head + before, at, n);
	c->head_len += n;
	c->head[c->head_len] = 0;
	end = memmem(c->head, c->head_len, "\r\n\r\n", 4);
	if (!end && n < len) {
		conn_failed(c, "the head of an answer is too long");
		return 0;
	}
	if (!end)
		return n;
	if (strncmp(c->head, "HTTP/1.1 200", 12) != 0) {
		conn_failed(c, "an answer is not 200");
		return 0;
	}
	c->head[end + 2 - c->head] = 0;
	c->chunked = header(c->head, "\r\ntransfer-encoding: chunked") != NULL;
	value = header(c->head, "\r\ncontent-length:");
	c->left = value ? strtoull(value, NULL, 10) : 0;
	c->chunk = CHUNK_SIZE;
	c->phase = BODY;
	if (now() >= warm_at)
		histogram_add(&first_byte, now() - c->due);
	return (size_t)(end + 4 - c->head) - before;
}

static void chunk_digit(struct conn *c, char ch)
{
	if (ch >= '0' && ch <= '9')
		c->left = c->left * 16 + (uint64_t)(ch - '0');
	else if ((ch | 32) >= 'a' && (ch | 32) <= 'f')
		c->left = c->left * 16 + (uint64_t)((ch | 32) - 'a' + 10);
	else if (ch == '\n')
		c->chunk = c->left ? CHUNK_DATA : TRAILER;
	else
		c->chunk = CHUNK_EXT;
}

/* Takes bytes of a chunked body; true when it ends with them. */
static bool conn_take_chunked(struct conn *c, const char *at, const char *end)
{
	while (at < end) {
		size_t n = 1;

		switch (c->chunk) {
		case CHUNK_SIZE:
			chunk_digit(c, *at);
			c->line = 0;
			break;
		case CHUNK_EXT:
			if (*at == '\n')
				c->chunk = c->left ? CHUNK_DATA : TRAILER;
			break;
		case CHUNK_DATA:
			n = c->left < (size_t)(end - at) ? c->left : (size_t)(end - at);
			c->left -= n;
			if (!c->left)
				c->chunk = CHUNK_END;
			break;
		case CHUNK_END:
			if (*at == '\n')
				c->chunk = CHUNK_SIZE;
			break;
		case TRAILER:
			if (*at == '\n' && !c->line)
				return true;
			c->line = *at == '\n' ? 0 : c->line + (*at != '\r');
			break;
		}
		at += n;
	}
	return false;
}

static void conn_read(struct conn *c)
{
	static char buffer[256 << 10];
	ssize_t n = recv(c->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	const char *at = buffer, *end = buffer + n;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		conn_failed(c, "a connection was closed");
		return;
	}
	if (c->phase == HEAD) {
		size_t taken = conn_take_head(c, at, (size_t)n);

		if (!taken || c->phase != BODY)
			return;
		at += taken;
	}
	if (c->phase != BODY)
		return;
	if (c->chunked) {
		find_stamps(at, end, now());
		if (conn_take_chunked(c, at, end))
			conn_done(c);
		return;
	}
	c->left -= (uint64_t)(end - at) < c->left ? (uint64_t)(end - at) : c->left;
	if (!c->left)
		conn_done(c);
}

static const char *read_request(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "rb");
	char *at = malloc(8 << 20);

	if (!file || !at) {
		fprintf(stderr, "load: cannot read %s\n", path);
		exit(2);
	}
	*ret_len = fread(at, 1, 8 << 20, file);
	fclose(file);
	return at;
}

/* When the next connection is to be opened: they come evenly over the ramp, so that paced streams
 * are not in step. */
static uint64_t open_due(void)
{
	if (opened == opt.conns)
		return UINT64_MAX;
	return began_at + (uint64_t)(opt.ramp * (double)NS_PER_S * opened / opt.conns);
}

static uint64_t wake_at(void)
{
	uint64_t until = end_at, due = open_due();

	if (opt.rate > 0 && idle_n && next_due < until)
		until = next_due;
	return due < until ? due : until;
}

static void run(void)
{
	struct epoll_event events[512];

	for (uint64_t at = now(); at < end_at; at = now()) {
		struct timespec wait = {0};
		uint64_t until;
		int n;

		while (open_due() <= at) {
			conn_open(&conns[opened]);
			conn_next(&conns[opened++], now());
		}
		while (opt.rate > 0 && idle_n && next_due <= at) {
			struct conn *c = &conns[idle[--idle_n]];

			if (c->phase == IDLE)
				conn_next(c, at);
		}
		until = wake_at();
		if (until > at)
			wait = (struct timespec){
			        (time_t)((until - at) / NS_PER_S), (long)((until - at) % NS_PER_S)};
		n = epoll_pwait2(epoll_fd, events, 512, &wait, NULL);
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (c->phase == SENDING && events[i].events & EPOLLOUT)
				conn_send(c);
			if (c->phase >= IDLE && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				conn_read(c);
		}
	}
}

static void print_result(double seconds)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	printf("{\"calls\": %lu, \"errors\": %lu, \"seconds\": %.3f, \"p50\": %.1f, \"p99\": %.1f, "
	       "\"first50\": %.1f, "
	       "\"first99\": %.1f, \"events\": %lu, \"event50\": %.1f, \"event99\": %.1f, \"cpu\": "
	       "%.3f}\n",
	        calls, errors, seconds, histogram_us(&latency, 0.5), histogram_us(&latency, 0.99),
	        histogram_us(&first_byte, 0.5), histogram_us(&first_byte, 0.99), stamps,
	        histogram_us(&delay, 0.5), histogram_us(&delay, 0.99),
	        (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	                (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
}

static void read_options(int argc, char **argv)
{
	const char *file = NULL;

	for (int o; (o = getopt(argc, argv, "p:c:d:w:r:f:s:h")) > 0;) {
		switch (o) {
		case 'p':
			opt.port = (int)strtol(optarg, NULL, 10);
			break;
		case 'c':
			opt.conns = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			opt.seconds = strtod(optarg, NULL);
			break;
		case 'w':
			opt.warm = strtod(optarg, NULL);
			break;
		case 'r':
			opt.rate = strtod(optarg, NULL);
			break;
		case 'f':
			file = optarg;
			break;
		case 's':
			opt.ramp = strtod(optarg, NULL);
			break;
		case 'h':
			opt.hold = true;
			break;
		default:
			file = NULL;
			break;
		}
	}
	if (!file || !opt.port || !opt.conns) {
		fprintf(stderr, "usage: load -p PORT -f REQUEST [-c CONNS] [-d SECONDS] [-w WARM] "
		                "[-r RATE] [-s RAMP] [-h]\n");
		exit(2);
	}
	opt.request = read_request(file, &opt.request_len);
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	epoll_fd = epoll_create1(0);
	conns = calloc(opt.conns, sizeof(*conns));
	idle = calloc(opt.conns + 1, sizeof(*idle));
	if (!conns || !idle)
		return 1;
	began_at = next_due = now();
	warm_at = began_at + (uint64_t)(opt.warm * (double)NS_PER_S);
	end_at = began_at + (uint64_t)(opt.seconds * (double)NS_PER_S);
	run();
	print_result((double)(now() - began_at) / (double)NS_PER_S);
	return 0;
}
