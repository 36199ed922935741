/* SPDX-License-Identifier: Apache-2.0 */
/* log: Weir's own lines, about itself: started, reloaded, failed. What a call did is in its record, not here. */
#pragma once
#include "base/sink.h"

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };
enum log_format { FORMAT_JSON, FORMAT_TEXT };

/* A value beside the message. Text where text.at is set, otherwise the number; a key of NULL ends the list. */
struct log_field {
	const char *key; /* needs no escaping */
	struct slice text;
	uint64_t number;
};

#define LOG_TEXT(name, slice) {.key = (name), .text = (slice)}
#define LOG_STR(name, str) {.key = (name), .text = slice_str(str)}
#define LOG_NUMBER(name, n) {.key = (name), .number = (n)}
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {0}})

/* Where lines go: to the sink (borrowed), or, while it is NULL, to stderr at once. Lines below level are left out. To be
 * called before other threads log and after they have ended. Until then: stderr, LEVEL_INFO, FORMAT_TEXT. */
void log_init(struct sink *sink, enum log_level level, enum log_format format);
bool log_is_on(enum log_level level);
void log_set_level(enum log_level level); /* from any thread */
enum log_level log_level_now(void);
const char *log_level_name(enum log_level level);
/* From any thread. A message is cut after 1 KiB, a line that passes 8 KiB loses its fields. fields may be NULL:
 * log_write(LEVEL_WARN, LOG_FIELDS(LOG_STR("file", path), LOG_NUMBER("line", n)), "policy is not read"); */
void log_write(enum log_level level, const struct log_field *fields, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(...) log_write(LEVEL_DEBUG, NULL, __VA_ARGS__)
#define log_info(...) log_write(LEVEL_INFO, NULL, __VA_ARGS__)
#define log_warn(...) log_write(LEVEL_WARN, NULL, __VA_ARGS__)
#define log_error(...) log_write(LEVEL_ERROR, NULL, __VA_ARGS__)
/* 0 and the level, or -EINVAL: debug, info, warn, error. */
int log_level_parse(struct slice name, enum log_level *ret);
