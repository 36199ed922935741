/* SPDX-License-Identifier: Apache-2.0 */
/* redis replies: read alike however they are cut, refused beyond their ceilings, copied whole;
 * commands as bytes. */
#include "base/buf.h"
#include "base/mem.h"
#include "rig/splits.h"
#include "rig/starve.h"
#include "rig/unit.h"
#include "store/redis/ask.h"
#include "store/redis/error.h"
#include "store/redis/reply.h"

#define EVERYTHING                                                                                 \
	"+OK\r\n:-42\r\n$-1\r\n*-1\r\n$0\r\n\r\n$5\r\na\r\nb\0\r\n-ERR no\r\n*0\r\n"               \
	"*3\r\n:1\r\n*2\r\n$1\r\nx\r\n*1\r\n+y\r\n$-1\r\n*2\r\n*3\r\n:1\r\n:2\r\n:3\r\n:9\r\n"

static void show(struct buf *to, const struct redis_reply *r)
{
	switch (r->type) {
	case REPLY_NIL:
		buf_put_str(to, "nil");
		break;
	case REPLY_INTEGER:
		buf_printf(to, "%lld", (long long)r->integer);
		break;
	case REPLY_LIST:
		buf_put_char(to, '[');
		for (unsigned i = 0; i < r->n; i++) {
			show(to, &r->list[i]);
			buf_put_char(to, ' ');
		}
		buf_put_char(to, ']');
		break;
	default:
		buf_put_char(to, r->type == REPLY_ERROR    ? '!'
		                 : r->type == REPLY_STATUS ? '+'
		                                           : '$');
		buf_put_slice(to, r->text);
		assert_int_equal(r->text.at[r->text.len], 0);
	}
}

static void show_all(struct reply_reader *reader, struct buf *to, int *ret_error)
{
	const struct redis_reply *r;
	int n;

	while ((n = reply_reader_next(reader, &r)) > 0) {
		show(to, r);
		buf_put_char(to, ';');
	}
	*ret_error = n;
}

static void check_split(void *arg, const struct slice *pieces, unsigned n)
{
	struct buf shown = BUF_INIT(1u << 20);
	struct reply_reader reader;
	int error;

	(void)arg;
	assert_int_equal(reply_reader_init(&reader), 0);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(reply_reader_feed(&reader, pieces[i]), 0);
		show_all(&reader, &shown, &error);
		assert_int_equal(error, 0);
	}
	assert_slice(buf_slice(&shown),
	        "+OK;-42;nil;nil;$;$a\r\nb\0;!ERR no;[];[1 [$x [+y ] ] nil ];[[1 2 3 ] 9 ];");
	buf_finish(&shown);
	reply_reader_finish(&reader);
}

static void any_cut_reads_the_same(void **state)
{
	(void)state;
	assert_true(splits_each(SLICE(EVERYTHING), check_split, NULL) > 1000);
}

static int error_of(struct slice in)
{
	struct buf shown = BUF_INIT(64u << 20);
	struct reply_reader reader;
	int error;

	assert_int_equal(reply_reader_init(&reader), 0);
	error = reply_reader_feed(&reader, in);
	if (!error)
		show_all(&reader, &shown, &error);
	if (error) {
		const struct redis_reply *r;

		assert_int_equal(reply_reader_next(&reader, &r) < 0 || error == -EMSGSIZE, true);
	}
	reply_reader_finish(&reader);
	buf_finish(&shown);
	return error;
}

static void what_is_no_reply_is_refused(void **state)
{
	(void)state;
	assert_int_equal(error_of(SLICE("HTTP/1.1 400 Bad Request\r\n")), -EPROTO);
	assert_int_equal(error_of(SLICE(":12x\r\n")), -EPROTO);
	assert_int_equal(error_of(SLICE("$-2\r\n")), -EPROTO);
	assert_int_equal(error_of(SLICE("*-2\r\n")), -EPROTO);
	assert_int_equal(error_of(SLICE("\r\n")), -EPROTO);
	/* of version 3 */
	assert_int_equal(error_of(SLICE("%1\r\n+a\r\n:1\r\n")), -EPROTO);
	assert_int_equal(error_of(SLICE(",1.5\r\n")), -EPROTO);
	assert_int_equal(error_of(SLICE("#t\r\n")), -EPROTO);
	assert_int_equal(error_of(SLICE(">2\r\n+a\r\n+b\r\n")), -EPROTO);
	assert_int_equal(error_of(SLICE("*1\r\n#t\r\n")), -EPROTO);
}

static void ceilings_hold(void **state)
{
	struct buf b = BUF_INIT(64u << 20);

	(void)state;
	for (unsigned i = 0; i < REPLY_DEPTH_MAX; i++)
		buf_put_str(&b, "*1\r\n");
	buf_put_str(&b, ":1\r\n");
	assert_int_equal(error_of(buf_slice(&b)), 0);
	buf_clear(&b);
	for (unsigned i = 0; i <= REPLY_DEPTH_MAX; i++)
		buf_put_str(&b, "*1\r\n");
	buf_put_str(&b, ":1\r\n");
	assert_true(error_of(buf_slice(&b)) < 0);
	/* a length that is claimed costs nothing until it is refused */
	assert_true(error_of(SLICE("*2147483647\r\n")) < 0);
	assert_int_equal(error_of(SLICE("$2000000000\r\nx")), 0);
	buf_clear(&b);
	buf_printf(&b, "*%u\r\n", REPLY_VALUES_MAX);
	for (unsigned i = 0; i < REPLY_VALUES_MAX; i++)
		buf_put_str(&b, ":1\r\n");
	assert_int_equal(error_of(buf_slice(&b)), -EMSGSIZE);
	buf_clear(&b);
	buf_printf(&b, "$%u\r\n", REPLY_BYTES_MAX);
	buf_reserve(&b, REPLY_BYTES_MAX);
	memset(buf_tail(&b), 'x', REPLY_BYTES_MAX);
	buf_commit(&b, REPLY_BYTES_MAX);
	assert_int_equal(error_of(buf_slice(&b)), -EMSGSIZE);
	buf_finish(&b);
}

static void a_copy_stands_alone(void **state)
{
	struct buf before = BUF_INIT(4096), after = BUF_INIT(4096);
	struct reply_reader reader;
	const struct redis_reply *r;
	struct redis_reply *copy;

	(void)state;
	assert_int_equal(reply_reader_init(&reader), 0);
	reply_reader_feed(&reader,
	        SLICE("*4\r\n$3\r\nabc\r\n*2\r\n:1\r\n$7\r\n1234567\r\n$-1\r\n$0\r\n\r\n"));
	assert_int_equal(reply_reader_next(&reader, &r), 1);
	show(&before, r);
	assert_int_equal(reply_copy(r, &copy), 0);
	reply_reader_finish(&reader);
	show(&after, copy);
	assert_true(slice_equals(buf_slice(&before), buf_slice(&after)));
	assert_slice(reply_text(reply_at(copy, 0)), "abc");
	assert_null(reply_at(copy, 4));
	assert_null(reply_at(reply_at(copy, 0), 0));
	assert_int_equal(reply_text(reply_at(copy, 9)).len, 0);
	mem_free(copy);
	buf_finish(&before);
	buf_finish(&after);
}

static int read_scenario(void *arg)
{
	struct reply_reader reader;
	const struct redis_reply *r;
	struct redis_reply *copy = NULL;
	int error = reply_reader_init(&reader);

	(void)arg;
	if (!error)
		error = reply_reader_feed(&reader, SLICE("*3\r\n$3\r\nabc\r\n*1\r\n:1\r\n+d\r\n"));
	if (!error)
		error = reply_reader_next(&reader, &r);
	if (error > 0)
		error = reply_copy(r, &copy);
	mem_free(copy);
	reply_reader_finish(&reader);
	return error;
}

static void want_of_memory_is_said(void **state)
{
	(void)state;
	assert_true(starve(read_scenario, NULL) >= 2);
}

static void commands_are_arrays_of_texts(void **state)
{
	const struct slice args[] = {SLICE("k"), SLICE(""), SLICE("a\0b")};
	struct redis_ask a = {.args = args, .n_args = 3};
	struct slice many[ASK_ARGS_MAX + 1];
	struct gather out;
	struct iovec v;

	(void)state;
	gather_init(&out, 1u << 20);
	assert_int_equal(ask_format(&a, &out), 0);
	assert_int_equal(gather_vectors(&out, &v, 1), 1);
	assert_slice(
	        slice_from(v.iov_base, v.iov_len), "*3\r\n$1\r\nk\r\n$0\r\n\r\n$3\r\na\0b\r\n");
	gather_clear(&out);
	a.script = &redis_script_time;
	a.n_keys = 1;
	assert_int_equal(ask_format(&a, &out), 0);
	assert_int_equal(gather_vectors(&out, &v, 1), 1);
	assert_true(slice_starts(
	        slice_from(v.iov_base, v.iov_len), SLICE("*6\r\n$7\r\nEVALSHA\r\n$40\r\n")));
	gather_clear(&out);
	for (unsigned i = 0; i <= ASK_ARGS_MAX; i++)
		many[i] = SLICE("x");
	assert_int_equal(command_format(many, ASK_ARGS_MAX + 1, &out), -EMSGSIZE);
	many[0] = many[1] = slice_from(NULL, ASK_BYTES_MAX / 2 + 1);
	assert_int_equal(command_format(many, 2, &out), -EMSGSIZE);
	assert_int_equal(out.len, 0);
	gather_finish(&out);
}

static int error_named(const char *text)
{
	struct redis_reply r = {.type = REPLY_ERROR, .text = slice_str(text)};

	return redis_error_of(&r);
}

static void errors_have_kinds(void **state)
{
	struct slice host;
	uint16_t port;
	unsigned slot;

	(void)state;
	assert_int_equal(
	        error_named("READONLY You can't write against a read only replica."), -EROFS);
	assert_int_equal(
	        error_named("OOM command not allowed when used memory > 'maxmemory'."), -ENOSPC);
	assert_int_equal(error_named("MISCONF Redis is configured to save"), -ENOSPC);
	assert_int_equal(error_named("LOADING Redis is loading the dataset in memory"), -EAGAIN);
	assert_int_equal(error_named("BUSY Redis is busy running a script."), -EAGAIN);
	assert_int_equal(error_named("NOSCRIPT No matching script."), -ENOENT);
	assert_int_equal(error_named("-OOM command not allowed"), -ENOSPC);
	assert_int_equal(error_named("NOPERM this user has no permissions"), -EACCES);
	assert_int_equal(error_named("BUSYGROUP x"), -EREMOTEIO);
	assert_int_equal(error_named(""), -EREMOTEIO);
	assert_int_equal(
	        redis_error_of(&(struct redis_reply){.type = REPLY_STATUS, .text = SLICE("OOM")}),
	        0);
	assert_int_equal(
	        redirect_parse(SLICE("MOVED 3999 127.0.0.1:6381"), &slot, &host, &port), 0);
	assert_int_equal(slot, 3999);
	assert_slice(host, "127.0.0.1");
	assert_int_equal(port, 6381);
	assert_int_equal(redirect_parse(SLICE("ASK 0 ::1:7000"), &slot, &host, &port), 0);
	assert_slice(host, "::1");
	assert_int_equal(redirect_parse(SLICE("MOVED 3999 :6381"), &slot, &host, &port), 0);
	assert_int_equal(host.len, 0);
	assert_int_equal(redirect_parse(SLICE("MOVED 16384 a:1"), &slot, &host, &port), -EPROTO);
	assert_int_equal(redirect_parse(SLICE("MOVED 1 a:0"), &slot, &host, &port), -EPROTO);
	assert_int_equal(redirect_parse(SLICE("MOVED 1 a"), &slot, &host, &port), -EPROTO);
	assert_int_equal(redirect_parse(SLICE("MOVED"), &slot, &host, &port), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(any_cut_reads_the_same),
	        cmocka_unit_test(what_is_no_reply_is_refused),
	        cmocka_unit_test(ceilings_hold),
	        cmocka_unit_test(a_copy_stands_alone),
	        cmocka_unit_test(want_of_memory_is_said),
	        cmocka_unit_test(commands_are_arrays_of_texts),
	        cmocka_unit_test(errors_have_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
