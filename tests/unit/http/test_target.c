/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/target. */
#include "rig/unit.h"
#include "http/target.h"
#include "base/mem.h"

#define HOST SLICE("weir.test:4000")

/* Parses a copy that ends where its memory does. */
static enum fault parse(const char *text, struct target *ret)
{
	const char *note = NULL;
	size_t len = strlen(text);
	char *copy = mem_realloc(mem_dup(text, len), len);
	struct slice host = HOST;
	enum fault fault = target_parse(slice_from(copy, len), host, ret, &note);

	assert_int_equal(fault != FAULT_NONE, note != NULL);
	mem_free(copy);
	return fault;
}

static void canonical_targets_are_cut_in_path_and_query(void **state)
{
	struct target t;
	const char *note;

	(void)state;
	assert_int_equal(target_parse(SLICE("/v1/messages?beta=true&x"), HOST, &t, &note), 0);
	assert_slice(t.path, "/v1/messages");
	assert_slice(t.query, "beta=true&x");
	assert_false(t.has_key);
	assert_int_equal(target_parse(SLICE("/"), HOST, &t, &note), 0);
	assert_slice(t.path, "/");
	assert_null(t.query.at);
	assert_int_equal(target_parse(SLICE("/a?"), HOST, &t, &note), 0);
	assert_non_null(t.query.at);
	assert_int_equal(t.query.len, 0);
	assert_int_equal(target_parse(SLICE("/a/?b?c/../d;e"), HOST, &t, &note), 0);
	assert_slice(t.path, "/a/");
	assert_slice(t.query, "b?c/../d;e");
}

static void the_absolute_form_must_name_the_host(void **state)
{
	struct target t;
	const char *note;

	(void)state;
	assert_int_equal(target_parse(SLICE("http://WEIR.test:4000/a?b"), HOST, &t, &note), 0);
	assert_slice(t.path, "/a");
	assert_slice(t.query, "b");
	assert_int_equal(target_parse(SLICE("HTTP://weir.test:4000"), HOST, &t, &note), 0);
	assert_slice(t.path, "/");
	assert_int_equal(target_parse(SLICE("http://weir.test:4000?b"), HOST, &t, &note), 0);
	assert_slice(t.path, "/");
	assert_slice(t.query, "b");
	assert_int_equal(target_parse(SLICE("https://a/"), SLICE("a:443"), &t, &note), 0);
	assert_int_equal(
	        target_parse(SLICE("http://a/"), SLICE("a:443"), &t, &note), FAULT_MISDIRECTED);
	assert_int_equal(target_parse(SLICE("http://a/"), slice_from(NULL, 0), &t, &note),
	        FAULT_MISDIRECTED);
	assert_int_equal(parse("http://weir.test/a", &t), FAULT_MISDIRECTED);
	assert_int_equal(parse("http://b:4000/a", &t), FAULT_MISDIRECTED);
}

static void what_is_not_canonical_is_refused(void **state)
{
	static const char *const bad[] = {"*", "a", "//", "//b/a", "/a//b", "/a//", "/.", "/..",
	        "/a/.", "/a/..", "/a/./b", "/a/../b", "/../a", "/a;b", "/a;", "/a\\b", "/a#b",
	        "/a?b#c", "/a%2fb", "/a%2Fb", "/a%5cb", "/a%5Cb", "/a%00", "/a%0d", "/a%0a",
	        "/a%1f", "/a%7f", "/%2e/a", "/%2e%2e/a", "/.%2e/a", "/%2E%2e", "/a%2eb", "/a%41b",
	        "/a%7eb", "/a%252e", "/a%25", "/a%3bb", "/a%", "/a%4", "/a%4g", "/a%g4", "/a%%",
	        "/a\x80", "/a\xc3\xa9", "/a b", "/a\tb", "/a\x7f", "/a\"b", "/a<b", "/a>b", "/a{b}",
	        "/a|b", "/a^b", "/a`b", "/a[b]", "/a%c0%af", "/a%c3", "/a%c3x", "/a%c3%28",
	        "/a%ed%a0%80", "/a%f5%80%80%80", "/a%80", "/a?b%", "/a?%0d%0a", "/a?%00", "/a?b\\c",
	        "/a?b\"", "/a?b c", "/a?\x80", "http://", "http:///a", "http://u@weir.test:4000/",
	        "http://u:p@weir.test:4000/", "http://weir.test:4000:1/", "http://weir.test:/",
	        "http://weir.test:65536/", "http://weir test/", "http://[::1/", "http://[::g]/",
	        "http://[]/", "http://weir.test:4000#a", "http://weir.test:4000//a",
	        "http://weir.test:4000/../a", "ws://weir.test:4000/", "weir.test:4000",
	        "http:/weir.test:4000/"};
	struct target t = {.has_key = true};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parse(bad[i], &t) != FAULT_REQUEST_INVALID)
			fail_msg("%s was not refused", bad[i]);
	assert_true(t.has_key); /* untouched */
}

static void needed_escapes_are_taken(void **state)
{
	static const char *const good[] = {"/a%20b", "/a%3fb", "/a%23b", "/%c3%a9", "/%E2%82%AC",
	        "/%f0%9f%98%80", "/a%22", "/a%5b1%5d",
	        "/v1beta/models/gemini-2.5-pro:generateContent", "/a/...", "/.a", "/a..b",
	        "/-._~!$&'()*+,=:@", "/a?a[]={b}|c^`'", "/a?%41%2f%2e%25"};
	struct target t;

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (parse(good[i], &t))
			fail_msg("%s was refused", good[i]);
}

static void a_key_in_the_query_is_seen_in_any_disguise(void **state)
{
	static const char *const with[] = {"/a?key=b", "/a?KEY=b", "/a?b=c&key=d", "/a?b;key=c",
	        "/a?key", "/a?%6bey=b", "/a?%6B%65%79=b", "/a?api_key=b", "/a?api%5Fkey=b",
	        "/a?api-key=b", "/a?apikey=", "/a?access_token=b", "/a?&&key=b"};
	static const char *const without[] = {"/a?keys=b", "/a?b=key", "/a?monkey=b", "/a?key1=b",
	        "/key=b", "/a?b=c=key", "/a?", "/a?averyveryverylongkey=b", "/a?ke=y"};
	struct target t;

	(void)state;
	for (unsigned i = 0; i < sizeof(with) / sizeof(*with); i++) {
		assert_int_equal(parse(with[i], &t), 0);
		if (!t.has_key)
			fail_msg("%s has a key", with[i]);
	}
	for (unsigned i = 0; i < sizeof(without) / sizeof(*without); i++) {
		assert_int_equal(parse(without[i], &t), 0);
		if (t.has_key)
			fail_msg("%s has no key", without[i]);
	}
}

static void a_long_target_has_its_own_fault(void **state)
{
	static char text[TARGET_MAX + 2];
	struct target t;

	(void)state;
	memset(text, 'a', TARGET_MAX + 1);
	text[0] = '/';
	assert_int_equal(parse(text, &t), FAULT_TARGET_TOO_LONG);
	text[TARGET_MAX] = 0;
	assert_int_equal(parse(text, &t), FAULT_NONE);
}

static void authorities_are_hosts_and_ports(void **state)
{
	static const char *const good[] = {"a", "a.b", "a.b.", "a_b", "127.0.0.1", "127.0.0.1:80",
	        "[::1]", "[::1]:80", "[2001:db8::1]:65535", "a:0", "xn--a"};
	static const char *const bad[] = {"", ":80", "a:", "a:b", "a:65536", "a:80:80", "a b",
	        "a,b", "a/b", "a@b", "a?b", "a#b", "a%41", "[", "[]", "[:1", "::1", "[::1]a",
	        "[::1]:", "[v1.a]", "[fe80::1%eth0]", "a\\b", "a:99999999999999999999", "\x80"};

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!authority_is_valid(slice_str(good[i])))
			fail_msg("%s is valid", good[i]);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (authority_is_valid(slice_str(bad[i])))
			fail_msg("%s is not valid", bad[i]);
	assert_true(authority_equals(SLICE("A:80"), SLICE("a"), 80));
	assert_false(authority_equals(SLICE("a:81"), SLICE("a"), 80));
	assert_false(authority_equals(SLICE("a"), SLICE("b"), 80));
	assert_true(authority_equals(SLICE("[::1]:80"), SLICE("[::1]"), 80));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(canonical_targets_are_cut_in_path_and_query),
	        cmocka_unit_test(the_absolute_form_must_name_the_host),
	        cmocka_unit_test(what_is_not_canonical_is_refused),
	        cmocka_unit_test(needed_escapes_are_taken),
	        cmocka_unit_test(a_key_in_the_query_is_seen_in_any_disguise),
	        cmocka_unit_test(a_long_target_has_its_own_fault),
	        cmocka_unit_test(authorities_are_hosts_and_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
