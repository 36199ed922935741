/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of policy/limits: what is refused before anybody asks who is calling. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "policy/registry.h"
#include "rig/exchange_rig.h"
#include "rig/plain_dialect.h"

static struct exchange_rig rig;
static struct loopback_answer answer;

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	if (x->route.action == ACTION_CHAT)
		x->route.dialect = &dialect_plain;
}

static int begin(void **state)
{
	(void)state;
	assert_int_equal(rig_begin(&rig, rig_view(rig_yaml), policy_registry, POLICY_COUNT), 0);
	rig.down.born = make_plain;
	return 0;
}

static int end(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static unsigned ask(const char *line, const char *headers, const char *body)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s HTTP/1.1\r\nhost: 127.0.0.1:4000\r\n%s\r\n%s", line,
	        headers, body);
	rig_reconnect(&rig);
	rig.n_records = rig.n_reached = 0;
	rig.source.n_closed = 0;
	loopback_feed(&rig.down, slice_str(text));
	if (rig.n_reached) {
		scripted_source_head(&rig.source, 200, "application/json");
		scripted_source_end(&rig.source);
	}
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	if (rig.down.reset != FAULT_NONE) {
		assert_null(rig.down.exchange);
		return fault_infos[rig.down.reset].status;
	}
	assert_true(answer.whole);
	return answer.status;
}

static unsigned post(const char *headers)
{
	char more[2048];

	snprintf(more, sizeof(more), "content-length: 1\r\n%s", headers);
	return ask("POST /v1/chat/completions", more, "m");
}

static void check_code(const char *code)
{
	if (rig.down.reset != FAULT_NONE) { /* the codec had said no before */
		assert_string_equal(fault_infos[rig.down.reset].code, code);
		return;
	}
	assert_string_equal(loopback_header(&answer, "x-weir-code"), code);
	assert_int_equal(rig.n_reached, 0);
	assert_string_equal(rig.last.r.verdict, "deny");
}

static void a_body_must_say_that_it_is_json(void **state)
{
	static const struct {
		const char *line;
		unsigned status;
	} cases[] = {
	        {"content-type: application/json\r\n", 200},
	        {"Content-Type: Application/JSON\r\n", 200},
	        {"content-type: application/json;charset=utf-8\r\n", 200},
	        {"content-type: application/json ; charset=UTF-8\r\n", 200},
	        {"content-type: application/json; charset=\"utf-8\"\r\n", 200},
	        {"content-type: application/json;\r\n", 200},
	        {"content-type: application/json; charset=iso-8859-1\r\n", 415},
	        {"content-type: application/json; version=1; charset=utf-16\r\n", 415},
	        {"content-type: application/jsonx\r\n", 415},
	        {"content-type: application/vnd.api+json\r\n", 415},
	        {"content-type: text/plain\r\n", 415},
	        {"content-type: text/plain;application/json\r\n", 415},
	        {"content-type: multipart/form-data; boundary=x\r\n", 415},
	        {"content-type: \r\n", 415},
	        {"", 415},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned status = post(cases[i].line);
		if (status != cases[i].status)
			fail_msg("%s: %u", cases[i].line, status);
		if (status == 415)
			check_code("unsupported_media_type");
	}
}

#define JSON "content-type: application/json\r\n"

static void a_coded_body_is_not_taken(void **state)
{
	(void)state;
	assert_int_equal(post(JSON "content-encoding: identity\r\n"), 200);
	assert_int_equal(post(JSON "content-encoding: gzip\r\n"), 415);
	check_code("unsupported_media_type");
	assert_int_equal(post(JSON "content-encoding: gzip, identity\r\n"), 415);
	assert_in_range(
	        post(JSON "content-encoding: identity\r\ncontent-encoding: gzip\r\n"), 400, 415);
	assert_in_range(post(JSON JSON), 400, 415);
}

static void a_body_that_will_be_too_large_is_refused_before_it_comes(void **state)
{
	(void)state;
	assert_int_equal(
	        ask("POST /v1/chat/completions", JSON "content-length: 33554433\r\n", ""), 413);
	check_code("request_too_large");
	assert_non_null(strstr(answer.body, "33554433"));
	assert_non_null(strstr(answer.body, "33554432"));
}

static void credentials_do_not_belong_into_the_query(void **state)
{
	(void)state;
	assert_int_equal(
	        ask("POST /v1/chat/completions?key=abc", JSON "content-length: 1\r\n", "m"), 400);
	check_code("request_invalid");
	assert_int_equal(
	        ask("POST /v1/chat/completions?beta=true", JSON "content-length: 1\r\n", "m"), 200);
}

static void a_target_that_two_could_read_differently_is_refused(void **state)
{
	static const char *const bad[] = {
	        "POST //v1/chat/completions",
	        "POST /v1/./chat/completions",
	        "POST /v1/../v1/chat/completions",
	        "POST /v1/chat%2fcompletions",
	        "POST /v1/chat/completions;x",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ask(bad[i], JSON "content-length: 1\r\n", "m"), 400);
		check_code("request_invalid");
	}
}

static void a_limit_of_the_callers_own_that_cannot_be_read_is_not_passed_over(void **state)
{
	static const char *const lines[] = {"x-weir-max-cost: 0,05\r\n", "x-weir-max-cost: -1\r\n",
	        "x-weir-max-cost: 99999999999\r\n", "x-weir-max-tokens: 0\r\n",
	        "x-weir-max-tokens: 10k\r\n", "x-weir-approval: A1\r\n"};
	char headers[200];

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(headers, sizeof(headers), JSON "%s", lines[i]);
		assert_int_equal(post(headers), 400);
		check_code("request_invalid");
	}
}

static void a_callers_own_deadline_is_taken(void **state)
{
	(void)state;
	assert_int_equal(post(JSON "x-weir-timeout: soon\r\n"), 400);
	assert_int_equal(post(JSON "x-weir-timeout: 0s\r\n"), 400);
	assert_int_equal(post(JSON "x-weir-timeout: 2s\r\n"), 200);
	rig_reconnect(&rig);
	rig.source.n_closed = 0;
	rig_ask(&rig, "m", "x-weir-timeout: 2s\r\n");
	rig_advance(&rig, NS_PER_S);
	assert_non_null(rig.down.exchange);
	rig_advance(&rig, 2 * NS_PER_S);
	assert_null(rig.down.exchange);
	assert_int_equal(rig.last.r.fault, FAULT_UPSTREAM_TIMEOUT);
}

static void a_get_needs_no_type(void **state)
{
	(void)state;
	assert_int_equal(ask("GET /v1/models", "", ""), 200);
	assert_non_null(strstr(answer.body, "\"m\""));
	assert_int_equal(ask("GET /v1/models", "origin: https://evil.example\r\n", ""), 403);
	check_code("origin_denied");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        T(a_body_must_say_that_it_is_json),
	        T(a_coded_body_is_not_taken),
	        T(a_body_that_will_be_too_large_is_refused_before_it_comes),
	        T(credentials_do_not_belong_into_the_query),
	        T(a_target_that_two_could_read_differently_is_refused),
	        T(a_limit_of_the_callers_own_that_cannot_be_read_is_not_passed_over),
	        T(a_callers_own_deadline_is_taken),
	        T(a_get_needs_no_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
