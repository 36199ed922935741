/* SPDX-License-Identifier: Apache-2.0 */
/* admin_client: see admin_client.h. It blocks, with a limit on each wait; the answer is read by the codec that reads all others. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "app/admin_client.h"
#include "app/admin_key.h"
#include "app/print.h"
#include "config/address.h"
#include "http/h1.h"
#include "json/json.h"

#define WAIT_S 60
#define READ_PIECE (64u << 10)
#define REQUEST_MAX (16u << 10)

static int say(const struct admin_client *c, const char *what)
{
	fprintf(stderr, "weir %s: %s\n", c->command, what);
	return 1;
}

/* ---- where, and with which key ---- */

static int set_address(struct admin_client *c, const struct address_conf *a)
{
	struct slice host = a->host;

	snprintf(c->where, sizeof(c->where), "%.*s", SLICE_FMT(a->text));
	if (a->unix_path.len) {
		if (a->unix_path.len >= sizeof(c->unix_path))
			return -ENAMETOOLONG;
		memcpy(c->unix_path, a->unix_path.at, a->unix_path.len);
		c->unix_path[a->unix_path.len] = '\0';
		return 0;
	}
	if (slice_is(host, "0.0.0.0")) /* who listens everywhere is asked on loopback */
		host = SLICE("127.0.0.1");
	else if (slice_is(host, "::"))
		host = SLICE("::1");
	return address_parse(host, a->port, &c->address);
}

int admin_client_find(struct admin_client *c, const char *address, const struct conf *conf)
{
	struct address_conf a;
	const char *wrong;
	char text[200];

	if (address) {
		wrong = listen_address_parse(slice_str(address), &a);
		if (!wrong && (a.none || set_address(c, &a) < 0))
			wrong = "write it as unix:/path or 127.0.0.1:4001";
		if (!wrong)
			return 0;
		snprintf(text, sizeof(text), "--admin %.60s is no address: %s", address, wrong);
		return print_usage_error(c->command, text);
	}
	for (unsigned i = 0; conf && i < conf->n_listeners; i++)
		if (conf->listeners[i].kind == LISTENER_ADMIN && set_address(c, &conf->listeners[i].address) == 0)
			return 0;
	return say(c, "the policy opens no admin listener: add one under listeners:, or name the running Weir's with --admin");
}

int admin_client_take_key(struct admin_client *c, const char *key_file)
{
	const char *key = getenv("WEIR_OPERATOR_KEY");
	char text[400];

	if (!key_file && (!key || !*key))
		return print_usage_error(c->command, "an operator's key is needed: set WEIR_OPERATOR_KEY, or name a file with --key-file");
	if (key_file) {
		int r = admin_key_read(key_file, c->key, sizeof(c->key));

		if (r == 0)
			return 0;
		snprintf(text, sizeof(text), "no operator's key can be read from %.200s: %s; name the running Weir's with --key-file", key_file,
			r == -EINVAL ? "it does not hold one line, as a key is" : strerror(-r));
		return say(c, text);
	}
	if (strlen(key) >= sizeof(c->key))
		return say(c, "WEIR_OPERATOR_KEY holds no operator's key: it is too long for one; set it to the key alone");
	memcpy(c->key, key, strlen(key) + 1);
	return 0;
}

void admin_client_finish(struct admin_client *c)
{
	explicit_bzero(c->key, sizeof(c->key));
}

/* ---- one request ---- */

struct exchange_of_client {
	struct admin_reply *reply;
	bool whole, broken;
};

static void on_head(void *owner, uint32_t stream, struct head *head, bool last)
{
	struct exchange_of_client *x = owner;
	const struct header *ledger = head_find_name(head, SLICE("x-weir-ledger"));

	(void)stream;
	x->reply->status = head->status;
	x->reply->behind = ledger && slice_is(ledger->value, "behind");
	x->whole = last;
}

static void on_data(void *owner, uint32_t stream, struct slice data)
{
	struct exchange_of_client *x = owner;

	(void)stream;
	x->broken |= buf_put_slice(&x->reply->body, data) < 0;
}

static void on_end(void *owner, uint32_t stream)
{
	struct exchange_of_client *x = owner;

	(void)stream;
	x->whole = true;
}

static void on_reset(void *owner, uint32_t stream, enum fault why, const char *note)
{
	struct exchange_of_client *x = owner;

	(void)stream;
	(void)why;
	(void)note;
	x->broken = true;
}

static const struct codec_events events = {.head = on_head, .data = on_data, .end = on_end, .reset = on_reset};

static int dial(const struct admin_client *c)
{
	struct timeval limit = {.tv_sec = WAIT_S};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	bool is_unix = c->unix_path[0];
	int fd = socket(is_unix ? AF_UNIX : c->address.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	memcpy(un.sun_path, c->unix_path, sizeof(c->unix_path));
	r = is_unix ? connect(fd, (struct sockaddr *)&un, sizeof(un)) : connect(fd, &c->address.sa, address_len(&c->address));
	if (r == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static int put_request(struct admin_client *c, struct codec *codec, struct slice target)
{
	struct head h;
	int r;

	head_init(&h);
	h.method = METHOD_GET;
	h.method_text = SLICE("GET");
	h.target = target;
	h.keep_alive = false;
	r = head_add_id(&h, HEADER_HOST, SLICE("localhost"));
	if (!r)
		r = head_add_id(&h, HEADER_X_WEIR_KEY, slice_str(c->key));
	if (!r)
		r = codec->ops->put_head(codec, 1, &h, true);
	head_finish(&h);
	return r;
}

static int send_all(int fd, struct gather *out)
{
	struct iovec v[8];

	while (out->len) {
		struct msghdr m = {.msg_iov = v, .msg_iovlen = gather_vectors(out, v, 8)};
		ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		gather_take(out, (size_t)n);
	}
	return 0;
}

static int receive(int fd, struct codec *codec, const struct exchange_of_client *x)
{
	struct buf in = BUF_INIT(READ_PIECE);
	int r = buf_reserve(&in, READ_PIECE);

	while (!r && !x->whole && !x->broken) {
		ssize_t n = recv(fd, buf_tail(&in), buf_room(&in), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = errno == EAGAIN ? -ETIMEDOUT : -errno;
		else if (n == 0)
			codec->ops->feed_end(codec);
		else
			buf_commit(&in, (size_t)n);
		if (n <= 0)
			break;
		if (codec->ops->feed(codec, buf_slice(&in)) < (size_t)n && !x->whole)
			r = -EPROTO;
		buf_clear(&in);
	}
	buf_finish(&in);
	return r ? r : x->whole && !x->broken ? 0 : -EPROTO;
}

static int exchange_with(struct admin_client *c, int fd, struct slice target, struct admin_reply *ret)
{
	struct exchange_of_client x = {.reply = ret};
	struct gather out;
	struct h1_codec codec;
	int r;

	gather_init(&out, REQUEST_MAX);
	r = h1_client_init(&codec, &events, &x, &out, NULL);
	if (!r) {
		r = put_request(c, &codec.base, target);
		if (!r)
			r = send_all(fd, &out);
		if (!r)
			r = receive(fd, &codec.base, &x);
		codec.base.ops->finish(&codec.base);
	}
	gather_finish(&out);
	return r;
}

/* What the problem's detail says. */
static int say_problem(const struct admin_client *c, const struct admin_reply *reply)
{
	struct json_doc doc;
	char text[600];

	snprintf(text, sizeof(text), "the Weir at %s answered with status %u; its log says why", c->where, reply->status);
	if (json_read(json_scratch_mine(), buf_slice(&reply->body), &json_limits_default, &doc, NULL) == 0) {
		struct slice detail = json_text(json_get(doc.root, "detail"));

		if (detail.len && detail.len < 400)
			snprintf(text, sizeof(text), "the Weir at %s answered with status %u: %.*s", c->where, reply->status, SLICE_FMT(detail));
		json_done(&doc);
	}
	return say(c, text);
}

int admin_client_get(struct admin_client *c, struct slice target, struct admin_reply *ret)
{
	char text[400];
	int fd = dial(c), r = fd;

	if (fd < 0) {
		snprintf(text, sizeof(text), "no Weir answers at the admin listener %s: %s; start it, or name another with --admin", c->where,
			strerror(-fd));
		return say(c, text);
	}
	r = exchange_with(c, fd, target, ret);
	close(fd);
	if (r < 0) {
		snprintf(text, sizeof(text), "no answer from %s could be read: %s; ask again, or name the admin listener with --admin", c->where,
			strerror(-r));
		return say(c, text);
	}
	return ret->status == 200 ? 0 : say_problem(c, ret);
}
