/* SPDX-License-Identifier: Apache-2.0 */
/* admin_ledger: one question to the ledger at a time, on a thread of its own and a connection of its own: neither calls nor
 * /metrics wait for SQLite, and a question that takes too long ends. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include "app/admin.h"
#include "app/server.h"
#include "base/mem.h"
#include "exchange/snapshot.h"
#include "observe/ledger_text.h"
#include "store/book.h"

#define WAIT_NS (2 * NS_PER_S)  /* for the book to know what was asked for */
#define READ_NS (2 * NS_PER_S)  /* then it ends */

struct ledger_job {
	struct letter letter;       /* from its thread: it is done */
	struct admin_wait wait;
	struct server *server;
	struct snapshot *snapshot;  /* counted: the keys are its */
	struct loop *loop;
	struct ledger_ask ask;
	pthread_t thread;
	bool joined;
	atomic_bool stop;
	struct buf out;             /* owned */
	bool behind;
	int result;
	char note[BOOK_NOTE];
};

static int read_rows(struct ledger_job *j)
{
	struct server *s = j->server;
	struct slice keys[BOOK_KEYS_MAX];
	uint64_t now = clock_mono(&clock_system);
	struct book_options o = {.keys = keys, .n_keys = server_keys(s, j->snapshot->conf, keys)};
	struct book *b;
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s", s->state_path);
	o.path = path;
	j->behind = !book_wait(s->book, now + WAIT_NS);
	r = book_open_reader(&b, &o, now + READ_NS, &j->stop, j->note);
	if (r)
		return r;
	r = ledger_text_write(b, &j->ask.query, j->ask.format, &j->out);
	if (r)
		snprintf(j->note, sizeof(j->note), "%s", book_note(b));
	book_close(b);
	return r;
}

static void *run(void *arg)
{
	struct ledger_job *j = arg;

	j->result = read_rows(j);
	mailbox_post(j->loop, &j->letter);
	return NULL;
}

static void job_free(struct ledger_job *j)
{
	snapshot_unref(j->snapshot);
	buf_finish(&j->out);
	mem_free(j);
}

static void answer(struct ledger_job *j)
{
	static const struct slice types[] = {
		[LEDGER_TABLE] = SLICE_INIT("text/plain; charset=utf-8"),
		[LEDGER_CSV] = SLICE_INIT("text/csv; charset=utf-8"),
		[LEDGER_JSON] = SLICE_INIT("application/json"),
	};
	struct served *q = j->wait.q;

	if (j->result == -ENOBUFS || j->result == -EINTR) {
		admin_refuse(q, 422, "answer_too_large", *j->note ? j->note : "These are more rows than one answer holds: ask for a top, or "
			LEDGER_NARROW ".", SLICE(""));
	} else if (j->result < 0) {
		admin_refuse(q, 503, "store_unavailable", *j->note ? j->note : "The ledger cannot be read now.", SLICE(""));
	} else {
		struct buf mine = q->out;

		q->out = j->out;
		j->out = mine;
		admin_answer(q, 200, types[j->ask.format]);
		if (j->behind) /* the journal holds more than the book: a disk is slow or full */
			head_add(&q->answer, HEADER_OTHER, SLICE("x-weir-ledger"), SLICE("behind"));
	}
	served_answer(q);
}

static void deliver(struct letter *l)
{
	struct ledger_job *j = container_of(l, struct ledger_job, letter);

	loop_enter(j->loop);
	if (!j->joined)
		pthread_join(j->thread, NULL);
	j->server->desk.ledger = NULL;
	if (j->wait.q)
		answer(j);
	job_free(j);
}

/* Nobody wants it any more: the thread soon ends. */
static void forgotten(struct admin_wait *w)
{
	atomic_store(&container_of(w, struct ledger_job, wait)->stop, true);
}

int admin_ledger_ask(struct served *q, const struct ledger_ask *ask)
{
	struct worker *w = q->gate->owner;
	struct ledger_job *j;
	sigset_t all, before;
	int r;

	if (w->server->desk.ledger)
		return -EBUSY;
	j = mem_zalloc(sizeof(*j));
	if (!j)
		return -ENOMEM;
	*j = (struct ledger_job){.letter = {.deliver = deliver}, .wait = {q, forgotten}, .server = w->server, .loop = w->loop, .ask = *ask,
		.snapshot = snapshot_ref(q->gate->view->snapshot), .out = BUF_INIT(SERVED_ANSWER_MAX)};
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&j->thread, NULL, run, j);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		job_free(j);
		return r;
	}
	q->job = &j->wait;
	w->server->desk.ledger = j;
	return 0;
}

void admin_desk_end(struct admin_desk *d)
{
	struct ledger_job *j = d->ledger;

	if (!j || j->joined)
		return;
	atomic_store(&j->stop, true);
	pthread_join(j->thread, NULL);
	j->joined = true;
}
