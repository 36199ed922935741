/* SPDX-License-Identifier: Apache-2.0 */
/* tally: see tally.h. All of it lies in one arena, which is emptied when the book has it. */
#include "store/tally.h"
#include <errno.h>
#include "base/clock.h"

#define TALLY_MAX ((size_t)8 << 20)
#define KEY_MAX ((size_t)64 << 10)

void tally_init(struct tally *t)
{
	*t = (struct tally){.key = BUF_INIT(KEY_MAX), .late_end = &t->late};
	arena_init(&t->arena, TALLY_MAX);
	map_init(&t->calls);
	map_init(&t->held);
	map_init(&t->sums);
}

static void drop_maps(struct tally *t)
{
	map_finish(&t->calls);
	map_finish(&t->held);
	map_finish(&t->sums);
}

void tally_finish(struct tally *t)
{
	drop_maps(t);
	arena_finish(&t->arena);
	buf_finish(&t->key);
}

void tally_clear(struct tally *t)
{
	drop_maps(t);
	map_init(&t->calls);
	map_init(&t->held);
	map_init(&t->sums);
	arena_reset(&t->arena);
	t->copied = 0;
	t->ledger = NULL;
	t->tools = NULL;
	t->counters = NULL;
	t->late = NULL;
	t->late_end = &t->late;
}

/* ---- rows of sums, found by what tells them apart ---- */

static int put_number(struct buf *key, uint64_t n)
{
	return buf_put(key, &n, sizeof(n));
}

static int put_name(struct buf *key, struct slice name)
{
	int r = put_number(key, name.len);

	return r ? r : buf_put_slice(key, name);
}

static int begin_key(
        struct tally *t, char kind, uint64_t number, const struct slice *names, unsigned n)
{
	int r;

	buf_clear(&t->key);
	r = buf_put_char(&t->key, kind);
	if (!r)
		r = put_number(&t->key, number);
	for (unsigned i = 0; !r && i < n; i++)
		r = put_name(&t->key, names[i]);
	return r == -ENOBUFS ? -ENOMEM : r;
}

static int copy_names(struct tally *t, struct slice *to, const struct slice *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		to[i] = names[i].len ? arena_dup(&t->arena, names[i]) : (struct slice){"", 0};
		if (!to[i].at)
			return -ENOMEM;
	}
	return 0;
}

/* The row under the key that was begun; *ret_new says that it is zeroed and to be filled. */
static void *row_of(struct tally *t, size_t size, bool *ret_new)
{
	void *row = map_get(&t->sums, buf_slice(&t->key));
	struct slice key;

	*ret_new = !row;
	if (row)
		return row;
	key = arena_dup(&t->arena, buf_slice(&t->key));
	row = key.at ? arena_zalloc(&t->arena, size) : NULL;
	return row && map_add(&t->sums, key, row) == 0 ? row : NULL;
}

static struct ledger_row *ledger_row_of(struct tally *t, uint64_t hour, const struct slice *names)
{
	struct ledger_row *row;
	bool is_new;

	if (begin_key(t, 'l', hour, names, LEDGER_NAMES))
		return NULL;
	row = row_of(t, sizeof(*row), &is_new);
	if (row && is_new) {
		row->hour = hour;
		if (copy_names(t, row->names, names, LEDGER_NAMES))
			return NULL;
		row->next = t->ledger;
		t->ledger = row;
	}
	return row;
}

static struct tool_row *tool_row_of(struct tally *t, uint64_t hour, const struct slice *names)
{
	struct tool_row *row;
	bool is_new;

	if (begin_key(t, 't', hour, names, TOOL_NAMES))
		return NULL;
	row = row_of(t, sizeof(*row), &is_new);
	if (row && is_new) {
		row->hour = hour;
		if (copy_names(t, row->names, names, TOOL_NAMES))
			return NULL;
		row->next = t->tools;
		t->tools = row;
	}
	return row;
}

static struct counter_row *counter_row_of(struct tally *t, const struct entry_counter *c)
{
	const struct slice names[] = {c->group, c->name};
	struct counter_row *row;
	bool is_new;

	if (begin_key(t, 'c', c->window, names, 2))
		return NULL;
	row = row_of(t, sizeof(*row), &is_new);
	if (row && is_new) {
		struct slice copies[2];

		if (copy_names(t, copies, names, 2))
			return NULL;
		row->group = copies[0];
		row->name = copies[1];
		row->window = c->window;
		row->next = t->counters;
		t->counters = row;
	}
	return row;
}

/* ---- what each record does ---- */

static struct slice copy_record(struct tally *t, struct slice record)
{
	t->copied += record.len;
	return arena_dup(&t->arena, record);
}

/* A slice of the record, as it stands in the copy of it. */
static struct slice moved(struct slice s, struct slice record, struct slice copy)
{
	return s.len ? slice_from(copy.at + (s.at - record.at), s.len) : (struct slice){"", 0};
}

static int take_decision(struct tally *t, const struct entry_decision *d, struct slice record)
{
	struct slice copy = copy_record(t, record);
	struct open_call *c = copy.at ? arena_zalloc(&t->arena, sizeof(*c)) : NULL;
	int r;

	if (!c)
		return -ENOMEM;
	c->record = copy;
	c->request_id = moved(d->who.request_id, record, copy);
	c->denied = slice_is(d->decision, "deny");
	r = map_add(&t->calls, c->request_id, c);
	return r == -EEXIST ? 0 : r;
}

static int take_reservation(struct tally *t, const struct entry_reservation *e, struct slice record)
{
	struct slice copy = copy_record(t, record);
	struct held *h = copy.at ? arena_zalloc(&t->arena, sizeof(*h)) : NULL;
	struct entry_counter *counters =
	        h ? arena_alloc(&t->arena, (e->n + 1) * sizeof(*counters)) : NULL;
	int r;

	if (!counters)
		return -ENOMEM;
	for (unsigned i = 0; i < e->n; i++) {
		counters[i] = e->counters[i];
		counters[i].group = moved(counters[i].group, record, copy);
		counters[i].name = moved(counters[i].name, record, copy);
	}
	*h = (struct held){
	        .id = moved(e->id, record, copy),
	        .request_id = moved(e->request_id, record, copy),
	        .record = copy,
	        .expires = e->expires,
	        .counters = counters,
	        .n = e->n,
	};
	/* Its counters are used, and kept as long as that says. */
	r = tally_spend(t, counters, e->n, 0, 0);
	if (!r)
		r = map_add(&t->held, h->id, h);
	return r == -EEXIST ? 0 : r;
}

static int take_late(struct tally *t, struct slice record)
{
	struct late *l = arena_zalloc(&t->arena, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->record = copy_record(t, record);
	if (!l->record.at)
		return -ENOMEM;
	*t->late_end = l;
	t->late_end = &l->next;
	return 0;
}

/* What recovery has charged is kept for one that comes late all the same. */
static int take_settlement(struct tally *t, const struct entry_settlement *e, struct slice record)
{
	struct held *h = map_get(&t->held, e->id);
	struct open_call *c = map_get(&t->calls, e->request_id);
	int64_t cost = e->cost > 0 ? e->cost : 0, tokens = as_signed(e->tokens);

	if (!h || !c || e->by_recovery)
		return take_late(t, record);
	c->cost = plus(c->cost, cost);
	c->tokens = plus(c->tokens, tokens);
	c->estimated |= e->estimated;
	map_remove(&t->held, e->id);
	return tally_spend(t, h->counters, h->n, cost, tokens);
}

static int take_outcome(struct tally *t, const struct entry_outcome *o, struct slice record)
{
	struct open_call *c = map_remove(&t->calls, o->who.request_id);

	return c ? tally_outcome(t, o, c->denied) : take_late(t, record);
}

int tally_take(struct tally *t, const struct entry *e, struct slice record)
{
	switch (e->kind) {
	case ENTRY_DECISION:
		return take_decision(t, &e->decision, record);
	case ENTRY_RESERVATION:
		return take_reservation(t, &e->reservation, record);
	case ENTRY_SETTLEMENT:
		return take_settlement(t, &e->settlement, record);
	case ENTRY_OUTCOME:
		return take_outcome(t, &e->outcome, record);
	default:
		return 0;
	}
}

/* ---- sums ---- */

static uint64_t sum(uint64_t a, uint64_t b)
{
	return (uint64_t)plus(as_signed(a), as_signed(b));
}

static int count_tools(struct tally *t, const struct entry_outcome *o, uint64_t hour)
{
	for (unsigned i = 0; i < o->n_tools; i++) {
		const struct entry_tool *tool = &o->tools[i];
		const struct slice names[TOOL_NAMES] = {[TOOL_AGENT] = o->who.agent,
		        [TOOL_TEAM] = o->who.team,
		        [TOOL_USER] = o->who.user_sealed,
		        [TOOL_WORKFLOW] = o->who.workflow,
		        [TOOL_TOOL] = tool->name};
		struct tool_row *row = tool_row_of(t, hour, names);

		if (!row)
			return -ENOMEM;
		row->calls++;
		row->denied += !tool->allowed;
		row->cost = plus(row->cost, tool->cost);
	}
	return 0;
}

int tally_outcome(struct tally *t, const struct entry_outcome *o, bool denied)
{
	uint64_t second = o->who.wall_ns / NS_PER_S, hour = second - second % HOUR_S;
	const struct slice names[LEDGER_NAMES] = {[LEDGER_AGENT] = o->who.agent,
	        [LEDGER_TEAM] = o->who.team,
	        [LEDGER_USER] = o->who.user_sealed,
	        [LEDGER_WORKFLOW] = o->who.workflow,
	        [LEDGER_WORKFLOW_TYPE] = o->who.workflow_type,
	        [LEDGER_SESSION] = o->who.session,
	        [LEDGER_MODEL] = o->model,
	        [LEDGER_UPSTREAM] = o->upstream};
	struct ledger_row *row = ledger_row_of(t, hour, names);

	if (!row)
		return -ENOMEM;
	struct ledger_sums *s = &row->sums;
	s->calls++;
	s->refused += denied;
	s->tokens_input = sum(s->tokens_input, o->tokens_input);
	s->tokens_cached = sum(s->tokens_cached, o->tokens_cached);
	s->tokens_output = sum(s->tokens_output, o->tokens_output);
	s->tokens_reasoning = sum(s->tokens_reasoning, o->tokens_reasoning);
	s->tokens_total = sum(s->tokens_total, o->tokens_total);
	s->cost = plus(s->cost, o->cost);
	if (o->estimated)
		s->estimated = plus(s->estimated, o->cost);
	return count_tools(t, o, hour);
}

/* A counter that is named twice is one, as it is for the store. */
static bool is_named_before(const struct entry_counter *counters, unsigned at)
{
	const struct entry_counter *c = &counters[at];

	for (unsigned i = 0; i < at; i++)
		if (counters[i].window == c->window && slice_equals(counters[i].name, c->name) &&
		        slice_equals(counters[i].group, c->group))
			return true;
	return false;
}

int tally_spend(struct tally *t, const struct entry_counter *counters, unsigned n, int64_t cost,
        int64_t tokens)
{
	for (unsigned i = 0; i < n; i++) {
		const struct entry_counter *c = &counters[i];
		struct counter_row *row = counter_row_of(t, c);

		if (!row)
			return -ENOMEM;
		row->ends = row->ends > c->ends ? row->ends : c->ends;
		if (is_named_before(counters, i))
			continue;
		row->cost = plus(row->cost, cost);
		row->tokens = plus(row->tokens, tokens);
	}
	return 0;
}
