/* SPDX-License-Identifier: Apache-2.0 */
/* journaling: see journaling.h. */
#include <errno.h>
#include "exchange/admission.h"
#include "exchange/caching.h"
#include "exchange/journaling.h"
#include "exchange/repeats.h"
#include "exchange/snapshot.h"
#include "exchange/steps.h"
#include "journal/journal.h"

bool journaling_is_ready(const struct exchange *x)
{
	return !x->env->journal || journal_is_ready(x->env->journal);
}

static struct entry_who who_of(const struct exchange *x, const struct call *c)
{
	return (struct entry_who){
		.request_id = slice_from(x->request_id, ID_LEN),
		.wall_ns = exchange_wall(x),
		.agent = c->agent->name,
		.team = c->agent->team,
		.user = c->by.user,
		.workflow = c->by.workflow,
		.workflow_type = c->by.workflow_type,
		.session = c->by.session,
	};
}

static struct slice dialect_of(const struct exchange *x)
{
	return x->route.dialect ? slice_str(x->route.dialect->name) : (struct slice){"", 0};
}

/* The policy that refused, by its verdict; empty: the dialect or the transport did. */
static struct slice rule_of(const struct call *c)
{
	for (unsigned i = 0; i < c->n_verdicts; i++)
		if (c->verdicts[i].policy && c->verdicts[i].mode == MODE_ENFORCE && c->verdicts[i].verdict >= VERDICT_ANSWER)
			return slice_str(c->verdicts[i].policy);
	return (struct slice){"", 0};
}

/* why: FAULT_NONE when it may go on. */
static int put_decision(struct exchange *x, struct call *c, enum fault why)
{
	bool allowed = why == FAULT_NONE;
	struct entry_decision e = {
		.who = who_of(x, c),
		.listener = x->listener_name,
		.dialect = dialect_of(x),
		.action = action_name(x->route.action),
		.model = c->facts.model,
		.tool = x->route.action == ACTION_TOOL ? x->route.id : (struct slice){"", 0},
		.upstream = allowed && call_upstream(c) ? call_upstream(c)->name : (struct slice){"", 0},
		.decision = allowed ? SLICE("allow") : SLICE("deny"),
		.policy_version = slice_str(x->snapshot->conf->version),
		.tools_offered = c->facts.n_tools,
		.tools_removed = buf_slice(&c->tools_removed),
	};

	if (!allowed) {
		e.code = slice_str(fault_infos[why].code);
		e.rule = rule_of(c);
		e.reasoning = c->refused ? c->refusal.sentence : x->note;
	}
	int r = journal_put_decision(x->env->journal, &e);
	x->decided |= r == 0;
	return r;
}

int journaling_reserve(struct exchange *x, struct admitted *a)
{
	unsigned n = a ? a->ask.n - a->n_rates : 0;
	const struct reservation *r = admitted_reservation(a);

	if (!n || !r || !x->env->journal)
		return 0;
	struct entry_counter *counters = arena_alloc(&x->arena, n * sizeof(*counters));
	if (!counters)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		const struct demand *d = &a->ask.demands[a->n_rates + i];
		counters[i] = (struct entry_counter){.group = d->group, .name = d->name, .window = d->budget.window, .ends = d->budget.ends};
		if (a->by != x->env->local)
			counters[i].lessee = d->lessee;
	}
	struct entry_reservation e = {
		.id = a->ask.id,
		.request_id = slice_from(x->request_id, ID_LEN),
		.wall_ns = a->ask.now_wall_ns,
		.expires = a->ask.expires,
		.cost = r->cost,
		.tokens = r->tokens,
		.counters = counters,
		.n = n,
	};
	int e_put = journal_put_reservation(x->env->journal, &e);
	a->journaled = e_put == 0;
	a->journaled_in = x->env->turn->number;
	return e_put;
}

static void on_written(struct ticket *t, int result)
{
	(void)result;
	exchange_wake(container_of(t, struct exchange, written));
}

static void drop_nothing(struct ticket *t)
{
	(void)t;
}

/* What waited for the turn's write goes on, in the turn's next round. */
static void resume(struct exchange *x)
{
	x->waits_for_turn = false;
	ticket_init(&x->written, on_written);
	ticket_arm(&x->written, x->env->turn, drop_nothing, NULL);
	ticket_complete(&x->written, 0);
}

int journaling_allow(struct exchange *x, struct call *c)
{
	struct exchange_env *env = x->env;

	if (!env->journal)
		return 0;
	int r = put_decision(x, c, FAULT_NONE);
	if (!r)
		r = journaling_reserve(x, c->admitted);
	if (r)
		return r;
	if (list_is_empty(&x->journal_link))
		list_push(&env->deciding, &x->journal_link);
	x->waits_for_disk = x->snapshot->conf->audit.strict;
	/* What is put out for an upstream can be taken back when the turn's journal cannot be written, a whole answer not. */
	x->waits_for_turn = !x->waits_for_disk && (caching_is_hit(c) || repeats_is_found(c));
	return 0;
}

static void drop_hold(struct ticket *t)
{
	list_unlink(&container_of(t, struct journaling_hold, ticket)->link);
}

void journaling_hold(struct exchange *x, struct journaling_hold *h, void (*done)(struct ticket *t, int result))
{
	*h = (struct journaling_hold){.strict = x->snapshot->conf->audit.strict};
	ticket_init(&h->ticket, done);
	ticket_arm(&h->ticket, x->env->turn, drop_hold, NULL);
	list_init(&h->link);
	list_push(&x->env->holding, &h->link);
}

static void holds_written(struct exchange_env *env, int result, uint64_t bytes)
{
	struct list *node;

	while ((node = list_pop(&env->holding))) {
		struct journaling_hold *h = container_of(node, struct journaling_hold, link);
		h->written = result >= 0;
		h->written_at = bytes;
		if (h->written && h->strict)
			list_push(&env->holding_disk, &h->link);
		else
			ticket_complete(&h->ticket, result);
	}
}

static void holds_synced(struct exchange_env *env, uint64_t bytes, int result)
{
	list_foreach_safe(node, after, &env->holding_disk) {
		struct journaling_hold *h = container_of(node, struct journaling_hold, link);
		if (result >= 0 && h->written_at > bytes)
			continue;
		list_unlink(&h->link);
		ticket_complete(&h->ticket, result);
	}
}

int journaling_settle(struct exchange *x, const struct call *c, const struct admitted *a)
{
	struct entry_settlement e = {
		.id = a->ask.id,
		.request_id = slice_from(x->request_id, ID_LEN),
		.wall_ns = exchange_wall(x),
		.cost = a->used.cost,
		.tokens = a->used.tokens,
		.estimated = c->estimated,
	};

	return journal_put_settlement(x->env->journal, &e);
}

static const struct entry_tool *tools_of(struct exchange *x, const struct record *r)
{
	struct entry_tool *tools = r->n_tools ? arena_zalloc(&x->arena, r->n_tools * sizeof(*tools)) : NULL;

	for (unsigned i = 0; tools && i < r->n_tools; i++) {
		tools[i].name = r->tools[i].name;
		tools[i].allowed = r->tools[i].allowed;
		tools[i].cost = r->tools[i].cost;
		if (!r->tools[i].allowed)
			tools[i].code = slice_str(fault_infos[r->tools[i].fault].code);
	}
	return tools;
}

static void put_outcome(struct exchange *x, const struct call *c, const struct record *r)
{
	const struct usage *u = &r->usage;
	struct entry_outcome e = {
		.who = who_of(x, c),
		.dialect = r->dialect,
		.action = r->action,
		.model = r->model,
		.upstream_model = r->upstream_model,
		.upstream = r->upstream,
		.code = slice_str(fault_infos[r->fault].code),
		.ended_by = slice_str(r->ended_by),
		.cache = slice_str(r->cache ? r->cache : ""),
		.status = r->status,
		.attempts = r->attempts,
		.latency_ns = r->latency_ns,
		.tokens_input = usage_input_total(u),
		.tokens_cached = u->in_cache_read,
		.tokens_output = usage_output_total(u),
		.tokens_reasoning = u->out_reasoning,
		.tokens_total = u->total,
		.cost = r->cost,
		.estimated = r->estimated,
		.price_unknown = r->price_unknown,
	};

	e.tools = tools_of(x, r);
	e.n_tools = e.tools ? r->n_tools : 0;
	journal_put_outcome(x->env->journal, &e);
}

void journaling_close(struct exchange *x, struct call *c, const struct record *r)
{
	if (!x->env->journal || !c->agent)
		return;
	if (!x->decided)
		put_decision(x, c, r->fault); /* also who left before anything was decided was not let through */
	put_outcome(x, c, r);
}

void journaling_forget(struct exchange *x)
{
	list_unlink(&x->journal_link);
	ticket_cancel(&x->written);
	x->waits_for_disk = x->waits_for_turn = false;
}

/* Whatever was put out for this call has not left yet: the source takes it back when it is closed. */
static void not_written(struct exchange *x)
{
	if (x->source && !x->source_local) {
		x->source->ops->close(x->source);
		x->source = NULL;
	}
	x->went_upstream = false;
	x->waits_for_disk = x->waits_for_turn = false;
	exchange_on_source_fault(x, FAULT_AUDIT_UNAVAILABLE, NULL);
}

/* Of what was put down in the turn nothing is in the file: its end writes the decision down as what became of it. */
static void unsay(struct exchange *x)
{
	x->decided = false;
	for (unsigned i = 0; i < x->n_calls; i++)
		if (x->calls[i].admitted)
			x->calls[i].admitted->journaled = false;
}

bool journaling_turn_ended(struct exchange_env *env, int result)
{
	struct list decided;
	struct list *node;
	uint64_t written = journal_written(env->journal);

	admission_settle_turn(env, result >= 0);
	holds_written(env, result, written);
	list_init(&decided);
	list_splice(&decided, &env->deciding);
	while ((node = list_pop(&decided))) {
		struct exchange *x = container_of(node, struct exchange, journal_link);
		if (result < 0) {
			unsay(x);
			not_written(x);
		} else if (x->waits_for_disk) {
			x->written_at = written;
			list_push(&env->syncing, &x->journal_link);
		} else if (x->waits_for_turn) {
			resume(x);
		}
	}
	return result < 0;
}

void journaling_synced(struct exchange_env *env, uint64_t bytes, int result)
{
	holds_synced(env, bytes, result);
	list_foreach_safe(node, after, &env->syncing) {
		struct exchange *x = container_of(node, struct exchange, journal_link);
		if (result >= 0 && x->written_at > bytes)
			continue;
		list_unlink(&x->journal_link);
		if (result < 0) {
			not_written(x);
			continue;
		}
		x->waits_for_disk = false;
		exchange_wake(x);
	}
}
