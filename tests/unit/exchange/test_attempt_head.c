/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/attempt_head: which of the agent's headers an upstream gets. */
#include "rig/unit.h"
#include <string.h>
#include "exchange/attempt_head.h"

static struct secret secret = {.value = (char *)"sk-theirs", .len = 9};
static struct upstream_conf upstream;
static struct endpoint_conf endpoint = {
        .authority = SLICE_INIT("up.example"), .base_path = SLICE_INIT("/v1")};
static struct model_conf model = {.upstream = &upstream};
static struct call call = {.model = &model};

static const char *const others[] = {
        "x-weirdo",
        "X-Weir-New",
        "x-weir",
        "x-wei",
        "weir-x",
        "x-http-method-override",
        "X-HTTP-Method-Override",
        "x-http-method-overrid",
        "x-own",
        "X-Own",
        "x-stainless-os",
        "w",
        "xxw",
};

/* The rule again, by names alone. */
static bool passes(struct slice name, bool has_own)
{
	static const char *const never[] = {"host", "content-length", "accept-encoding", "via",
	        "baggage", "cookie", "x-http-method-override"};
	static const char *const credentials[] = {
	        "authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization"};

	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		if (slice_equals_nocase(name, slice_str(never[i])))
			return false;
	for (size_t i = 0; i < sizeof(credentials) / sizeof(*credentials); i++)
		if (slice_equals_nocase(name, slice_str(credentials[i])))
			return upstream.credential == CREDENTIAL_PASSTHROUGH && !has_own;
	if (upstream.credential_header.len && slice_equals_nocase(name, upstream.credential_header))
		return false;
	return name.len < 6 || !slice_equals_nocase(slice_from(name.at, 6), SLICE("x-weir"));
}

static void check(struct slice name, bool has_own)
{
	struct exchange x = {.calls = &call, .n_calls = 1, .path = SLICE_INIT("/v1/chat")};
	struct head from, to;
	unsigned n = 0;

	arena_init(&x.arena, 1u << 20);
	head_init(&from);
	head_init(&to);
	assert_int_equal(head_add(&from, HEADER_OTHER, name, SLICE("agents-value")), 0);
	x.head = &from;
	if (has_own)
		x.own_credentials = (uint64_t)1 << from.headers[0].id;
	assert_int_equal(attempt_head(&x, &endpoint, &to), 0);
	assert_slice(to.target, "/v1/chat");
	for (unsigned i = 0; i < to.n_headers; i++)
		n += slice_is(to.headers[i].value, "agents-value");
	if (n != passes(name, has_own))
		fail_msg("%.*s: %u, credential %d, own %d", SLICE_FMT(name), n, upstream.credential,
		        has_own);
	n = 0;
	for (unsigned i = 0; i < to.n_headers; i++)
		n += slice_is(to.headers[i].value, "sk-theirs");
	assert_int_equal(n, upstream.credential == CREDENTIAL_API_KEY ||
	                            upstream.credential == CREDENTIAL_HEADER);
	head_finish(&from);
	head_finish(&to);
	arena_finish(&x.arena);
}

static void check_all(enum credential_kind kind, const char *header)
{
	upstream = (struct upstream_conf){.credential = kind,
	        .credential_header = slice_str(header),
	        .credential_value = &secret};
	for (int has_own = 0; has_own < 2; has_own++) {
		for (unsigned id = HEADER_OTHER + 1; id < HEADER_N; id++)
			check(header_name((enum header_id)id), has_own);
		for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
			check(slice_str(others[i]),
			        has_own && header_id_of(slice_str(others[i])) != HEADER_OTHER);
	}
}

static void an_upstream_gets_what_is_the_agents_and_no_credential_of_ours(void **state)
{
	(void)state;
	check_all(CREDENTIAL_NONE, "");
	check_all(CREDENTIAL_API_KEY, "authorization");
	check_all(CREDENTIAL_HEADER, "x-api-key");
	check_all(CREDENTIAL_HEADER, "x-own");
	check_all(CREDENTIAL_HEADER, "user-agent");
	check_all(CREDENTIAL_PASSTHROUGH, "");
	check_all(CREDENTIAL_PASSTHROUGH, "authorization");
	check_all(CREDENTIAL_PASSTHROUGH, "x-own");
	check_all(CREDENTIAL_PASSTHROUGH, "accept");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_upstream_gets_what_is_the_agents_and_no_credential_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
