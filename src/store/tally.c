/* SPDX-License-Identifier: Apache-2.0 */
/* tally: see tally.h. Rows lie in one arena, which is emptied when the book has them. */
#include "store/tally.h"
#include <errno.h>
#include "base/clock.h"
#include "base/mem.h"

#define TALLY_MAX ((size_t)8 << 20)
#define KEY_MAX ((size_t)64 << 10)

struct spare {
	struct spare *next;
};

/* Calls come and go in a moment, and the heap keeps but a few of a size at hand. */
static void *block_take(struct tally *t, size_t size)
{
	struct spare *s = t->spare;

	if (size > TALLY_BLOCK || !s)
		return mem_alloc(size < TALLY_BLOCK ? TALLY_BLOCK : size);
	t->spare = s->next;
	t->n_spare--;
	return s;
}

static void block_give(struct tally *t, void *at, size_t size)
{
	struct spare *s = at;

	if (size > TALLY_BLOCK || t->n_spare == TALLY_SPARE) {
		mem_free(at);
		return;
	}
	s->next = t->spare;
	t->spare = s;
	t->n_spare++;
}

static void begin(struct tally *t)
{
	map_init(&t->calls);
	map_init(&t->held);
	map_init(&t->sums);
	map_init(&t->over);
	t->live = t->records = 0;
	t->ledger = NULL;
	t->tools = NULL;
	t->counters = NULL;
	t->last = NULL;
	t->last_counter = NULL;
	t->late = NULL;
	t->late_end = &t->late;
}

static void drop(struct tally *t)
{
	struct map *const owners[] = {&t->calls, &t->held};
	struct slice key;
	void *value;

	for (unsigned i = 0; i < 2; i++)
		for (size_t it = 0; map_next(owners[i], &it, &key, &value);)
			mem_free(value);
	map_finish(&t->calls);
	map_finish(&t->held);
	map_finish(&t->sums);
	map_finish(&t->over);
}

void tally_init(struct tally *t)
{
	*t = (struct tally){.key = BUF_INIT(KEY_MAX)};
	arena_init(&t->arena, TALLY_MAX);
	begin(t);
}

void tally_finish(struct tally *t)
{
	drop(t);
	while (t->spare) {
		struct spare *s = t->spare;

		t->spare = s->next;
		mem_free(s);
	}
	arena_finish(&t->arena);
	buf_finish(&t->key);
}

void tally_clear(struct tally *t)
{
	drop(t);
	arena_reset(&t->arena);
	begin(t);
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

static bool names_equal(const struct slice *a, const struct slice *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!slice_equals(a[i], b[i]))
			return false;
	return true;
}

static struct ledger_row *ledger_row_of(struct tally *t, uint64_t hour, const struct slice *names)
{
	struct ledger_row *row = t->last;
	bool is_new;

	if (row && row->hour == hour && names_equal(row->names, names, LEDGER_NAMES))
		return row;
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
	t->last = row;
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
	struct counter_row *row = t->last_counter;
	bool is_new;

	if (row && row->window == c->window && slice_equals(row->name, c->name) &&
	        slice_equals(row->group, c->group))
		return row;
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
	t->last_counter = row;
	return row;
}

/* ---- what each record does ---- */

/* A slice of the record, as it stands in the copy of it. */
static struct slice moved(struct slice s, struct slice record, struct slice copy)
{
	return s.len ? slice_from(copy.at + (s.at - record.at), s.len) : (struct slice){"", 0};
}

/* Adds it under its key, or frees it: a second one says nothing more. */
static int keep(struct tally *t, struct map *map, struct slice key, void *value, size_t size)
{
	int r = map_add(map, key, value);

	if (r)
		block_give(t, value, size);
	else
		t->live += size;
	return r == -EEXIST ? 0 : r;
}

static size_t call_size(const struct open_call *c)
{
	return sizeof(*c) + c->record.len;
}

static int take_decision(struct tally *t, const struct entry_decision *d, struct slice record)
{
	struct open_call *c = block_take(t, sizeof(*c) + record.len);

	if (!c)
		return -ENOMEM;
	memcpy(c->bytes, record.at, record.len);
	c->record = slice_from(c->bytes, record.len);
	c->request_id = moved(d->who.request_id, record, c->record);
	c->denied = slice_is(d->decision, "deny");
	c->estimated = false;
	c->cost = c->tokens = 0;
	return keep(t, &t->calls, c->request_id, c, call_size(c));
}

static size_t held_size(const struct held *h)
{
	return sizeof(*h) + h->n * sizeof(*h->counters) + h->record.len;
}

static int take_reservation(struct tally *t, const struct entry_reservation *e, struct slice record)
{
	size_t counters = e->n * sizeof(*e->counters);
	struct held *h = block_take(t, sizeof(*h) + counters + record.len);
	int r;

	if (!h)
		return -ENOMEM;
	char *bytes = (char *)h->counters + counters;
	struct slice copy = slice_from(memcpy(bytes, record.at, record.len), record.len);
	h->id = moved(e->id, record, copy);
	h->request_id = moved(e->request_id, record, copy);
	h->record = copy;
	h->expires = e->expires;
	h->n = e->n;
	for (unsigned i = 0; i < e->n; i++) {
		h->counters[i] = e->counters[i];
		h->counters[i].group = moved(e->counters[i].group, record, copy);
		h->counters[i].name = moved(e->counters[i].name, record, copy);
		h->counters[i].lessee = moved(e->counters[i].lessee, record, copy);
	}
	r = keep(t, &t->held, h->id, h, held_size(h));
	/* Its counters are used, and kept as long as that says. */
	return r ? r : tally_spend(t, e->counters, e->n, 0, 0);
}

static int take_late(struct tally *t, struct slice record)
{
	struct late *l = arena_zalloc(&t->arena, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->record = arena_dup(&t->arena, record);
	if (!l->record.at)
		return -ENOMEM;
	*t->late_end = l;
	t->late_end = &l->next;
	return 0;
}

/* What recovery has charged is kept for one that comes late all the same. */
static int take_settlement(struct tally *t, const struct entry_settlement *e, struct slice record)
{
	struct open_call *c = e->by_recovery ? NULL : map_get(&t->calls, e->request_id);
	struct held *h = c ? map_remove(&t->held, e->id) : NULL;
	int64_t cost = e->cost > 0 ? e->cost : 0, tokens = as_signed(e->tokens);
	int r;

	if (!h)
		return take_late(t, record);
	c->cost = plus(c->cost, cost);
	c->tokens = plus(c->tokens, tokens);
	c->estimated |= e->estimated;
	r = tally_spend(t, h->counters, h->n, cost, tokens);
	t->live -= held_size(h);
	block_give(t, h, held_size(h));
	return r;
}

static int take_outcome(struct tally *t, const struct entry_outcome *o, struct slice record)
{
	struct open_call *c = map_remove(&t->calls, o->who.request_id);
	int r;

	if (!c) {
		struct late **at = t->late_end;

		r = take_late(t, record);
		if (!r)
			r = map_add(&t->over, moved(o->who.request_id, record, (*at)->record), *at);
		return r == -EEXIST ? 0 : r;
	}
	r = tally_outcome(t, o, c->denied);
	t->live -= call_size(c);
	block_give(t, c, call_size(c));
	return r;
}

int tally_take(struct tally *t, const struct entry *e, struct slice record)
{
	t->records++;
	switch (e->kind) {
	case ENTRY_DECISION:
		return take_decision(t, &e->decision, record);
	case ENTRY_RESERVATION:
		return take_reservation(t, &e->reservation, record);
	case ENTRY_SETTLEMENT:
		return take_settlement(t, &e->settlement, record);
	case ENTRY_OUTCOME:
		return take_outcome(t, &e->outcome, record);
	case ENTRY_KEPT:
		return take_late(t, record);
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
