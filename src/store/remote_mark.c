/* SPDX-License-Identifier: Apache-2.0 */
/* remote_mark: a key by which it is told that a server has forgotten all: whoever finds none leaves
 * one, and one that is another than before was left since. In a cluster it speaks of the node that
 * has the gateway's budgets. */
#include "base/log.h"
#include "store/remote_core.h"

#define MARK_EVERY (10 * NS_PER_S)
#define MARK_SOON (100 * NS_PER_MS) /* after a server can be asked again: calls come first */

static void mark_compare(struct remote_mark *m, struct slice text)
{
	struct remote *r = container_of(m, struct remote, mark);
	bool is_same = slice_equals(text, slice_from(m->seen, m->seen_len));

	if (!text.len || text.len > sizeof(m->seen) || is_same)
		return;
	if (m->seen_len) {
		atomic_fetch_add_explicit(&r->times.forgotten, 1, memory_order_relaxed);
		log_error(
		        "the store has forgotten its data: budgets of windows that are open begin "
		        "anew, but for what was settled a moment ago; give its server "
		        "persistence or replicas");
	}
	bytes_copy(m->seen, text.at, text.len);
	m->seen_len = text.len;
}

static void on_got(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct remote_mark *m = container_of(ask, struct remote_mark, ask);

	if (!result && reply)
		mark_compare(m, reply_text(reply));
	else
		remote_mark_look(container_of(m, struct remote, mark));
}

static void on_set(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct remote_mark *m = container_of(ask, struct remote_mark, ask);
	struct remote *r = container_of(m, struct remote, mark);

	(void)reply;
	if (result) {
		remote_mark_look(r);
		return;
	}
	m->words[0] = SLICE("GET");
	m->ask = (struct redis_ask){.args = m->words, .n_args = 2, .reads = true, .done = on_got};
	if (redis_ask(r->redis, m->words[1], &m->ask) != PENDING)
		remote_mark_look(r);
}

static void on_again(struct deadline *d)
{
	struct remote *r = container_of(d, struct remote, mark.again);
	struct remote_mark *m = &r->mark;

	loop_deadline_after(r->loop, &m->again, MARK_EVERY);
	if (ask_is_under_way(&m->ask) || !redis_state(r->redis).up)
		return;
	/* Another one each time: who left the last one may be who leaves the next. */
	id_new(clock_wall(r->loop->clock), m->own);
	m->words[0] = SLICE("SET");
	m->words[1] = SLICE("weir:{g}:mark");
	m->words[2] = slice_from(m->own, ID_LEN);
	m->words[3] = SLICE("NX");
	m->ask = (struct redis_ask){.args = m->words, .n_args = 4, .done = on_set};
	if (redis_ask(r->redis, m->words[1], &m->ask) != PENDING)
		remote_mark_look(r);
}

void remote_mark_look(struct remote *r)
{
	loop_deadline_after(r->loop, &r->mark.again, MARK_SOON);
}

void remote_mark_init(struct remote *r)
{
	deadline_init(&r->mark.again, on_again);
}

void remote_mark_finish(struct remote *r)
{
	ask_cancel(&r->mark.ask);
	loop_deadline_clear(r->loop, &r->mark.again);
}
