/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/framing, on heads put together by hand: it must not matter what read them. */
#include "rig/unit.h"
#include <stdio.h>
#include "http/framing.h"

/* "name: value" lines. */
static void head_of(struct head *h, const char *lines)
{
	head_init(h);
	h->method = METHOD_POST;
	h->status = 200;
	while (*lines) {
		const char *colon = strchr(lines, ':'), *end = strchr(lines, '\n');

		assert_non_null(colon);
		assert_non_null(end);
		assert_int_equal(
		        head_add(h, HEADER_OTHER, slice_from(lines, (size_t)(colon - lines)),
		                slice_trim(slice_from(colon + 1, (size_t)(end - colon - 1)))),
		        0);
		lines = end + 1;
	}
}

static enum fault request_of(struct head *h, const char *lines, unsigned minor)
{
	const char *note = NULL;
	enum fault fault;

	head_of(h, lines);
	h->minor = (uint8_t)minor;
	fault = framing_of_request(h, &note);
	assert_int_equal(fault != FAULT_NONE, note != NULL);
	return fault;
}

static void assert_request(const char *lines, enum fault due)
{
	struct head h;
	enum fault fault = request_of(&h, lines, 1);

	if (fault != due)
		fail_msg("'%s': %s", lines, fault_infos[fault].name);
	head_finish(&h);
}

static void content_is_framed_by_one_field_only(void **state)
{
	struct head h;

	(void)state;
	assert_int_equal(request_of(&h, "host: a\n", 1), 0);
	assert_int_equal(h.framing, FRAMING_NONE);
	head_finish(&h);
	assert_int_equal(request_of(&h, "host: a\ncontent-length: 0012\n", 1), 0);
	assert_int_equal(h.framing, FRAMING_LENGTH);
	assert_int_equal(h.length, 12);
	head_finish(&h);
	assert_int_equal(request_of(&h, "host: a\ntransfer-encoding: ChunKed\n", 1), 0);
	assert_int_equal(h.framing, FRAMING_CHUNKED);
	head_finish(&h);
	assert_request("host: a\ncontent-length: 9999999999999999999\n", FAULT_NONE);
	assert_request("host: a\ncontent-length: 99999999999999999999\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\ncontent-length: 1\ncontent-length: 1\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\ncontent-length: 1, 1\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\ncontent-length:\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\ncontent-length: +1\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\ntransfer-encoding:\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\ntransfer-encoding: chunked, gzip\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\ntransfer-encoding: gzip, chunked\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\ntransfer-encoding: chunked\ntransfer-encoding: chunked\n",
	        FAULT_REQUEST_INVALID);
	assert_request("host: a\ntransfer-encoding:\ncontent-length: 1\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\ncontent-length: 1\ntransfer-encoding:\n", FAULT_REQUEST_INVALID);
	assert_request(
	        "host: a\ncontent-length: 1\ntransfer-encoding: chunked\n", FAULT_REQUEST_INVALID);
	assert_int_equal(
	        request_of(&h, "host: a\ntransfer-encoding: chunked\n", 0), FAULT_REQUEST_INVALID);
	head_finish(&h);
}

static void a_request_has_one_host(void **state)
{
	struct head h;

	(void)state;
	assert_request("accept: a\n", FAULT_REQUEST_INVALID);
	assert_request("host:\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\nhost: a\n", FAULT_REQUEST_INVALID);
	assert_request("host: a, b\n", FAULT_REQUEST_INVALID);
	assert_request("host: [::1]:80\n", FAULT_NONE);
	assert_int_equal(request_of(&h, "accept: a\n", 0), 0);
	head_finish(&h);
	assert_int_equal(request_of(&h, "host: a\nhost: a\n", 0), FAULT_REQUEST_INVALID);
	head_finish(&h);
}

static void assert_keeps(const char *lines, unsigned minor, bool due)
{
	struct head h;

	assert_int_equal(request_of(&h, lines, minor), 0);
	if (h.keep_alive != due)
		fail_msg("'%s' on 1.%u: %d", lines, minor, h.keep_alive);
	head_finish(&h);
}

static void connections_go_on_as_version_and_options_say(void **state)
{
	(void)state;
	assert_keeps("host: a\n", 1, true);
	assert_keeps("host: a\n", 0, false);
	assert_keeps("host: a\nconnection: keep-alive\n", 0, true);
	assert_keeps("host: a\nconnection: x, Close\n", 1, false);
	assert_keeps("host: a\nconnection: close, keep-alive\n", 1, false);
	assert_keeps("host: a\nconnection: keep-alive\nconnection: close\n", 0, false);
	assert_keeps("host: a\nproxy-connection: keep-alive\n", 1, false);
	assert_keeps("host: a\nconnection: upgrade\nupgrade: h2c\n", 1, false);
	assert_keeps("host: a\nconnection: upgrade\n", 1, true);
}

static void connection_may_not_name_what_others_rely_on(void **state)
{
	static const char *const names[] = {"Host", "content-length", "Transfer-Encoding",
	        "authorization", "Cookie", "X-Weir-Key", "x-weir-anything", "Mcp-Name",
	        "mcp-session-id", "x-api-key", "content-type"};
	char lines[128];

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(lines, sizeof(lines), "host: a\nconnection: keep-alive ,\t%s\n", names[i]);
		assert_request(lines, FAULT_REQUEST_INVALID);
	}
	assert_request("host: a\nconnection: te, , x-a\n", FAULT_NONE);
	assert_request("host: a\nconnection: a b\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\nconnection: \"close\"\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\nconnection: "
	               "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,a,b,c,d,e,f,g\n",
	        FAULT_REQUEST_INVALID);
}

static void expectations_and_upgrades_have_their_answers(void **state)
{
	struct head h;

	(void)state;
	assert_request("host: a\nexpect: 200-ok\n", FAULT_EXPECTATION_FAILED);
	assert_request("host: a\nexpect: 100-continue, x\n", FAULT_EXPECTATION_FAILED);
	assert_request("host: a\nupgrade: h2c, WebSocket\n", FAULT_UPGRADE_REQUIRED);
	assert_int_equal(
	        request_of(&h, "host: a\nexpect: 100-Continue\ncontent-length: 1\n", 1), 0);
	assert_true(h.expects_continue);
	head_finish(&h);
	assert_int_equal(request_of(&h, "host: a\nexpect: 100-continue\n", 1), 0);
	assert_false(h.expects_continue);
	head_finish(&h);
	assert_int_equal(
	        request_of(&h, "host: a\nexpect: 100-continue\ncontent-length: 1\n", 0), 0);
	assert_false(h.expects_continue);
	head_finish(&h);
}

static void fields_that_identify_stand_alone(void **state)
{
	(void)state;
	assert_request("host: a\nauthorization: b\nauthorization: b\n", FAULT_REQUEST_INVALID);
	assert_request(
	        "host: a\nx-weir-user: b\naccept: c\nX-Weir-User: b\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\ncontent-type: b\ncontent-type: b\n", FAULT_REQUEST_INVALID);
	assert_request("host: a\naccept: b\naccept: b\nvia: c\nvia: c\n", FAULT_NONE);
}

static void assert_answer(
        const char *lines, unsigned status, enum method asked, enum framing framing, bool keeps)
{
	struct head h;
	const char *note;

	head_of(&h, lines);
	h.status = (uint16_t)status;
	assert_int_equal(framing_of_answer(&h, asked, &note), 0);
	if (h.framing != framing || h.keep_alive != keeps)
		fail_msg("%u '%s': framing %u, %d", status, lines, h.framing, h.keep_alive);
	head_finish(&h);
}

static void assert_malformed(const char *lines, unsigned minor)
{
	struct head h;
	const char *note = NULL;

	head_of(&h, lines);
	h.minor = (uint8_t)minor;
	assert_int_equal(framing_of_answer(&h, METHOD_GET, &note), FAULT_UPSTREAM_MALFORMED);
	assert_non_null(note);
	head_finish(&h);
}

static void answers_are_framed_by_what_was_asked(void **state)
{
	(void)state;
	assert_answer("content-length: 5\n", 200, METHOD_GET, FRAMING_LENGTH, true);
	assert_answer("content-length: 5\n", 200, METHOD_HEAD, FRAMING_NONE, true);
	assert_answer("content-length: 5\n", 304, METHOD_GET, FRAMING_NONE, true);
	assert_answer("content-length: 5\n", 204, METHOD_GET, FRAMING_NONE, true);
	assert_answer("transfer-encoding: chunked\n", 200, METHOD_GET, FRAMING_CHUNKED, true);
	assert_answer("transfer-encoding: chunked\n", 200, METHOD_HEAD, FRAMING_NONE, true);
	assert_answer("server: a\n", 200, METHOD_GET, FRAMING_CLOSE, false);
	assert_answer("server: a\n", 100, METHOD_GET, FRAMING_NONE, true);
	assert_answer(
	        "connection: close\ncontent-length: 5\n", 200, METHOD_GET, FRAMING_LENGTH, false);
	assert_answer("connection: close\n", 204, METHOD_GET, FRAMING_NONE, false);
	assert_malformed("content-length: 5\ntransfer-encoding: chunked\n", 1);
	assert_malformed("content-length: 5, 5\n", 1);
	assert_malformed("content-length: 5\ncontent-length: 5\n", 1);
	assert_malformed("transfer-encoding: identity\n", 1);
	assert_malformed("transfer-encoding: chunked\n", 0);
	assert_malformed("connection: content-length\ncontent-length: 5\n", 1);
}

static void what_is_between_neighbours_is_stripped(void **state)
{
	struct head h;

	(void)state;
	head_of(&h, "Host: a\nConnection: X-A, keep-alive\nx-a: b\nKeep-Alive: timeout=5\nTE: "
	            "trailers\n"
	            "Trailer: x\nUpgrade: h2c\nHTTP2-Settings: x\nProxy-Connection: close\nExpect: "
	            "100-continue\n"
	            "Proxy-Authorization: b\nTransfer-Encoding: chunked\nX-B: c\nConnection: "
	            "x-c\nX-C: d\n"
	            "Content-Length: 5\n");
	head_strip_hop_by_hop(&h);
	assert_int_equal(h.n_headers, 3);
	assert_slice(h.headers[0].name, "Host");
	assert_slice(h.headers[1].name, "X-B");
	assert_slice(h.headers[2].name, "Content-Length");
	head_strip_hop_by_hop(&h);
	assert_int_equal(h.n_headers, 3);
	head_finish(&h);
	head_of(&h, "x-a: b\nHost: a\nx-close: c\nClose: d\nConnection: CLOSE\n");
	head_strip_hop_by_hop(&h);
	assert_int_equal(h.n_headers, 4);
	head_finish(&h);
	head_of(&h, "x-a: b\nHost: a\nX-B: c\nx-a: d\nConnection: close, X-A\nX-b: e\n");
	head_strip_hop_by_hop(&h);
	assert_int_equal(h.n_headers, 3);
	assert_slice(h.headers[0].value, "a");
	assert_slice(h.headers[1].value, "c");
	assert_slice(h.headers[2].value, "e");
	head_finish(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(content_is_framed_by_one_field_only),
	        cmocka_unit_test(a_request_has_one_host),
	        cmocka_unit_test(connections_go_on_as_version_and_options_say),
	        cmocka_unit_test(connection_may_not_name_what_others_rely_on),
	        cmocka_unit_test(expectations_and_upgrades_have_their_answers),
	        cmocka_unit_test(fields_that_identify_stand_alone),
	        cmocka_unit_test(answers_are_framed_by_what_was_asked),
	        cmocka_unit_test(what_is_between_neighbours_is_stripped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
