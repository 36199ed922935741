/* SPDX-License-Identifier: Apache-2.0 */
/* cidr, address_rule: what an address is, however it is written, and whether it may be connected
 * to. */
#include <stdio.h>
#include <unistd.h>
#include "net/address_rule.h"
#include "rig/net_rig.h"
#include "rig/unit.h"

static struct address at(const char *text)
{
	struct address a;

	if (address_parse(slice_str(text), 443, &a))
		fail_msg("%s is no address", text);
	return a;
}

static bool may(const char *host, const char *text)
{
	const struct address_rule rule = {.allowed = NULL};
	const struct address a = at(text);
	const char *why;

	return address_rule_allows(&rule, slice_str(host), &a, &why);
}

static void only_plain_addresses_are_addresses(void **state)
{
	static const char *const bad[] = {"", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433",
	        "1.2.3.4.5", "256.1.1.1", " 127.0.0.1", "::1%lo", "[::1]", "1.2.3.4/8",
	        "localhost"};
	struct address a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(address_parse(slice_str(bad[i]), 0, &a), -EINVAL);
}

static void addresses_are_written_with_their_port(void **state)
{
	struct address four = at("192.0.2.7"), six = at("2001:DB8::7");
	char text[ADDRESS_TEXT];

	(void)state;
	address_format(&four, text);
	assert_string_equal(text, "192.0.2.7:443");
	address_format(&six, text);
	assert_string_equal(text, "[2001:db8::7]:443");
}

static void ranges_are_read_strictly(void **state)
{
	static const char *const bad[] = {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.1/8",
	        "10.0.0.0/-1", "fd00::/129", "fd00::1/8", "example.com/8", "10.0.0.0/08x", "/8"};
	struct cidr c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(cidr_parse(slice_str(bad[i]), &c), -EINVAL);
	assert_int_equal(cidr_parse(SLICE("0.0.0.0/0"), &c), 0);
	assert_int_equal(c.bits, 96);
	assert_int_equal(cidr_parse(SLICE("10.1.2.3"), &c), 0);
	assert_int_equal(c.bits, 128);
}

static bool is_in(const char *range, const char *address)
{
	const struct address a = at(address);
	struct cidr c;

	assert_int_equal(cidr_parse(slice_str(range), &c), 0);
	return cidr_has(&c, &a);
}

static void ranges_hold_what_they_say(void **state)
{
	(void)state;
	assert_true(is_in("10.0.0.0/8", "10.255.255.255"));
	assert_false(is_in("10.0.0.0/8", "11.0.0.0"));
	assert_true(is_in("192.0.2.128/25", "192.0.2.200"));
	assert_false(is_in("192.0.2.128/25", "192.0.2.127"));
	assert_true(is_in("10.0.0.0/8", "::ffff:10.0.0.1"));
	assert_true(is_in("10.0.0.0/8", "64:ff9b::10.0.0.1"));
	assert_false(is_in("0.0.0.0/0", "2001:db8::1"));
	assert_true(is_in("fd00::/8", "fdff::1"));
	assert_false(is_in("::/0", "fe80::1") != is_in("::/0", "10.0.0.1"));
}

static void public_addresses_are_for_everyone(void **state)
{
	(void)state;
	assert_true(may("api.example.com", "8.8.8.8"));
	assert_true(may("api.example.com", "2606:4700::1111"));
	assert_true(may("api.example.com", "172.15.0.1"));
	assert_true(may("api.example.com", "172.32.0.1"));
}

static void private_addresses_are_for_inside_names(void **state)
{
	static const char *const inside[] = {"10.0.0.1", "172.16.0.1", "172.31.255.255",
	        "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::c0a8:101"};
	static const char *const names[] = {"orders", "orders.tools.svc", "a.cluster.local",
	        "x.internal", "ORDERS.SVC", "orders.svc.", "orders."};

	(void)state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
		assert_false(may("api.example.com", inside[i]));
		assert_false(may("svc.example.com", inside[i]));
		assert_false(may("evil-svc.", inside[i]) && strchr("evil-svc.", '.') == NULL);
		assert_false(may("10.0.0.1.nip.io", inside[i]));
		for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++)
			assert_true(may(names[n], inside[i]));
		assert_true(may("10.0.0.1", inside[i]));
	}
}

static void loopback_is_for_localhost_and_written_addresses(void **state)
{
	(void)state;
	assert_true(may("localhost", "127.0.0.1"));
	assert_true(may("localhost.", "::1"));
	assert_true(may("127.0.0.1", "127.0.0.1"));
	assert_false(may("orders", "127.0.0.1"));
	assert_false(may("orders.svc", "::1"));
	assert_false(may("api.example.com", "::ffff:7f00:1"));
	assert_false(may("api.example.com", "64:ff9b::7f00:1"));
}

static void some_addresses_are_for_nobody(void **state)
{
	static const char *const never[] = {"169.254.169.254", "169.254.0.1", "0.0.0.0", "0.1.2.3",
	        "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "fe80::1", "ff02::1",
	        "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "::7f00:1",
	        "2002:7f00:1::", "2001:0:7f00:1::", "100.100.100.200", "fd00:ec2::254",
	        "192.0.2.1"};
	static const char *const names[] = {
	        "localhost", "metadata", "metadata.google.internal", "169.254.169.254"};

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++)
			if (may(names[n], never[i]))
				fail_msg("%s may lead to %s", names[n], never[i]);
}

static void a_list_takes_the_place_of_the_rule(void **state)
{
	struct cidr list[2];
	struct address_rule rule = {.allowed = list, .n_allowed = 2};
	const struct address in = at("10.1.0.1"), six = at("fd12::1"), out = at("8.8.8.8"),
	                     meta = at("169.254.169.254");
	const char *why = "";

	(void)state;
	cidr_parse(SLICE("10.1.0.0/16"), &list[0]);
	cidr_parse(SLICE("fd12::/16"), &list[1]);
	assert_true(address_rule_allows(&rule, SLICE("api.example.com"), &in, &why));
	assert_true(address_rule_allows(&rule, SLICE("api.example.com"), &six, &why));
	assert_false(address_rule_allows(&rule, SLICE("api.example.com"), &out, &why));
	assert_string_equal(why, "it is outside the upstream's addresses");
	cidr_parse(SLICE("0.0.0.0/0"), &list[0]);
	assert_true(address_rule_allows(&rule, SLICE("api.example.com"), &out, &why));
	assert_false(address_rule_allows(&rule, SLICE("api.example.com"), &meta, &why));
}

static bool may_call(struct own_listeners *own, const char *text, uint16_t port)
{
	const struct address_rule rule = {.own = own};
	struct address a = at(text);
	const char *why;

	address_set_port(&a, port);
	return address_rule_allows(&rule, slice_str(text), &a, &why);
}

static void weir_does_not_call_its_own_listeners(void **state)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct own_listeners own = {.list = NULL};
	int wildcard = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(any);
	uint16_t port;
	int fd = rig_listen(&port);

	(void)state;
	assert_int_equal(own_listeners_add(&own, fd), 0);
	assert_false(may_call(&own, "127.0.0.1", port));
	assert_false(may_call(&own, "::ffff:127.0.0.1", port));
	assert_true(may_call(&own, "127.0.0.2", port));
	assert_true(may_call(&own, "127.0.0.1", (uint16_t)(port + 1)));
	assert_int_equal(bind(wildcard, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(getsockname(wildcard, (struct sockaddr *)&any, &len), 0);
	assert_int_equal(own_listeners_add(&own, wildcard), 0);
	port = ntohs(any.sin_port);
	assert_false(may_call(&own, "127.0.0.1", port));
	assert_false(may_call(&own, "127.8.9.10", port));
	assert_true(may_call(&own, "8.8.8.8", port));
	own_listeners_finish(&own);
	close(fd);
	close(wildcard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_plain_addresses_are_addresses),
	        cmocka_unit_test(addresses_are_written_with_their_port),
	        cmocka_unit_test(ranges_are_read_strictly),
	        cmocka_unit_test(ranges_hold_what_they_say),
	        cmocka_unit_test(public_addresses_are_for_everyone),
	        cmocka_unit_test(private_addresses_are_for_inside_names),
	        cmocka_unit_test(loopback_is_for_localhost_and_written_addresses),
	        cmocka_unit_test(some_addresses_are_for_nobody),
	        cmocka_unit_test(a_list_takes_the_place_of_the_rule),
	        cmocka_unit_test(weir_does_not_call_its_own_listeners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
