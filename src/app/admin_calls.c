/* SPDX-License-Identifier: Apache-2.0 */
/* admin_calls: the calls that run now. Each worker's loop is asked by letter and copies a few facts of some of its calls; nobody
 * looks at an exchange from another thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "admin/views.h"
#include "app/admin.h"
#include "app/server.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "exchange/snapshot.h"
#include "exchange/steps.h"
#include "exchange/unwatched.h"

#define PART_CALLS 200u   /* of one worker */
#define PART_LOOKS 4096u  /* connections of one worker that are looked at: its other work waits that long */
#define JOBS_MAX 4u       /* questions at a time */

struct calls_job;
struct calls_part {
	struct letter letter;     /* to the worker, and back */
	struct calls_job *job;
	struct worker *worker;
	unsigned n, looks;
	struct view_call calls[PART_CALLS];
};

struct calls_job {
	struct admin_wait wait;
	struct server *server;
	struct loop *loop;
	struct snapshot *snapshot; /* counted */
	unsigned limit, left, n;   /* parts that are not back; of all */
	struct calls_part *parts;  /* owned */
};

/* ---- on the worker's loop ---- */

static void keep(char *to, size_t room, struct slice text)
{
	text = utf8_cut(text, room - 1);
	bytes_copy(to, text.at, text.len);
	to[text.len] = '\0';
}

/* NULL: for nobody, Weir works. */
static const char *waits_for(const struct exchange *x)
{
	if (x->waits_for_disk || x->waits_for_turn)
		return "journal";
	if (!x->waits_since)
		return NULL;
	if (x->phase == PHASE_JUDGING)
		return "policy";
	return x->phase == PHASE_REACHING || (x->phase == PHASE_RELAYING && x->waits_for_source) ? "upstream" : "agent";
}

static bool look(void *arg, const struct exchange *x)
{
	struct calls_part *p = arg;
	struct view_call *to = &p->calls[p->n];
	const struct call *c = x->n_calls ? &x->calls[0] : NULL;

	*to = (struct view_call){.wall_ns = x->wall, .running_ns = exchange_now(x) - x->began, .attempts = x->attempts,
		.phase = phase_name(x->phase), .waits_for = waits_for(x)};
	keep(to->id, sizeof(to->id), slice_str(x->request_id));
	keep(to->action, sizeof(to->action), action_name(x->route.action));
	if (c && c->agent)
		keep(to->agent, sizeof(to->agent), c->agent->name);
	if (c)
		keep(to->model, sizeof(to->model), c->facts.model);
	return ++p->n < PART_CALLS;
}

static void deliver_back(struct letter *l);

static void deliver_part(struct letter *l)
{
	struct calls_part *p = container_of(l, struct calls_part, letter);
	struct worker *w = p->worker;

	loop_enter(w->loop);
	for (struct list *n = w->gates.next; n != &w->gates && p->n < PART_CALLS && p->looks < PART_LOOKS; n = n->next)
		p->looks += session_gate_each(&container_of(n, struct worker_gate, link)->gate, PART_LOOKS - p->looks, look, p);
	if (p->n < PART_CALLS)
		p->looks += unwatched_each(&w->env, PART_LOOKS - p->looks, look, p);
	p->letter.deliver = deliver_back;
	mailbox_post(p->job->loop, &p->letter);
}

/* ---- on our own ---- */

static void job_free(struct calls_job *j)
{
	snapshot_unref(j->snapshot);
	mem_free(j->parts);
	mem_free(j);
}

static int by_age(const void *a, const void *b)
{
	const struct view_call *x = a, *y = b;

	return x->wall_ns < y->wall_ns ? -1 : x->wall_ns > y->wall_ns;
}

/* Those of all workers, the longest first. NULL: no memory. */
static struct view_call *gather(const struct calls_job *j, unsigned *ret_n)
{
	unsigned n = 0;

	for (unsigned i = 0; i < j->n; i++)
		n += j->parts[i].n;
	struct view_call *all = mem_alloc((n + 1) * sizeof(*all));
	if (!all)
		return NULL;
	n = 0;
	for (unsigned i = 0; i < j->n; i++) {
		memcpy(all + n, j->parts[i].calls, j->parts[i].n * sizeof(*all));
		n += j->parts[i].n;
	}
	qsort(all, n, sizeof(*all), by_age);
	*ret_n = n < j->limit ? n : j->limit;
	return all;
}

static void answer(struct calls_job *j)
{
	struct served *q = j->wait.q;
	struct view_calls v = {.conf = j->snapshot->conf, .recent = j->server->recent, .wall_ns = clock_wall(&clock_system),
		.in_flight = server_in_flight(j->server), .limit = j->limit};
	struct view_call *all = gather(j, &v.n_running);

	v.running = all;
	if (all && view_calls(&v, &q->out) == 0)
		admin_answer(q, 200, SLICE("application/json"));
	else
		admin_refuse(q, 503, "overloaded", "There is not enough memory for this answer; ask for less.", SLICE(""));
	mem_free(all);
	served_answer(q);
}

static void deliver_back(struct letter *l)
{
	struct calls_job *j = container_of(l, struct calls_part, letter)->job;

	loop_enter(j->loop);
	if (--j->left)
		return;
	j->server->desk.calls--;
	if (j->wait.q)
		answer(j);
	job_free(j);
}

int admin_calls_ask(struct served *q, unsigned limit)
{
	struct worker *w = q->gate->owner;
	struct server *s = w->server;
	struct calls_job *j;

	if (s->desk.calls == JOBS_MAX)
		return -EBUSY;
	j = mem_zalloc(sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->n = j->left = s->n_workers - 1;
	j->parts = mem_alloc(j->n * sizeof(*j->parts));
	if (!j->parts) {
		mem_free(j);
		return -ENOMEM;
	}
	j->wait.q = q;
	j->server = s;
	j->loop = w->loop;
	j->limit = limit;
	j->snapshot = snapshot_ref(q->gate->view->snapshot);
	s->desk.calls++;
	q->job = &j->wait;
	for (unsigned i = 0; i < j->n; i++) {
		struct calls_part *p = &j->parts[i];

		p->letter.deliver = deliver_part;
		p->job = j;
		p->worker = &s->workers[i];
		p->n = p->looks = 0;
		mailbox_post(p->worker->loop, &p->letter);
	}
	return 0;
}
