/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/tariff: a call is reserved by the dearest tier that it may be served in, and
 * settled by the one that it was. Prices are 1000 nano-dollars a token of input, 2000 of output. */
#include "rig/unit.h"
#include <stdio.h>
#include "policy/registry.h"
#include "rig/allowance_rig.h"

static struct allowance_rig rig;

static int begin(void **state)
{
	(void)state;
	assert_int_equal(allowance_begin(&rig, ", budget: {agent: {cost: 100}}", "", true), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	allowance_end(&rig);
	return 0;
}

static void reply(const char *tier, int input, int output)
{
	char body[500];

	snprintf(body, sizeof(body),
	        "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",%"
	        "s\"choices\":[{\"index\":0,"
	        "\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},\"finish_reason\":"
	        "\"stop\"}],"
	        "\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d}}",
	        tier, input, output, input + output);
	scripted_source_head(&rig.x.source, 200, "application/json");
	scripted_source_data(&rig.x.source, slice_str(body));
	scripted_source_end(&rig.x.source);
	rig_settle(&rig.x);
}

static nanousd reserved(const char *more)
{
	allowance_ask(&rig, more, NULL);
	assert_int_equal(rig.x.n_reached, 1);
	return allowance_admitted(&rig)->ask.reservation.cost;
}

static void who_asks_for_a_dearer_tier_has_it_reserved(void **state)
{
	nanousd plain = reserved(",\"max_tokens\":300");

	(void)state;
	reply("", 10, 20);
	assert_int_equal(reserved(",\"max_tokens\":300,\"service_tier\":\"flex\""), plain);
	reply("", 10, 20);
	assert_int_equal(reserved(",\"max_tokens\":300,\"service_tier\":null"), plain);
	reply("", 10, 20);
	assert_int_equal(
	        reserved(",\"max_tokens\":300,\"service_tier\":\"priority\"") * 2, plain * 5);
	reply("", 10, 20);
	assert_int_equal(reserved(",\"max_tokens\":300,\"service_tier\":\"ultrafast\""), plain * 6);
	reply("", 10, 20);
	/* the policy's own price is that of the tier which its provider picks */
	assert_int_equal(reserved(",\"max_tokens\":300,\"service_tier\":\"auto\""), plain);
	reply("", 10, 20);
}

#define PLAIN (10 * 1000 + 20 * 2000)

static void what_the_answer_was_is_charged(void **state)
{
	(void)state;
	reserved(",\"service_tier\":\"priority\"");
	reply("\"service_tier\":\"priority\",", 10, 20);
	assert_int_equal(rig.x.last.r.cost * 2, PLAIN * 5);
	assert_true(rig.x.last.r.estimated); /* a bound: the tier's own prices are in no table */
	assert_int_equal(usage_tokens_total(&rig.x.last.r.usage), 30);
	reserved(",\"service_tier\":\"priority\"");
	reply("\"service_tier\":\"default\",", 10, 20); /* there was no room in it */
	assert_int_equal(rig.x.last.r.cost, PLAIN);
	assert_false(rig.x.last.r.estimated);
	reserved(",\"service_tier\":\"priority\"");
	reply("", 10, 20); /* nobody says that it was not */
	assert_int_equal(rig.x.last.r.cost * 2, PLAIN * 5);
	reserved("");
	reply("\"service_tier\":\"priority\",", 10, 20); /* of that the policy's price is */
	assert_int_equal(rig.x.last.r.cost, PLAIN);
	assert_false(rig.x.last.r.estimated);
}

static void a_tier_that_is_no_text_is_refused(void **state)
{
	(void)state;
	assert_int_equal(allowance_call(&rig, ",\"service_tier\":[\"priority\"]", NULL), 400);
	assert_int_equal(allowance_call(&rig, ",\"Service_Tier\":\"priority\"", NULL), 400);
}

#define CHUNK(content)                                                                             \
	"data: "                                                                                   \
	"{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{"        \
	"\"index\":0,"                                                                             \
	"\"delta\":{\"content\":\"" content "\"}}]}\n\n"
#define LAST                                                                                       \
	"data: "                                                                                   \
	"{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{"        \
	"\"index\":0,\"delta\":{},"                                                                \
	"\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE(output)                                                                              \
	"data: "                                                                                   \
	"{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[],"       \
	"\"usage\":"                                                                               \
	"{\"prompt_tokens\":10,\"completion_tokens\":" output ",\"total_tokens\":1" output         \
	"}}\n\n"

static void stream(const char *said)
{
	allowance_ask(&rig, ",\"stream\":true,\"max_tokens\":300", NULL);
	assert_int_equal(rig.x.n_reached, 1);
	scripted_source_head(&rig.x.source, 200, "text/event-stream");
	scripted_source_data(&rig.x.source, slice_str(said));
	scripted_source_end(&rig.x.source);
	rig_settle(&rig.x);
}

/* What was told before more text came is a part of it only. */
static void usage_that_came_too_early_is_not_all(void **state)
{
	(void)state;
	stream(CHUNK("one two") CHUNK("three") LAST USAGE("5") "data: [DONE]\n\n");
	assert_int_equal(rig.x.last.r.cost, 10 * 1000 + 5 * 2000);
	assert_false(rig.x.last.r.estimated);
	stream(USAGE("1") CHUNK("one two") CHUNK("three") LAST USAGE("5") "data: [DONE]\n\n");
	assert_false(rig.x.last.r.estimated);
	stream(USAGE("1") CHUNK("one two") CHUNK("three") LAST "data: [DONE]\n\n");
	assert_true(rig.x.last.r.estimated);
	assert_true(rig.x.last.r.cost >= 300 * 2000); /* what was reserved */
	stream(CHUNK("one two") USAGE("3") LAST "data: [DONE]\n\n");
	assert_false(rig.x.last.r.estimated);
}

/* A total that is less than its parts takes nothing back. */
static void tokens_are_the_larger_of_the_total_and_its_parts(void **state)
{
	(void)state;
	allowance_end(&rig);
	assert_int_equal(allowance_begin(&rig, ", budget: {agent: {tokens: 340}}", "", true), 0);
	stream(CHUNK("one") LAST "data: "
	                         "{\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,"
	                         "\"completion_tokens\":20,\"total_tokens\":1}}\n\n"
	                         "data: [DONE]\n\n");
	allowance_ask(&rig, ",\"max_tokens\":300", NULL);
	assert_int_equal(allowance_admitted(&rig)->ask.reservation.tokens, 340 - 30);
	reply("", 1, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        T(who_asks_for_a_dearer_tier_has_it_reserved),
	        T(what_the_answer_was_is_charged),
	        T(a_tier_that_is_no_text_is_refused),
	        T(usage_that_came_too_early_is_not_all),
	        T(tokens_are_the_larger_of_the_total_and_its_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
