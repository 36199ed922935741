/* SPDX-License-Identifier: Apache-2.0 */
/* json_write: the writer's grammar, a comma before every value but the first. */
#include "base/json_write.h"
#include <errno.h>

void json_begin(struct json_writer *w, struct buf *out)
{
	*w = (struct json_writer){.out = out};
}

int json_end(struct json_writer *w)
{
	return w->error;
}

/* Room for len bytes after a comma that may be due; the comma is written. NULL once anything has
 * failed. */
static char *json_room(struct json_writer *w, size_t len)
{
	if (__builtin_expect(w->error, 0))
		return NULL;
	w->error = buf_reserve(w->out, len + w->comma);
	if (__builtin_expect(w->error, 0))
		return NULL;
	if (w->comma) {
		*buf_tail(w->out) = ',';
		buf_commit(w->out, 1);
	}
	return buf_tail(w->out);
}

static void json_value(struct json_writer *w, const char *text, size_t len)
{
	char *at = json_room(w, len);

	if (!at)
		return;
	memcpy(at, text, len);
	buf_commit(w->out, len);
	w->comma = true;
}

void json_open(struct json_writer *w, char bracket)
{
	json_value(w, &bracket, 1);
	w->comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
	w->comma = false;
	json_value(w, &bracket, 1);
}

void json_key(struct json_writer *w, const char *key)
{
	size_t len = strlen(key);
	char *at = json_room(w, len + 3);

	if (!at)
		return;
	at[0] = '"';
	memcpy(at + 1, key, len);
	at[len + 1] = '"';
	at[len + 2] = ':';
	buf_commit(w->out, len + 3);
	w->comma = false;
}

static void json_put_byte(struct json_writer *w, char c)
{
	if (!w->error)
		w->error = buf_put_char(w->out, c);
}

static void json_quoted(struct json_writer *w, struct slice s)
{
	char *at = json_room(w, s.len + 2);

	if (!at)
		return;
	*at = '"';
	buf_commit(w->out, 1);
	w->error = json_escape(w->out, s);
	json_put_byte(w, '"');
}

void json_key_slice(struct json_writer *w, struct slice key)
{
	json_quoted(w, key);
	json_put_byte(w, ':');
	w->comma = false;
}

void json_string(struct json_writer *w, struct slice s)
{
	json_quoted(w, s);
	w->comma = true;
}

static void json_number(struct json_writer *w, bool is_negative, uint64_t n)
{
	if (!json_room(w, 0))
		return;
	if (is_negative)
		json_put_byte(w, '-');
	if (!w->error)
		w->error = buf_put_u64(w->out, n);
	w->comma = true;
}

void json_u64(struct json_writer *w, uint64_t n)
{
	json_number(w, false, n);
}

void json_i64(struct json_writer *w, int64_t n)
{
	json_number(w, n < 0, n < 0 ? -(uint64_t)n : (uint64_t)n);
}

void json_bool(struct json_writer *w, bool b)
{
	if (b)
		json_value(w, "true", 4);
	else
		json_value(w, "false", 5);
}

void json_null(struct json_writer *w)
{
	json_value(w, "null", 4);
}

void json_money(struct json_writer *w, nanousd amount)
{
	char text[MONEY_TEXT];
	size_t len = money_format(amount, text);

	json_value(w, text, len);
}

void json_raw(struct json_writer *w, struct slice value)
{
	json_value(w, value.at, value.len);
}

void json_put_str(struct json_writer *w, const char *key, const char *value)
{
	json_key(w, key);
	if (value)
		json_string(w, slice_str(value));
	else
		json_null(w);
}

void json_put_slice(struct json_writer *w, const char *key, struct slice value)
{
	json_key(w, key);
	json_string(w, value);
}

void json_put_u64(struct json_writer *w, const char *key, uint64_t value)
{
	json_key(w, key);
	json_u64(w, value);
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
	json_key(w, key);
	json_bool(w, value);
}

void json_put_money(struct json_writer *w, const char *key, nanousd value)
{
	json_key(w, key);
	json_money(w, value);
}
