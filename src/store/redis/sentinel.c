/* SPDX-License-Identifier: Apache-2.0 */
/* sentinel: one link at a time. After its answer it is subscribed to +switch-master; when it ends,
 * or its answer does not hold, the next sentinel is asked. */
#include "store/redis/sentinel.h"
#include <errno.h>
#include <stdio.h>
#include "base/mem.h"

static const struct slice subscribe_words[] = {
        SLICE_INIT("SUBSCRIBE"), SLICE_INIT("+switch-master")};

struct sentinels {
	struct reapable reapable;
	struct dialler *dialler;             /* borrowed */
	const struct redis_options *options; /* borrowed */
	void (*found)(void *owner, struct slice host, uint16_t port);
	void *owner;
	struct redis_place place; /* of the one that is asked now */
	unsigned turn;
	struct redis_link *link; /* owned; NULL: between two */
	struct redis_ask who, subscribe;
	struct slice words[3];
	struct deadline again;
	char note[LINK_NOTE];
};

static void sentinels_next(struct sentinels *s)
{
	if (s->link)
		link_close(s->link);
	s->link = NULL;
	ask_cancel(&s->who);
	ask_cancel(&s->subscribe);
	if (!s->again.at)
		loop_deadline_after(s->dialler->loop, &s->again, SENTINEL_AGAIN);
}

static void sentinels_found(struct sentinels *s, struct slice host, struct slice port)
{
	uint64_t number;

	if (!host.len || slice_to_u64(port, UINT16_MAX, &number) || !number)
		return;
	s->note[0] = 0;
	s->found(s->owner, host, (uint16_t)number);
}

static void on_subscribed(struct redis_ask *a, int result, const struct redis_reply *reply)
{
	struct sentinels *s = container_of(a, struct sentinels, subscribe);

	if (result || reply->type != REPLY_LIST)
		sentinels_next(s);
}

static void on_who(struct redis_ask *a, int result, const struct redis_reply *reply)
{
	struct sentinels *s = container_of(a, struct sentinels, who);

	if (result || reply->type != REPLY_LIST || reply->n != 2) {
		snprintf(s->note, sizeof(s->note), "the sentinel at %.*s %s",
		        SLICE_FMT(s->place.target.host),
		        result ? "does not answer" : "knows no such master");
		sentinels_next(s);
		return;
	}
	sentinels_found(s, reply_text(&reply->list[0]), reply_text(&reply->list[1]));
}

static void on_answer(
        struct redis_ask *a, struct redis_link *l, int result, const struct redis_reply *reply)
{
	(void)l;
	ask_end(a, result, reply);
}

static int sentinels_put(struct sentinels *s, struct redis_ask *a)
{
	int r;

	ask_begin(a, s->dialler->loop);
	r = link_put(s->link, a);
	if (r)
		ask_cancel(a);
	return r;
}

/* Both in one write, so that no change falls between the answer and the subscription. */
static void on_ready(void *owner, struct redis_link *l)
{
	struct sentinels *s = owner;

	(void)l;
	if (sentinels_put(s, &s->who) || sentinels_put(s, &s->subscribe))
		sentinels_next(s);
}

/* "NAME OLD-HOST OLD-PORT HOST PORT" */
static void on_push(void *owner, struct redis_link *l, const struct redis_reply *reply)
{
	struct sentinels *s = owner;
	struct slice text = reply_text(reply_at(reply, 2)), words[5];
	unsigned n = 0;

	(void)l;
	if (!slice_is(reply_text(reply_at(reply, 0)), "message"))
		return;
	while (n < 5 && text.len) {
		const char *end = memchr(text.at, ' ', text.len);

		words[n] = slice_from(text.at, end ? (size_t)(end - text.at) : text.len);
		text = slice_skip(text, words[n++].len + 1);
	}
	if (n == 5 && !text.len && slice_equals(words[0], s->options->master))
		sentinels_found(s, words[3], words[4]);
}

static void on_closed(void *owner, struct redis_link *l, int error)
{
	struct sentinels *s = owner;

	(void)error;
	s->link = NULL;
	snprintf(s->note, sizeof(s->note), "the sentinel at %.*s: %.150s",
	        SLICE_FMT(s->place.target.host), l->note);
	sentinels_next(s);
}

static void on_nothing(void *owner, struct redis_link *l)
{
	(void)owner;
	(void)l;
}

static const struct redis_link_events link_events = {
        .ready = on_ready,
        .heard = on_nothing,
        .doubted = on_nothing,
        .settled = on_nothing,
        .closed = on_closed,
        .push = on_push,
};

static void sentinels_dial(struct sentinels *s)
{
	const struct redis_seed *seed = &s->options->seeds[s->turn++ % s->options->n_seeds];

	s->place.target.host = seed->host;
	s->place.target.port = seed->port;
	if (link_new(s->dialler, &s->place, &link_events, s, &s->link)) {
		s->link = NULL;
		sentinels_next(s);
	}
}

static void on_again(struct deadline *d)
{
	sentinels_dial(container_of(d, struct sentinels, again));
}

void sentinels_ask_again(struct sentinels *s)
{
	bool is_asking = s->again.at || (s->link && s->link->state != LINK_READY) ||
	                 ask_is_under_way(&s->who);

	if (!is_asking)
		sentinels_next(s);
}

const char *sentinels_note(const struct sentinels *s)
{
	return s->note;
}

static void sentinels_reap(struct reapable *r)
{
	mem_free(container_of(r, struct sentinels, reapable));
}

void sentinels_free(struct sentinels *s)
{
	sentinels_next(s);
	loop_deadline_clear(s->dialler->loop, &s->again);
	turn_bury(&s->dialler->loop->turn, &s->reapable);
}

static void ask_init(struct redis_ask *a, const struct slice *args, unsigned n,
        void (*done)(struct redis_ask *, int, const struct redis_reply *))
{
	a->args = args;
	a->n_args = n;
	a->timeout = SENTINEL_TIMEOUT;
	a->reads = true;
	a->done = done;
	a->answer = on_answer;
}

int sentinels_new(struct dialler *by, const struct redis_options *options,
        const struct redis_place *place,
        void (*found)(void *owner, struct slice host, uint16_t port), void *owner,
        struct sentinels **ret)
{
	struct sentinels *s = mem_zalloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->reapable.free = sentinels_reap;
	list_init(&s->reapable.link);
	s->dialler = by;
	s->options = options;
	s->found = found;
	s->owner = owner;
	s->place = *place;
	s->place.is_sentinel = true;
	s->place.replicas = s->place.db = 0;
	s->place.user = options->sentinel_user;
	s->place.password = options->sentinel_password;
	s->place.target.unix_path = (struct slice){0};
	s->place.target.tls = options->sentinel_tls;
	s->words[0] = SLICE("SENTINEL");
	s->words[1] = SLICE("get-master-addr-by-name");
	s->words[2] = options->master;
	ask_init(&s->who, s->words, 3, on_who);
	ask_init(&s->subscribe, subscribe_words, 2, on_subscribed);
	deadline_init(&s->again, on_again);
	sentinels_dial(s);
	*ret = s;
	return 0;
}
