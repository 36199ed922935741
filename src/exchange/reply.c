/* SPDX-License-Identifier: Apache-2.0 */
/* reply: an answer that Weir itself gives, as a source like any other. */
#include <errno.h>
#include <time.h>
#include "base/mem.h"
#include "exchange/steps.h"

struct reply {
	struct source source;
	struct reapable reapable;
	struct head head;
	struct exchange *exchange; /* borrowed: its arena holds the header values */
};

static void reply_free(struct reapable *r)
{
	struct reply *reply = container_of(r, struct reply, reapable);

	head_finish(&reply->head);
	mem_free(reply);
}

static void reply_pause(struct source *s, enum pause_reason why, bool on)
{
	(void)s, (void)why, (void)on;
}

static void reply_close(struct source *s)
{
	struct reply *reply = container_of(s, struct reply, source);

	turn_bury(reply->exchange->env->turn, &reply->reapable);
}

static const struct source_ops reply_ops = {"gateway", reply_pause, reply_close};

/* RFC 9110 6.6.1: whoever makes an answer dates it. */
static struct slice http_date(struct exchange *x)
{
	time_t t = (time_t)(clock_wall(x->env->clock) / NS_PER_S);
	struct tm tm;
	char text[40];

	gmtime_r(&t, &tm);
	size_t len = strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return arena_dup(&x->arena, slice_from(text, len));
}

int reply_open(struct exchange *x, unsigned status, struct slice content_type, struct slice body)
{
	struct reply *r = mem_zalloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	if (x->source)
		x->source->ops->close(x->source);
	r->source = (struct source){&reply_ops, x};
	r->reapable.free = reply_free;
	list_init(&r->reapable.link);
	r->exchange = x;
	head_init(&r->head);
	r->head.status = (uint16_t)status;
	x->source = &r->source;
	x->answer_head = &r->head;
	x->source_local = x->collect = x->end_arrived = true;
	x->source_fault = FAULT_NONE;
	x->give_up_at = exchange_now(x) + x->down->listener->limits.idle_timeout_ns;
	buf_clear(&x->arrived);
	if (buf_put_slice(&x->arrived, body) < 0)
		return -ENOMEM;
	if (content_type.len && head_add_id(&r->head, HEADER_CONTENT_TYPE, content_type) < 0)
		return -ENOMEM;
	struct slice date = http_date(x);
	return date.at ? head_add_id(&r->head, HEADER_DATE, date) : -ENOMEM;
}

int reply_header(struct exchange *x, struct slice name, struct slice value)
{
	struct reply *r = container_of(x->source, struct reply, source);
	struct slice copy = arena_dup(&x->arena, value);

	return copy.at ? head_add(&r->head, HEADER_OTHER, name, copy) : -ENOMEM;
}
