/* SPDX-License-Identifier: Apache-2.0 */
/* audit_show: `weir audit show` and `tail`: the records of all workers in the order of their time. Each worker's next one is
 * held; the earliest goes first. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "app/audit.h"
#include "app/print.h"
#include "base/mem.h"
#include "journal/show.h"

#define WORKERS_MAX 1024u
#define POLL_MS 100
#define BAD_LOOKS 20 /* a turn that is just being written is whole a moment later */

struct audit_worker {
	struct follow follow;
	struct unpack unpack;
	struct entry entry;
	bool has;           /* entry is the next one */
	unsigned bad_looks;
};

struct shown { /* lines, the latest last */
	struct buf out;
	uint64_t *ends; /* tail: where each of the last lines ends; owned */
	unsigned n;
};

/* Workers that were not there before join. */
static int find_workers(struct audit *a)
{
	struct segment_list l = {NULL};
	int r = segment_list_read(a->dir, &l);

	for (size_t i = 0; !r && i < l.n; i++) {
		unsigned at = 0;

		while (at < a->n_workers && a->workers[at].follow.worker != l.ids[i].worker)
			at++;
		if (at < a->n_workers || at == WORKERS_MAX)
			continue;
		a->workers[at] = (struct audit_worker){.unpack = UNPACK_INIT};
		a->workers[at].unpack.seals = a->seals;
		a->workers[at].unpack.n_seals = a->n_keys;
		follow_init(&a->workers[at].follow, a->dir, l.ids[i].worker, 0, 0);
		a->n_workers++;
	}
	segment_list_finish(&l);
	return r;
}

/* 0 or a negative errno. What does not hold is said and passed over. */
static int advance(struct audit *a, struct audit_worker *w)
{
	int r = w->has ? 1 : follow_next(&w->follow, &w->unpack, &w->entry);

	w->has = r == 1;
	if (r >= 0)
		w->bad_looks = 0;
	if (r != -EBADMSG && r != -EPROTONOSUPPORT)
		return r < 0 ? r : 0;
	if (r == -EBADMSG && ++w->bad_looks < BAD_LOOKS)
		return 0;
	fprintf(stderr, "weir audit: %s/%04" PRIu32 "-%010" PRIu32 ".journal, byte %" PRIu64 ": %s\n", a->path, w->follow.worker,
		w->follow.number, w->follow.s.at, r == -EBADMSG ? w->follow.s.problem : "it is of a later format");
	a->damaged = true;
	w->bad_looks = 0;
	follow_skip(&w->follow);
	return 0;
}

static bool is_wanted(const struct audit_options *o, const struct entry *e)
{
	struct slice agent = {"", 0}, request = {"", 0};

	switch (e->kind) {
	case ENTRY_DECISION:
		agent = e->decision.who.agent;
		request = e->decision.who.request_id;
		break;
	case ENTRY_OUTCOME:
		agent = e->outcome.who.agent;
		request = e->outcome.who.request_id;
		break;
	case ENTRY_RESERVATION:
		request = e->reservation.request_id;
		break;
	case ENTRY_SETTLEMENT:
		request = e->settlement.request_id;
		break;
	case ENTRY_ADMIN_ACTION:
		request = e->admin_action.request_id;
		break;
	default:
		break;
	}
	return entry_wall(e) >= o->since && (!o->agent.at || slice_equals(agent, o->agent)) &&
	       (!o->request.at || slice_equals(request, o->request));
}

/* 0, or a negative errno: what was gathered cannot be printed. */
static int put(struct shown *s, const struct audit_options *o, const struct entry *e, bool gather)
{
	int r = o->json ? entry_show_json(&s->out, e) : entry_show_text(&s->out, e);

	if (r || !gather)
		return r ? r : buf_len(&s->out) > (64u << 10) ? print_buf(stdout, &s->out) : 0;
	/* Only the last ones stay. */
	if (s->n == o->last) {
		uint64_t first = s->ends[0];

		buf_take(&s->out, first);
		memmove(s->ends, s->ends + 1, (s->n - 1) * sizeof(*s->ends));
		s->n--;
		for (unsigned i = 0; i < s->n; i++)
			s->ends[i] -= first;
	}
	s->ends[s->n++] = buf_len(&s->out);
	return 0;
}

/* All there is now. 0 or a negative errno. */
static int drain(struct audit *a, const struct audit_options *o, struct shown *s, bool gather)
{
	struct timespec pause = {.tv_nsec = 5000000};

	for (;;) {
		struct audit_worker *next = NULL;
		bool again = false;

		for (unsigned i = 0; i < a->n_workers; i++) {
			struct audit_worker *w = &a->workers[i];
			uint64_t before = w->follow.number;
			int r = advance(a, w);

			if (r)
				return r;
			again |= w->bad_looks || (!w->has && w->follow.number != before);
			if (w->has && (!next || entry_wall(&w->entry) < entry_wall(&next->entry)))
				next = w;
		}
		if (again) {
			nanosleep(&pause, NULL);
			continue;
		}
		if (!next)
			return 0;
		next->has = false;
		int r = is_wanted(o, &next->entry) ? put(s, o, &next->entry, gather) : 0;
		if (r)
			return r;
	}
}

static int run(struct audit *a, const struct audit_options *o, struct shown *s, bool tail)
{
	struct timespec pause = {.tv_nsec = POLL_MS * 1000000};
	int r = find_workers(a);

	if (!r)
		r = drain(a, o, s, tail);
	if (!r)
		r = print_buf(stdout, &s->out);
	while (!r && o->follow) {
		nanosleep(&pause, NULL);
		r = find_workers(a);
		if (!r)
			r = drain(a, o, s, false);
		if (!r)
			r = print_buf(stdout, &s->out);
	}
	return r;
}

int audit_show(struct audit *a, const struct audit_options *o, bool tail)
{
	struct shown s = {.out = BUF_INIT(256u << 20)};
	int r = -ENOMEM;

	a->workers = mem_alloc(WORKERS_MAX * sizeof(*a->workers));
	s.ends = mem_alloc((o->last + 1) * sizeof(*s.ends));
	if (a->workers && s.ends)
		r = run(a, o, &s, tail);
	for (unsigned i = 0; i < a->n_workers; i++) {
		follow_finish(&a->workers[i].follow);
		unpack_finish(&a->workers[i].unpack);
	}
	mem_free(a->workers);
	mem_free(s.ends);
	buf_finish(&s.out);
	if (r)
		fprintf(stderr, "weir audit: %s: %s\n", a->path, strerror(-r));
	return r || a->damaged;
}
