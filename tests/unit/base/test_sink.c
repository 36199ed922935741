/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/sink: whole lines, in order, counted when dropped; the caller never waits. */
#include "rig/unit.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/sink.h"

#define MAX (1u << 20)

static void put(struct sink *s, const char *line)
{
	struct buf b = BUF_INIT(MAX);

	assert_int_equal(buf_put_str(&b, line), 0);
	sink_put(s, &b, 1);
	assert_int_equal(buf_len(&b), 0);
	buf_finish(&b);
}

static void put_many(struct sink *s, unsigned from, unsigned n)
{
	struct buf b = BUF_INIT(MAX);

	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, "line %06u of a length that is not a power of two\n", from + i);
	sink_put(s, &b, n);
	buf_finish(&b);
}

static void sleep_ms(unsigned ms)
{
	usleep(ms * 1000);
}

static uint64_t elapsed_ms(uint64_t since)
{
	return (clock_mono(&clock_system) - since) / NS_PER_MS;
}

static void await_dropped(const struct sink *s, uint64_t n)
{
	for (unsigned i = 0; i < 10000 && sink_dropped(s) < n; i++)
		sleep_ms(1);
	assert_int_equal(sink_dropped(s), n);
}

static void lines_arrive_in_order(void **state)
{
	char got[100] = "";
	struct sink *s;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	s = sink_new(ends[1], 1000);
	put(s, "one\n");
	assert_int_equal(read(ends[0], got, 4), 4);
	put(s, "two\n");
	put(s, "three\n");
	sink_free(s);
	assert_int_equal(read(ends[0], got + 4, sizeof(got) - 5), 10);
	assert_string_equal(got, "one\ntwo\nthree\n");
	close(ends[0]);
	close(ends[1]);
}

/* Reads numbered lines until the pipe is closed; returns how many, all of them whole and in order.
 */
static unsigned read_numbered(int fd)
{
	FILE *in = fdopen(fd, "r");
	char line[200];
	unsigned n = 0;
	long last = -1;

	while (fgets(line, sizeof(line), in)) {
		unsigned number = 0;
		int end = 0;

		assert_int_equal(sscanf(line, "line %06u of a length that is not a power of two%n",
		                         &number, &end),
		        1);
		assert_true(end && line[end] == '\n');
		assert_true((long)number > last);
		last = number;
		n++;
	}
	fclose(in);
	return n;
}

static void *read_in_thread(void *fd)
{
	return (void *)(uintptr_t)read_numbered(*(int *)fd);
}

static void check_full_pipe(int flags)
{
	struct sink *s;
	int ends[2];
	pthread_t reader;
	void *n;
	uint64_t began = clock_mono(&clock_system), dropped;

	assert_int_equal(pipe2(ends, flags), 0);
	s = sink_new(ends[1], 20000);
	for (unsigned i = 0; i < 400; i++) {
		put_many(s, i * 10, 10);
		if (i % 100 == 99)
			sleep_ms(45);
	}
	assert_true(elapsed_ms(began) < 5000);
	dropped = sink_dropped(s);
	assert_true(dropped > 0 && dropped % 10 == 0);
	fcntl(ends[0], F_SETFL, 0);
	pthread_create(&reader, NULL, read_in_thread, &ends[0]);
	sleep_ms(100);
	put_many(s, 5000, 10);
	sink_free(s);
	close(ends[1]);
	pthread_join(reader, &n);
	assert_int_equal((uintptr_t)n + dropped, 4010);
}

static void a_full_pipe_stops_nobody_and_drops_whole_puts(void **state)
{
	(void)state;
	check_full_pipe(0);
	check_full_pipe(O_NONBLOCK);
}

static void a_reader_that_left_does_not_end_the_process(void **state)
{
	struct sink *s;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	s = sink_new(ends[1], 1000);
	put(s, "one\ntwo\n");
	await_dropped(s, 2);
	put(s, "three\n");
	await_dropped(s, 3);
	sink_free(s);
	close(ends[1]);
}

static void ending_takes_a_second_at_most(void **state)
{
	struct sink *s;
	int ends[2];
	uint64_t began;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	s = sink_new(ends[1], MAX);
	put_many(s, 0, 4000);
	sleep_ms(50);
	began = clock_mono(&clock_system);
	sink_free(s);
	assert_in_range(elapsed_ms(began), 900, 2500);
	close(ends[0]);
	close(ends[1]);
}

static void what_is_larger_than_the_room_is_dropped(void **state)
{
	struct sink *s;
	int null = open("/dev/null", O_WRONLY);

	(void)state;
	s = sink_new(null, 10);
	put(s, "123456789\n");
	sleep_ms(50);
	put(s, "1234567890\n");
	assert_int_equal(sink_dropped(s), 1);
	put(s, "");
	sink_free(s);
	sink_free(NULL);
	close(null);
}

static void no_memory_drops_lines_or_makes_no_sink(void **state)
{
	struct buf b = BUF_INIT(100);
	struct sink *s;
	int null = open("/dev/null", O_WRONLY);

	(void)state;
	mem_fail_after(0);
	assert_null(sink_new(null, 10));
	mem_fail_after(-1);
	s = sink_new(null, 1000);
	buf_put_str(&b, "a\nb\nc\n");
	mem_fail_after(0);
	sink_put(s, &b, 3);
	mem_fail_after(-1);
	assert_int_equal(sink_dropped(s), 3);
	assert_int_equal(buf_len(&b), 0);
	sink_free(s);
	buf_finish(&b);
	close(null);
}

/* Each write to such a socket is a packet of its own, so packets are what wake-ups cost. */
static void many_puts_share_a_write(void **state)
{
	char packet[8192];
	unsigned packets = 0, puts = 0;
	struct sink *s;
	int ends[2];
	uint64_t began = clock_mono(&clock_system);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	s = sink_new(ends[1], MAX);
	while (elapsed_ms(began) < 200) {
		for (unsigned i = 0; i < 4; i++, puts++)
			put(s, "x\n");
		usleep(500);
	}
	sink_free(s);
	while (recv(ends[0], packet, sizeof(packet), MSG_DONTWAIT) > 0)
		packets++;
	assert_true(puts > 3 * packets);
	assert_true(packets <= elapsed_ms(began) / 20 + 2);
	close(ends[0]);
	close(ends[1]);
}

/* Only so many bytes may go into the file: the end of a line is lost, and what comes later begins
 * on one of its own. */
static void a_torn_line_is_ended_before_the_next(void **state)
{
	FILE *file = tmpfile();
	struct rlimit before, few;
	struct sink *s = sink_new(fileno(file), 1000);
	char got[100] = "";

	(void)state;
	getrlimit(RLIMIT_FSIZE, &before);
	few = before;
	few.rlim_cur = 12;
	setrlimit(RLIMIT_FSIZE, &few);
	put(s, "aaaaaaaa\nbbbbbbbb\ncccc\n");
	await_dropped(s, 2);
	setrlimit(RLIMIT_FSIZE, &before);
	put(s, "dddd\n");
	sink_free(s);
	assert_int_equal(pread(fileno(file), got, sizeof(got) - 1, 0), 18);
	assert_string_equal(got, "aaaaaaaa\nbbb\ndddd\n");
	fclose(file);
}

struct writer {
	pthread_t thread;
	struct sink *sink; /* borrowed */
	char letter;
};

static void *write_letters(void *arg)
{
	struct writer *w = arg;
	struct buf b = BUF_INIT(1000);

	for (int i = 0; i < 2000; i++) {
		for (int k = 0; k < 40; k++)
			buf_put_char(&b, w->letter);
		buf_put_char(&b, '\n');
		if (i % 5 == 4)
			sink_put(w->sink, &b, 5);
	}
	buf_finish(&b);
	return NULL;
}

static void lines_of_many_threads_are_not_mixed(void **state)
{
	struct writer writers[6];
	FILE *file = tmpfile();
	char line[100];
	uint64_t n = 0;
	struct sink *s = sink_new(fileno(file), MAX);

	(void)state;
	for (int i = 0; i < 6; i++) {
		writers[i] = (struct writer){.sink = s, .letter = (char)('a' + i)};
		pthread_create(&writers[i].thread, NULL, write_letters, &writers[i]);
	}
	for (int i = 0; i < 6; i++)
		pthread_join(writers[i].thread, NULL);
	n += sink_dropped(s);
	sink_free(s);
	rewind(file);
	for (; fgets(line, sizeof(line), file); n++) {
		char letter[2] = {line[0]};

		assert_int_equal(strspn(line, letter), 40);
		assert_string_equal(line + 40, "\n");
	}
	assert_int_equal(n, 12000);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lines_arrive_in_order),
	        cmocka_unit_test(a_full_pipe_stops_nobody_and_drops_whole_puts),
	        cmocka_unit_test(a_reader_that_left_does_not_end_the_process),
	        cmocka_unit_test(ending_takes_a_second_at_most),
	        cmocka_unit_test(what_is_larger_than_the_room_is_dropped),
	        cmocka_unit_test(no_memory_drops_lines_or_makes_no_sink),
	        cmocka_unit_test(many_puts_share_a_write),
	        cmocka_unit_test(a_torn_line_is_ended_before_the_next),
	        cmocka_unit_test(lines_of_many_threads_are_not_mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
