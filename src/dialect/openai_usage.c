/* SPDX-License-Identifier: Apache-2.0 */
/* openai_usage: what an answer says was used. Absent and null are nothing; what was told counts
 * only once both sides are known, since half of it would be a call that costs half. */
#include "dialect/openai_answer.h"
#include <errno.h>
#include "base/mem.h"
#include "dialect/openai_keys.h"

enum usage_member {
	USED_PROMPT,
	USED_COMPLETION,
	USED_TOTAL,
	USED_PROMPT_DETAILS,
	USED_COMPLETION_DETAILS,
	USED_CACHED,
	USED_REASONING,
	USED_AUDIO,
	USED_INPUT,
	USED_OUTPUT,
	USED_INPUT_DETAILS,
	USED_OUTPUT_DETAILS,
	USED_CACHE_WRITE,
	USED_IMAGE,
	USED_CITATION,
	USED_CACHE_HIT,
	USED_SEARCHES,
	USED_N
};
/* Of a usage and its details alike, in the order that they mostly come in. */
static const struct json_name names[USED_N] = {
        [USED_PROMPT] = JSON_NAME("prompt_tokens"),
        [USED_COMPLETION] = JSON_NAME("completion_tokens"),
        [USED_TOTAL] = JSON_NAME("total_tokens"),
        [USED_PROMPT_DETAILS] = JSON_NAME("prompt_tokens_details"),
        [USED_COMPLETION_DETAILS] = JSON_NAME("completion_tokens_details"),
        [USED_CACHED] = JSON_NAME("cached_tokens"),
        [USED_REASONING] = JSON_NAME("reasoning_tokens"),
        [USED_AUDIO] = JSON_NAME("audio_tokens"),
        [USED_INPUT] = JSON_NAME("input_tokens"),
        [USED_OUTPUT] = JSON_NAME("output_tokens"),
        [USED_INPUT_DETAILS] = JSON_NAME("input_tokens_details"),
        [USED_OUTPUT_DETAILS] = JSON_NAME("output_tokens_details"),
        [USED_CACHE_WRITE] = JSON_NAME("cache_write_tokens"),
        [USED_IMAGE] = JSON_NAME("image_tokens"),
        [USED_CITATION] = JSON_NAME("citation_tokens"),
        [USED_CACHE_HIT] = JSON_NAME("prompt_cache_hit_tokens"),
        [USED_SEARCHES] = JSON_NAME("num_search_queries"),
};

struct told {
	const struct json_value *usage[USED_N], *in[USED_N], *out[USED_N];
};

static bool tells_more(struct openai_usage *u, const struct json_value *v, uint64_t *most)
{
	uint64_t n;

	if (json_type(v) == JSON_NULL)
		return false;
	if (json_to_u64(v, UINT64_MAX, &n)) {
		u->bad = true;
		return false;
	}
	*most = n > *most ? n : *most;
	return true;
}

/* Takes the number into *most if it is told and larger; what is no plain whole number is bad. */
static inline bool tells(struct openai_usage *u, const struct json_value *v, uint64_t *most)
{
	return v && tells_more(u, v, most);
}

static int members_of(
        const struct json_value *v, const struct json_value *ret[USED_N], struct complaint *why)
{
	const struct json_value *key;

	return openai_members(v, names, USED_N, ret, &key)
	               ? openai_malformed(why, "a key of its usage is spelled in other letters")
	               : 0;
}

static const struct json_value *either(const struct json_value *v, const struct json_value *other)
{
	return json_type(v) > JSON_NULL ? v : other;
}

static int find_told(const struct json_value *usage, struct told *t, struct complaint *why)
{
	int r = members_of(usage, t->usage, why);

	if (!r)
		r = members_of(either(t->usage[USED_PROMPT_DETAILS], t->usage[USED_INPUT_DETAILS]),
		        t->in, why);
	if (!r)
		r = members_of(
		        either(t->usage[USED_COMPLETION_DETAILS], t->usage[USED_OUTPUT_DETAILS]),
		        t->out, why);
	return r;
}

/* Where several usages come they are running totals, or one said twice: of each number the largest
 * one is kept, so that one which is empty takes nothing back. */
static void merge(struct openai_usage *u, const struct told *t)
{
	struct usage_raw *most = &u->most;
	/* Two names for one number: the larger one. */
	bool prompt = tells(u, t->usage[USED_PROMPT], &most->prompt);
	bool input = tells(u, t->usage[USED_INPUT], &most->prompt);
	bool completion = tells(u, t->usage[USED_COMPLETION], &most->completion);
	bool output = tells(u, t->usage[USED_OUTPUT], &most->completion);
	bool total = tells(u, t->usage[USED_TOTAL], &most->total);

	u->prompt = u->prompt || prompt || input;
	u->completion = u->completion || completion || output;
	most->has_total = most->has_total || total;
	u->told = completion || output || total;
	if (!tells(u, t->in[USED_CACHED], &most->cached))
		tells(u, t->usage[USED_CACHE_HIT], &most->cached);
	tells(u, t->in[USED_CACHE_WRITE], &most->cache_write);
	tells(u, t->in[USED_AUDIO], &most->audio_in);
	tells(u, t->in[USED_IMAGE], &most->image_in);
	if (!tells(u, t->out[USED_REASONING], &most->reasoning))
		tells(u, t->usage[USED_REASONING], &most->reasoning);
	tells(u, t->usage[USED_CITATION], &most->citation);
	tells(u, t->out[USED_AUDIO], &most->audio_out);
	tells(u, t->out[USED_IMAGE], &most->image_out);
	tells(u, t->usage[USED_SEARCHES], &u->searches);
}

/* The side that was not told, as far as the total tells it. Only what is written has two sides. */
static struct usage_raw complete(const struct openai_usage *u, bool writes)
{
	struct usage_raw raw = u->most;
	bool prompt = u->prompt, completion = u->completion;

	if (!writes) {
		if (raw.has_total && raw.total > raw.prompt + raw.completion)
			raw.prompt = raw.total - raw.completion;
		raw.known = prompt || raw.has_total;
		return raw;
	}
	if (prompt && !completion && raw.has_total && raw.total >= raw.prompt) {
		raw.completion = raw.total - raw.prompt;
		completion = true;
	} else if (completion && !prompt && raw.has_total && raw.total >= raw.completion) {
		raw.prompt = raw.total - raw.completion;
		prompt = true;
	}
	raw.known = prompt && completion;
	return raw;
}

/* A total above its parts is something that was billed and not itemised. */
static void add_surplus(struct usage *u, const struct usage_raw *raw)
{
	uint64_t counted = usage_tokens_total(u);

	if (!raw->has_total || raw->total <= counted)
		return;
	u->out_reasoning += raw->total - counted;
	u->mismatch = true;
}

int openai_read_usage(struct answer *a, const struct json_value *usage, struct complaint *why)
{
	struct openai_answer *s = a->state;
	const struct usage_rules *rules =
	        a->usage_rules ? a->usage_rules : usage_rules_find((struct slice){0});
	bool writes = a->facts->action == ACTION_CHAT || a->facts->action == ACTION_COMPLETION;
	struct openai_usage u = s->usage;
	struct usage_raw raw;
	UNINIT struct told told;
	int r = find_told(usage, &told, why);

	if (r)
		return r;
	s->usage_came = true;
	u.bad = false;
	merge(&u, &told);
	if (u.bad) {
		s->usage.bad = a->usage.mismatch = true;
		return 0;
	}
	u.bad = s->usage.bad;
	s->usage = u;
	s->usage_told = u.told;
	raw = complete(&u, writes);
	if (!raw.known)
		return 0;
	usage_from_openai(&raw, rules, &a->usage);
	add_surplus(&a->usage, &raw);
	a->usage.web_search = u.searches;
	a->usage.mismatch = a->usage.mismatch || u.bad || (u.prompt && raw.prompt > u.most.prompt);
	return 0;
}
