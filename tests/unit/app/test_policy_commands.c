/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of check, explain, schema and key new: exit statuses and what stands on both outputs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "rig/unit.h"
#include "app/commands.h"
#include "base/mem.h"
#include "crypto/digest.h"
#include "crypto/key.h"

#define KEY_A "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char out[1 << 17], err[1 << 16], folder[64], path[128];

static const char policy[] =
        "version: 1\n"
        "upstreams: {openai: {credential: {api_key: \"${env:WEIR_TEST_SECRET}\"}}}\n"
        "models: {gpt-4o: {upstream: openai}, gpt-4o-mini: {upstream: openai, upstream_name: "
        "mini}}\n"
        "tools: {lookup: {requires_scopes: [\"read:x\"]}, pay: {}, audit: {requires_scopes: "
        "[\"read:y\"]}}\n"
        "defaults: {models: [gpt-4o-mini]}\n"
        "teams: {care: {data_access: [\"read:x\"]}}\n"
        "agents:\n"
        "  support: {identity: [{api_key: \"" KEY_A "\"}], team: care, tools: [lookup, \"a*\"]}\n"
        "  trial:\n"
        "    suspended: true\n"
        "    mode: {shadow: [tools]}\n"
        "    on_denied_tool: refuse\n";

static void write_policy(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/weir-commands-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/p.yaml", folder);
	unsetenv("WEIR_TEST_SECRET");
	write_policy(policy);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void read_back(int fd, char *room, size_t size)
{
	ssize_t n = pread(fd, room, size - 1, 0);

	room[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* Both outputs go to files while the command runs. */
static int run(int (*command)(int, char **), const char *const *argv)
{
	int fd_out = open("/tmp", O_TMPFILE | O_RDWR, 0600),
	    fd_err = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	int old_out = dup(1), old_err = dup(2), argc = 0, status;

	while (argv[argc])
		argc++;
	fflush(NULL);
	dup2(fd_out, 1);
	dup2(fd_err, 2);
	status = command(argc, (char **)(uintptr_t)argv); /* getopt only puts it in another order */
	fflush(NULL);
	dup2(old_out, 1);
	dup2(old_err, 2);
	close(old_out);
	close(old_err);
	read_back(fd_out, out, sizeof(out));
	read_back(fd_err, err, sizeof(err));
	return status;
}

#define RUN(command, ...) run(command, (const char *[]){__VA_ARGS__, NULL})

static void check_holds(const char *text, const char *part)
{
	if (!strstr(text, part))
		print_error("not in it: %s\n%s\n", part, text);
	assert_non_null(strstr(text, part));
}

static void check_says_good_and_what_is_inactive(void **state)
{
	(void)state;
	setenv("WEIR_TEST_SECRET", "hunter2", 1);
	assert_int_equal(RUN(command_check, "check", "-c", path), 0);
	check_holds(out, "good: 2 agents, 2 models, 3 tools, 1 upstreams; version ");
	check_holds(out, "arguments of tool calls are not checked");
	check_holds(err, "warning: support lacks the scope read:y that audit requires");
	assert_null(strstr(out, "hunter2"));
	unsetenv("WEIR_TEST_SECRET");
}

static void check_wants_secrets_unless_told_otherwise(void **state)
{
	(void)state;
	assert_int_equal(RUN(command_check, "check", "-c", path), 1);
	check_holds(
	        err, "p.yaml:2:44: error: the environment variable WEIR_TEST_SECRET is not set\n");
	assert_string_equal(out, "");
	assert_int_equal(RUN(command_check, "check", "--without-secrets", path), 0);
	check_holds(err, "p.yaml:2:44: warning: the environment variable WEIR_TEST_SECRET is not "
	                 "set; weir run needs it\n");
}

static void check_answers_programs_in_json(void **state)
{
	(void)state;
	write_policy("version: 1\nlog: {levl: info}\n");
	assert_int_equal(RUN(command_check, "check", "--format", "json", "-c", path), 1);
	check_holds(out, "{\"ok\":false,\"errors\":1,\"warnings\":0,");
	check_holds(out, "\"line\":2,\"column\":7,\"message\":\"there is no key named levl "
	                 "here\",\"hint\":\"did you mean level?\"");
	assert_string_equal(err, "");
	write_policy(policy);
}

static void wrong_usage_is_2_and_one_sentence(void **state)
{
	(void)state;
	assert_int_equal(RUN(command_check, "check"), 2);
	assert_string_equal(err, "weir check: no policy was given; name one with -c; `weir check "
	                         "--help` shows how it is called\n");
	assert_int_equal(RUN(command_check, "check", "--colour", path), 2);
	assert_int_equal(RUN(command_check, "check", "--format", "xml", path), 2);
	assert_int_equal(RUN(command_explain, "explain"), 2);
	assert_int_equal(RUN(command_explain, "explain", "-c"), 2);
	assert_int_equal(RUN(command_schema, "schema", "x"), 2);
	assert_int_equal(RUN(command_key, "key"), 2);
	assert_int_equal(RUN(command_key, "key", "new"), 2);
	assert_int_equal(RUN(command_key, "key", "old", "a"), 2);
	assert_int_equal(RUN(command_key, "key", "new", "Bad Name"), 2);
	assert_int_equal(RUN(command_check, "check", "-c", "/nonexistent.yaml"), 1);
	check_holds(err, "/nonexistent.yaml: error: there is no such file or directory\n");
}

static void help_has_examples(void **state)
{
	(void)state;
	assert_int_equal(RUN(command_check, "check", "--help"), 0);
	check_holds(out, "Examples:\n");
	assert_int_equal(RUN(command_explain, "explain", "-h"), 0);
	check_holds(out, "Examples:\n");
	assert_int_equal(RUN(command_schema, "schema", "--help"), 0);
	check_holds(out, "Examples:\n");
	assert_int_equal(RUN(command_key, "key", "new", "--help"), 0);
	check_holds(out, "Examples:\n");
}

/* Whether at, behind its blanks, begins with start as a word of its own. */
static bool line_begins(const char *at, const char *start)
{
	at += strspn(at, " ");
	return !strncmp(at, start, strlen(start)) &&
	       (at[strlen(start)] == ' ' || start[strlen(start) - 1] == ':');
}

/* The line of the output that begins with start, without its runs of blanks. */
static const char *row(const char *start)
{
	static char line[512];
	const char *at = out;
	size_t n = 0;

	while (at && !line_begins(at, start)) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	if (!at)
		print_error("no row %s in\n%s\n", start, out);
	assert_non_null(at);
	for (; *at && *at != '\n' && n + 1 < sizeof(line); at++)
		if (*at != ' ' || (n && line[n - 1] != ' '))
			line[n++] = *at;
	line[n] = '\0';
	return line;
}

static void check_row(const char *start, const char *value, const char *origin)
{
	char want[512];

	snprintf(want, sizeof(want), "%s %s ", start, value);
	check_holds(row(start), want);
	check_holds(row(start), origin);
}

static void explain_says_where_each_value_was_written(void **state)
{
	(void)state;
	assert_int_equal(RUN(command_explain, "explain", "-c", path, "--agent", "support"), 0);
	check_row("tools", "[lookup, \"a*\"]", "/p.yaml:8");
	check_row("data_access", "[\"read:x\"]", "/p.yaml:6 (team)");
	check_row("models", "[gpt-4o-mini]", "/p.yaml:5 (defaults)");
	check_row("on_denied_tool", "strip", "default");
	check_row("hosted_tools", "[]", "default");
	check_holds(out, "inactive in this version of Weir\n");
	assert_int_equal(RUN(command_explain, "explain", "-c", path), 0);
	check_row("credential.api_key", "\"${env:WEIR_TEST_SECRET}\"", "/p.yaml:2");
	check_row("timeouts.total", "15m", "default");
	check_row("upstream_name", "mini", "/p.yaml:3");
	check_row("drain.quiet", "30s", "default");
}

static void explain_judges_a_call_policy_by_policy(void **state)
{
	(void)state;
	assert_int_equal(RUN(command_explain, "explain", path, "--agent", "support", "--model",
	                         "gpt-4o-mini", "--tool", "lookup"),
	        0);
	check_holds(row("3 models"), "pass as the model gpt-4o-mini");
	check_holds(row("3 models"), "p.yaml:5 (defaults)");
	check_holds(row("4 tools"), "pass lookup is on its list");
	check_holds(row("7 rates"), "it has no rates");
	check_holds(row("9 budget"), "it has no budget");
	check_holds(row("11 route"), "pass to openai as mini");
	check_holds(row("verdict:"), "verdict: pass");
	assert_int_equal(
	        RUN(command_explain, "explain", path, "--agent", "support", "--model", "gpt-4o"),
	        0);
	check_holds(row("3 models"), "refuse model_denied gpt-4o is not on its list");
	check_holds(row("verdict:"), "verdict: refuse model_denied");
	assert_null(strstr(out, "11 route"));
	assert_int_equal(
	        RUN(command_explain, "explain", path, "--agent", "support", "--tool", "pay"), 0);
	check_holds(row("4 tools"), "strip tool_denied pay is not on its list");
	assert_int_equal(
	        RUN(command_explain, "explain", path, "--agent", "support", "--tool", "audit"), 0);
	check_holds(row("4 tools"), "strip data_access_denied");
	assert_int_equal(
	        RUN(command_explain, "explain", path, "--agent", "support", "--tool", "rm_rf"), 0);
	check_holds(row("4 tools"), "strip tool_denied no tool of this policy");
	assert_int_equal(
	        RUN(command_explain, "explain", path, "--agent", "trial", "--tool", "pay"), 0);
	check_holds(row("2 identity"), "refuse agent_suspended");
}

static void explain_says_who_shares_which_answers(void **state)
{
	(void)state;
	write_policy(
	        "version: 1\n"
	        "upstreams: {openai: {credential: none}}\n"
	        "models:\n"
	        "  own: {upstream: openai, cache: 90s}\n"
	        "  ours: {upstream: openai, cache: {ttl: 1h, share: team, stale_if_error: 1d}}\n"
	        "  never: {upstream: openai}\n"
	        "teams: {crew: {}}\n"
	        "agents: {a: {team: crew, models: [\"*\"]}, b: {models: [\"*\"], mode: {shadow: "
	        "[cache]}}}\n");
	RUN(command_explain, "explain", path, "--agent", "a", "--model", "own");
	check_holds(row("8 cache"), "pass a hit if this agent and user had it in the last 90s");
	check_holds(row("8 cache"), "p.yaml:4");
	RUN(command_explain, "explain", path, "--agent", "a", "--model", "ours");
	check_holds(row("8 cache"),
	        "a hit if its team had it in the last 1h; 1d longer if the upstream fails");
	RUN(command_explain, "explain", path, "--agent", "b", "--model", "ours");
	check_holds(row("8 cache"), "pass (shadow) a hit if this agent had it");
	RUN(command_explain, "explain", path, "--agent", "a", "--model", "never");
	check_holds(row("8 cache"), "its model's answers are not kept");
	write_policy(policy);
}

static void explain_works_out_the_worst_hour_and_what_a_body_would_take(void **state)
{
	char body[200];

	(void)state;
	write_policy(
	        "version: 1\n"
	        "upstreams: {openai: {credential: none}}\n"
	        "models: {m: {upstream: openai, price: {input: 1, output: 2}}}\n"
	        "agents:\n"
	        "  a:\n"
	        "    models: [m]\n"
	        "    trust_claimed: [user]\n"
	        "    rate_limit: [100/hour, 10/minute per user, 30/day burst 5]\n"
	        "    token_rate_limit: 1k/minute\n"
	        "    concurrency: 8\n"
	        "    budget: {request: {tokens: 500}, user: {cost: 1, per: day}, agent: {cost: "
	        "20, tokens: 1M}}\n");
	snprintf(body, sizeof(body), "%s/body.json", folder);
	FILE *f = fopen(body, "w");
	assert_non_null(f);
	fputs("{\"model\":\"m\",\"max_tokens\":300,\"messages\":[{\"role\":\"user\","
	      "\"content\":\"hi\"}]}",
	        f);
	fclose(f);
	assert_int_equal(RUN(command_explain, "explain", path, "--agent", "a", "--body", body), 0);
	check_holds(out, "worst hour: 200 requests, of which 100 at once (100 in 1h)\n");
	check_holds(out, "worst hour of a user: 610 requests, of which 10 at once (10 in 1m)\n");
	check_holds(out, "worst hour: 6 requests, of which 5 at once (30 in 1d)\n");
	check_holds(out, "worst hour: 61000 tokens, of which 1000 at once (1000 in 1m)\n");
	check_holds(row("7 rates"), "pass if its rates have room");
	check_holds(row("9 budget"), "pass if its worst case fits into every budget");
	check_holds(out, "of input, 300 of output\n");
	check_holds(row("r:a:3600"), "1 of 100 requests in 1h");
	check_holds(row("r:a:60:user:ID"), "1 of 10 requests in 1m");
	check_holds(row("c:a"), "1 of 8 calls at once");
	check_holds(row("b:user:day:ID"), "all of it, of 1 USD");
	check_holds(row("b:agent:a:total"), "all of it, of 20 USD 1000000 tokens");
	f = fopen(body, "w");
	assert_non_null(f);
	fputs("{", f);
	fclose(f);
	assert_int_equal(RUN(command_explain, "explain", path, "--agent", "a", "--body", body), 0);
	check_holds(out, "the body would be refused: The body cannot be read");
	unlink(body);
	assert_int_equal(RUN(command_explain, "explain", path, "--agent", "a", "--body", body), 1);
	check_holds(err, "No such file or directory");
	write_policy(policy);
}

static void explain_knows_what_was_meant(void **state)
{
	(void)state;
	assert_int_equal(RUN(command_explain, "explain", path, "--agent", "suport"), 1);
	assert_string_equal(err, "weir explain: no agent is named suport; did you mean support?\n");
	assert_int_equal(RUN(command_explain, "explain", path, "--model", "claude"), 1);
	assert_string_equal(err, "weir explain: no model is named claude\n");
	write_policy("version: 1\nagents: {a: {tools: [x]}}\n");
	assert_int_equal(RUN(command_explain, "explain", path), 1);
	check_holds(err, "error: no tool is named x\n");
	write_policy(policy);
}

static void schema_prints_the_checked_in_file(void **state)
{
	static char file[sizeof(out)];
	FILE *f = fopen("policies/weir.schema.json", "r");

	(void)state;
	assert_non_null(f);
	file[fread(file, 1, sizeof(file) - 1, f)] = '\0';
	fclose(f);
	assert_int_equal(RUN(command_schema, "schema"), 0);
	assert_string_equal(out, file);
}

static void a_new_key_is_printed_with_the_hash_that_knows_it(void **state)
{
	char text[256], hex[2 * SHA256_LEN + 1];
	uint8_t hash[SHA256_LEN];
	struct slice key;

	(void)state;
	assert_int_equal(RUN(command_key, "key", "new", "support_agent"), 0);
	key = slice_from(out, strcspn(out, "\n"));
	assert_true(key_is_wellformed(key));
	sha256(key, hash);
	hex_encode(hash, sizeof(hash), hex);
	snprintf(text, sizeof(text),
	        "\n\nagents:\n  support_agent:\n    identity: [{api_key: \"sha256:%s\"}]\n", hex);
	assert_string_equal(out + key.len, text);
	assert_string_equal(err, "");
	assert_int_equal(RUN(command_key, "key", "new", "a", "--format=json"), 0);
	check_holds(out, "{\"agent\":\"a\",\"key\":\"weir_");
	check_holds(out, "\",\"api_key\":\"sha256:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(check_says_good_and_what_is_inactive),
	        cmocka_unit_test(check_wants_secrets_unless_told_otherwise),
	        cmocka_unit_test(check_answers_programs_in_json),
	        cmocka_unit_test(wrong_usage_is_2_and_one_sentence),
	        cmocka_unit_test(help_has_examples),
	        cmocka_unit_test(explain_says_where_each_value_was_written),
	        cmocka_unit_test(explain_judges_a_call_policy_by_policy),
	        cmocka_unit_test(explain_says_who_shares_which_answers),
	        cmocka_unit_test(explain_works_out_the_worst_hour_and_what_a_body_would_take),
	        cmocka_unit_test(explain_knows_what_was_meant),
	        cmocka_unit_test(schema_prints_the_checked_in_file),
	        cmocka_unit_test(a_new_key_is_printed_with_the_hash_that_knows_it),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
