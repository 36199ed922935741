/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that every case of cases.h has its outcome, however its bytes arrive: in one write, byte by
 * byte, cut at every line end, cut in two everywhere, and behind a good request. */
#include "rig/unit.h"
#include "unit/http/cases.h"
#include "unit/http/peer.h"

static struct slice case_bytes(const struct http1_case *c)
{
	size_t fill = c->fill ? strlen(c->fill) : 0, tail = c->tail ? strlen(c->tail) : 0;
	char *all = mem_alloc(c->len + fill * c->times + tail), *at = all;

	assert_non_null(all);
	memcpy(at, c->bytes, c->len);
	at += c->len;
	for (unsigned i = 0; i < c->times; i++, at += fill)
		memcpy(at, c->fill, fill);
	if (tail)
		memcpy(at, c->tail, tail);
	return slice_from(all, (size_t)(at - all) + tail);
}

/* Feeds pieces of memory that ends where they do. */
static void feed_piece(struct peer *p, struct slice piece)
{
	char *copy = mem_dup(piece.at, piece.len);

	assert_non_null(copy);
	copy = mem_realloc(copy, piece.len);
	peer_feed(p, slice_from(copy, piece.len));
	mem_free(copy);
}

/* ends: a cut behind each of these bytes; 0: behind all. */
static void feed_cut(struct peer *p, struct slice bytes, char end)
{
	while (bytes.len) {
		const char *at = end ? memchr(bytes.at, end, bytes.len) : bytes.at;
		size_t n = at ? (size_t)(at - bytes.at) + 1 : bytes.len;

		feed_piece(p, slice_from(bytes.at, n));
		bytes = slice_skip(bytes, n);
	}
}

static void request_judge(
        struct peer *p, const struct http1_case *c, unsigned before, const char *how)
{
	unsigned status = p->resets ? fault_infos[p->fault].status : 0;
	struct slice body = buf_slice(&p->body);

	if (status != c->status || p->messages != c->messages + before || p->closed != c->close ||
	        p->after_reset || p->error)
		fail_msg("%s %s, %s: status %u (%s), %u messages, %s; due: %u, %u, %s", c->id,
		        c->name, how, status, p->note, p->messages, p->closed ? "closed" : "open",
		        c->status, c->messages + before, c->close ? "closed" : "open");
	if (c->body && !before && c->messages && !slice_is(body, c->body))
		fail_msg("%s %s, %s: body is '%.*s'", c->id, c->name, how, SLICE_FMT(body));
	if (c->status) {
		char line[32], *found;
		struct slice out = peer_out(p);

		snprintf(line, sizeof(line), "HTTP/1.1 %u ", c->status);
		found = memmem(out.at, out.len, line, strlen(line));
		if (!found ||
		        !memmem(found, (size_t)(out.at + out.len - found), "connection: close", 17))
			fail_msg("%s %s, %s: answered '%.*s'", c->id, c->name, how, SLICE_FMT(out));
	}
}

enum way { WHOLE, BYTES_ALONE, LINES, BEHIND, BEHIND_BYTES };

static void request_run(
        const struct http1_case *c, struct slice bytes, enum way way, const char *how)
{
	struct peer p;

	peer_init(&p, false, NULL);
	if (way == BEHIND || way == BEHIND_BYTES) {
		struct buf both = BUF_INIT(2u << 20);

		assert_int_equal(buf_put_str(&both, GOOD), 0);
		assert_int_equal(buf_put_slice(&both, bytes), 0);
		if (way == BEHIND)
			feed_piece(&p, buf_slice(&both));
		else
			feed_cut(&p, buf_slice(&both), 0);
		buf_finish(&both);
	} else if (way == WHOLE) {
		feed_piece(&p, bytes);
	} else {
		feed_cut(&p, bytes, way == LINES ? '\n' : 0);
	}
	request_judge(&p, c, way == BEHIND || way == BEHIND_BYTES, how);
	peer_finish(&p);
}

static void request_split(const struct http1_case *c, struct slice bytes)
{
	for (size_t i = 1; i < bytes.len; i++) {
		struct peer p;

		peer_init(&p, false, NULL);
		feed_piece(&p, slice_from(bytes.at, i));
		feed_piece(&p, slice_skip(bytes, i));
		request_judge(&p, c, 0, "cut in two");
		peer_finish(&p);
	}
}

static void each_request_has_its_outcome_however_it_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CASES(http1_requests); i++) {
		const struct http1_case *c = &http1_requests[i];
		struct slice bytes = case_bytes(c);

		request_run(c, bytes, WHOLE, "in one write");
		request_run(c, bytes, BYTES_ALONE, "byte by byte");
		request_run(c, bytes, LINES, "line by line");
		request_run(c, bytes, BEHIND, "behind a good request");
		request_run(c, bytes, BEHIND_BYTES, "behind a good request, byte by byte");
		if (bytes.len <= 400)
			request_split(c, bytes);
		mem_free((void *)bytes.at);
	}
}

static void answer_judge(struct peer *p, const struct http1_case *c, const char *how)
{
	struct codec *codec = &p->codec.base;
	unsigned status = p->resets ? fault_infos[p->fault].status : 0;
	struct slice body = buf_slice(&p->body);
	bool closed = !codec->ops->next(codec);

	if (status != c->status || p->messages != c->messages || closed != c->close ||
	        p->interims != c->interims || p->after_reset || p->error)
		fail_msg("%s %s, %s: status %u (%s), %u messages, %s, %u interims", c->id, c->name,
		        how, status, p->note, p->messages, closed ? "closed" : "open", p->interims);
	if (p->fault == FAULT_UPSTREAM_CUT)
		fail_msg("%s %s, %s: was cut, not refused", c->id, c->name, how);
	if (c->body && !slice_is(body, c->body))
		fail_msg("%s %s, %s: body is '%.*s'", c->id, c->name, how, SLICE_FMT(body));
}

/* Where an answer lasts until the connection's end, it ends it. */
static void answer_run(
        const struct http1_case *c, struct slice bytes, enum way way, size_t cut, const char *how)
{
	struct peer p;

	peer_init(&p, true, NULL);
	assert_int_equal(
	        peer_ask(&p, c->head ? METHOD_HEAD : METHOD_GET, c->head ? "HEAD" : "GET"), 0);
	if (cut) {
		feed_piece(&p, slice_from(bytes.at, cut));
		feed_piece(&p, slice_skip(bytes, cut));
	} else if (way == WHOLE) {
		feed_piece(&p, bytes);
	} else {
		feed_cut(&p, bytes, way == LINES ? '\n' : 0);
	}
	if (p.codec.reader.place == H1_TO_END)
		p.codec.base.ops->feed_end(&p.codec.base);
	answer_judge(&p, c, how);
	peer_finish(&p);
}

static void each_answer_has_its_outcome_however_it_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CASES(http1_answers); i++) {
		const struct http1_case *c = &http1_answers[i];
		struct slice bytes = case_bytes(c);

		answer_run(c, bytes, WHOLE, 0, "in one write");
		answer_run(c, bytes, BYTES_ALONE, 0, "byte by byte");
		answer_run(c, bytes, LINES, 0, "line by line");
		for (size_t cut = 1; bytes.len <= 400 && cut < bytes.len; cut++)
			answer_run(c, bytes, WHOLE, cut, "cut in two");
		mem_free((void *)bytes.at);
	}
}

/* The bytes that a case leaves unread never come out as another message, whatever is fed on. */
static void a_refused_connection_stays_silent(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CASES(http1_requests); i++) {
		const struct http1_case *c = &http1_requests[i];
		struct slice bytes = case_bytes(c);
		struct peer p;

		peer_init(&p, false, NULL);
		feed_piece(&p, bytes);
		if (c->close) {
			for (unsigned k = 0; k < 3; k++)
				feed_piece(&p, SLICE(GOOD));
			assert_int_equal(p.messages, c->messages);
			assert_int_equal(p.after_reset, 0);
		}
		peer_finish(&p);
		mem_free((void *)bytes.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_request_has_its_outcome_however_it_arrives),
	        cmocka_unit_test(each_answer_has_its_outcome_however_it_arrives),
	        cmocka_unit_test(a_refused_connection_stays_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
