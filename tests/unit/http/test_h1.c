/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/h1: both sides of a connection, whole messages through them. What is refused is in
 * test_cases. */
#include "rig/unit.h"
#include "rig/splits.h"
#include "rig/starve.h"
#include "unit/http/cases.h"
#include "unit/http/peer.h"

#define OPS(p) ((p)->codec.base.ops)
#define CODEC(p) (&(p)->codec.base)

static void a_head_is_reported_without_what_is_between_neighbours(void **state)
{
	struct peer p;

	(void)state;
	peer_init(&p, false, NULL);
	peer_feed(&p,
	        SLICE("POST http://weir.test/v1/moderations?a=b HTTP/1.1\r\nHost:weir.test\r\n"
	              "X-A: \t b c \t\r\nX-Empty:\r\nConnection: x-gone, keep-alive\r\nX-Gone: "
	              "d\r\n"
	              "Expect: 100-continue\r\nTE: trailers\r\nContent-Length: 011\r\n\r\n" JSON));
	assert_string_equal(p.seen,
	        "POST http://weir.test/v1/moderations?a=b 1.1 0 1 11 keep expects\n"
	        "Host=weir.test\nX-A=b c\nX-Empty=\nContent-Length=011\n");
	assert_slice(buf_slice(&p.body), JSON);
	assert_int_equal(p.messages, 1);
	assert_false(p.closed);
	peer_finish(&p);
}

static void a_head_says_what_its_target_came_to(void **state)
{
	struct peer p;
	const struct head *h = &p.codec.reader.head;

	(void)state;
	peer_init(&p, false, NULL);
	OPS(&p)->feed(CODEC(&p),
	        SLICE("GET http://weir.test/v1/models?a=b&key=c HTTP/1.1\r\n" ON_HOST "\r\n"));
	assert_slice(h->path, "/v1/models");
	assert_slice(h->query, "a=b&key=c");
	assert_true(h->key_in_query);
	assert_int_equal(peer_answer(&p, 200), 0);
	assert_true(OPS(&p)->next(CODEC(&p)));
	OPS(&p)->feed(CODEC(&p), SLICE(GET "\r\n"));
	assert_slice(h->path, "/v1/models");
	assert_null(h->query.at);
	assert_false(h->key_in_query);
	peer_finish(&p);
}

static void nothing_is_taken_between_a_request_and_next(void **state)
{
	struct slice both = SLICE(GOOD GOOD);
	struct peer p;

	(void)state;
	peer_init(&p, false, NULL);
	assert_int_equal(OPS(&p)->feed(CODEC(&p), both), both.len / 2);
	assert_int_equal(p.heads, 1);
	assert_int_equal(OPS(&p)->feed(CODEC(&p), slice_skip(both, both.len / 2)), 0);
	assert_int_equal(p.heads, 1);
	assert_int_equal(peer_answer(&p, 200), 0);
	assert_true(OPS(&p)->next(CODEC(&p)));
	assert_int_equal(OPS(&p)->feed(CODEC(&p), slice_skip(both, both.len / 2)), both.len / 2);
	assert_int_equal(p.heads, 2);
	assert_int_equal(p.codec.reader.stream, 2);
	peer_finish(&p);
}

static void next_waits_for_both_directions(void **state)
{
	struct peer p;

	(void)state;
	peer_init(&p, false, NULL);
	peer_feed(&p, SLICE(POST "Content-Length: 11\r\n\r\n{"));
	assert_int_equal(
	        peer_answer(&p, 200), 0); /* before the request is whole: the connection ends */
	assert_non_null(memmem(peer_out(&p).at, peer_out(&p).len, "connection: close\r\n", 19));
	assert_int_equal(
	        OPS(&p)->feed(CODEC(&p), SLICE("\"input\":1}" GOOD)), 10 + sizeof(GOOD) - 1);
	assert_false(OPS(&p)->next(CODEC(&p)));
	assert_int_equal(p.heads, 1);
	peer_finish(&p);
	peer_init(&p, false, NULL);
	OPS(&p)->feed(CODEC(&p), SLICE(GOOD));
	assert_false(OPS(&p)->next(CODEC(&p))); /* not answered */
	peer_finish(&p);
}

/* An answer as the server writes it. */
static void assert_written(const char *request, unsigned status, enum framing framing,
        bool keep_alive, const char *content, const char *due, bool goes_on)
{
	struct slice data = slice_str(content);
	struct head h;
	struct peer p;

	peer_init(&p, false, NULL);
	OPS(&p)->feed(CODEC(&p), slice_str(request));
	head_init(&h);
	h.status = (uint16_t)status;
	h.framing = framing;
	h.length = data.len;
	h.keep_alive = keep_alive;
	assert_int_equal(head_add(&h, HEADER_OTHER, SLICE("X-A"), SLICE("b")), 0);
	assert_int_equal(head_add(&h, HEADER_OTHER, SLICE("Connection"), SLICE("x-c")), 0);
	assert_int_equal(head_add(&h, HEADER_OTHER, SLICE("content-length"), SLICE("77")), 0);
	assert_int_equal(OPS(&p)->put_head(CODEC(&p), 1, &h, false), 0);
	assert_int_equal(OPS(&p)->put_data(CODEC(&p), 1, &data, 1, false), 0);
	assert_int_equal(OPS(&p)->put_data(CODEC(&p), 1, NULL, 0, false), 0);
	assert_int_equal(OPS(&p)->put_data(CODEC(&p), 1, NULL, 0, true), 0);
	if (!slice_is(peer_out(&p), due))
		fail_msg("'%.*s' instead of '%s'", SLICE_FMT(peer_out(&p)), due);
	assert_int_equal(OPS(&p)->next(CODEC(&p)), goes_on);
	head_finish(&h);
	peer_finish(&p);
}

#define GET10 "GET /v1/models HTTP/1.0\r\n" ON_HOST
#define HEAD11 "HEAD /v1/models HTTP/1.1\r\n" ON_HOST "\r\n"

static void answers_are_framed_for_whoever_asked(void **state)
{
	(void)state;
	assert_written(GOOD, 200, FRAMING_LENGTH, true, "hello",
	        "HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 5\r\n\r\nhello", true);
	assert_written(GOOD, 200, FRAMING_LENGTH, false, "hello",
	        "HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
	        false);
	assert_written(GOOD, 200, FRAMING_CHUNKED, true, "hello",
	        "HTTP/1.1 200 OK\r\nX-A: b\r\ntransfer-encoding: "
	        "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	        true);
	assert_written(GOOD, 200, FRAMING_CLOSE, true, "hello",
	        "HTTP/1.1 200 OK\r\nX-A: b\r\ntransfer-encoding: "
	        "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	        true);
	assert_written(GOOD, 200, FRAMING_NONE, true, "",
	        "HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 0\r\n\r\n", true);
	assert_written(GET10 "\r\n", 200, FRAMING_CHUNKED, true, "hello",
	        "HTTP/1.1 200 OK\r\nX-A: b\r\nconnection: close\r\n\r\nhello", false);
	assert_written(GET10 "Connection: keep-alive\r\n\r\n", 200, FRAMING_CHUNKED, true, "hello",
	        "HTTP/1.1 200 OK\r\nX-A: b\r\nconnection: close\r\n\r\nhello", false);
	assert_written(GET10 "Connection: keep-alive\r\n\r\n", 200, FRAMING_LENGTH, true, "hello",
	        "HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 5\r\nconnection: "
	        "keep-alive\r\n\r\nhello",
	        true);
	assert_written(HEAD11, 200, FRAMING_LENGTH, true, "hello",
	        "HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 5\r\n\r\n", true);
	assert_written(HEAD11, 200, FRAMING_CHUNKED, true, "hello",
	        "HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 77\r\n\r\n", true);
	assert_written(GOOD, 304, FRAMING_NONE, true, "",
	        "HTTP/1.1 304 Not Modified\r\nX-A: b\r\ncontent-length: 77\r\n\r\n", true);
	assert_written(GOOD, 204, FRAMING_NONE, true, "",
	        "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", true);
}

/* A request as the client writes it. */
static void assert_asked(enum method method, const char *text, enum framing framing,
        const char *content, bool keep_alive, const char *due)
{
	struct slice data = slice_str(content);
	struct head h;
	struct peer p;

	peer_init(&p, true, NULL);
	head_init(&h);
	h.method = method;
	h.method_text = slice_str(text);
	h.target = SLICE("/a");
	h.framing = framing;
	h.length = data.len;
	h.keep_alive = keep_alive;
	assert_int_equal(head_add_id(&h, HEADER_HOST, SLICE("b")), 0);
	assert_int_equal(OPS(&p)->put_head(CODEC(&p), 1, &h, !data.len), 0);
	if (data.len)
		assert_int_equal(OPS(&p)->put_data(CODEC(&p), 1, &data, 1, true), 0);
	if (!slice_is(peer_out(&p), due))
		fail_msg("'%.*s' instead of '%s'", SLICE_FMT(peer_out(&p)), due);
	peer_feed(&p, SLICE(OK "Content-Length: 0\r\n\r\n"));
	assert_int_equal(OPS(&p)->next(CODEC(&p)), keep_alive);
	head_finish(&h);
	peer_finish(&p);
}

static void requests_are_framed_by_method_and_content(void **state)
{
	(void)state;
	assert_asked(
	        METHOD_GET, "GET", FRAMING_NONE, "", true, "GET /a HTTP/1.1\r\nhost: b\r\n\r\n");
	assert_asked(METHOD_POST, "POST", FRAMING_NONE, "", true,
	        "POST /a HTTP/1.1\r\nhost: b\r\ncontent-length: 0\r\n\r\n");
	assert_asked(METHOD_POST, "POST", FRAMING_CHUNKED, "", true,
	        "POST /a HTTP/1.1\r\nhost: b\r\ncontent-length: 0\r\n\r\n");
	assert_asked(METHOD_POST, "POST", FRAMING_LENGTH, "hello", true,
	        "POST /a HTTP/1.1\r\nhost: b\r\ncontent-length: 5\r\n\r\nhello");
	assert_asked(METHOD_POST, "POST", FRAMING_CLOSE, "hello", true,
	        "POST /a HTTP/1.1\r\nhost: b\r\ntransfer-encoding: "
	        "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
	assert_asked(METHOD_GET, "GET", FRAMING_NONE, "", false,
	        "GET /a HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n");
}

static int put_field(
        struct slice name, struct slice value, struct slice target, struct slice method)
{
	struct head h;
	struct peer p;
	int r;

	peer_init(&p, true, NULL);
	head_init(&h);
	h.method_text = method;
	h.target = target;
	assert_int_equal(head_add(&h, HEADER_OTHER, name, value), 0);
	r = OPS(&p)->put_head(CODEC(&p), 1, &h, true);
	assert_true(r == 0 || p.out.len == 0);
	assert_int_equal(r != 0, !OPS(&p)->next(CODEC(&p)) && p.out.len == 0);
	head_finish(&h);
	peer_finish(&p);
	return r;
}

static void a_head_that_would_break_its_lines_is_not_written(void **state)
{
	const struct slice name = SLICE("x-a"), value = SLICE("b"), target = SLICE("/"),
	                   method = SLICE("GET");

	(void)state;
	assert_int_equal(put_field(name, SLICE("b\r\nx-c: d"), target, method), -EINVAL);
	assert_int_equal(put_field(name, SLICE("b\r"), target, method), -EINVAL);
	assert_int_equal(put_field(name, SLICE("b\nc"), target, method), -EINVAL);
	assert_int_equal(put_field(name, SLICE("b\0c"), target, method), -EINVAL);
	assert_int_equal(put_field(SLICE("x\r\ny"), value, target, method), -EINVAL);
	assert_int_equal(put_field(name, value, SLICE("/a b"), method), -EINVAL);
	assert_int_equal(put_field(name, value, SLICE("/a\r\n"), method), -EINVAL);
	assert_int_equal(put_field(name, value, SLICE(""), method), -EINVAL);
	assert_int_equal(put_field(name, value, target, SLICE("G T")), -EINVAL);
	assert_int_equal(put_field(name, value, target, SLICE("CONNECT")), -EINVAL);
	assert_int_equal(put_field(name, value, target, SLICE("")), -EINVAL);
}

static void content_that_does_not_fit_its_head_ends_the_connection(void **state)
{
	static const struct {
		enum framing framing;
		unsigned length, puts;
		bool last;
	} wrong[] = {{FRAMING_LENGTH, 9, 2, false}, {FRAMING_LENGTH, 11, 2, true},
	        {FRAMING_NONE, 0, 1, true}};
	struct slice five = SLICE("hello");

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct head h;
		struct peer p;
		int r = 0;

		peer_init(&p, false, NULL);
		OPS(&p)->feed(CODEC(&p), SLICE(GOOD));
		head_init(&h);
		h.status = 200;
		h.framing = wrong[i].framing;
		h.length = wrong[i].length;
		assert_int_equal(OPS(&p)->put_head(CODEC(&p), 1, &h, false), 0);
		for (unsigned k = 0; k < wrong[i].puts; k++)
			r = OPS(&p)->put_data(
			        CODEC(&p), 1, &five, 1, wrong[i].last && k + 1 == wrong[i].puts);
		assert_int_equal(r, -EPROTO);
		assert_false(OPS(&p)->next(CODEC(&p)));
		assert_int_equal(OPS(&p)->put_head(CODEC(&p), 1, &h, true), -EPIPE);
		head_finish(&h);
		peer_finish(&p);
	}
}

static void long_content_is_lent_and_short_content_is_copied(void **state)
{
	static char text[9000];
	struct slice two[2] = {{text, 5000}, {text + 6000, 1000}}, few = {text, 10};
	struct h1_writer w = {.open = true, .framing = FRAMING_CHUNKED};
	struct iovec v[8];
	struct gather out;

	(void)state;
	memset(text, 'x', sizeof(text));
	gather_init(&out, 1 << 20);
	assert_int_equal(h1_write_data(&w, &out, two, 2, false), 0);
	assert_int_equal(h1_write_data(&w, &out, &few, 1, true), 0);
	assert_int_equal(gather_vectors(&out, v, 8), 4);
	assert_slice(slice_from(v[0].iov_base, v[0].iov_len), "1770\r\n");
	assert_ptr_equal(v[1].iov_base, text);
	assert_ptr_equal(v[2].iov_base, text + 6000);
	assert_slice(slice_from(v[3].iov_base, v[3].iov_len), "\r\na\r\nxxxxxxxxxx\r\n0\r\n\r\n");
	assert_true(w.whole);
	assert_int_equal(h1_write_data(&w, &out, &few, 1, true), -EPIPE);
	gather_finish(&out);
}

static void trip_request(void *arg, const struct slice *pieces, unsigned n)
{
	struct peer p;

	(void)arg;
	peer_init(&p, false, NULL);
	for (unsigned i = 0; i < n; i++)
		peer_feed(&p, pieces[i]);
	assert_string_equal(p.seen, "POST /v1/x?y 1.1 0 2 0 keep\nhost=weir.test\nx-a=b\n");
	assert_slice(buf_slice(&p.body), "hello, world");
	assert_int_equal(p.messages, 1);
	assert_false(p.closed);
	peer_finish(&p);
}

static void trip_answer(void *arg, const struct slice *pieces, unsigned n)
{
	struct peer p;

	(void)arg;
	peer_init(&p, true, NULL);
	assert_int_equal(peer_ask(&p, METHOD_GET, "GET"), 0);
	assert_false(h1_answer_has_begun(&p.codec));
	for (unsigned i = 0; i < n; i++)
		peer_feed(&p, pieces[i]);
	assert_true(h1_answer_has_begun(&p.codec));
	assert_string_equal(p.seen, "  1.1 200 2 0 keep\ncontent-type=text/plain\n");
	assert_slice(buf_slice(&p.body), "hello, world");
	assert_int_equal(p.interims, 1);
	assert_true(OPS(&p)->next(CODEC(&p)));
	peer_finish(&p);
}

static void what_one_side_writes_the_other_reads_however_it_is_cut(void **state)
{
	struct slice parts[] = {SLICE("hello"), SLICE(", "), SLICE("world")};
	struct head h;
	struct peer client, server;

	(void)state;
	peer_init(&client, true, NULL);
	head_init(&h);
	h.method = METHOD_POST;
	h.method_text = SLICE("POST");
	h.target = SLICE("/v1/x?y");
	h.framing = FRAMING_CHUNKED;
	assert_int_equal(head_add_id(&h, HEADER_HOST, SLICE("weir.test")), 0);
	assert_int_equal(head_add(&h, HEADER_OTHER, SLICE("x-a"), SLICE("b")), 0);
	assert_int_equal(OPS(&client)->put_head(CODEC(&client), 1, &h, false), 0);
	assert_int_equal(OPS(&client)->put_data(CODEC(&client), 1, parts, 2, false), 0);
	assert_int_equal(OPS(&client)->put_data(CODEC(&client), 1, parts + 2, 1, true), 0);
	splits_each(peer_out(&client), trip_request, NULL);

	peer_init(&server, false, NULL);
	OPS(&server)->feed(CODEC(&server), peer_out(&client));
	assert_int_equal(OPS(&server)->put_interim(CODEC(&server), 1, 100), 0);
	head_reset(&h);
	h.status = 200;
	h.framing = FRAMING_CHUNKED;
	assert_int_equal(head_add_id(&h, HEADER_CONTENT_TYPE, SLICE("text/plain")), 0);
	assert_int_equal(OPS(&server)->put_head(CODEC(&server), 1, &h, false), 0);
	assert_int_equal(OPS(&server)->put_data(CODEC(&server), 1, parts, 3, false), 0);
	assert_int_equal(OPS(&server)->put_trailers(CODEC(&server), 1, &h), 0);
	splits_each(peer_out(&server), trip_answer, NULL);
	head_finish(&h);
	peer_finish(&server);
	peer_finish(&client);
}

static void a_client_takes_nothing_that_it_did_not_ask_for(void **state)
{
	struct peer p;

	(void)state;
	peer_init(&p, true, NULL);
	assert_int_equal(OPS(&p)->feed(CODEC(&p), SLICE(FIVE)), 0);
	assert_int_equal(p.heads, 0);
	assert_int_equal(peer_ask(&p, METHOD_GET, "GET"), -EPIPE);
	assert_false(OPS(&p)->next(CODEC(&p)));
	peer_finish(&p);
	peer_init(&p, true, NULL);
	assert_int_equal(peer_ask(&p, METHOD_GET, "GET"), 0);
	assert_int_equal(peer_ask(&p, METHOD_GET, "GET"), -EPIPE); /* one at a time */
	assert_int_equal(OPS(&p)->feed(CODEC(&p), SLICE(FIVE "x")), sizeof(FIVE) - 1);
	assert_false(OPS(&p)->next(CODEC(&p)));
	peer_finish(&p);
}

static void a_client_serves_one_exchange_after_another(void **state)
{
	struct peer p;

	(void)state;
	peer_init(&p, true, NULL);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(
		        peer_ask(&p, i == 1 ? METHOD_HEAD : METHOD_GET, i == 1 ? "HEAD" : "GET"),
		        0);
		peer_feed(&p, i == 1 ? SLICE(OK "Content-Length: 5\r\n\r\n") : SLICE(FIVE));
		assert_int_equal(p.messages, i + 1);
		assert_true(OPS(&p)->next(CODEC(&p)));
		assert_null(p.codec.reader.head.block.mem);
		assert_null(p.codec.reader.head.headers);
	}
	peer_finish(&p);
}

static void an_answer_before_the_request_has_ended_spoils_the_connection(void **state)
{
	struct head h;
	struct peer p;

	(void)state;
	peer_init(&p, true, NULL);
	head_init(&h);
	h.method = METHOD_POST;
	h.method_text = SLICE("POST");
	h.target = SLICE("/");
	h.framing = FRAMING_CHUNKED;
	assert_int_equal(OPS(&p)->put_head(CODEC(&p), 1, &h, false), 0);
	peer_feed(&p, SLICE(FIVE));
	assert_int_equal(p.messages, 1);
	assert_false(OPS(&p)->next(CODEC(&p)));
	head_finish(&h);
	peer_finish(&p);
}

static void an_answer_that_breaks_off_is_cut_wherever_it_does(void **state)
{
	static const char *const answers[] = {
	        FIVE, OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" LAST};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct slice all = slice_str(answers[i]);

		for (size_t cut = 0; cut <= all.len; cut++) {
			struct peer p;

			peer_init(&p, true, NULL);
			assert_int_equal(peer_ask(&p, METHOD_GET, "GET"), 0);
			peer_feed(&p, slice_from(all.at, cut));
			OPS(&p)->feed_end(CODEC(&p));
			assert_int_equal(p.resets, cut < all.len);
			assert_int_equal(p.fault, cut < all.len ? FAULT_UPSTREAM_CUT : FAULT_NONE);
			assert_int_equal(p.messages, cut == all.len);
			assert_false(OPS(&p)->next(CODEC(&p)));
			peer_finish(&p);
		}
	}
}

static void a_caller_that_leaves_is_noticed_only_within_a_request(void **state)
{
	struct slice all = SLICE(POST "Content-Length: 11\r\n\r\n" JSON);

	(void)state;
	for (size_t cut = 0; cut <= all.len; cut++) {
		struct peer p;

		peer_init(&p, false, NULL);
		OPS(&p)->feed(CODEC(&p), slice_from(all.at, cut));
		OPS(&p)->feed_end(CODEC(&p));
		assert_int_equal(p.resets, cut && cut < all.len);
		assert_int_equal(p.fault, cut && cut < all.len ? FAULT_CLIENT_GONE : FAULT_NONE);
		if (cut == all.len)
			assert_int_equal(peer_answer(&p, 200), 0);
		assert_false(OPS(&p)->next(CODEC(&p)));
		peer_finish(&p);
	}
}

static void a_reset_ends_the_message_and_the_connection(void **state)
{
	struct slice five = SLICE("hello");
	struct head h;
	struct peer p;

	(void)state;
	peer_init(&p, false, NULL);
	OPS(&p)->feed(CODEC(&p), SLICE(GOOD));
	head_init(&h);
	h.status = 200;
	h.framing = FRAMING_CHUNKED;
	assert_int_equal(OPS(&p)->put_head(CODEC(&p), 1, &h, false), 0);
	OPS(&p)->put_reset(CODEC(&p), 1, FAULT_UPSTREAM_CUT);
	assert_int_equal(OPS(&p)->put_data(CODEC(&p), 1, &five, 1, true), -EPIPE);
	assert_false(OPS(&p)->next(CODEC(&p)));
	assert_null(memmem(peer_out(&p).at, peer_out(&p).len, LAST, 5));
	head_finish(&h);
	peer_finish(&p);
}

/* The fault of a request of the given sizes; the target has target bytes, the value of one field
 * value bytes. */
static enum fault sized(
        const struct h1_limits *l, size_t target, size_t name, size_t value, unsigned fields)
{
	struct buf b = BUF_INIT(1 << 20);
	enum fault fault;
	struct peer p;

	assert_int_equal(buf_put_str(&b, "GET /"), 0);
	for (size_t i = 1; i < target; i++)
		assert_int_equal(buf_put_char(&b, 'a'), 0);
	assert_int_equal(buf_put_str(&b, " HTTP/1.1\r\nHost: a\r\n"), 0);
	for (unsigned i = 1; i < fields; i++) {
		for (size_t k = 0; k < name; k++)
			assert_int_equal(buf_put_char(&b, 'n'), 0);
		assert_int_equal(buf_put_str(&b, ": "), 0);
		for (size_t k = 0; k < value; k++)
			assert_int_equal(buf_put_char(&b, 'v'), 0);
		assert_int_equal(buf_put_str(&b, "\r\n"), 0);
	}
	assert_int_equal(buf_put_str(&b, "\r\n"), 0);
	peer_init(&p, false, l);
	peer_feed(&p, buf_slice(&b));
	fault = p.fault;
	assert_int_equal(p.messages, fault == FAULT_NONE);
	peer_finish(&p);
	peer_init(&p, false, l);
	for (size_t i = 0; i < buf_len(&b); i++)
		peer_feed(&p, slice_from(buf_at(&b) + i, 1));
	assert_int_equal(p.fault, fault);
	peer_finish(&p);
	buf_finish(&b);
	return fault;
}

static void limits_hold_to_the_byte(void **state)
{
	struct h1_limits l = h1_limits_default;

	(void)state;
	l.request_line = 100; /* with its CRLF, GET and version take 15 of it */
	assert_int_equal(sized(&l, 85, 1, 1, 1), FAULT_NONE);
	assert_int_equal(sized(&l, 86, 1, 1, 1), FAULT_TARGET_TOO_LONG);
	l.header_block = 200; /* Host and the empty line take 11 of it */
	assert_int_equal(sized(&l, 5, 10, 175, 2), FAULT_NONE);
	assert_int_equal(sized(&l, 5, 10, 176, 2), FAULT_HEADER_TOO_LARGE);
	l.header_block = h1_limits_default.header_block;
	l.value = 50;
	assert_int_equal(sized(&l, 5, 10, 50, 2), FAULT_NONE);
	assert_int_equal(sized(&l, 5, 10, 51, 2), FAULT_HEADER_TOO_LARGE);
	l.name = 20;
	assert_int_equal(sized(&l, 5, 20, 50, 2), FAULT_NONE);
	assert_int_equal(sized(&l, 5, 21, 50, 2), FAULT_HEADER_TOO_LARGE);
	assert_int_equal(sized(&h1_limits_default, 5, 3, 3, 100), FAULT_NONE);
	assert_int_equal(sized(&h1_limits_default, 5, 3, 3, 101), FAULT_HEADER_TOO_LARGE);
	assert_int_equal(sized(&h1_limits_default, 8177, 3, 3, 2), FAULT_NONE);
	assert_int_equal(sized(&h1_limits_default, 8178, 3, 3, 2), FAULT_TARGET_TOO_LONG);
}

static int serve_starved(void *arg)
{
	struct slice five = SLICE("hello"), long_data = {arg, 5000};
	struct head h;
	struct peer p;
	int r = 0;

	peer_init(&p, false, NULL);
	OPS(&p)->feed(CODEC(&p), SLICE(GET "X-A: b\r\nContent-Length: 3\r\n\r\n"));
	if (p.resets)
		r = p.fault == FAULT_OVERLOADED ? -ENOMEM : -EIO;
	head_init(&h);
	h.status = 200;
	h.framing = FRAMING_CHUNKED;
	if (!r)
		r = head_add(&h, HEADER_OTHER, SLICE("x-long"), long_data);
	if (!r)
		r = OPS(&p)->put_head(CODEC(&p), 1, &h, false);
	for (unsigned i = 0; i < 20 && !r; i++)
		r = OPS(&p)->put_data(CODEC(&p), 1, i % 2 ? &five : &long_data, 1, false);
	head_finish(&h);
	peer_finish(&p);
	return r;
}

static int ask_starved(void *arg)
{
	struct peer p;
	int r;

	(void)arg;
	peer_init(&p, true, NULL);
	r = peer_ask(&p, METHOD_GET, "GET");
	if (!r)
		OPS(&p)->feed(CODEC(&p), SLICE("HTTP/1.1 100 Continue\r\n\r\n" OK
		                               "A: b\r\nContent-Length: 0\r\n\r\n"));
	if (!r && p.resets)
		r = p.fault == FAULT_OVERLOADED ? -ENOMEM : -EIO;
	peer_finish(&p);
	return r;
}

static void want_of_memory_ends_a_connection_and_nothing_else(void **state)
{
	static char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_true(starve(serve_starved, text) > 2);
	assert_true(starve(ask_starved, NULL) > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_head_is_reported_without_what_is_between_neighbours),
	        cmocka_unit_test(a_head_says_what_its_target_came_to),
	        cmocka_unit_test(nothing_is_taken_between_a_request_and_next),
	        cmocka_unit_test(next_waits_for_both_directions),
	        cmocka_unit_test(answers_are_framed_for_whoever_asked),
	        cmocka_unit_test(requests_are_framed_by_method_and_content),
	        cmocka_unit_test(a_head_that_would_break_its_lines_is_not_written),
	        cmocka_unit_test(content_that_does_not_fit_its_head_ends_the_connection),
	        cmocka_unit_test(long_content_is_lent_and_short_content_is_copied),
	        cmocka_unit_test(what_one_side_writes_the_other_reads_however_it_is_cut),
	        cmocka_unit_test(a_client_takes_nothing_that_it_did_not_ask_for),
	        cmocka_unit_test(a_client_serves_one_exchange_after_another),
	        cmocka_unit_test(an_answer_before_the_request_has_ended_spoils_the_connection),
	        cmocka_unit_test(an_answer_that_breaks_off_is_cut_wherever_it_does),
	        cmocka_unit_test(a_caller_that_leaves_is_noticed_only_within_a_request),
	        cmocka_unit_test(a_reset_ends_the_message_and_the_connection),
	        cmocka_unit_test(limits_hold_to_the_byte),
	        cmocka_unit_test(want_of_memory_ends_a_connection_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
