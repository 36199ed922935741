/* SPDX-License-Identifier: Apache-2.0 */
/* link: a ring with an entry for each command that left, so that an answer finds its ask by its
 * turn alone, and an ask that is gone leaves its entry behind. */
#include "store/redis/link.h"
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "base/mem.h"
#include "store/redis/greet.h"

enum entry_kind { ENTRY_ASK, ENTRY_DROPPED, ENTRY_MISSING, ENTRY_WAIT };

struct link_entry {
	struct redis_ask *ask; /* borrowed; of ENTRY_ASK */
	enum entry_kind kind;
};

static struct link_entry *link_entry(struct redis_link *l, uint32_t at)
{
	return &l->entries[at % LINK_ENTRIES];
}

static struct loop *link_loop(const struct redis_link *l)
{
	return l->dialler->loop;
}

/* ---- its end */

static void link_free(struct reapable *r)
{
	struct redis_link *l = container_of(r, struct redis_link, reapable);

	reply_reader_finish(&l->reader);
	mem_free(l->entries);
	mem_free(l);
}

static void link_stop(struct redis_link *l)
{
	for (unsigned i = 0; i < GREETINGS; i++)
		ask_cancel(&l->greet[i]);
	l->state = LINK_CLOSED;
	ticket_cancel(&l->waits);
	dial_finish(&l->dial);
	loop_deadline_clear(link_loop(l), &l->patience);
	if (l->wire)
		wire_close(l->wire, WIRE_CLOSE_NOW);
	l->wire = NULL;
	turn_bury(&link_loop(l)->turn, &l->reapable);
}

/* Takes the oldest ask out; NULL: there is none. */
static struct redis_ask *link_pop(struct redis_link *l, int *ret_result)
{
	struct list *node = list_pop(&l->held);

	if (node) {
		*ret_result = -EAGAIN;
		return container_of(node, struct redis_ask, seat);
	}
	*ret_result = -ECONNRESET;
	while (l->first != l->next) {
		struct link_entry *e = link_entry(l, l->first++);

		if (e->kind == ENTRY_ASK)
			return e->ask;
	}
	return NULL;
}

/* The owner is told last: what its asks do when they end must not find a link in its place. */
static void link_fail(struct redis_link *l, int error)
{
	struct redis_ask *a;
	int result;

	if (l->state == LINK_CLOSED)
		return;
	link_stop(l);
	while ((a = link_pop(l, &result))) {
		a->link = NULL;
		a->answer(a, l, result, a->kept);
	}
	if (l->events)
		l->events->closed(l->owner, l, error);
}

__attribute__((format(printf, 3, 4))) static void link_fail_with(
        struct redis_link *l, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(l->note, sizeof(l->note), format, args);
	va_end(args);
	link_fail(l, error);
}

void link_close(struct redis_link *l)
{
	struct redis_ask *a;
	int result;

	l->events = NULL;
	if (l->state != LINK_CLOSED)
		link_stop(l);
	while ((a = link_pop(l, &result)))
		a->link = NULL;
}

/* ---- out */

static int link_check(const struct redis_link *l, unsigned n)
{
	if (link_load(l) + n > LINK_ENTRIES || wire_pending(l->wire) > LINK_OUT_MAX)
		return -ENOBUFS;
	return 0;
}

static struct link_entry *link_push(struct redis_link *l, enum entry_kind kind)
{
	struct link_entry *e = link_entry(l, l->next++);

	*e = (struct link_entry){.kind = kind};
	wire_mark_dirty(l->wire);
	return e;
}

/* r: of writing a command. What did not fit into memory is missing among what is put out, so the
 * link fails at the turn's end. */
static int link_wrote(struct redis_link *l, int r)
{
	if (l->wire->out.error)
		wire_mark_dirty(l->wire);
	return r;
}

static int link_tell_as(
        struct redis_link *l, const struct slice *args, unsigned n, enum entry_kind kind)
{
	int r = link_check(l, 1);

	if (!r)
		r = link_wrote(l, command_format(args, n, &l->wire->out));
	if (!r)
		link_push(l, kind);
	return r;
}

int link_tell(struct redis_link *l, const struct slice *args, unsigned n)
{
	return link_tell_as(l, args, n, ENTRY_DROPPED);
}

static void link_on_waits(struct ticket *t, int result)
{
	struct redis_link *l = container_of(t, struct redis_link, waits);
	char n[16], ms[16];
	struct slice words[3] = {SLICE("WAIT")};

	(void)result;
	words[1] = slice_from(n, (size_t)snprintf(n, sizeof(n), "%u", l->place->replicas));
	words[2] = slice_from(ms, (size_t)snprintf(ms, sizeof(ms), "%d", LINK_WAIT_MS));
	/* Without it they end by their deadlines. */
	if (l->wire)
		link_tell_as(l, words, 3, ENTRY_WAIT);
}

static void link_drop_waits(struct ticket *t)
{
	(void)t;
}

/* Of all that was asked since the last WAIT; what is asked later in this turn gets one more. */
static void link_want_replicas(struct redis_link *l)
{
	if (ticket_is_armed(&l->waits))
		return;
	ticket_arm(&l->waits, &link_loop(l)->turn, link_drop_waits, l);
	ticket_complete(&l->waits, 0);
}

int link_put(struct redis_link *l, struct redis_ask *a)
{
	bool waits = l->place->replicas && !a->reads;
	int r;

	if (!l->wire || !l->events)
		return -ENOTCONN;
	r = link_check(l, 1 + a->asking + waits);
	if (r)
		return r;
	if (a->asking)
		r = link_tell(l, &SLICE("ASKING"), 1);
	if (!r)
		r = link_wrote(l, ask_format(a, &l->wire->out));
	if (r)
		return r;
	a->link = l;
	a->entry = l->next;
	a->asking = false;
	link_push(l, ENTRY_ASK)->ask = a;
	if (waits)
		link_want_replicas(l);
	return 0;
}

static void link_leave_entry(struct redis_link *l, struct redis_ask *a, enum entry_kind kind)
{
	struct link_entry *e = link_entry(l, a->entry);

	assert(e->ask == a);
	*e = (struct link_entry){.kind = kind};
	a->link = NULL;
}

/* One that is held for replicas has no entry any more. */
void link_forget(struct redis_link *l, struct redis_ask *a)
{
	if (a->kept)
		a->link = NULL;
	else
		link_leave_entry(l, a, ENTRY_DROPPED);
}

bool link_miss(struct redis_link *l, struct redis_ask *a)
{
	bool was_doubtful = l->doubtful;

	link_leave_entry(l, a, ENTRY_MISSING);
	l->missing++;
	l->doubtful = true;
	if (!was_doubtful)
		loop_deadline_after(link_loop(l), &l->patience, LINK_PATIENCE);
	return !was_doubtful;
}

void link_tell_doubt(struct redis_link *l)
{
	if (l->events && l->state == LINK_READY)
		l->events->doubted(l->owner, l);
}

static void link_on_patience(struct deadline *d)
{
	struct redis_link *l = container_of(d, struct redis_link, patience);

	if (l->state == LINK_READY)
		link_fail_with(l, -ETIMEDOUT, "no answer came for a second");
	else
		link_fail_with(l, -ETIMEDOUT, "it did not answer the greeting in time");
}

/* ---- in */

/* What is kept was copied; an ask for which there is no memory ends as if too few replicas had it.
 */
static void link_hold(struct redis_link *l, struct redis_ask *a, const struct redis_reply *reply)
{
	if (reply_copy(reply, &a->kept)) {
		a->link = NULL;
		a->answer(a, l, -EAGAIN, reply);
		return;
	}
	list_push(&l->held, &a->seat);
}

static void link_release(struct redis_link *l, const struct redis_reply *reply)
{
	bool enough = reply->type == REPLY_INTEGER && reply->integer >= l->place->replicas;
	unsigned n = 0;

	list_foreach_safe(node, after, &l->held) n++;
	while (n-- && !list_is_empty(&l->held)) {
		struct redis_ask *a = container_of(list_pop(&l->held), struct redis_ask, seat);

		a->link = NULL;
		a->answer(a, l, enough ? 0 : -EAGAIN, a->kept);
	}
}

static void link_answer(struct redis_link *l, struct redis_ask *a, const struct redis_reply *reply)
{
	if (l->events && l->state == LINK_READY)
		l->events->heard(l->owner, l);
	if (l->place->replicas && !a->reads && reply->type != REPLY_ERROR &&
	        l->state == LINK_READY) {
		link_hold(l, a, reply);
		return;
	}
	a->link = NULL;
	a->answer(a, l, 0, reply);
}

static void link_found_missing(struct redis_link *l)
{
	if (--l->missing || !l->doubtful)
		return;
	l->doubtful = false;
	loop_deadline_clear(link_loop(l), &l->patience);
	if (l->events)
		l->events->settled(l->owner, l);
}

static void link_take(struct redis_link *l, const struct redis_reply *reply)
{
	struct link_entry e;

	if (l->first == l->next) {
		if (l->events && l->events->push)
			l->events->push(l->owner, l, reply);
		else
			link_fail_with(l, -EPROTO, "it sent an answer that nobody had asked for");
		return;
	}
	e = *link_entry(l, l->first++);
	switch (e.kind) {
	case ENTRY_ASK:
		link_answer(l, e.ask, reply);
		break;
	case ENTRY_WAIT:
		link_release(l, reply);
		break;
	case ENTRY_MISSING:
		link_found_missing(l);
		break;
	case ENTRY_DROPPED:
		break;
	}
}

static void link_unreadable(struct redis_link *l, int error)
{
	link_fail_with(l, error, "%s",
	        error == -EPROTO     ? "it sent something that is no answer"
	        : error == -EMSGSIZE ? "it sent an answer that is too large"
	                             : "there was no memory for its answer");
}

static void on_wire_data(void *owner, struct slice in)
{
	struct redis_link *l = owner;
	const struct redis_reply *reply;
	int r = reply_reader_feed(&l->reader, in);

	while (!r && l->wire) {
		r = reply_reader_next(&l->reader, &reply);
		if (r <= 0)
			break;
		link_take(l, reply);
		r = 0;
	}
	if (r < 0 && l->wire)
		link_unreadable(l, r);
}

static void on_wire_end(void *owner, int error)
{
	struct redis_link *l = owner;
	const char *tls = wire_tls_note(l->wire);

	link_fail_with(l, error ? error : -ECONNRESET, "%s",
	        tls     ? tls
	        : error ? "the connection broke"
	                : "it closed the connection");
}

static const struct wire_events wire_events = {
        .data = on_wire_data,
        .end = on_wire_end,
};

/* ---- its beginning */

void link_greeted(struct redis_link *l, int error, const char *note)
{
	if (error) {
		link_fail_with(l, error, "%s", note);
		return;
	}
	l->state = LINK_READY;
	loop_deadline_clear(link_loop(l), &l->patience);
	if (l->events)
		l->events->ready(l->owner, l);
}

static void link_on_dialled(struct ticket *t, int result)
{
	struct redis_link *l = container_of(t, struct redis_link, dialled);

	if (result) {
		link_fail_with(l, l->dial.error ? l->dial.error : result, "%s", l->dial.note);
		return;
	}
	l->wire = dial_take(&l->dial);
	wire_open(l->wire, &wire_events, l);
	l->state = LINK_GREETING;
	result = link_greet(l);
	if (result)
		link_fail_with(l, result, "there was no memory for the greeting");
}

int link_new(struct dialler *by, const struct redis_place *place,
        const struct redis_link_events *events, void *owner, struct redis_link **ret_link)
{
	struct redis_link *l = mem_zalloc(sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct redis_link){.dialler = by,
	        .place = place,
	        .events = events,
	        .owner = owner,
	        .target = place->target,
	        .reapable.free = link_free};
	list_init(&l->reapable.link);
	list_init(&l->held);
	deadline_init(&l->patience, link_on_patience);
	ticket_init(&l->dialled, link_on_dialled);
	ticket_init(&l->waits, link_on_waits);
	l->target.not_http = true;
	if (!l->target.connect_ns)
		l->target.connect_ns = LINK_CONNECT;
	l->entries = mem_zalloc(LINK_ENTRIES * sizeof(*l->entries));
	r = reply_reader_init(&l->reader);
	if (l->entries && !r)
		r = dial_start(&l->dial, by, &l->target, &l->dialled);
	if (!l->entries || r < 0) {
		link_free(&l->reapable);
		return -ENOMEM;
	}
	loop_deadline_after(by->loop, &l->patience, l->target.connect_ns + WHEEL_TICK);
	*ret_link = l;
	return 0;
}
