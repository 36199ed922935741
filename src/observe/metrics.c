/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: what a record adds to each table. A part has one writer, so a place that was found
 * missing is still missing once the locks are taken in their order. */
#include "observe/metrics_core.h"
#include <assert.h>
#include "base/list.h"
#include "base/mem.h"
#include "observe/label.h"
#include "observe/outcome.h"

/* For the key that the part holds. */
static void *place(struct metrics_part *p, enum table which, unsigned column)
{
	struct series_table *t = &p->metrics->tables[which];
	struct slice k = label_key_slice(&p->key);
	void *counts = series_find(t, p->index, k, 1u << column);

	if (__builtin_expect(counts != NULL, 1))
		return counts;
	if (atomic_load_explicit(&t->full, memory_order_relaxed))
		return series_other(t, p->index);
	pthread_mutex_unlock(&p->lock);
	pthread_mutex_lock(&p->metrics->lock);
	pthread_mutex_lock(&p->lock);
	counts = series_join(t, p->index, k, column);
	pthread_mutex_unlock(&p->metrics->lock);
	return counts;
}

static void key_begin(struct metrics_part *p, struct slice first, struct slice instead)
{
	p->key.len = 0;
	label_add(&p->key, first, instead);
}

/* Back to the agent, whom most keys of a record begin with; agent_len is what count_agent made of
 * the key. */
static void key_of_agent(struct metrics_part *p, size_t agent_len)
{
	p->key.len = agent_len;
}

static void count_one(struct metrics_part *p, enum table which, unsigned column, uint64_t n)
{
	uint64_t *counts;

	if (!n)
		return;
	counts = place(p, which, column);
	count(&counts[column], n);
}

/* How long the agent's key is. */
static size_t count_agent(struct metrics_part *p, const struct record *r)
{
	struct agent_counts *a;

	key_begin(p, r->agent, SLICE("unknown"));
	a = place(p, TABLE_AGENT, 0);
	a->requests++;
	a->estimated += r->estimated;
	if (!r->price_unknown && r->cost > 0)
		count(&a->cost, (uint64_t)r->cost);
	histogram_observe(&a->call, &histogram_call, r->latency_ns, r);
	histogram_observe(&a->gateway, &histogram_gateway, r->gateway_ns, r);
	if (r->ttft_ns)
		histogram_observe(&a->first_token, &histogram_first_token, r->ttft_ns, r);
	return p->key.len;
}

static void count_call(struct metrics_part *p, size_t agent_len, const struct record *r)
{
	key_of_agent(p, agent_len);
	label_add(&p->key, r->dialect, SLICE("none"));
	label_add(&p->key, r->upstream, SLICE("none"));
	label_add(&p->key, slice_str(outcome_code(r)), SLICE("ok"));
	count_one(p, TABLE_CALLS, 0, 1);
}

static void count_tools(struct metrics_part *p, size_t agent_len, const struct record *r)
{
	for (unsigned i = 0; i < r->n_tools; i++) {
		key_of_agent(p, agent_len);
		label_add(&p->key, r->tools[i].name, SLICE("none"));
		count_one(p, TABLE_TOOLS, r->tools[i].allowed ? TOOL_ALLOWED : TOOL_DENIED, 1);
	}
}

/* Every token stands in one kind. */
static void sort_tokens(const struct usage *u, uint64_t ret[TOKEN_KINDS])
{
	ret[TOKEN_INPUT] = u->in_uncached;
	ret[TOKEN_CACHED_INPUT] = u->in_cache_read;
	ret[TOKEN_CACHE_WRITE] = u->in_cache_write_5m;
	ret[TOKEN_INPUT_AUDIO] = u->in_audio;
	ret[TOKEN_INPUT_IMAGE] = u->in_image;
	ret[TOKEN_INPUT_VIDEO] = u->in_video;
	ret[TOKEN_OUTPUT] = u->out_text;
	ret[TOKEN_REASONING] = u->out_reasoning;
	ret[TOKEN_OUTPUT_AUDIO] = u->out_audio;
	ret[TOKEN_OUTPUT_IMAGE] = u->out_image;
	ret[TOKEN_OUTPUT_VIDEO] = u->out_video;
	count(&ret[TOKEN_INPUT], u->in_tool);
	count(&ret[TOKEN_CACHED_INPUT], u->in_audio_cached);
	count(&ret[TOKEN_CACHED_INPUT], u->in_image_cached);
	count(&ret[TOKEN_CACHE_WRITE], u->in_cache_write_1h);
	count(&ret[TOKEN_OUTPUT], u->out_citation);
}

static void count_tokens(struct metrics_part *p, size_t agent_len, const struct record *r)
{
	uint64_t more[TOKEN_KINDS], *counts;
	uint32_t columns = 0;

	sort_tokens(&r->usage, more);
	for (unsigned i = 0; i < TOKEN_KINDS; i++)
		columns |= (uint32_t)(more[i] != 0) << i;
	if (!columns)
		return;
	key_of_agent(p, agent_len);
	label_add(&p->key, r->model, SLICE("unknown"));
	counts = series_find(
	        &p->metrics->tables[TABLE_TOKENS], p->index, label_key_slice(&p->key), columns);
	for (unsigned i = 0; i < TOKEN_KINDS; i++) {
		if (counts)
			count(&counts[i], more[i]);
		else
			count_one(p, TABLE_TOKENS, i, more[i]);
	}
}

static void count_paid(struct metrics_part *p, size_t agent_len, struct slice kind,
        struct slice name, nanousd cost)
{
	if (cost <= 0)
		return;
	key_of_agent(p, agent_len);
	label_add(&p->key, kind, SLICE(""));
	label_add(&p->key, name, SLICE("unknown"));
	count_one(p, TABLE_COST, 0, (uint64_t)cost);
}

static void count_cost(struct metrics_part *p, size_t agent_len, const struct record *r)
{
	if (r->price_unknown)
		return;
	for (unsigned i = 0; i < r->n_tools; i++)
		count_paid(p, agent_len, SLICE("tool"), r->tools[i].name, r->tools[i].cost);
	if (!r->is_of_tool)
		count_paid(p, agent_len, SLICE("model"), r->model, r->cost - r->tools_cost);
}

/* Of attempts before the last one only this is known, that they were tried again. */
static void count_attempts(struct metrics_part *p, const struct record *r)
{
	if (!r->attempts)
		return;
	key_begin(p, r->upstream, SLICE("none"));
	label_add(&p->key, slice_str(outcome_of_attempt(r)), SLICE("ok"));
	count_one(p, TABLE_ATTEMPTS, 0, 1);
	if (r->attempts == 1)
		return;
	key_begin(p, r->upstream, SLICE("none"));
	label_add(&p->key, SLICE("retried"), SLICE(""));
	count_one(p, TABLE_ATTEMPTS, 0, r->attempts - 1);
}

static void count_model(struct metrics_part *p, enum table which, const struct record *r)
{
	key_begin(p, r->model, SLICE("unknown"));
	count_one(p, which, 0, 1);
}

static void count_cache(struct metrics_part *p, const struct record *r)
{
	bool of_items = slice_is(r->action, "embedding");

	key_begin(p,
	        r->is_of_tool ? SLICE("tool")
	        : of_items    ? SLICE("embeddings")
	                      : SLICE("answer"),
	        SLICE(""));
	label_add(&p->key, r->cache_failed ? SLICE("error") : slice_str(r->cache), SLICE(""));
	count_one(p, TABLE_CACHE, 0, 1);
}

static void count_outage(struct metrics_part *p, const struct record *r)
{
	key_begin(p, slice_str(r->without_store), SLICE(""));
	count_one(p, TABLE_OUTAGE, 0, 1);
}

struct policy_counts *policy_place(struct policy_counts of[POLICY_KINDS_MAX], const char *policy)
{
	/* A name is mostly the very same one; compared are only those of several. */
	for (unsigned i = 0; i < POLICY_KINDS_MAX && of[i].policy; i++)
		if (of[i].policy == policy)
			return &of[i];
	for (unsigned i = 0; i < POLICY_KINDS_MAX; i++) {
		if (!of[i].policy)
			of[i].policy = policy;
		if (of[i].policy == policy || !strcmp(of[i].policy, policy))
			return &of[i];
	}
	return NULL;
}

static void count_verdicts(struct metrics_part *p, const struct record *r)
{
	for (unsigned i = 0; i < r->n_verdicts; i++) {
		const struct record_verdict *v = &r->verdicts[i];
		struct policy_counts *c = v->policy ? policy_place(p->policies, v->policy) : NULL;

		if (c)
			c->n[v->mode][v->verdict]++;
	}
}

static void count_warnings(struct metrics_part *p, const struct record *r)
{
	for (unsigned i = 0; i < r->n_warnings; i++) {
		const struct record_warning *w = &r->warnings[i];

		key_begin(p, slice_str(w->scope), SLICE("none"));
		label_add(&p->key, w->name, SLICE("none"));
		label_add(&p->key, slice_str(w->window), SLICE("none"));
		count_one(p, TABLE_WARNINGS, 0, 1);
	}
}

static void metrics_call_ended(struct observer *o, const struct record *r)
{
	struct metrics_part *p = container_of(o, struct metrics_part, observer);
	size_t agent_len;

	pthread_mutex_lock(&p->lock);
	agent_len = count_agent(p, r);
	count_call(p, agent_len, r);
	count_tools(p, agent_len, r);
	count_tokens(p, agent_len, r);
	count_cost(p, agent_len, r);
	count_attempts(p, r);
	if (r->price_unknown)
		count_model(p, TABLE_UNPRICED, r);
	if (r->usage.mismatch)
		count_model(p, TABLE_MISMATCH, r);
	if (r->reservation_exceeded)
		count_model(p, TABLE_EXCEEDED, r);
	if (r->cache)
		count_cache(p, r);
	if (r->without_store)
		count_outage(p, r);
	count_verdicts(p, r);
	count_warnings(p, r);
	pthread_mutex_unlock(&p->lock);
}

static void add_agent(void *sum, const void *more)
{
	struct agent_counts *s = sum;
	const struct agent_counts *a = more;

	count(&s->requests, a->requests);
	count(&s->estimated, a->estimated);
	count(&s->cost, a->cost);
	histogram_add(&s->call, &a->call);
	histogram_add(&s->gateway, &a->gateway);
	histogram_add(&s->first_token, &a->first_token);
}

static void add_numbers(uint64_t *sum, const uint64_t *more, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		count(&sum[i], more[i]);
}

static void add_one(void *sum, const void *more)
{
	add_numbers(sum, more, 1);
}

static void add_tools(void *sum, const void *more)
{
	add_numbers(sum, more, TOOL_COLUMNS);
}

static void add_tokens(void *sum, const void *more)
{
	add_numbers(sum, more, TOKEN_KINDS);
}

#define NUMBERS(n) ((n) * sizeof(uint64_t))

static const struct series_kind kinds[TABLES] = {
        [TABLE_AGENT] = {sizeof(struct agent_counts), 1, add_agent},
        [TABLE_CALLS] = {NUMBERS(1), 4, add_one},
        [TABLE_TOOLS] = {NUMBERS(TOOL_COLUMNS), 2, add_tools},
        [TABLE_TOKENS] = {NUMBERS(TOKEN_KINDS), 2, add_tokens},
        [TABLE_COST] = {NUMBERS(1), 3, add_one},
        [TABLE_ATTEMPTS] = {NUMBERS(1), 2, add_one},
        [TABLE_UNPRICED] = {NUMBERS(1), 1, add_one},
        [TABLE_MISMATCH] = {NUMBERS(1), 1, add_one},
        [TABLE_EXCEEDED] = {NUMBERS(1), 1, add_one},
        [TABLE_CACHE] = {NUMBERS(1), 2, add_one},
        [TABLE_WARNINGS] = {NUMBERS(1), 3, add_one},
        [TABLE_OUTAGE] = {NUMBERS(1), 1, add_one},
};

static_assert(TOKEN_KINDS <= SERIES_COLUMNS_MAX, "a bit for each column");

static void part_init(struct metrics *m, unsigned index)
{
	struct metrics_part *p = &m->parts[index];

	p->observer = (struct observer){.name = "metrics", .call_ended = metrics_call_ended};
	p->metrics = m;
	p->index = index;
	pthread_mutex_init(&p->lock, NULL);
}

struct metrics *metrics_new(unsigned n_parts)
{
	struct metrics *m = mem_zalloc(sizeof(*m) + n_parts * sizeof(*m->parts));

	if (!m)
		return NULL;
	m->n_parts = n_parts;
	m->clock = &clock_system;
	pthread_mutex_init(&m->page_lock, NULL);
	pthread_mutex_init(&m->lock, NULL);
	for (unsigned i = 0; i < n_parts; i++)
		part_init(m, i);
	for (unsigned i = 0; i < TABLES; i++) {
		if (series_init(&m->tables[i], &kinds[i], n_parts)) {
			metrics_free(m);
			return NULL;
		}
	}
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < TABLES; i++)
		series_finish(&m->tables[i]);
	for (unsigned i = 0; i < m->n_parts; i++)
		pthread_mutex_destroy(&m->parts[i].lock);
	pthread_mutex_destroy(&m->lock);
	pthread_mutex_destroy(&m->page_lock);
	mem_free(m);
}

struct metrics_part *metrics_part(struct metrics *m, unsigned i)
{
	assert(i < m->n_parts);
	return &m->parts[i];
}

struct observer *metrics_observer(struct metrics_part *p)
{
	return &p->observer;
}
