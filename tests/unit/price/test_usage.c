/* SPDX-License-Identifier: Apache-2.0 */
/* test_usage: overlapping numbers become classes that add up, for every way in which providers
 * overlap them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "price/usage.h"

static struct usage from_openai(struct usage_raw raw, const char *provider)
{
	struct usage u;

	raw.known = true;
	usage_from_openai(&raw, usage_rules_find(slice_str(provider)), &u);
	return u;
}

static void cached_and_reasoning_are_parts_for_openai(void **state)
{
	struct usage u = from_openai((struct usage_raw){.prompt = 1000,
	                                     .cached = 600,
	                                     .cache_write = 100,
	                                     .completion = 300,
	                                     .reasoning = 250,
	                                     .total = 1300,
	                                     .has_total = true},
	        "openai");

	(void)state;
	assert_int_equal(u.in_uncached, 300);
	assert_int_equal(u.in_cache_read, 600);
	assert_int_equal(u.in_cache_write_5m, 100);
	assert_int_equal(u.out_text, 50);
	assert_int_equal(u.out_reasoning, 250);
	assert_int_equal(usage_input_total(&u), 1000);
	assert_int_equal(usage_output_total(&u), 300);
	assert_int_equal(u.total, 1300);
	assert_true(u.known);
	assert_false(u.mismatch);
	assert_false(u.estimated);
}

static void reasoning_comes_on_top_for_xai(void **state)
{
	struct usage u = from_openai((struct usage_raw){.prompt = 32,
	                                     .completion = 9,
	                                     .reasoning = 94,
	                                     .total = 135,
	                                     .has_total = true},
	        "x-ai");

	(void)state;
	assert_int_equal(u.out_text, 9);
	assert_int_equal(u.out_reasoning, 94);
	assert_int_equal(usage_tokens_total(&u), 135);
	assert_false(u.mismatch);
}

static void perplexitys_total_leaves_out_what_it_bills(void **state)
{
	struct usage u = from_openai((struct usage_raw){.prompt = 40,
	                                     .completion = 700,
	                                     .reasoning = 7000,
	                                     .citation = 2000,
	                                     .total = 740,
	                                     .has_total = true},
	        "perplexity");

	(void)state;
	assert_int_equal(u.out_text, 700);
	assert_int_equal(u.out_reasoning, 7000);
	assert_int_equal(u.out_citation, 2000);
	assert_int_equal(u.total, 740);
	assert_false(u.mismatch);
}

static void the_total_tells_how_an_unlisted_provider_counts(void **state)
{
	struct usage_raw raw = {
	        .prompt = 10, .completion = 100, .reasoning = 60, .total = 110, .has_total = true};
	struct usage u = from_openai(raw, "somebody");

	(void)state;
	assert_int_equal(u.out_text, 40);
	assert_false(u.mismatch);
	raw.total = 170;
	u = from_openai(raw, "somebody");
	assert_int_equal(u.out_text, 100);
	assert_int_equal(u.out_reasoning, 60);
	assert_false(u.mismatch);
}

static void tokens_that_only_the_total_knows_count_as_reasoning(void **state)
{
	struct usage u = from_openai(
	        (struct usage_raw){.prompt = 10, .completion = 20, .total = 130, .has_total = true},
	        "google");

	(void)state;
	assert_int_equal(u.out_text, 20);
	assert_int_equal(u.out_reasoning, 100);
	assert_true(u.mismatch);
}

static void a_part_larger_than_its_whole_is_a_mismatch(void **state)
{
	struct usage u = from_openai((struct usage_raw){.prompt = 10, .cached = 11}, "openai");

	(void)state;
	assert_true(u.mismatch);
	assert_int_equal(usage_input_total(&u), 10);
	u = from_openai((struct usage_raw){.completion = 10, .reasoning = 11}, "openai");
	assert_true(u.mismatch);
	assert_int_equal(usage_output_total(&u), 10);
}

static void another_total_is_a_mismatch(void **state)
{
	struct usage_raw raw = {.prompt = 10, .completion = 5, .total = 16, .has_total = true};

	(void)state;
	assert_true(from_openai(raw, "openai").mismatch);
	assert_int_equal(from_openai(raw, "openai").total, 16);
	raw.total = 15;
	assert_false(from_openai(raw, "openai").mismatch);
	raw.has_total = false;
	raw.total = 0;
	assert_false(from_openai(raw, "openai").mismatch);
	assert_int_equal(from_openai(raw, "openai").total, 15);
}

static void cached_audio_leaves_both_wholes(void **state)
{
	struct usage u = from_openai(
	        (struct usage_raw){
	                .prompt = 1000, .cached = 300, .cached_audio = 200, .audio_in = 700},
	        "openai");

	(void)state;
	assert_int_equal(u.in_audio_cached, 200);
	assert_int_equal(u.in_audio, 500);
	assert_int_equal(u.in_cache_read, 100);
	assert_int_equal(u.in_uncached, 200);
	assert_false(u.mismatch);
}

static void audio_counts_as_uncached_while_the_prompt_has_room_for_both(void **state)
{
	struct usage u = from_openai(
	        (struct usage_raw){.prompt = 1000, .cached = 300, .audio_in = 700}, "openai");

	(void)state;
	assert_int_equal(u.in_audio, 700);
	assert_int_equal(u.in_cache_read, 300);
	u = from_openai(
	        (struct usage_raw){.prompt = 1000, .cached = 600, .audio_in = 700}, "openai");
	assert_int_equal(u.in_audio, 400);
	assert_int_equal(u.in_audio_cached, 300);
	assert_int_equal(u.in_cache_read, 300);
	assert_false(u.mismatch);
	assert_int_equal(usage_input_total(&u), 1000);
}

static void the_cache_stands_beside_anthropics_input(void **state)
{
	struct usage_raw raw = {.known = true,
	        .prompt = 21,
	        .cached = 188086,
	        .cache_write = 700,
	        .cache_write_1h = 500,
	        .completion = 393,
	        .reasoning = 93};
	struct usage u;

	(void)state;
	usage_from_anthropic(&raw, &u);
	assert_int_equal(u.in_uncached, 21);
	assert_int_equal(u.in_cache_read, 188086);
	assert_int_equal(u.in_cache_write_5m, 200);
	assert_int_equal(u.in_cache_write_1h, 500);
	assert_int_equal(u.out_text, 300);
	assert_int_equal(usage_input_total(&u), 21 + 188086 + 700);
	assert_false(u.mismatch);
	raw.cache_write_1h = 701;
	usage_from_anthropic(&raw, &u);
	assert_true(u.mismatch);
}

static void geminis_thoughts_and_tool_prompts_come_on_top(void **state)
{
	struct usage_raw raw = {.known = true,
	        .prompt = 500,
	        .cached = 100,
	        .tool_in = 50,
	        .completion = 40,
	        .reasoning = 260,
	        .total = 850,
	        .has_total = true};
	struct usage u;

	(void)state;
	usage_from_gemini(&raw, &u);
	assert_int_equal(u.in_uncached, 400);
	assert_int_equal(u.in_cache_read, 100);
	assert_int_equal(u.in_tool, 50);
	assert_int_equal(u.out_text, 40);
	assert_int_equal(u.out_reasoning, 260);
	assert_false(u.mismatch);
}

static void no_numbers_are_not_zero_tokens(void **state)
{
	struct usage_raw raw = {.prompt = 5};
	struct usage u;

	(void)state;
	usage_from_openai(&raw, usage_rules_find(SLICE("openai")), &u);
	assert_false(u.known);
	assert_int_equal(usage_tokens_total(&u), 0);
	usage_from_anthropic(&raw, &u);
	assert_false(u.known);
	usage_from_gemini(&raw, &u);
	assert_false(u.known);
}

static uint64_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 20 >> (*seed & 31);
}

static void whatever_is_told_no_token_is_lost_or_counted_twice(void **state)
{
	uint64_t s = 7;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		struct usage_raw raw = {.known = true,
		        .prompt = next(&s),
		        .cached = next(&s),
		        .cached_audio = next(&s),
		        .cached_image = next(&s),
		        .cache_write = next(&s),
		        .cache_write_1h = next(&s),
		        .audio_in = next(&s),
		        .image_in = next(&s),
		        .video_in = next(&s),
		        .completion = next(&s),
		        .reasoning = next(&s),
		        .audio_out = next(&s),
		        .image_out = next(&s)};
		struct usage u = from_openai(raw, "openai");

		assert_int_equal(usage_input_total(&u), raw.prompt);
		assert_int_equal(usage_output_total(&u), raw.completion);
		usage_from_gemini(&raw, &u);
		assert_int_equal(usage_input_total(&u), raw.prompt);
		assert_int_equal(usage_output_total(&u), raw.completion + raw.reasoning);
	}
}

static void absurd_numbers_saturate(void **state)
{
	struct usage_raw raw = {.known = true,
	        .prompt = UINT64_MAX,
	        .cached = UINT64_MAX,
	        .cache_write = UINT64_MAX,
	        .completion = UINT64_MAX,
	        .reasoning = UINT64_MAX,
	        .total = UINT64_MAX,
	        .has_total = true,
	        .tool_in = UINT64_MAX};
	struct usage u;

	(void)state;
	usage_from_anthropic(&raw, &u);
	assert_true(usage_input_total(&u) == UINT64_MAX);
	usage_from_gemini(&raw, &u);
	assert_true(usage_tokens_total(&u) == UINT64_MAX);
	u = from_openai(raw, "x-ai");
	assert_true(usage_output_total(&u) == UINT64_MAX);
}

static void classes_have_names(void **state)
{
	(void)state;
	assert_string_equal(usage_class_name(USAGE_in_uncached), "in_uncached");
	assert_string_equal(usage_class_name(USAGE_out_audio_ms), "out_audio_ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(cached_and_reasoning_are_parts_for_openai),
	        cmocka_unit_test(reasoning_comes_on_top_for_xai),
	        cmocka_unit_test(perplexitys_total_leaves_out_what_it_bills),
	        cmocka_unit_test(the_total_tells_how_an_unlisted_provider_counts),
	        cmocka_unit_test(tokens_that_only_the_total_knows_count_as_reasoning),
	        cmocka_unit_test(a_part_larger_than_its_whole_is_a_mismatch),
	        cmocka_unit_test(another_total_is_a_mismatch),
	        cmocka_unit_test(cached_audio_leaves_both_wholes),
	        cmocka_unit_test(audio_counts_as_uncached_while_the_prompt_has_room_for_both),
	        cmocka_unit_test(the_cache_stands_beside_anthropics_input),
	        cmocka_unit_test(geminis_thoughts_and_tool_prompts_come_on_top),
	        cmocka_unit_test(no_numbers_are_not_zero_tokens),
	        cmocka_unit_test(whatever_is_told_no_token_is_lost_or_counted_twice),
	        cmocka_unit_test(absurd_numbers_saturate),
	        cmocka_unit_test(classes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
