/* SPDX-License-Identifier: Apache-2.0 */
/* recent: rings of fixed entries. An entry is found by walking its shard: it is asked for rarely. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/json_write.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "exchange/recent.h"

#define SHARDS 16
#define PER_SHARD (RECENT_MAX / SHARDS)

struct entry {
	char id[26];
	uint8_t attempts;
	bool stream, estimated, price_unknown, usage_known, is_of_tool;
	uint16_t status;
	uint16_t fault;
	uint64_t wall_ns;
	uint64_t agent_hash;
	uint64_t user_hash; /* 0: nobody was named */
	nanousd cost;
	uint64_t input, cached, output;
	uint32_t latency_ms;
	char model[44]; /* or the tool; as much of its name as there is room for, ended by a NUL */
};

struct shard {
	pthread_mutex_t lock;
	struct entry *ring; /* owned; PER_SHARD, NULL before the first; its pages are touched as they are used */
	unsigned n, next;
};

struct recent {
	struct shard shards[SHARDS];
};

struct recent *recent_new(void)
{
	struct recent *r = mem_zalloc(sizeof(*r));

	for (unsigned i = 0; r && i < SHARDS; i++)
		pthread_mutex_init(&r->shards[i].lock, NULL);
	return r;
}

void recent_free(struct recent *r)
{
	for (unsigned i = 0; r && i < SHARDS; i++) {
		pthread_mutex_destroy(&r->shards[i].lock);
		mem_free(r->shards[i].ring);
	}
	mem_free(r);
}

/* By the last eight characters, which are random in all ids that stand here, and so need no keyed hash. */
static struct shard *shard_of(struct recent *r, struct slice id)
{
	uint64_t random;

	memcpy(&random, id.at + id.len - sizeof(random), sizeof(random));
	return &r->shards[(random * 0x9e3779b97f4a7c15u >> 60) % SHARDS];
}

/* Where the next entry goes; the oldest one makes room when the ring is full. */
static struct entry *place(struct shard *s)
{
	if (!s->ring)
		s->ring = mem_alloc(PER_SHARD * sizeof(*s->ring));
	if (!s->ring)
		return NULL;
	if (s->next == PER_SHARD)
		s->next = 0;
	if (s->n < PER_SHARD)
		s->n++;
	return &s->ring[s->next++];
}

void recent_add(struct recent *r, const struct record *record)
{
	struct slice id = slice_from(record->request_id, 26);
	struct shard *s = shard_of(r, id);

	pthread_mutex_lock(&s->lock);
	struct entry *e = place(s);
	if (e) {
		*e = (struct entry){
			.attempts = (uint8_t)(record->attempts < 255 ? record->attempts : 255),
			.stream = record->stream,
			.estimated = record->estimated,
			.price_unknown = record->price_unknown,
			.usage_known = record->usage_known,
			.is_of_tool = record->is_of_tool,
			.status = (uint16_t)record->status,
			.fault = (uint16_t)record->fault,
			.wall_ns = record->wall_ns,
			.agent_hash = hash_bytes(record->agent),
			.user_hash = record->user.len ? hash_bytes(record->user) : 0,
			.cost = record->cost,
			.input = usage_input_total(&record->usage),
			.cached = record->usage.in_cache_read,
			.output = usage_output_total(&record->usage),
			.latency_ms = (uint32_t)(record->latency_ns / NS_PER_MS),
		};
		memcpy(e->id, id.at, sizeof(e->id));
		struct slice model = record->upstream_model.len ? record->upstream_model : record->model;
		if (record->is_of_tool)
			model = record->tools[0].name;
		model = utf8_cut(model, sizeof(e->model) - 1);
		bytes_copy(e->model, model.at, model.len);
	}
	pthread_mutex_unlock(&s->lock);
}

static void put_entry(struct json_writer *w, const struct entry *e)
{
	char time[25];

	json_put_slice(w, "id", slice_from(e->id, sizeof(e->id)));
	clock_format(e->wall_ns, time);
	json_put_str(w, "time", time);
	json_put_u64(w, "status", e->status);
	json_put_str(w, "code", fault_infos[e->fault].code);
	if (e->fault != FAULT_NONE)
		json_put_str(w, "reason", fault_infos[e->fault].text);
	json_put_str(w, e->is_of_tool ? "tool" : "model", e->model);
	json_put_bool(w, "stream", e->stream);
	json_put_u64(w, "attempts", e->attempts);
	json_put_u64(w, "tokens_input", e->input);
	json_put_u64(w, "tokens_cached", e->cached);
	json_put_u64(w, "tokens_output", e->output);
	json_put_bool(w, "estimated", e->estimated);
	json_key(w, "cost_usd");
	if (e->price_unknown)
		json_null(w);
	else
		json_money(w, e->cost);
	json_put_u64(w, "latency_ms", e->latency_ms);
}

static int write_entry(const struct entry *e, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	put_entry(&w, e);
	json_close(&w, '}');
	return json_end(&w);
}

int recent_write(struct recent *r, struct slice id, struct slice agent, struct slice user, uint64_t wall_ns, struct buf *out)
{
	struct entry found;
	int e = -ENOENT;

	if (id.len != sizeof(found.id))
		return -ENOENT;
	struct shard *s = shard_of(r, id);
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n && e; i++) {
		const struct entry *at = &s->ring[i];
		if (memcmp(at->id, id.at, sizeof(at->id)) || at->agent_hash != hash_bytes(agent))
			continue;
		if (at->user_hash && at->user_hash != hash_bytes(user))
			continue;
		if (at->wall_ns + RECENT_SECONDS * NS_PER_S < wall_ns)
			continue;
		found = *at;
		e = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return e ? e : write_entry(&found, out);
}

/* ---- all of them ---- */

static unsigned copy_shard(struct shard *s, uint64_t wall_ns, struct entry *to)
{
	unsigned n = 0;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n; i++)
		if (s->ring[i].wall_ns + RECENT_SECONDS * NS_PER_S >= wall_ns)
			to[n++] = s->ring[i];
	pthread_mutex_unlock(&s->lock);
	return n;
}

static int by_time(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->wall_ns != y->wall_ns)
		return x->wall_ns < y->wall_ns ? 1 : -1;
	return memcmp(y->id, x->id, sizeof(x->id));
}

int recent_list(struct recent *r, uint64_t wall_ns, unsigned max, struct slice (*name_of)(void *arg, uint64_t hash), void *arg,
	struct buf *out)
{
	struct entry *all = mem_alloc(RECENT_MAX * sizeof(*all));
	struct json_writer w;
	unsigned n = 0;

	if (!all)
		return -ENOMEM;
	for (unsigned i = 0; i < SHARDS; i++)
		n += copy_shard(&r->shards[i], wall_ns, all + n);
	qsort(all, n, sizeof(*all), by_time);
	json_begin(&w, out);
	json_open(&w, '[');
	for (unsigned i = 0; i < n && i < max; i++) {
		struct slice agent = name_of(arg, all[i].agent_hash);

		json_open(&w, '{');
		json_key(&w, "agent");
		if (agent.len)
			json_string(&w, agent);
		else
			json_null(&w);
		put_entry(&w, &all[i]);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	mem_free(all);
	return json_end(&w);
}
