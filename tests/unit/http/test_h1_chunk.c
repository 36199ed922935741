/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/h1_chunk. */
#include "rig/unit.h"
#include <stdlib.h>
#include "base/buf.h"
#include "http/h1_chunk.h"
#include "rig/splits.h"

struct due {
	const char *content;
	enum chunk_step end; /* CHUNK_MORE, CHUNK_END or CHUNK_BAD */
	size_t left;         /* bytes behind the end */
};

static void run(void *arg, const struct slice *pieces, unsigned n)
{
	const struct due *due = arg;
	struct buf content = BUF_INIT(1 << 20);
	enum chunk_step step = CHUNK_MORE;
	struct slice rest = {0}, data;
	size_t left = 0;
	struct chunks c;

	chunks_init(&c, &h1_limits_default, false);
	for (unsigned i = 0; i < n; i++) {
		rest = pieces[i];
		if (step == CHUNK_MORE) {
			step = chunks_read(&c, &rest, &data);
			assert_int_equal(buf_put_slice(&content, data), 0);
		}
		left += rest.len;
	}
	assert_int_equal(step, due->end);
	assert_true(slice_is(buf_slice(&content), due->content));
	if (step == CHUNK_END)
		assert_int_equal(left, due->left);
	if (step == CHUNK_END)
		assert_true(slice_ends(SLICE("GET"), rest));
	if (step == CHUNK_BAD)
		assert_non_null(c.note);
	buf_finish(&content);
}

static void assert_chunks(const char *text, const char *content, enum chunk_step end, size_t left)
{
	struct due due = {content, end, left};

	splits_each(slice_str(text), run, &due);
}

static void content_comes_out_however_it_is_cut(void **state)
{
	(void)state;
	assert_chunks("5\r\nhello\r\n0\r\n\r\n", "hello", CHUNK_END, 0);
	assert_chunks("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nGET", "hello!", CHUNK_END, 3);
	assert_chunks("0005\r\nhello\r\n000\r\n\r\n", "hello", CHUNK_END, 0);
	assert_chunks(
	        "A;a=b;c;d=\"e;\\\"f\"\r\n0123456789\r\n0;x\r\n\r\n", "0123456789", CHUNK_END, 0);
	assert_chunks(
	        "00000005\r\nhello\r\n0000000000000001\r\n!\r\n00\r\n\r\n", "hello!", CHUNK_END, 0);
	assert_chunks("000000005\r\nhello\r\n0\r\n\r\n", "hello", CHUNK_END, 0);
	assert_chunks("1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n", "\r\n", CHUNK_END, 0);
	assert_chunks("1b\r\nabcdefghijklmnopqrstuvwxyz!\r\nC\r\nABCDEFGHIJKL\r\n0\r\n\r\n",
	        "abcdefghijklmnopqrstuvwxyz!ABCDEFGHIJKL", CHUNK_END, 0);
	assert_chunks("0\r\nX-A: b\r\nX-B:\r\n\r\n", "", CHUNK_END, 0);
	assert_chunks("5\r\nhel", "hel", CHUNK_MORE, 0);
	assert_chunks("5\r\nhello\r\n0\r\n\r", "hello", CHUNK_MORE, 0);
}

static void what_is_not_well_formed_is_refused(void **state)
{
	static const char *const bad[] = {"\r\n", "g\r\n", ";a\r\n", "5 \r\n", "5\n", "5\rx",
	        "5\t;a\r\n", "0x5\r\n", "+5\r\n", "-5\r\n", "5;\r\n", "5; a\r\n", "5;a \r\n",
	        "5;a=\r\n", "5;a=b c\r\n", "5;a=\"b\r\n", "5;a=\"b\"c\r\n", "5;a=\"b\nc\"\r\n",
	        "5;a=\"\x80\"\r\n", "5;\x80\r\n", "5;a=b=c\r\n", "5;a\"b\"\r\n",
	        "12345678901234567\r\n", "8000000000000000\r\n", "0\r\n\n", "0\r\nX-A b\r\n\r\n",
	        "0\r\n: b\r\n\r\n", "0\r\nX-A : b\r\n\r\n", "0\r\n X-A: b\r\n\r\n",
	        "0\r\nX-A: b\n\r\n", "0\r\nX-A: b\rc\r\n\r\n", "0\r\nX_A: b\r\n\r\n",
	        "0\r\nX-A: \x80\r\n\r\n", "0\r\nHOST: a\r\n\r\n", "0\r\nHost\r\n",
	        "0\r\nTransfer-Encoding: chunked\r\n\r\n",
	        "0\r\nX-A: b\r\nContent-Length: 1\r\n\r\n"};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_chunks(bad[i], "", CHUNK_BAD, 0);
	assert_chunks("5\r\nhello\r\n\r\n", "hello", CHUNK_BAD, 0);
	assert_chunks("5\r\nhello\r\nx\r\n", "hello", CHUNK_BAD, 0);
	assert_chunks("5\r\nhello\n\n1\r\n!", "hello", CHUNK_BAD, 0);
	assert_chunks("5\r\nhello!", "hello", CHUNK_BAD, 0);
	assert_chunks("5\r\nhello\n0\r\n\r\n", "hello", CHUNK_BAD, 0);
	assert_chunks("5\r\nhello\rx", "hello", CHUNK_BAD, 0);
}

/* Chunks that came in one piece, framed in every way: their content is one run, and what follows
 * them was not touched. */
static void content_that_came_together_is_told_together(void **state)
{
	static const char text[] = "1\r\na\r\n00002\r\nbc\r\n3;x=y\r\ndef\r\n0000000004\r\nghij\r\n"
	                           "1A\r\nabcdefghijklmnopqrstuvwxyz\r\n";
	static const char *const ends[] = {
	        "", "0\r\n\r\nGET / HTTP/1.1\r\n", "4\r\nklm", "no\r\n0\r\n"};
	static const enum chunk_step steps[] = {CHUNK_MORE, CHUNK_END, CHUNK_MORE, CHUNK_BAD};
	static const char content[] = "abcdefghijabcdefghijklmnopqrstuvwxyzklm";

	(void)state;
	for (unsigned i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		size_t end = strlen(ends[i]), len = sizeof(text) - 1 + end;
		char *copy = malloc(len);
		struct slice in = slice_from(copy, len), ret;
		struct chunks c;

		assert_non_null(copy);
		memcpy(copy, text, sizeof(text) - 1);
		memcpy(copy + sizeof(text) - 1, ends[i], end);
		chunks_init(&c, &h1_limits_default, false);
		assert_int_equal(chunks_read(&c, &in, &ret), steps[i]);
		assert_true(slice_equals(ret, slice_from(content, steps[i] || !end ? 36 : 39)));
		assert_ptr_equal(in.at + in.len, copy + len);
		assert_memory_equal(in.at, ends[i] + end - in.len, in.len);
		if (steps[i] == CHUNK_END)
			assert_int_equal(in.len, end - 5);
		free(copy);
	}
}

/* Feeds text times times between before and after; the last step. */
static enum chunk_step repeat(const struct h1_limits *limits, const char *before, const char *text,
        unsigned times, const char *after)
{
	enum chunk_step step = CHUNK_MORE;
	struct slice data;
	struct chunks c;

	chunks_init(&c, limits, true);
	for (unsigned i = 0; i < times + 2; i++) {
		struct slice in = slice_str(i == 0 ? before : i <= times ? text : after);

		step = chunks_read(&c, &in, &data);
		if (step == CHUNK_BAD)
			return step;
	}
	return step;
}

static void limits_hold_to_the_byte(void **state)
{
	struct h1_limits l = h1_limits_default;

	(void)state;
	l.chunk_extension = 10;
	l.chunk_extensions = 25;
	assert_int_equal(repeat(&l, "1;", "a", 9, "\r\nx\r\n0\r\n\r\n"), CHUNK_END);
	assert_int_equal(repeat(&l, "1;", "a", 10, "\r\nx\r\n0\r\n\r\n"), CHUNK_BAD);
	assert_int_equal(repeat(&l, "", "1;aaaa\r\nx\r\n", 5, "0\r\n\r\n"), CHUNK_END);
	assert_int_equal(repeat(&l, "", "1;aaaa\r\nx\r\n", 6, "0\r\n\r\n"), CHUNK_BAD);
	l.trailers = 32;
	assert_int_equal(repeat(&l, "0\r\n", "X: y\r\n", 5, "\r\n"), CHUNK_END);
	assert_int_equal(repeat(&l, "0\r\n", "X: y\r\n", 6, "\r\n"), CHUNK_BAD);
	l = h1_limits_default;
	l.chunk_slack = 100;
	assert_int_equal(repeat(&l, "", "1\r\nx\r\n", 5000, "0\r\n\r\n"), CHUNK_END);
	assert_int_equal(repeat(&l, "", "0000001\r\nx\r\n", 92, "0\r\n\r\n"), CHUNK_END);
	assert_int_equal(repeat(&l, "", "0000001\r\nx\r\n", 93, "0\r\n\r\n"), CHUNK_BAD);
	assert_int_equal(repeat(&l, "", "000000000001\r\nx\r\n", 5000, "0\r\n\r\n"), CHUNK_BAD);
}

/* The same where all of them come in one piece. */
static void framing_is_weighed_in_the_middle_of_a_piece(void **state)
{
	static const char chunk[] = "0000001\r\nx\r\n";
	struct h1_limits l = h1_limits_default;
	size_t len = sizeof(chunk) - 1;

	(void)state;
	l.chunk_slack = 100;
	for (unsigned n = 90; n < 96; n++) {
		char *text = malloc(n * len);
		struct slice in = slice_from(text, n * len), ret;
		struct chunks c;

		assert_non_null(text);
		for (unsigned i = 0; i < n; i++)
			memcpy(text + i * len, chunk, len);
		chunks_init(&c, &l, true);
		assert_int_equal(chunks_read(&c, &in, &ret), n < 93 ? CHUNK_MORE : CHUNK_BAD);
		assert_int_equal(ret.len, n < 93 ? n : 92);
		free(text);
	}
}

static void an_answers_trailers_may_be_odd(void **state)
{
	(void)state;
	assert_int_equal(
	        repeat(&h1_limits_default, "", "0\r\nX_A: \x80\r\n\r\n", 1, ""), CHUNK_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(content_comes_out_however_it_is_cut),
	        cmocka_unit_test(content_that_came_together_is_told_together),
	        cmocka_unit_test(what_is_not_well_formed_is_refused),
	        cmocka_unit_test(limits_hold_to_the_byte),
	        cmocka_unit_test(framing_is_weighed_in_the_middle_of_a_piece),
	        cmocka_unit_test(an_answers_trailers_may_be_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
