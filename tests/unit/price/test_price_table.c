/* SPDX-License-Identifier: Apache-2.0 */
/* test_price_table: names lead to the model that is meant, dates and hours to the price of the day.
 * Prices that a renewal may change are asked for relations only; figures are of lists that closed
 * long ago. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "price/price_table.h"

#define AT(seconds) ((seconds)*1000000000ull)
#define NOW AT(1793563200) /* 2026-11-01T20:00Z */

static void assert_model(const char *provider, const char *model, const char *name)
{
	const struct price_model *m = price_model_find(slice_str(provider), slice_str(model));

	if (!name) {
		assert_null(m);
		return;
	}
	assert_non_null(m);
	assert_true(slice_is(price_model_name(m), name));
}

static void a_model_is_found_by_name_prefix_shape_and_any_case(void **state)
{
	(void)state;
	assert_model("openai", "gpt-4o", "gpt-4o");
	assert_model("openai", "GPT-4o-2024-08-06", "gpt-4o");
	assert_model("OpenAI", " gpt-4o ", "gpt-4o");
	assert_model("openai", "gpt-4o-mini", "gpt-4o-mini");
	assert_model("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5");
	assert_model("openai", "gpt-5.4-2026-03-05", "gpt-5.4");
	assert_model("cloudflare", "@cf/baai/bge-m3", "@cf/baai/bge-m3");
	assert_model("google", "gemini-2.5-pro-preview-tts", "gemini-2.5-pro-tts");
	assert_model("google", "gemini-2.5-pro-preview-05-06", "gemini-2.5-pro");
}

static void a_packed_date_is_read_as_the_providers_own(void **state)
{
	(void)state;
	assert_model("openai", "gpt-4o-20240806", "gpt-4o");
	assert_model("openai", "gpt-4o-20240231", NULL);
	assert_model("openai", "gpt-4o-202408061", NULL);
}

static void what_nobody_sells_is_not_found(void **state)
{
	char longest[400];

	(void)state;
	memset(longest, 'g', sizeof(longest));
	assert_model("openai", "no-such-model", NULL);
	assert_model("nobody", "gpt-4o", NULL);
	assert_model("openai", "", NULL);
	assert_model("", "gpt-4o", NULL);
	assert_null(price_model_find(SLICE("openai"), slice_from(longest, sizeof(longest))));
	assert_null(price_model_find(SLICE("openai"), slice_from("gpt-4o\0x", 8)));
}

static void a_reseller_falls_back_to_the_makers_prices(void **state)
{
	struct price azure, openai;

	(void)state;
	assert_model("google", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5");
	assert_int_equal(price_find(SLICE("openai"), SLICE("gpt-5-mini"), NOW, &openai), 0);
	assert_int_equal(price_find(SLICE("azure"), SLICE("gpt-5-mini"), NOW, &azure), 0);
	assert_int_equal(azure.rows[0].of[PRICE_input], openai.rows[0].of[PRICE_input]);
}

static void providers_go_by_several_names(void **state)
{
	(void)state;
	assert_true(slice_is(price_provider_by_name(SLICE("gemini")), "google"));
	assert_true(slice_is(price_provider_by_name(SLICE("xAI")), "x-ai"));
	assert_true(slice_is(price_provider_by_name(SLICE("openai")), "openai"));
	assert_null(price_provider_by_name(SLICE("self-hosted")).at);
	assert_true(slice_is(price_provider_by_host(SLICE("api.openai.com")), "openai"));
	assert_true(slice_is(price_provider_by_host(SLICE("me.openai.azure.com")), "azure"));
	assert_true(slice_is(
	        price_provider_by_host(SLICE("bedrock-runtime.eu-west-1.amazonaws.com")), "aws"));
	assert_null(price_provider_by_host(SLICE("api.openai.com.evil.example")).at);
	assert_null(price_provider_by_host(SLICE("")).at);
	assert_true(slice_is(price_provider_by_model(SLICE("claude-opus-5")), "anthropic"));
	assert_true(slice_is(price_provider_by_model(SLICE("o3-mini")), "openai"));
	assert_true(slice_is(price_provider_by_model(SLICE("codestral-latest")), "mistral"));
	assert_null(price_provider_by_model(SLICE("mistral/codestral")).at);
}

static void a_price_begins_on_its_day(void **state)
{
	struct price p;

	(void)state;
	/* o3 fell from 10 to 2 dollars on 2025-06-10 */
	assert_int_equal(price_find(SLICE("openai"), SLICE("o3"), AT(1749513599), &p), 0);
	assert_int_equal(p.rows[0].of[PRICE_input], 10000000);
	assert_int_equal(price_find(SLICE("openai"), SLICE("o3"), AT(1749513600), &p), 0);
	assert_int_equal(p.rows[0].of[PRICE_input], 2000000);
}

static void a_price_changes_with_the_hour(void **state)
{
	const uint64_t day = 1743465600; /* 2025-04-01 */
	struct price p;

	(void)state;
	/* deepseek-reasoner: 0.55 from 00:30 to 16:30, a quarter of it else */
	const struct {
		unsigned second;
		bool dear;
	} cases[] = {{0, false}, {1799, false}, {1800, true}, {59399, true}, {59400, false}};

	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(price_find(SLICE("deepseek"), SLICE("deepseek-reasoner"),
		                         AT(day + cases[i].second), &p),
		        0);
		assert_int_equal(p.rows[0].of[PRICE_input], cases[i].dear ? 550000 : 135000);
	}
}

static void free_unknown_and_unlisted_are_three_things(void **state)
{
	struct price p = {.n = 77};

	(void)state;
	assert_int_equal(price_find(SLICE("openai"), SLICE("nothing"), NOW, &p), -ENOENT);
	assert_model("google", "gemma-3", "gemma-3");
	assert_int_equal(price_find(SLICE("google"), SLICE("gemma-3"), NOW, &p), -ENOENT);
	assert_int_equal(p.n, 77);
	assert_int_equal(price_find(SLICE("openai"), SLICE("omni-moderation-latest"), NOW, &p), 0);
	assert_true(p.free);
	assert_int_equal(price_find(SLICE("openai"), SLICE("gpt-4o"), NOW, &p), 0);
	assert_false(p.free);
	assert_false(p.audio_as_text);
	assert_int_equal(price_find(SLICE("gemini"), SLICE("gemini-2.5-pro"), NOW, &p), 0);
	assert_true(p.audio_as_text);
	assert_int_equal(p.n, 2);
}

static void every_model_is_found_under_its_own_name_with_rows_that_rise(void **state)
{
	const struct price_model *m;
	struct slice provider;
	unsigned n = 0, shadowed = 0;

	(void)state;
	for (; (m = price_model_at(n, &provider)); n++) {
		const struct price_model *found = price_model_find(provider, price_model_name(m));
		struct price p;

		/* a few are aliases of an earlier one, which then has the price */
		shadowed += found != m;
		price_at(m, NOW, &p);
		assert_true(p.n <= PRICE_ROWS);
		for (unsigned i = 1; i < p.n; i++) {
			assert_true(p.rows[i].above > p.rows[i - 1].above);
			assert_true(p.rows[i].known == p.rows[0].known);
		}
	}
	assert_true(n > 1000);
	assert_true(shadowed < n / 20);
	assert_int_equal(strncmp(price_table_version(), "genai-prices ", 13), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_model_is_found_by_name_prefix_shape_and_any_case),
	        cmocka_unit_test(a_packed_date_is_read_as_the_providers_own),
	        cmocka_unit_test(what_nobody_sells_is_not_found),
	        cmocka_unit_test(a_reseller_falls_back_to_the_makers_prices),
	        cmocka_unit_test(providers_go_by_several_names),
	        cmocka_unit_test(a_price_begins_on_its_day),
	        cmocka_unit_test(a_price_changes_with_the_hour),
	        cmocka_unit_test(free_unknown_and_unlisted_are_three_things),
	        cmocka_unit_test(every_model_is_found_under_its_own_name_with_rows_that_rise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
