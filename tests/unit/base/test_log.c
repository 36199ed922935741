/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/log, through a sink into a file. */
#include "rig/unit.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"

static FILE *file;
static struct sink *sink;
static char got[300000];

static void begin(enum log_level level, enum log_format format)
{
	file = tmpfile();
	sink = sink_new(fileno(file), 1 << 20);
	log_init(sink, level, format);
}

/* What was written, without the time, which is checked. */
static const char *end(void)
{
	ssize_t n;

	log_init(NULL, LEVEL_INFO, FORMAT_TEXT);
	sink_free(sink);
	n = pread(fileno(file), got, sizeof(got) - 1, 0);
	assert_true(n >= 0);
	got[n] = '\0';
	fclose(file);
	return got;
}

#define TIME "\"time\":\"20"

static void a_line_is_one_json_object(void **state)
{
	const char *line;

	(void)state;
	begin(LEVEL_INFO, FORMAT_JSON);
	log_write(LEVEL_WARN,
	        LOG_FIELDS(LOG_STR("file", "a \"b\".yaml"), LOG_NUMBER("line", 7),
	                LOG_TEXT("empty", SLICE(""))),
	        "reload %s", "failed\n");
	line = end();
	assert_memory_equal(line, "{" TIME, 11);
	assert_string_equal(line + 34,
	        ",\"level\":\"warn\",\"msg\":\"reload failed\\n\",\"file\":\"a \\\"b\\\".yaml\","
	        "\"line\":7,\"empty\":\"\"}\n");
}

static void a_line_of_text_is_one_line(void **state)
{
	const char *line;

	(void)state;
	begin(LEVEL_INFO, FORMAT_TEXT);
	log_write(LEVEL_INFO, LOG_FIELDS(LOG_STR("at", "[::1]:80"), LOG_NUMBER("n", 2)),
	        "up\nand %d", 1);
	line = end();
	assert_memory_equal(line, "20", 2);
	assert_string_equal(line + 24, " info  up\\nand 1 at=\"[::1]:80\" n=2\n");
}

static void lines_below_the_level_are_left_out(void **state)
{
	(void)state;
	begin(LEVEL_WARN, FORMAT_TEXT);
	log_debug("no");
	log_info("no");
	log_warn("yes");
	log_error("yes");
	assert_false(log_is_on(LEVEL_INFO));
	assert_true(log_is_on(LEVEL_WARN));
	end();
	assert_null(strstr(got, "no"));
	assert_non_null(strstr(got, "warn  yes"));
	assert_non_null(strstr(got, "error yes"));
}

static void a_long_message_is_cut_and_long_fields_are_left_out(void **state)
{
	static char text[20000];

	(void)state;
	memset(text, 1, sizeof(text) - 1);
	begin(LEVEL_INFO, FORMAT_JSON);
	log_write(LEVEL_INFO, LOG_FIELDS(LOG_STR("field", text)), "%s", text);
	end();
	assert_int_equal(
	        strlen(got), 34 + strlen(",\"level\":\"info\",\"msg\":\"\"}\n") + 1023 * 6);
}

static void levels_have_names(void **state)
{
	enum log_level level = LEVEL_DEBUG;

	(void)state;
	assert_int_equal(log_level_parse(SLICE("error"), &level), 0);
	assert_int_equal(level, LEVEL_ERROR);
	assert_int_equal(log_level_parse(SLICE("Error"), &level), -EINVAL);
	assert_int_equal(log_level_parse(SLICE(""), &level), -EINVAL);
	assert_int_equal(level, LEVEL_ERROR);
	assert_int_equal(log_level_parse(SLICE("debug"), &level), 0);
	assert_int_equal(level, LEVEL_DEBUG);
}

/* With stderr in a file: before there is a sink, and when there is no memory for a line. */
static void the_level_may_be_set_while_others_log(void **state)
{
	(void)state;
	begin(LEVEL_INFO, FORMAT_TEXT);
	log_set_level(LEVEL_ERROR);
	assert_int_equal(log_level_now(), LEVEL_ERROR);
	assert_string_equal(log_level_name(log_level_now()), "error");
	log_warn("not seen");
	log_set_level(LEVEL_DEBUG);
	log_debug("seen");
	end();
	assert_null(strstr(got, "not seen"));
	assert_non_null(strstr(got, "seen"));
}

static void stderr_is_the_last_resort(void **state)
{
	int saved = dup(STDERR_FILENO);
	char text[200] = "";
	FILE *err = tmpfile();

	(void)state;
	dup2(fileno(err), STDERR_FILENO);
	log_warn("before");
	mem_fail_after(0);
	log_error("during");
	mem_fail_after(-1);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_true(pread(fileno(err), text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text + 24, " warn  before\nweir: no memory to write a log line\n");
	fclose(err);
}

static void *log_a_lot(void *name)
{
	for (unsigned i = 0; i < 500; i++)
		log_write(LEVEL_INFO, LOG_FIELDS(LOG_STR("who", name), LOG_NUMBER("i", i)), "busy");
	return NULL;
}

static void any_thread_may_log(void **state)
{
	pthread_t threads[4];
	unsigned n = 0;

	(void)state;
	begin(LEVEL_INFO, FORMAT_JSON);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, log_a_lot, (void *)"x");
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(sink_dropped(sink), 0);
	end();
	for (const char *at = got; (at = strchr(at, '\n')); at++)
		n++;
	assert_int_equal(n, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_line_is_one_json_object),
	        cmocka_unit_test(a_line_of_text_is_one_line),
	        cmocka_unit_test(lines_below_the_level_are_left_out),
	        cmocka_unit_test(a_long_message_is_cut_and_long_fields_are_left_out),
	        cmocka_unit_test(levels_have_names),
	        cmocka_unit_test(the_level_may_be_set_while_others_log),
	        cmocka_unit_test(stderr_is_the_last_resort),
	        cmocka_unit_test(any_thread_may_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
