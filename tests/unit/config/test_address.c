/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of config/address: the forms of addresses, URLs and ranges. */
#include <string.h>
#include "rig/unit.h"
#include "config/address.h"

static void a_listener_takes_ip_addresses_and_unix_sockets(void **state)
{
	struct address_conf a;

	(void)state;
	assert_null(listen_address_parse(SLICE("127.0.0.1:4000"), &a));
	assert_slice(a.host, "127.0.0.1");
	assert_true(a.port == 4000 && a.loopback && !a.none);
	assert_null(listen_address_parse(SLICE("[::1]:4000"), &a));
	assert_slice(a.host, "::1");
	assert_true(a.loopback);
	assert_null(listen_address_parse(SLICE("0.0.0.0:80"), &a));
	assert_false(a.loopback);
	assert_null(listen_address_parse(SLICE("localhost:80"), &a));
	assert_slice(a.host, "127.0.0.1");
	assert_true(a.loopback);
	assert_null(listen_address_parse(SLICE("unix:/run/weir/agents.sock"), &a));
	assert_slice(a.unix_path, "/run/weir/agents.sock");
	assert_true(a.loopback && !a.host.len);
	assert_null(listen_address_parse(SLICE("none"), &a));
	assert_true(a.none);
}

static void other_addresses_are_refused(void **state)
{
	static const char *const cases[] = {"", "127.0.0.1", ":4000",
	        "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:4a", "example.com:80", "::1:4000",
	        "[::1]", "[::1]4000", "[::1:4000", "[1.2.3.4]:1", "256.0.0.1:80", "1.2.3:80",
	        "unix:", "unix:a", "127.0.0.1 :80"};
	struct address_conf a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_non_null(listen_address_parse(slice_str(cases[i]), &a));
}

static void a_url_is_taken_apart(void **state)
{
	struct endpoint_conf e = {.weight = 3};

	(void)state;
	assert_null(endpoint_url_parse(SLICE("https://api.openai.com/v1/"), &e));
	assert_true(e.tls && e.port == 443 && e.weight == 3);
	assert_slice(e.host, "api.openai.com");
	assert_slice(e.base_path, "/v1");
	assert_slice(e.authority, "api.openai.com");
	assert_null(endpoint_url_parse(SLICE("http://[::1]:8080"), &e));
	assert_true(!e.tls && e.port == 8080);
	assert_slice(e.host, "::1");
	assert_slice(e.base_path, "");
	assert_slice(e.authority, "[::1]:8080");
	assert_null(endpoint_url_parse(SLICE("https://a.example:443/x/y"), &e));
	assert_slice(e.authority, "a.example");
	assert_slice(e.base_path, "/x/y");
	assert_null(endpoint_url_parse(SLICE("http://vllm:8000/v1"), &e));
	assert_slice(e.authority, "vllm:8000");
}

static void urls_that_could_be_read_in_two_ways_are_refused(void **state)
{
	static const char *const cases[] = {"", "api.openai.com", "ftp://a", "https://",
	        "https:///v1", "https://a:0", "https://a:99999", "https://a b", "https://u:p@a",
	        "https://u@a", "https://a?x", "https://a#x", "https://a//b", "https://a/../b",
	        "https://a/./b", "https://a/%2e", "https://a/\\b", "https://a/b c", "https://::1",
	        "https://[::1", "https://-a", "https://a-", "https://a..b", "https://1.2.3",
	        "https://[1.2.3.4]", "HTTPS://a"};
	struct endpoint_conf e = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!endpoint_url_parse(slice_str(cases[i]), &e))
			print_error("%s\n", cases[i]);
		assert_non_null(endpoint_url_parse(slice_str(cases[i]), &e));
	}
}

static void a_range_has_no_bits_behind_its_prefix(void **state)
{
	(void)state;
	assert_null(cidr_text_check(SLICE("10.0.0.0/8")));
	assert_null(cidr_text_check(SLICE("10.1.2.3")));
	assert_null(cidr_text_check(SLICE("0.0.0.0/0")));
	assert_null(cidr_text_check(SLICE("fd00::/8")));
	assert_null(cidr_text_check(SLICE("::1/128")));
	assert_non_null(cidr_text_check(SLICE("10.0.0.1/8")));
	assert_non_null(cidr_text_check(SLICE("10.0.0.0/33")));
	assert_non_null(cidr_text_check(SLICE("10.0.0.0/")));
	assert_non_null(cidr_text_check(SLICE("fd00::/129")));
	assert_non_null(cidr_text_check(SLICE("example.com/8")));
	assert_non_null(cidr_text_check(SLICE("")));
}

static bool conflict(const char *left, const char *right)
{
	struct address_conf a, b;

	assert_null(listen_address_parse(slice_str(left), &a));
	assert_null(listen_address_parse(slice_str(right), &b));
	assert_true(listen_addresses_conflict(&a, &b) == listen_addresses_conflict(&b, &a));
	return listen_addresses_conflict(&a, &b);
}

static void a_wildcard_takes_every_address_of_its_port(void **state)
{
	(void)state;
	assert_true(conflict("127.0.0.1:1", "127.0.0.1:1"));
	assert_true(conflict("0.0.0.0:1", "127.0.0.1:1"));
	assert_false(conflict("127.0.0.1:1", "127.0.0.1:2"));
	assert_false(conflict("127.0.0.1:1", "127.0.0.2:1"));
	assert_false(conflict("127.0.0.1:1", "[::1]:1"));
	assert_true(conflict("[::]:1", "[::1]:1"));
	assert_true(conflict("unix:/a", "unix:/a"));
	assert_false(conflict("unix:/a", "unix:/b"));
	assert_false(conflict("unix:/a", "127.0.0.1:1"));
	assert_false(conflict("none", "none"));
	assert_false(conflict("127.0.0.1:0", "127.0.0.1:0"));
}

static void hosts_that_only_a_network_of_ours_knows_are_private(void **state)
{
	(void)state;
	assert_true(host_is_private(SLICE("orders")));
	assert_true(host_is_private(SLICE("orders.tools.svc")));
	assert_true(host_is_private(SLICE("orders.tools.svc.cluster.local")));
	assert_true(host_is_private(SLICE("a.internal")));
	assert_true(host_is_private(SLICE("10.1.2.3")));
	assert_true(host_is_private(SLICE("172.31.0.1")));
	assert_true(host_is_private(SLICE("192.168.1.1")));
	assert_true(host_is_private(SLICE("fd00::1")));
	assert_true(host_is_private(SLICE("127.0.0.53")));
	assert_false(host_is_private(SLICE("172.32.0.1")));
	assert_false(host_is_private(SLICE("8.8.8.8")));
	assert_false(host_is_private(SLICE("2001:db8::1")));
	assert_false(host_is_private(SLICE("api.openai.com")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_listener_takes_ip_addresses_and_unix_sockets),
	        cmocka_unit_test(other_addresses_are_refused),
	        cmocka_unit_test(a_url_is_taken_apart),
	        cmocka_unit_test(urls_that_could_be_read_in_two_ways_are_refused),
	        cmocka_unit_test(a_range_has_no_bits_behind_its_prefix),
	        cmocka_unit_test(a_wildcard_takes_every_address_of_its_port),
	        cmocka_unit_test(hosts_that_only_a_network_of_ours_knows_are_private),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
