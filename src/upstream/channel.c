/* SPDX-License-Identifier: Apache-2.0 */
/* channel: puts a wire and a codec together. What its user asks for from within an event of the
 * codec is done when the codec has returned. */
#include "upstream/channel.h"
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "upstream/pool.h"

#define TRIM_AFTER (1 * NS_PER_S) /* of idleness: then it gives its buffers back */

static bool channel_is_over(const struct channel *c)
{
	return c->whole || c->broken;
}

static void channel_break(struct channel *c, enum fault why, const char *note)
{
	if (!c->ops || channel_is_over(c))
		return;
	c->broken = true;
	c->ops->fault(c->user, why, note);
}

/* ---- what the codec says */

static void on_head(void *owner, uint32_t stream, struct head *head, bool last)
{
	struct channel *c = owner;

	(void)stream;
	c->whole = last;
	if (c->ops)
		c->ops->head(c->user, head, last);
}

static void on_data(void *owner, uint32_t stream, struct slice data)
{
	struct channel *c = owner;

	(void)stream;
	if (c->ops)
		c->ops->data(c->user, data);
}

static void on_end(void *owner, uint32_t stream)
{
	struct channel *c = owner;

	(void)stream;
	c->whole = true;
	if (c->ops)
		c->ops->end(c->user);
}

static void on_reset(void *owner, uint32_t stream, enum fault why, const char *note)
{
	(void)stream;
	channel_break(owner, why, note);
}

static const struct codec_events codec_events = {
        .head = on_head,
        .data = on_data,
        .end = on_end,
        .reset = on_reset,
};

/* ---- what the wire says */

static void channel_leave(struct channel *c);

static void channel_fed(struct channel *c)
{
	c->feeding = false;
	if (c->gone_meanwhile)
		channel_close(c, WIRE_CLOSE_NOW);
	else if (c->release_meanwhile)
		channel_leave(c);
}

/* Before our request left nothing can be its answer. */
static bool channel_expects_bytes(const struct channel *c)
{
	return c->ops && !channel_is_over(c) && c->wire->bytes_out > c->out_before;
}

static void on_wire_data(void *owner, struct slice in)
{
	struct channel *c = owner;

	c->received += in.len;
	if (!channel_expects_bytes(c)) {
		c->surplus = true;
		if (c->resting)
			channel_close(c, WIRE_CLOSE_NOW);
		else
			channel_break(c, FAULT_UPSTREAM_MALFORMED,
			        "the provider sent bytes before it was asked");
		return;
	}
	c->feeding = true;
	if (c->codec.base.ops->feed(&c->codec.base, in) < in.len)
		c->surplus = true;
	channel_fed(c);
}

static const char *end_note(const struct channel *c, int error)
{
	const char *tls = wire_tls_note(c->wire);
	bool answered = c->received > 0;

	if (tls)
		return tls;
	if (error == 0 || error == -EPROTO)
		return answered ? "the provider closed the connection in the middle of its answer"
		                : "the provider closed the connection without an answer";
	if (error == -ENOMEM || error == -ENOBUFS)
		return "there was no memory for what was to be sent";
	return answered ? "the connection broke in the middle of the answer"
	                : "the connection broke before an answer came";
}

static void on_wire_end(void *owner, int error)
{
	struct channel *c = owner;
	struct channel_facts facts;

	c->lost = true;
	c->unread = !error && c->ops && wire_lacks_bytes(c->wire);
	if (c->resting)
		channel_close(c, WIRE_CLOSE_NOW);
	if (!c->ops)
		return;
	facts = channel_facts(c);
	if (facts.reused && !facts.answered)
		pool_distrust(c->pool);
	c->feeding = true;
	if (!error && facts.answered)
		c->codec.base.ops->feed_end(&c->codec.base);
	channel_break(c,
	        facts.answered ? FAULT_UPSTREAM_CUT
	        : facts.sent   ? FAULT_OUTCOME_UNKNOWN
	                       : FAULT_UPSTREAM_UNREACHABLE,
	        end_note(c, error));
	channel_fed(c);
}

static void on_wire_drained(void *owner)
{
	struct channel *c = owner;

	if (c->ops && c->ops->drained)
		c->ops->drained(c->user);
}

static const struct wire_events wire_events = {
        .data = on_wire_data,
        .end = on_wire_end,
        .drained = on_wire_drained,
};

/* ---- what the user asks for */

/* It can happen between being chosen and being used; the user is told soon, but not from within his
 * call. */
static bool channel_is_spoilt(const struct channel *c)
{
	return c->lost || c->surplus;
}

void channel_use(struct channel *c, const struct channel_ops *ops, void *user)
{
	assert(!c->ops && ops);
	c->ops = ops;
	c->user = user;
	c->uses++;
	c->whole = c->broken = false;
	c->received = 0;
	c->out_before = c->wire->bytes_out;
	if (channel_is_spoilt(c))
		loop_deadline_after(pool_loop(c->pool), &c->idle, 0);
}

int channel_send(
        struct channel *c, const struct head *head, const struct slice *body, unsigned n, bool last)
{
	const struct codec_ops *ops = c->codec.base.ops;
	bool only_head = last && !n;
	int r;

	if (channel_is_spoilt(c))
		return 0;
	r = ops->put_head(&c->codec.base, c->uses, head, only_head);
	if (!r && !only_head && (n || last))
		r = ops->put_data(&c->codec.base, c->uses, body, n, last);
	wire_mark_dirty(c->wire);
	return r;
}

int channel_send_more(struct channel *c, const struct slice *body, unsigned n, bool last)
{
	int r;

	if (channel_is_spoilt(c))
		return 0;
	r = c->codec.base.ops->put_data(&c->codec.base, c->uses, body, n, last);
	wire_mark_dirty(c->wire);
	return r;
}

bool channel_is_full(struct channel *c)
{
	return wire_is_full(c->wire);
}

void channel_pause(struct channel *c, enum pause_reason why, bool on)
{
	wire_pause(c->wire, why, on);
}

struct channel_facts channel_facts(const struct channel *c)
{
	struct channel_facts facts = {
	        .reused = c->uses > 1,
	        .closed = c->lost,
	        .unread = c->unread,
	        .bytes_sent = c->wire->bytes_out - c->out_before,
	        .bytes_received = c->received,
	};

	facts.sent = facts.bytes_sent > 0;
	facts.answered = facts.bytes_received > 0;
	return facts;
}

void channel_address(const struct channel *c, char ret[ADDRESS_TEXT])
{
	address_format(&c->wire->peer, ret);
}

static void channel_unpause(struct channel *c)
{
	wire_pause(c->wire, PAUSE_SINK_FULL | PAUSE_POLICY_WAITS | PAUSE_NOT_YET | PAUSE_DRAINING,
	        false);
}

static void channel_leave(struct channel *c)
{
	bool good = c->whole && !channel_is_spoilt(c) && !wire_error(c->wire) &&
	            !wire_pending(c->wire) && c->codec.base.ops->next(&c->codec.base);

	c->release_meanwhile = false;
	if (!good) {
		channel_close(c, WIRE_CLOSE_NOW);
		return;
	}
	channel_unpause(c);
	pool_give(c->pool, c);
}

void channel_release(struct channel *c)
{
	assert(c->ops);
	c->ops = NULL;
	c->user = NULL;
	if (c->feeding)
		c->release_meanwhile = true;
	else
		channel_leave(c);
}

void channel_cancel(struct channel *c)
{
	c->ops = NULL;
	c->user = NULL;
	if (c->feeding)
		c->gone_meanwhile = true;
	else
		channel_close(c, WIRE_CLOSE_NOW);
}

/* ---- life */

static void channel_free(struct reapable *r)
{
	struct channel *c = container_of(r, struct channel, reapable);

	c->codec.base.ops->finish(&c->codec.base);
	mem_free(c);
}

void channel_close(struct channel *c, enum wire_close_how how)
{
	struct loop *l = pool_loop(c->pool);

	if (!c->wire)
		return;
	list_unlink(&c->link);
	loop_deadline_clear(l, &c->idle);
	wire_close(c->wire, how);
	c->wire = NULL;
	turn_bury(&l->turn, &c->reapable);
	pool_lost(c->pool, c);
}

static void on_idle(struct deadline *d)
{
	struct channel *c = container_of(d, struct channel, idle);

	if (c->ops) {
		channel_break(c, FAULT_UPSTREAM_UNREACHABLE,
		        "the provider closed the connection before it was used again");
		return;
	}
	if (c->trimmed) {
		channel_close(c, WIRE_CLOSE_NOW);
		return;
	}
	c->trimmed = true;
	wire_trim(c->wire);
	h1_trim(&c->codec);
	loop_deadline_set(pool_loop(c->pool), d, c->idle_since + POOL_IDLE_NS);
}

void channel_rest(struct channel *c)
{
	struct loop *l = pool_loop(c->pool);

	c->trimmed = false;
	c->resting = true;
	c->idle_since = l->now;
	loop_deadline_after(l, &c->idle, TRIM_AFTER);
}

int channel_new(struct pool *p, struct wire *w, struct channel **ret_channel)
{
	struct channel *c = mem_zalloc(sizeof(*c));
	int r = c ? h1_client_init(&c->codec, &codec_events, c, &w->out, NULL) : -ENOMEM;

	if (r) {
		mem_free(c);
		wire_close(w, WIRE_CLOSE_NOW);
		return r;
	}
	c->pool = p;
	c->wire = w;
	c->reapable.free = channel_free;
	list_init(&c->reapable.link);
	list_init(&c->link);
	deadline_init(&c->idle, on_idle);
	wire_open(w, &wire_events, c);
	*ret_channel = c;
	return 0;
}
