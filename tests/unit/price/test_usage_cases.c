/* SPDX-License-Identifier: Apache-2.0 */
/* test_usage_cases: answers of many providers with the cost that each must come to, to the
 * pico-dollar. The cases are not part of this tree: $WEIR_DATA (a folder), else ../shared/data,
 * holds detection.tar.gz with usage_cost_cases.jsonl in it; without it the test says so and is
 * skipped. The reading of the bodies here is this test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <yyjson.h>
#include "price/cost.h"
#include "price/price_table.h"

#define PRICED_WITH "genai-prices 0.1.8,"    /* with a renewed table only the tokens are compared */
#define THE_DAY (1793563200 * 1000000000ull) /* the cases were priced at 2026-11-01T20:00Z */

/* A number at "a.b.c"; absent is 0. */
static uint64_t number(yyjson_val *at, const char *path)
{
	while (at && *path) {
		size_t len = strcspn(path, ".");

		at = yyjson_obj_getn(at, path, len);
		path += len + (path[len] == '.');
	}
	return yyjson_get_uint(at);
}

/* The first of several spellings that is there. */
static uint64_t any_number(yyjson_val *at, const char *const *paths)
{
	uint64_t n = 0;

	for (; *paths && !n; paths++)
		n = number(at, *paths);
	return n;
}
#define ANY(at, ...) any_number(at, (const char *const[]){__VA_ARGS__, NULL})

static uint64_t modality(yyjson_val *usage, const char *list, const char *which)
{
	yyjson_val *item;
	size_t i, n;
	uint64_t sum = 0;

	yyjson_arr_foreach(yyjson_obj_get(usage, list), i, n, item)
	{
		if (yyjson_equals_str(yyjson_obj_get(item, "modality"), which))
			sum += number(item, "tokenCount");
	}
	return sum;
}

static void from_gemini(yyjson_val *body, struct usage *ret)
{
	yyjson_val *u = yyjson_obj_get(body, "usageMetadata");
	struct usage_raw raw = {
	        .known = u,
	        .prompt = number(u, "promptTokenCount"),
	        .cached = number(u, "cachedContentTokenCount"),
	        .cached_audio = modality(u, "cacheTokensDetails", "AUDIO"),
	        .cached_image = modality(u, "cacheTokensDetails", "IMAGE"),
	        .audio_in = modality(u, "promptTokensDetails", "AUDIO"),
	        .image_in = modality(u, "promptTokensDetails", "IMAGE"),
	        .video_in = modality(u, "promptTokensDetails", "VIDEO"),
	        .tool_in = number(u, "toolUsePromptTokenCount"),
	        .completion = number(u, "candidatesTokenCount"),
	        .reasoning = number(u, "thoughtsTokenCount"),
	        .audio_out = modality(u, "candidatesTokensDetails", "AUDIO"),
	        .image_out = modality(u, "candidatesTokensDetails", "IMAGE"),
	        .total = number(u, "totalTokenCount"),
	        .has_total = yyjson_obj_get(u, "totalTokenCount"),
	};

	usage_from_gemini(&raw, ret);
}

static void from_anthropic(yyjson_val *body, struct usage *ret)
{
	yyjson_val *u = yyjson_obj_get(body, "usage");
	struct usage_raw raw = {
	        .known = u,
	        .prompt = ANY(u, "input_tokens", "inputTokens"),
	        .cached = ANY(u, "cache_read_input_tokens", "cacheReadInputTokens"),
	        .cache_write = ANY(u, "cache_creation_input_tokens", "cacheWriteInputTokens"),
	        .cache_write_1h = number(u, "cache_creation.ephemeral_1h_input_tokens"),
	        .completion = ANY(u, "output_tokens", "outputTokens"),
	        .reasoning = number(u, "output_tokens_details.thinking_tokens"),
	};

	usage_from_anthropic(&raw, ret);
	ret->web_search = number(u, "server_tool_use.web_search_requests");
}

#define DETAIL(side, what) side "_tokens_details." what, side "_token_details." what

static void from_openai(yyjson_val *body, struct slice provider, struct usage *ret)
{
	yyjson_val *answer = yyjson_obj_get(body, "response");
	yyjson_val *u = yyjson_obj_get(answer ? answer : body, "usage");
	yyjson_val *billed = yyjson_obj_get(u, "billed_units");
	struct usage_raw raw = {
	        .known = u,
	        .prompt = ANY(billed ? billed : u, "prompt_tokens", "input_tokens"),
	        .cached = ANY(u, DETAIL("prompt", "cached_tokens"),
	                DETAIL("input", "cached_tokens"), "prompt_cache_hit_tokens",
	                "cached_prompt_text_tokens", "cached_tokens"),
	        .cached_audio = number(u, "input_token_details.cached_tokens_details.audio_tokens"),
	        .cached_image = number(u, "input_token_details.cached_tokens_details.image_tokens"),
	        .cache_write = ANY(u, DETAIL("prompt", "cache_write_tokens"),
	                DETAIL("input", "cache_write_tokens")),
	        .audio_in =
	                ANY(u, DETAIL("prompt", "audio_tokens"), DETAIL("input", "audio_tokens")),
	        .image_in =
	                ANY(u, DETAIL("prompt", "image_tokens"), DETAIL("input", "image_tokens")),
	        .completion = ANY(billed ? billed : u, "completion_tokens", "output_tokens"),
	        .reasoning = ANY(u, DETAIL("completion", "reasoning_tokens"),
	                DETAIL("output", "reasoning_tokens"), "reasoning_tokens"),
	        .citation = number(u, "citation_tokens"),
	        .audio_out = ANY(
	                u, DETAIL("completion", "audio_tokens"), DETAIL("output", "audio_tokens")),
	        .image_out = ANY(u, DETAIL("output", "image_tokens")),
	        .total = number(u, "total_tokens"),
	        .has_total = yyjson_obj_get(u, "total_tokens"),
	};

	usage_from_openai(&raw, usage_rules_find(provider), ret);
	ret->web_search = number(u, "num_search_queries");
	ret->page = number(body, "usage_info.pages_processed");
}

static void read_usage(yyjson_val *record, struct slice provider, struct usage *ret)
{
	yyjson_val *body = yyjson_obj_get(record, "body");

	if (yyjson_obj_get(body, "usageMetadata"))
		from_gemini(body, ret);
	else if (slice_is(provider, "anthropic") || slice_is(provider, "aws"))
		from_anthropic(body, ret);
	else
		from_openai(body, provider, ret);
}

static void assert_usage(yyjson_val *want, const struct usage *u)
{
	if (yyjson_obj_get(want, "input_tokens"))
		assert_int_equal(usage_input_total(u), number(want, "input_tokens"));
	if (yyjson_obj_get(want, "output_tokens"))
		assert_int_equal(usage_output_total(u), number(want, "output_tokens"));
	if (yyjson_obj_get(want, "cache_read_tokens"))
		assert_int_equal(u->in_cache_read + u->in_audio_cached + u->in_image_cached,
		        number(want, "cache_read_tokens"));
	if (yyjson_obj_get(want, "cache_write_tokens"))
		assert_int_equal(u->in_cache_write_5m + u->in_cache_write_1h,
		        number(want, "cache_write_tokens"));
	if (yyjson_obj_get(want, "output_reasoning_tokens"))
		assert_int_equal(u->out_reasoning, number(want, "output_reasoning_tokens"));
}

static void run_case(yyjson_val *record)
{
	const char *name = yyjson_get_str(yyjson_obj_get(record, "name"));
	const char *provider = yyjson_get_str(yyjson_obj_get(record, "provider"));
	struct slice model = slice_str(yyjson_get_str(yyjson_obj_get(record, "model")));
	yyjson_val *want = yyjson_obj_get(record, "expect_picousd");
	uint32_t unpriced = 0;
	struct usage u;
	struct price p;
	picosum got;

	assert_non_null(name);
	print_message("%s\n", name ? name : "?");
	read_usage(record, slice_str(provider), &u);
	assert_usage(yyjson_obj_get(record, "expect_usage"), &u);
	if (price_find(slice_str(provider), model, THE_DAY, &p)) {
		assert_false(yyjson_is_uint(want)); /* not known, and not 0 */
		return;
	}
	if (strncmp(price_table_version(), PRICED_WITH, strlen(PRICED_WITH)))
		return;
	got = cost_picousd(&p, &u, &unpriced);
	if (!yyjson_is_uint(want)) {
		assert_int_not_equal(unpriced, 0);
		return;
	}
	assert_true(got == yyjson_get_uint(want));
	assert_true((picosum)cost_of(&p, &u, NULL) == (got + 999) / 1000);
}

static void every_answer_costs_what_it_must(void **state)
{
	const char *folder = getenv("WEIR_DATA");
	static char line[1 << 16];
	unsigned n = 0;
	FILE *cases;

	(void)state;
	setenv("WEIR_DATA", folder ? folder : "../shared/data", 1);
	cases = popen(
	        "tar -xzOf \"$WEIR_DATA/detection.tar.gz\" ./usage_cost_cases.jsonl 2>&1", "r");
	assert_non_null(cases);
	while (fgets(line, sizeof(line), cases) && line[0] == '{') {
		yyjson_doc *doc = yyjson_read(line, strlen(line), 0);

		assert_non_null(doc);
		run_case(yyjson_doc_get_root(doc));
		yyjson_doc_free(doc);
		n++;
	}
	pclose(cases);
	if (!n) {
		print_message("skipped: no detection.tar.gz in $WEIR_DATA or ../shared/data\n");
		skip();
	}
	print_message("%u cases\n", n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_answer_costs_what_it_must)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
