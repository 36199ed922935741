/* SPDX-License-Identifier: Apache-2.0 */
/* openai_usage: what an answer says was used. Absent and null are nothing; what was told counts
 * only once both sides are known, since half of it would be a call that costs half. */
#include "dialect/openai_answer.h"
#include <errno.h>
#include "dialect/openai_keys.h"

static const char *const names[] = {"prompt_tokens", "input_tokens", "completion_tokens",
        "output_tokens", "total_tokens", "prompt_tokens_details", "input_tokens_details",
        "completion_tokens_details", "output_tokens_details", "cached_tokens", "cache_write_tokens",
        "audio_tokens", "image_tokens", "reasoning_tokens", "citation_tokens",
        "prompt_cache_hit_tokens", "num_search_queries", NULL};

/* Takes the number into *most if it is told and larger; what is no plain whole number is bad. */
static bool tells(struct openai_usage *u, const struct json_value *v, uint64_t *most)
{
	uint64_t n;

	if (json_type(v) <= JSON_NULL)
		return false;
	if (json_to_u64(v, UINT64_MAX, &n)) {
		u->bad = true;
		return false;
	}
	*most = n > *most ? n : *most;
	return true;
}

static const struct json_value *details(
        const struct json_value *usage, const char *key, const char *other)
{
	const struct json_value *v = json_get(usage, key);

	return json_type(v) > JSON_NULL ? v : json_get(usage, other);
}

/* Where several usages come they are running totals: of each number the largest one is kept, so
 * that one which is empty takes nothing back. */
static void merge(struct openai_usage *u, const struct json_value *usage,
        const struct json_value *in, const struct json_value *out)
{
	struct usage_raw *most = &u->most;
	/* Two names for one number: the larger one. */
	bool prompt = tells(u, json_get(usage, "prompt_tokens"), &most->prompt);
	bool input = tells(u, json_get(usage, "input_tokens"), &most->prompt);
	bool completion = tells(u, json_get(usage, "completion_tokens"), &most->completion);
	bool output = tells(u, json_get(usage, "output_tokens"), &most->completion);
	bool total = tells(u, json_get(usage, "total_tokens"), &most->total);

	u->prompt = u->prompt || prompt || input;
	u->completion = u->completion || completion || output;
	most->has_total = most->has_total || total;
	if (!tells(u, json_get(in, "cached_tokens"), &most->cached))
		tells(u, json_get(usage, "prompt_cache_hit_tokens"), &most->cached);
	tells(u, json_get(in, "cache_write_tokens"), &most->cache_write);
	tells(u, json_get(in, "audio_tokens"), &most->audio_in);
	tells(u, json_get(in, "image_tokens"), &most->image_in);
	if (!tells(u, json_get(out, "reasoning_tokens"), &most->reasoning))
		tells(u, json_get(usage, "reasoning_tokens"), &most->reasoning);
	tells(u, json_get(usage, "citation_tokens"), &most->citation);
	tells(u, json_get(out, "audio_tokens"), &most->audio_out);
	tells(u, json_get(out, "image_tokens"), &most->image_out);
	tells(u, json_get(usage, "num_search_queries"), &u->searches);
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
	const struct json_value *in =
	        details(usage, "prompt_tokens_details", "input_tokens_details");
	const struct json_value *out =
	        details(usage, "completion_tokens_details", "output_tokens_details");
	bool writes = a->facts->action == ACTION_CHAT || a->facts->action == ACTION_COMPLETION;
	struct openai_usage u = s->usage;
	struct usage_raw raw;
	struct slice key;

	if (json_type(usage) <= JSON_NULL)
		return 0;
	if (openai_odd_key(usage, names, &key) || openai_odd_key(in, names, &key) ||
	        openai_odd_key(out, names, &key))
		return openai_malformed(why, "a key of its usage is spelled in other letters");
	u.bad = false;
	merge(&u, usage, in, out);
	if (u.bad) {
		s->usage.bad = a->usage.mismatch = true;
		return 0;
	}
	u.bad = s->usage.bad;
	s->usage = u;
	raw = complete(&u, writes);
	if (!raw.known)
		return 0;
	usage_from_openai(&raw, rules, &a->usage);
	add_surplus(&a->usage, &raw);
	a->usage.web_search = u.searches;
	a->usage.mismatch = a->usage.mismatch || u.bad || (u.prompt && raw.prompt > u.most.prompt);
	return 0;
}
