/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of policy/identity: where a credential may stand, what is ours and does not hold, who
 * nobody is, and on whose behalf somebody calls. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/key.h"
#include "exchange/strangers.h"
#include "exchange/view.h"
#include "policy/registry.h"
#include "rig/exchange_rig.h"
#include "rig/plain_dialect.h"

enum { KEY_ONE, KEY_ONE_NEW, KEY_TWO, KEY_OLD, KEY_STOPPED, KEY_ODD, KEYS };

static struct exchange_rig rig;
static struct loopback_answer answer;
static char keys[KEYS][KEY_LEN + 1], hashes[KEYS][65];
static char yaml[4096];
static struct strangers *strangers;
static bool one_connection; /* what was shown before is remembered as where one goes on */

static const char format[] =
        "version: 1\n"
        "listeners:\n"
        "  agents: {address: \"%s\"%s}\n"
        "upstreams: {up: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: none}}\n"
        "models: {m: {upstream: up, price: {input: 1, output: 2}}}\n"
        "agents:\n"
        "  one:\n"
        "    identity: [{api_key: \"sha256:%s\"}, {api_key: \"sha256:%s\"}, {api_key: "
        "\"sha256:%s\"}]\n"
        "    models: [m]\n"
        "    team: blue\n"
        "  two: {identity: [{api_key: \"sha256:%s\"}, {api_key: \"sha256:%s\", not_after: "
        "\"2025-12-31\"}], models: [m]}\n"
        "  stopped: {identity: [{api_key: \"sha256:%s\"}], models: [m], suspended: true}\n"
        "  guest: {models: [m]}\n";

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	x->route.dialect = &dialect_plain;
}

static void make_key(unsigned i, const char *text)
{
	uint8_t sha[SHA256_LEN];

	if (text)
		snprintf(keys[i], sizeof(keys[i]), "%s", text);
	else
		key_new(keys[i]);
	sha256(slice_str(keys[i]), sha);
	hex_encode(sha, sizeof(sha), hashes[i]);
}

static void begin_with(const char *address, const char *more)
{
	for (unsigned i = 0; i < KEYS; i++)
		make_key(i, i == KEY_ODD ? "sk-any-shape-at-all" : NULL);
	snprintf(yaml, sizeof(yaml), format, address, more, hashes[KEY_ONE], hashes[KEY_ONE_NEW],
	        hashes[KEY_ODD], hashes[KEY_TWO], hashes[KEY_OLD], hashes[KEY_STOPPED]);
	assert_int_equal(rig_begin(&rig, rig_view(yaml), policy_registry, POLICY_COUNT), 0);
	rig.down.born = make_plain;
	strangers = calloc(1, sizeof(*strangers));
	rig.env.strangers = strangers;
}

static int begin(void **state)
{
	(void)state;
	begin_with("127.0.0.1:4000", "");
	return 0;
}

static int begin_on_one_connection(void **state)
{
	one_connection = true;
	return begin(state);
}

static int begin_guests(void **state)
{
	(void)state;
	begin_with("127.0.0.1:4000",
	        ", default_agent: guest, cors: {origins: [\"https://friend.example\"]}");
	return 0;
}

static int end(void **state)
{
	(void)state;
	rig_end(&rig);
	free(strangers);
	one_connection = false;
	return 0;
}

/* Asks with these lines, where %N stands for key N. Returns the status. */
static unsigned ask_host(const char *host, const char *lines)
{
	char text[8192];
	size_t n = (size_t)snprintf(text, sizeof(text),
	        "POST /v1/chat/completions HTTP/1.1\r\n%scontent-type: application/json\r\n", host);

	for (const char *at = lines; *at; at++) {
		if (*at == '%') {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", keys[*++at - '0']);
		} else {
			if (*at == '\n')
				text[n++] = '\r';
			text[n++] = *at;
		}
	}
	n += (size_t)snprintf(text + n, sizeof(text) - n, "content-length: 1\r\n\r\nm");
	struct key_memo *before = one_connection ? rig.down.down.key : NULL;
	if (one_connection)
		rig.down.down.key = NULL;
	rig_reconnect(&rig);
	rig.down.down.key = before;
	rig.n_records = rig.n_reached = 0;
	rig.source.n_closed = 0;
	loopback_feed(&rig.down, slice_from(text, n));
	if (rig.n_reached) {
		scripted_source_head(&rig.source, 200, "application/json");
		scripted_source_end(&rig.source);
	}
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	if (rig.down.reset != FAULT_NONE)
		return fault_infos[rig.down.reset].status;
	assert_true(answer.whole);
	assert_int_equal(rig.n_records, 1);
	fake_clock_advance(&rig.clock, NS_PER_S); /* the strangers' rate is another test's */
	rig.now = rig.clock.mono;
	return answer.status;
}

static unsigned ask(const char *lines)
{
	return ask_host("host: 127.0.0.1:4000\r\n", lines);
}

static void check_is(const char *lines, const char *agent)
{
	unsigned status = ask(lines);

	if (status != 200)
		fail_msg("%s: %u, %s", lines, status, answer.body);
	assert_string_equal(rig.last.agent, agent);
}

static void check_nobody(const char *lines)
{
	assert_int_equal(ask(lines), 401);
	assert_string_equal(loopback_header(&answer, "x-weir-code"), "unauthenticated");
	assert_string_equal(rig.last.agent, "");
	assert_int_equal(rig.n_reached, 0);
}

static void a_key_counts_in_each_place(void **state)
{
	(void)state;
	check_is("x-weir-key: %0\n", "one");
	check_is("Authorization: Bearer %0\n", "one");
	check_is("authorization: bEaReR   %0 \n", "one");
	check_is("x-api-key: %0\n", "one");
	check_is("x-goog-api-key: %0\n", "one");
	check_is("api-key: %2\n", "two");
	assert_string_equal(rig.last.team, "");
	check_is("api-key: %0\n", "one");
	assert_string_equal(rig.last.team, "blue");
}

static void several_keys_of_one_agent_overlap_whatever_their_shape(void **state)
{
	(void)state;
	check_is("authorization: Bearer %1\n", "one");
	check_is("authorization: Bearer %5\n", "one");
	check_is("authorization: Bearer %0\nx-api-key: %1\n", "one");
}

static void without_a_credential_nobody_gets_in(void **state)
{
	(void)state;
	check_nobody("");
	check_nobody("authorization: Bearer\n");
	check_nobody("authorization: Bearer \n");
	check_nobody("authorization: Basic %0\n");
	check_nobody("authorization: %0\n");
	check_nobody("x-weir-key: \n");
	check_nobody("authorization: Bearer %0x\n");
	check_nobody("x-other: %0\n");
	check_nobody("cookie: key=%0\n");
	check_nobody("authorization: Bearer anything\n");
}

static void what_looks_like_ours_and_is_unknown_is_never_passed_over(void **state)
{
	(void)state;
	check_nobody("x-weir-key: weir_unknown\nauthorization: Bearer %0\n");
	check_nobody("authorization: Bearer %0\nx-api-key: weir_x\n");
	check_nobody("api-key: weir_\nx-weir-key: %0\n");
	check_is("authorization: Bearer %0\nx-api-key: sk-someone-elses\n", "one");
	check_is("x-weir-key: not-ours\nauthorization: Bearer %0\n", "one");
}

static void two_agents_keys_are_nobodys(void **state)
{
	(void)state;
	check_nobody("authorization: Bearer %0\nx-api-key: %2\n");
	check_nobody("x-weir-key: %2\napi-key: %0\n");
	check_nobody("x-weir-key: %0\napi-key: %4\n");
}

static void a_header_that_stands_twice_is_nobodys(void **state)
{
	static const char *const places[] = {
	        "x-weir-key", "authorization", "x-api-key", "x-goog-api-key", "api-key"};
	char lines[200];

	(void)state;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *bearer = i == 1 ? "Bearer " : "";
		snprintf(lines, sizeof(lines), "%s: %s%%0\n%s: %sother\n", places[i], bearer,
		        places[i], bearer);
		unsigned status = ask(lines);
		assert_int_equal(status, rig.down.reset == FAULT_NONE
		                                 ? 401
		                                 : 400); /* of some it is the codec's rule */
		assert_int_equal(rig.n_reached, 0);
		snprintf(lines, sizeof(lines), "%s: %s%%0\n%s: %s%%0\n", places[i], bearer,
		        places[i], bearer);
		assert_int_equal(ask(lines), status);
	}
}

static void a_key_ends_at_its_date(void **state)
{
	(void)state;
	check_nobody("x-weir-key: %3\n");
	check_nobody("x-weir-key: %2\nx-api-key: %3\n");
	rig.clock.wall = 1767139200ull * NS_PER_S - 2 * NS_PER_S; /* just before 2025-12-31 */
	check_is("x-weir-key: %3\n", "two");
	rig.clock.wall = 1767139200ull * NS_PER_S + 86400 * NS_PER_S;
	check_nobody("x-weir-key: %3\n");
}

static void a_stopped_agent_is_told_so(void **state)
{
	(void)state;
	assert_int_equal(ask("x-weir-key: %4\n"), 403);
	assert_string_equal(loopback_header(&answer, "x-weir-code"), "agent_suspended");
	assert_string_equal(rig.last.agent, "stopped");
}

static void strangers_are_slowed_down_but_who_has_a_key_is_not(void **state)
{
	char peer[40];

	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		ask("x-weir-key: weir_guess\n");
		fake_clock_advance(&rig.clock, (uint64_t)0 - NS_PER_S);
		rig.now = rig.clock.mono;
		assert_int_equal(answer.status, i < 10 ? 401 : 429);
		if (i < 10)
			continue;
		assert_string_equal(loopback_header(&answer, "x-weir-code"), "rate_limited");
		assert_string_equal(loopback_header(&answer, "retry-after"), "1");
		assert_string_equal(loopback_header(&answer, "retry-after-ms"), "1000");
	}
	check_is("x-weir-key: %0\n", "one");
	snprintf(peer, sizeof(peer), "192.0.2.7:%u", 999);
	check_nobody("");
}

/* ---- a listener with a default agent ---- */

static void who_shows_nothing_is_the_default_agent(void **state)
{
	(void)state;
	check_is("", "guest");
	check_is("authorization: Bearer sk-whatever\n", "guest");
	check_is("authorization: Bearer %0\n", "one");
	check_nobody("authorization: Bearer weir_mistyped\n");
	check_nobody("x-weir-key: %3\n");
	assert_int_equal(ask("x-weir-key: %4\n"), 403);
}

static void browsers_from_elsewhere_are_not_the_default_agent(void **state)
{
	static const char *const bad[] = {
	        "origin: https://evil.example\n",
	        "origin: null\n",
	        "sec-fetch-site: cross-site\n",
	        "sec-fetch-site: same-site\n",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ask(bad[i]), 403);
		assert_string_equal(loopback_header(&answer, "x-weir-code"), "origin_denied");
	}
	check_is("origin: https://friend.example\n", "guest");
	check_is("sec-fetch-site: none\n", "guest");
	check_is("sec-fetch-site: same-origin\n", "guest");
	check_is("sec-fetch-site: cross-site\nx-weir-key: %0\n", "one");
}

static void a_foreign_host_is_not_the_default_agent(void **state)
{
	static const struct {
		const char *host;
		unsigned status;
	} cases[] = {
	        {"host: 127.0.0.1:4000\r\n", 200},
	        {"host: 127.0.0.1\r\n", 200},
	        {"host: localhost:4000\r\n", 200},
	        {"host: LOCALHOST\r\n", 200},
	        {"host: [::1]:4000\r\n", 200},
	        {"host: [::1]\r\n", 200},
	        {"host: evil.example\r\n", 421},
	        {"host: evil.example:4000\r\n", 421},
	        {"host: localhost.evil.example\r\n", 421},
	        {"host: 127.0.0.1.evil.example\r\n", 421},
	        {"host: [::2]:4000\r\n", 421},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned status = ask_host(cases[i].host, "");
		if (status != cases[i].status)
			fail_msg("%s: %u", cases[i].host, status);
	}
	assert_int_equal(ask_host("host: evil.example\r\n", "x-weir-key: %0\n"), 200);
}

/* ---- attribution ---- */

static void a_caller_may_say_for_whom_it_calls(void **state)
{
	(void)state;
	check_is("x-weir-key: %0\nx-weir-user: u.1@example+a=b:c-d_E\nx-weir-workflow: "
	         "w\nx-weir-session: s\n",
	        "one");
	assert_string_equal(rig.last.user, "u.1@example+a=b:c-d_E");
	assert_string_equal(rig.last.workflow, "w");
	assert_string_equal(rig.last.session, "s");
	assert_int_equal(strncmp(rig.last.user_shown, "user_", 5), 0);
	assert_int_equal(strlen(rig.last.user_shown), 5 + 32);
	check_is("x-weir-key: %0\nx-claude-code-session-id: 0a1b\n", "one");
	assert_string_equal(rig.last.session, "0a1b");
	check_is("x-weir-key: %0\nx-claude-code-session-id: 0a1b\nx-weir-session: mine\n", "one");
	assert_string_equal(rig.last.session, "mine");
	check_is("x-weir-key: %0\nx-weir-user: u7\n", "one");
	assert_string_equal(rig.last.user_shown, "u7");
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const names[] = {"x-weir-user", "x-weir-workflow",
	        "x-weir-workflow-type", "x-weir-session", "x-claude-code-session-id"};
	static const char *const bad[] = {"", "a b", "a/b", "a,b", "\xc3\xa9", "a\"b", "*"};
	char lines[400], text[140];

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (unsigned k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
			snprintf(lines, sizeof(lines), "x-weir-key: %%0\n%s: %s\n", names[i],
			        bad[k]);
			if (ask(lines) != 400)
				fail_msg("%s: %u", lines, answer.status);
			if (rig.down.reset == FAULT_NONE) /* not all of them are bytes that the
			                                     codec lets through */
				assert_non_null(strstr(answer.body, names[i]));
		}
		memset(text, 'a', sizeof(text));
		text[128] = '\0';
		snprintf(lines, sizeof(lines), "x-weir-key: %%0\n%s: %s\n", names[i], text);
		assert_int_equal(ask(lines), 200);
		snprintf(lines, sizeof(lines), "x-weir-key: %%0\n%s: %sa\n", names[i], text);
		assert_int_equal(ask(lines), 400);
		snprintf(lines, sizeof(lines), "x-weir-key: %%0\n%s: a\n%s: a\n", names[i],
		        names[i]);
		assert_int_equal(ask(lines), 400);
	}
}

static void the_key_is_known_as_what_must_not_leave(void **state)
{
	(void)state;
	rig_reconnect(&rig);
	char lines[200];
	snprintf(lines, sizeof(lines), "authorization: Bearer %s\r\n", keys[KEY_ONE]);
	rig_ask(&rig, "m", lines);
	assert_non_null(rig.down.exchange);
	assert_int_equal(rig.down.exchange->own_credentials, (uint64_t)1 << HEADER_AUTHORIZATION);
}

/* What is remembered is the digest of a text, never that it named somebody. */
static void a_key_that_was_taken_away_is_nobodys_at_once(void **state)
{
	struct view *before = rig.view;
	char after[sizeof(yaml)], *hash;

	(void)state;
	check_is("x-weir-key: %0\n", "one");
	assert_non_null(rig.down.down.key);
	memcpy(after, yaml, sizeof(after));
	hash = strstr(after, hashes[KEY_ONE]);
	assert_non_null(hash);
	memset(hash, 'f', 64);
	rig.view = rig_view(after);
	check_nobody("x-weir-key: %0\n");
	check_is("x-weir-key: %1\n", "one");
	view_unref(rig.view);
	rig.view = before;
	check_is("x-weir-key: %0\n", "one");
}

/* Only who has come in is remembered, and no text that differs in a byte is taken for what is. */
static void who_was_refused_is_not_remembered(void **state)
{
	char lines[120], *end;

	(void)state;
	check_nobody("x-weir-key: weir_guess\n");
	check_nobody("x-api-key: anything\n");
	assert_null(rig.down.down.key);
	check_is("x-weir-key: %0\n", "one");
	for (size_t i = 0; i < KEY_LEN; i++) {
		end = lines + snprintf(lines, sizeof(lines), "x-weir-key: %s\n", keys[KEY_ONE]);
		*(end - 2 - i) ^= 1;
		check_nobody(lines);
	}
	check_nobody("x-weir-key: %0x\n");
	check_is("x-weir-key: %0\n", "one");
	check_is("x-weir-key: %2\n", "two");
	check_is("x-weir-key: %5\n", "one");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define K(name) cmocka_unit_test_setup_teardown(name, begin_on_one_connection, end)
#define G(name) cmocka_unit_test_setup_teardown(name, begin_guests, end)
	const struct CMUnitTest tests[] = {
	        T(a_key_counts_in_each_place),
	        T(several_keys_of_one_agent_overlap_whatever_their_shape),
	        T(without_a_credential_nobody_gets_in),
	        T(what_looks_like_ours_and_is_unknown_is_never_passed_over),
	        T(two_agents_keys_are_nobodys),
	        T(a_header_that_stands_twice_is_nobodys),
	        T(a_key_ends_at_its_date),
	        T(a_stopped_agent_is_told_so),
	        T(strangers_are_slowed_down_but_who_has_a_key_is_not),
	        G(who_shows_nothing_is_the_default_agent),
	        G(browsers_from_elsewhere_are_not_the_default_agent),
	        G(a_foreign_host_is_not_the_default_agent),
	        T(a_caller_may_say_for_whom_it_calls),
	        T(what_is_no_name_is_refused),
	        K(a_key_counts_in_each_place),
	        K(several_keys_of_one_agent_overlap_whatever_their_shape),
	        K(without_a_credential_nobody_gets_in),
	        K(what_looks_like_ours_and_is_unknown_is_never_passed_over),
	        K(two_agents_keys_are_nobodys),
	        K(a_header_that_stands_twice_is_nobodys),
	        K(a_key_ends_at_its_date),
	        K(a_stopped_agent_is_told_so),
	        K(a_key_that_was_taken_away_is_nobodys_at_once),
	        K(who_was_refused_is_not_remembered),
	        T(the_key_is_known_as_what_must_not_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
