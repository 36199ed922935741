/* SPDX-License-Identifier: Apache-2.0 */
/* log: a line is put together in a buffer of its own, so that threads share nothing but where it
 * goes. */
#include "base/log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/json_write.h"

#define MESSAGE_MAX 1024
#define LINE_MAX_BYTES 8192

static _Atomic(struct sink *) log_sink; /* borrowed */
static _Atomic int log_threshold = LEVEL_INFO;
static _Atomic int log_shape = FORMAT_TEXT;

static const char *const level_names[] = {
	[LEVEL_DEBUG] = "debug", [LEVEL_INFO] = "info", [LEVEL_WARN] = "warn", [LEVEL_ERROR] = "error",
};

void log_init(struct sink *sink, enum log_level level, enum log_format format)
{
	atomic_store(&log_sink, sink);
	atomic_store(&log_threshold, (int)level);
	atomic_store(&log_shape, (int)format);
}

bool log_is_on(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_threshold, (int)level, memory_order_relaxed);
}

enum log_level log_level_now(void)
{
	return (enum log_level)atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

int log_level_parse(struct slice name, enum log_level *ret)
{
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(*level_names); i++) {
		if (slice_is(name, level_names[i])) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

struct line {
	const char *time, *level;
	struct slice message;
	const struct log_field *fields; /* borrowed, may be NULL */
};

static int line_as_json(const struct line *l, struct buf *out)
{
	struct json_writer w;
	int r;

	json_begin(&w, out);
	json_open(&w, '{');
	json_put_str(&w, "time", l->time);
	json_put_str(&w, "level", l->level);
	json_put_slice(&w, "msg", l->message);
	for (const struct log_field *f = l->fields; f && f->key; f++) {
		if (f->text.at)
			json_put_slice(&w, f->key, f->text);
		else
			json_put_u64(&w, f->key, f->number);
	}
	json_close(&w, '}');
	r = json_end(&w);
	return r ? r : buf_put_char(out, '\n');
}

static int field_as_text(const struct log_field *f, struct buf *out)
{
	int r = buf_printf(out, " %s=", f->key);

	if (r)
		return r;
	if (!f->text.at)
		return buf_put_u64(out, f->number);
	r = buf_put_char(out, '"');
	if (!r)
		r = json_escape(out, f->text);
	return r ? r : buf_put_char(out, '"');
}

/* Escaped as in JSON, so that no message can pretend to be two lines. */
static int line_as_text(const struct line *l, struct buf *out)
{
	int r = buf_printf(out, "%s %-5s ", l->time, l->level);

	if (!r)
		r = json_escape(out, l->message);
	for (const struct log_field *f = l->fields; !r && f && f->key; f++)
		r = field_as_text(f, out);
	return r ? r : buf_put_char(out, '\n');
}

static int line_make(const struct line *l, struct buf *out)
{
	buf_clear(out);
	return atomic_load(&log_shape) == FORMAT_JSON ? line_as_json(l, out) : line_as_text(l, out);
}

static void write_now(struct slice text)
{
	while (text.len) {
		ssize_t n = write(STDERR_FILENO, text.at, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text = slice_skip(text, (size_t)n);
	}
}

static void line_send(const struct line *l)
{
	struct buf out = BUF_INIT(LINE_MAX_BYTES);
	struct sink *sink = atomic_load(&log_sink);
	struct line bare = *l;

	bare.fields = NULL;
	if (line_make(l, &out) && line_make(&bare, &out))
		write_now(SLICE("weir: no memory to write a log line\n"));
	else if (sink)
		sink_put(sink, &out, 1);
	else
		write_now(buf_slice(&out));
	buf_finish(&out);
}

void log_write(enum log_level level, const struct log_field *fields, const char *format, ...)
{
	char message[MESSAGE_MAX], now[25];
	struct line l = {.time = now, .level = level_names[level], .fields = fields};
	va_list args;
	int len;

	if (!log_is_on(level))
		return;
	va_start(args, format);
	len = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (len < 0)
		return;
	l.message = slice_from(
	        message, (size_t)len < sizeof(message) ? (size_t)len : sizeof(message) - 1);
	clock_format(clock_wall(&clock_system), now);
	line_send(&l);
}
