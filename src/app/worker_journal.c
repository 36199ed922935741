/* SPDX-License-Identifier: Apache-2.0 */
/* worker_journal: see worker_journal.h. One question to the keeper is under way at a time: whoever comes meanwhile is part of
 * the next. */
#include <errno.h>
#include "app/worker_journal.h"
#include "base/log.h"
#include "exchange/journaling.h"
#include "net/loop.h"

static void on_synced(struct journal_wait *wait, int result)
{
	struct worker_journal *w = container_of(wait, struct worker_journal, wait);

	w->result = result;
	mailbox_post(w->loop, &w->letter);
}

static void ask(struct worker_journal *w)
{
	if (w->asking || !w->journal || (list_is_empty(&w->env->syncing) && list_is_empty(&w->env->holding_disk)))
		return;
	w->asking = true;
	w->asked = journal_written(w->journal);
	journal_sync(w->journal, &w->wait, on_synced);
}

static void deliver(struct letter *l)
{
	struct worker_journal *w = container_of(l, struct worker_journal, letter);

	loop_enter(w->loop);
	w->asking = false;
	if (w->result < 0)
		log_error("the journal cannot be brought to the disk; calls that wait for it are refused");
	journaling_synced(w->env, w->asked, w->result);
	ask(w);
}

/* ---- errands ---- */

static void deliver_done(struct letter *l)
{
	struct journal_errand *e = container_of(l, struct journal_errand, letter);

	loop_enter(e->home);
	e->done(e);
}

static void give_back(struct journal_errand *e, int result)
{
	e->result = result;
	e->letter.deliver = deliver_done;
	mailbox_post(e->home, &e->letter);
}

static void on_errand_synced(struct journal_wait *wait, int result)
{
	give_back(container_of(wait, struct journal_errand, wait), result);
}

static void deliver_errand(struct letter *l)
{
	struct journal_errand *e = container_of(l, struct journal_errand, letter);
	struct worker_journal *w = e->at;
	int r = -ESHUTDOWN;

	loop_enter(w->loop);
	if (w->journal)
		r = journal_is_ready(w->journal) ? journal_put_admin_action(w->journal, &e->entry) : -EAGAIN;
	if (r < 0)
		give_back(e, r);
	else
		list_push(&w->errands, &e->link);
}

void worker_journal_write(struct worker_journal *w, struct journal_errand *e)
{
	e->at = w;
	e->letter.deliver = deliver_errand;
	list_init(&e->link);
	mailbox_post(w->loop, &e->letter);
}

static void end_errands(struct worker_journal *w, int result)
{
	struct list *node;

	while ((node = list_pop(&w->errands))) {
		struct journal_errand *e = container_of(node, struct journal_errand, link);

		if (result == 0 && e->strict)
			journal_sync(w->journal, &e->wait, on_errand_synced);
		else
			give_back(e, result);
	}
}

void worker_journal_init(struct worker_journal *w, struct journal *journal, struct exchange_env *env, struct loop *loop)
{
	*w = (struct worker_journal){.journal = journal, .env = env, .loop = loop, .letter = {.deliver = deliver}};
	env->journal = journal;
	list_init(&w->errands);
	list_init(&env->deciding);
	list_init(&env->syncing);
	list_init(&env->settling);
	list_init(&env->holding);
	list_init(&env->holding_disk);
}

void worker_journal_finish(struct worker_journal *w)
{
	w->journal = NULL;
	if (w->env)
		w->env->journal = NULL;
}

bool worker_journal_turn(struct worker_journal *w)
{
	if (!w->journal || (!journal_has_put(w->journal) && list_is_empty(&w->env->settling)))
		return false;
	int r = journal_has_put(w->journal) ? journal_end_turn(w->journal) : 0;
	if (r < 0)
		log_error("the journal cannot be written (error %d); calls are refused", -r);
	end_errands(w, r);
	bool again = journaling_turn_ended(w->env, r);
	ask(w);
	return again;
}
