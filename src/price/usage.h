/* SPDX-License-Identifier: Apache-2.0 */
/* usage: what one call used, in disjoint classes, whoever counted it. A token stands in exactly one
 * class, so that the classes add up to what the provider calls the total; where they do not, the
 * usage says so.
 *
 * A dialect reads its fields into a usage_raw and hands it to the converter of its API. Providers
 * tell overlapping numbers: cached tokens are part of the input (OpenAI, Gemini) or stand beside it
 * (Anthropic, Bedrock); reasoning is part of the output (OpenAI, Anthropic) or comes on top
 * (Gemini, xAI, Perplexity). That is known here and only here. */
#pragma once
#include "base/slice.h"

/* Every class: name, then what it is. The order is that of the array; tokens in come first, then
 * tokens out. */
#define USAGE_CLASS_LIST(X)                                                                        \
	X(in_uncached, "text and whatever else was read, at the input price")                      \
	X(in_cache_read, "read from the provider's prompt cache")                                  \
	X(in_cache_write_5m, "written to it, for five minutes or the provider's only lifetime")    \
	X(in_cache_write_1h, "written to it for an hour")                                          \
	X(in_audio, "audio, not cached")                                                           \
	X(in_audio_cached, "audio read from the cache")                                            \
	X(in_image, "images, not cached")                                                          \
	X(in_image_cached, "images read from the cache")                                           \
	X(in_video, "video")                                                                       \
	X(in_tool, "what a tool that the provider runs put into the prompt")                       \
	X(out_text, "text and whatever else was written, at the output price")                     \
	X(out_reasoning, "reasoning")                                                              \
	X(out_audio, "audio")                                                                      \
	X(out_image, "images")                                                                     \
	X(out_video, "video")                                                                      \
	X(out_citation, "citations that are counted apart")                                        \
	X(web_search, "searches of the web")                                                       \
	X(file_search, "searches of stored files")                                                 \
	X(code_session, "runs of a code interpreter")                                              \
	X(page, "document pages, not annotated")                                                   \
	X(page_annotated, "document pages with annotation")                                        \
	X(message, "text messages of a voice session")                                             \
	X(character, "characters of speech to make")                                               \
	X(in_audio_ms, "milliseconds of audio heard, where that is what is billed")                \
	X(out_audio_ms, "milliseconds of audio made, where that is what is billed")

enum usage_class {
#define X(name, what) USAGE_##name,
	USAGE_CLASS_LIST(X)
#undef X
	        USAGE_CLASSES
};
#define USAGE_IN_END USAGE_out_text    /* [0, USAGE_IN_END) are tokens in */
#define USAGE_OUT_END USAGE_web_search /* [USAGE_IN_END, USAGE_OUT_END) are tokens out */
#define USAGE_BIT(name) (1u << USAGE_##name)

struct usage {
	union {
		uint64_t of[USAGE_CLASSES];
		struct {
#define X(name, what) uint64_t name;
			USAGE_CLASS_LIST(X)
#undef X
		};
	};
	uint64_t total; /* tokens in all, as the provider says; where it says nothing, the sum */
	bool known;     /* the provider told; false: every class is zero, and that means nothing */
	bool mismatch;  /* its numbers contradict each other: a part larger than its whole, another
	                   total */
	bool estimated; /* filled by Weir, since the provider's numbers never came */
};

/* The numbers as they stand in the answer, before anyone asks what contains what. What is not told
 * stays zero. */
struct usage_raw {
	uint64_t prompt;                       /* prompt_tokens, input_tokens, promptTokenCount */
	uint64_t cached;                       /* read from the cache, all modalities */
	uint64_t cached_audio;                 /* part of cached */
	uint64_t cached_image;                 /* part of cached */
	uint64_t cache_write;                  /* written to the cache, all lifetimes */
	uint64_t cache_write_1h;               /* part of cache_write */
	uint64_t audio_in, image_in, video_in; /* parts of prompt, the cached ones included */
	uint64_t tool_in;                      /* toolUsePromptTokenCount */
	uint64_t completion; /* completion_tokens, output_tokens, candidatesTokenCount */
	uint64_t reasoning, citation;
	uint64_t audio_out, image_out, video_out; /* parts of completion */
	uint64_t total;
	bool known;     /* there was a usage object with at least one of the two sides */
	bool has_total; /* total was told */
};

/* How one provider counts in OpenAI's shape. */
struct usage_rules {
	struct slice provider; /* as the price table names it; empty: everyone who is not listed */
	bool reasoning_is_added;  /* completion_tokens leaves reasoning and citations out */
	bool total_leaves_it_out; /* and so does total_tokens */
	bool total_decides;       /* unknown which: total_tokens shows it */
	bool audio_as_text; /* no audio price in the table means that audio costs what text does */
};

/* Never NULL. The names of the price table; aliases as price_provider_by_name resolves them. */
const struct usage_rules *usage_rules_find(struct slice provider);

/* All three fill ret wholly; the counts behind the token classes are zero and are the caller's to
 * set afterwards. An unknown raw gives an unknown usage. Numbers near 2^64 saturate. */
void usage_from_openai(
        const struct usage_raw *raw, const struct usage_rules *rules, struct usage *ret);
void usage_from_anthropic(
        const struct usage_raw *raw, struct usage *ret); /* also Bedrock's Converse */
void usage_from_gemini(const struct usage_raw *raw, struct usage *ret);

uint64_t usage_input_total(const struct usage *u);  /* saturates */
uint64_t usage_output_total(const struct usage *u); /* saturates */
uint64_t usage_tokens_total(const struct usage *u); /* saturates */
/* "in_uncached" and so on, for records and messages. */
const char *usage_class_name(enum usage_class c);
