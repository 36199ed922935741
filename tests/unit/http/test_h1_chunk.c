/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/h1_chunk. */
#include "rig/unit.h"
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
		while (step == CHUNK_MORE || step == CHUNK_DATA) {
			step = chunks_next(&c, &rest, &data);
			if (step == CHUNK_DATA)
				assert_int_equal(buf_put_slice(&content, data), 0);
			else
				break;
		}
		left += rest.len;
	}
	assert_int_equal(step, due->end);
	assert_true(slice_is(buf_slice(&content), due->content));
	if (step == CHUNK_END)
		assert_int_equal(left, due->left);
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
	assert_chunks("00000005\r\nhello\r\n0000000000000001\r\n!\r\n00\r\n\r\n", "hello!",
	        CHUNK_END, 0);
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

		do
			step = chunks_next(&c, &in, &data);
		while (step == CHUNK_DATA);
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
	        cmocka_unit_test(what_is_not_well_formed_is_refused),
	        cmocka_unit_test(limits_hold_to_the_byte),
	        cmocka_unit_test(an_answers_trailers_may_be_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
