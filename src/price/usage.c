/* SPDX-License-Identifier: Apache-2.0 */
/* usage: overlapping numbers become disjoint classes. Each part is taken out of what is left of its
 * whole, so that the classes cannot add up to more; a part that does not fit makes the usage a
 * mismatch. */
#include <assert.h>
#include "price/usage.h"

static_assert(USAGE_CLASSES <= 32, "a mask of classes is 32 bits");
static_assert(sizeof(((struct usage *)0)->of) == USAGE_CLASSES * sizeof(uint64_t), "no padding");

/* What 43 providers' answers were found to mean (genai-prices' extractors); who is not here counts
 * like OpenAI, or the total tells. */
static const struct usage_rules rules[] = {
        {.provider = SLICE_INIT("openai")},
        {.provider = SLICE_INIT("azure")},
        {.provider = SLICE_INIT("google"), .total_decides = true, .audio_as_text = true},
        {.provider = SLICE_INIT("x-ai"), .reasoning_is_added = true},
        {.provider = SLICE_INIT("perplexity"),
                .reasoning_is_added = true,
                .total_leaves_it_out = true},
        {.provider = SLICE_INIT(""), .total_decides = true},
};

const struct usage_rules *usage_rules_find(struct slice provider)
{
	const struct usage_rules *r = rules;

	while (r->provider.len && !slice_equals(r->provider, provider))
		r++;
	return r;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static uint64_t sum(const struct usage *u, unsigned from, unsigned to)
{
	uint64_t n = 0;

	for (unsigned c = from; c < to; c++)
		n = add(n, u->of[c]);
	return n;
}

uint64_t usage_input_total(const struct usage *u)
{
	return sum(u, 0, USAGE_IN_END);
}

uint64_t usage_output_total(const struct usage *u)
{
	return sum(u, USAGE_IN_END, USAGE_OUT_END);
}

uint64_t usage_tokens_total(const struct usage *u)
{
	return sum(u, 0, USAGE_OUT_END);
}

const char *usage_class_name(enum usage_class c)
{
	static const char *const names[] = {
#define X(name, what) #name,
	        USAGE_CLASS_LIST(X)
#undef X
	};

	assert(c < USAGE_CLASSES);
	return names[c];
}

/* Moves want tokens, or as many as are left, out of *rest; fewer is a mismatch. */
static uint64_t take(struct usage *u, uint64_t *rest, uint64_t want)
{
	if (want > *rest) {
		u->mismatch = true;
		want = *rest;
	}
	*rest -= want;
	return want;
}

/* What is cached of a modality is part of two wholes, and leaves both. */
static uint64_t take_cached(struct usage *u, uint64_t *cached, uint64_t *modality, uint64_t want)
{
	uint64_t most = *cached < *modality ? *cached : *modality;
	uint64_t got = take(u, &most, want);

	*cached -= got;
	*modality -= got;
	return got;
}

static void take_cache_writes(struct usage *u, const struct usage_raw *raw, uint64_t written)
{
	u->in_cache_write_1h = take(u, &written, raw->cache_write_1h);
	u->in_cache_write_5m = written;
}

/* Audio may be among the cached tokens without anyone saying how much of it: then it counts as not
 * cached, which is the dearer reading, as far as the prompt has room for both. */
static void take_audio(struct usage *u, uint64_t *rest, uint64_t audio)
{
	uint64_t fits = audio < *rest ? audio : *rest;
	uint64_t shared = audio - fits;

	*rest -= fits;
	u->in_audio = fits;
	shared = take(u, &u->in_cache_read, shared);
	u->in_audio_cached = add(u->in_audio_cached, shared);
}

/* The prompt's parts, where prompt is all there is but for what a provider's tool added. */
static void take_prompt(struct usage *u, const struct usage_raw *raw)
{
	uint64_t rest = raw->prompt, audio = raw->audio_in, image = raw->image_in;
	uint64_t cached = take(u, &rest, raw->cached);

	u->in_audio_cached = take_cached(u, &cached, &audio, raw->cached_audio);
	u->in_image_cached = take_cached(u, &cached, &image, raw->cached_image);
	u->in_cache_read = cached;
	take_cache_writes(u, raw, take(u, &rest, raw->cache_write));
	u->in_image = take(u, &rest, image);
	u->in_video = take(u, &rest, raw->video_in);
	take_audio(u, &rest, audio);
	u->in_uncached = rest;
}

static void take_completion(struct usage *u, const struct usage_raw *raw, bool reasoning_is_added)
{
	uint64_t rest = raw->completion;

	if (reasoning_is_added) {
		u->out_reasoning = raw->reasoning;
		u->out_citation = raw->citation;
	} else {
		u->out_reasoning = take(u, &rest, raw->reasoning);
		u->out_citation = take(u, &rest, raw->citation);
	}
	u->out_audio = take(u, &rest, raw->audio_out);
	u->out_image = take(u, &rest, raw->image_out);
	u->out_video = take(u, &rest, raw->video_out);
	u->out_text = rest;
}

static struct usage begin(const struct usage_raw *raw)
{
	return (struct usage){.known = raw->known};
}

/* says: what the provider's total should be, if it told one. */
static void end(struct usage *u, const struct usage_raw *raw, uint64_t says)
{
	u->total = raw->has_total ? raw->total : usage_tokens_total(u);
	if (raw->has_total && raw->total != says)
		u->mismatch = true;
}

/* Whether reasoning comes on top, by the only witness there is. */
static bool total_shows_added(const struct usage_raw *raw)
{
	uint64_t extra = add(raw->reasoning, raw->citation);
	uint64_t sides = add(raw->prompt, raw->completion);

	return raw->has_total && extra && add(sides, extra) == raw->total;
}

/* A total above both sides is reasoning that nobody itemised and that is billed (Gemini behind
 * OpenAI's shape). The numbers still contradict each other: what is counted here is a guess. */
static void take_surplus(struct usage *u, const struct usage_raw *raw)
{
	uint64_t counted = usage_tokens_total(u);

	if (!raw->has_total || raw->total <= counted)
		return;
	u->out_reasoning = add(u->out_reasoning, raw->total - counted);
	u->mismatch = true;
}

void usage_from_openai(const struct usage_raw *raw, const struct usage_rules *r, struct usage *ret)
{
	struct usage u = begin(raw);
	bool added = r->reasoning_is_added || (r->total_decides && total_shows_added(raw));

	if (raw->known) {
		take_prompt(&u, raw);
		take_completion(&u, raw, added);
		if (r->total_decides)
			take_surplus(&u, raw);
		end(&u, raw,
		        r->total_leaves_it_out ? add(raw->prompt, raw->completion)
		                               : usage_tokens_total(&u));
	}
	*ret = u;
}

void usage_from_anthropic(const struct usage_raw *raw, struct usage *ret)
{
	struct usage u = begin(raw);

	if (raw->known) {
		u.in_uncached = raw->prompt;
		u.in_cache_read = raw->cached;
		take_cache_writes(&u, raw, raw->cache_write);
		take_completion(&u, raw, false);
		end(&u, raw, usage_tokens_total(&u));
	}
	*ret = u;
}

void usage_from_gemini(const struct usage_raw *raw, struct usage *ret)
{
	struct usage u = begin(raw);

	if (raw->known) {
		take_prompt(&u, raw);
		u.in_tool = raw->tool_in;
		take_completion(&u, raw, true);
		end(&u, raw, usage_tokens_total(&u));
	}
	*ret = u;
}
