/* SPDX-License-Identifier: Apache-2.0 */
/* loopback: see loopback.h. Like a session, but for wires, deadlines and requests that were sent
 * ahead. */
#include "rig/loopback.h"
#include <assert.h>
#include <stdlib.h>
#include <strings.h>
#include "base/mem.h"
#include "crypto/key.h"

static void on_head(void *owner, uint32_t stream, struct head *head, bool last)
{
	struct loopback *l = owner;

	assert(!l->exchange);
	l->exchange = exchange_new(l->env, l->view, &l->down, stream, head, last);
	l->refused |= !l->exchange;
	if (l->exchange && l->born)
		l->born(l->arg, l->exchange);
	if (l->exchange)
		exchange_wake(l->exchange);
}

static void on_data(void *owner, uint32_t stream, struct slice data)
{
	struct loopback *l = owner;

	(void)stream;
	if (l->exchange)
		exchange_on_body(l->exchange, data);
}

static void on_end(void *owner, uint32_t stream)
{
	struct loopback *l = owner;

	(void)stream;
	if (l->exchange)
		exchange_on_body_end(l->exchange);
}

static void on_reset(void *owner, uint32_t stream, enum fault why, const char *note)
{
	struct loopback *l = owner;

	(void)stream;
	if (l->exchange)
		exchange_on_request_fault(l->exchange, why, note);
	else
		l->reset = why;
}

static const struct codec_events server_events = {
        .head = on_head, .data = on_data, .end = on_end, .reset = on_reset};

static bool down_is_full(struct downstream *d)
{
	return container_of(d, struct loopback, down)->full;
}

static void down_pause(struct downstream *d, enum pause_reason why, bool on)
{
	struct loopback *l = container_of(d, struct loopback, down);

	l->pauses = on ? l->pauses | why : l->pauses & ~(unsigned)why;
}

static void down_wrote(struct downstream *d)
{
	(void)d;
}

static void down_ended(struct downstream *d, struct exchange *x, bool keep)
{
	struct loopback *l = container_of(d, struct loopback, down);

	assert(l->exchange == x);
	l->exchange = NULL;
	l->n_ended++;
	l->kept = keep;
	l->ready = true;
}

static const struct downstream_ops down_ops = {down_is_full, down_pause, down_wrote, down_ended};

void loopback_open(struct loopback *l, struct exchange_env *env, struct view *view,
        const struct listener_conf *listener)
{
	*l = (struct loopback){.env = env, .view = view};
	gather_init(&l->out, 16u << 20);
	h1_server_init(&l->codec, &server_events, l, &l->out, NULL);
	l->down = (struct downstream){
	        &down_ops, &l->codec.base, listener, SLICE("192.0.2.7:40000"), NULL};
}

void loopback_close(struct loopback *l)
{
	if (l->exchange)
		exchange_on_client_gone(l->exchange);
	assert(!l->exchange);
	l->codec.base.ops->finish(&l->codec.base);
	gather_finish(&l->out);
	key_memo_forget(&l->down.key);
	l->closed = true;
}

size_t loopback_feed(struct loopback *l, struct slice in)
{
	size_t taken = 0;

	while (taken < in.len && !l->closed) {
		if (l->ready && (!l->kept || !l->codec.base.ops->next(&l->codec.base)))
			break;
		l->ready = false;
		size_t n = l->codec.base.ops->feed(&l->codec.base, slice_skip(in, taken));
		if (!n)
			break;
		taken += n;
	}
	return taken;
}

void loopback_turn_end(struct loopback *l)
{
	struct iovec v[64];

	if (l->full) {
		gather_keep(&l->out);
		return;
	}
	while (l->out.len) {
		unsigned n = gather_vectors(&l->out, v, 64);
		for (unsigned i = 0; i < n; i++) {
			assert(l->n_sent + v[i].iov_len <= sizeof(l->sent));
			memcpy(l->sent + l->n_sent, v[i].iov_base, v[i].iov_len);
			l->n_sent += v[i].iov_len;
			gather_take(&l->out, v[i].iov_len);
		}
	}
}

/* ---- what a client makes of it ---- */

static const char *answer_keep(struct loopback_answer *a, struct slice s)
{
	char *at = a->names + a->n_names;

	assert(a->n_names + s.len + 1 <= sizeof(a->names));
	if (s.len)
		memcpy(at, s.at, s.len);
	at[s.len] = '\0';
	a->n_names += s.len + 1;
	return at;
}

static void seen_head(void *owner, uint32_t stream, struct head *head, bool last)
{
	struct loopback_answer *a = owner;

	(void)stream;
	a->begun = true;
	a->whole = last;
	a->status = head->status;
	for (unsigned i = 0; i < head->n_headers && a->n_headers < LOOPBACK_HEADERS_MAX; i++) {
		a->headers[a->n_headers].name = answer_keep(a, head->headers[i].name);
		a->headers[a->n_headers++].value = answer_keep(a, head->headers[i].value);
	}
}

static void seen_data(void *owner, uint32_t stream, struct slice data)
{
	struct loopback_answer *a = owner;

	(void)stream;
	assert(a->len + data.len < sizeof(a->body));
	memcpy(a->body + a->len, data.at, data.len);
	a->len += data.len;
	a->body[a->len] = '\0';
}

static void seen_end(void *owner, uint32_t stream)
{
	(void)stream;
	((struct loopback_answer *)owner)->whole = true;
}

static void seen_reset(void *owner, uint32_t stream, enum fault why, const char *note)
{
	(void)stream, (void)why, (void)note;
	((struct loopback_answer *)owner)->broken = true;
}

static const struct codec_events client_events = {
        .head = seen_head,
        .data = seen_data,
        .end = seen_end,
        .reset = seen_reset,
};

void loopback_read(const struct loopback *l, struct loopback_answer *ret)
{
	char *copy = malloc(l->n_sent + 1); /* not starved: this is the test's own */
	struct h1_codec client;
	struct gather asked;
	struct head head;

	memset(ret, 0, sizeof(*ret));
	gather_init(&asked, 4096);
	h1_client_init(&client, &client_events, ret, &asked, NULL);
	head_init(&head);
	head.method = METHOD_POST;
	head.method_text = SLICE("POST");
	head.target = SLICE("/");
	head.minor = 1;
	head.keep_alive = true;
	head_add_id(&head, HEADER_HOST, SLICE("h"));
	client.base.ops->put_head(&client.base, 1, &head, true);
	assert(copy);
	memcpy(copy, l->sent, l->n_sent); /* the codec may write to what it takes */
	client.base.ops->feed(&client.base, slice_from(copy, l->n_sent));
	client.base.ops->finish(&client.base);
	head_finish(&head);
	gather_finish(&asked);
	free(copy);
}

const char *loopback_header(const struct loopback_answer *a, const char *name)
{
	for (unsigned i = 0; i < a->n_headers; i++)
		if (!strcasecmp(a->headers[i].name, name))
			return a->headers[i].value;
	return NULL;
}
