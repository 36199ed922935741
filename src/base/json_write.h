/* SPDX-License-Identifier: Apache-2.0 */
/* json_write: JSON text into a buf, commas and escapes included. An error sticks until json_end reports it, so that a
 * writer of twenty members checks once. Control and bidirectional-override characters are written as \uXXXX,
 * but for the five that have a letter (\b \f \n \r \t). */
#pragma once
#include "base/buf.h"
#include "base/money.h"

struct json_writer {
	struct buf *out;  /* borrowed */
	int error;        /* first failure: -ENOMEM, -ENOBUFS */
	bool comma;       /* a value stands before this place */
};

void json_begin(struct json_writer *w, struct buf *out);
int json_end(struct json_writer *w); /* 0 or the first error */
void json_open(struct json_writer *w, char bracket); /* '{' or '[' */
void json_close(struct json_writer *w, char bracket); /* '}' or ']' */
void json_key(struct json_writer *w, const char *key);       /* key needs no escaping */
void json_key_slice(struct json_writer *w, struct slice key); /* escaped */
void json_string(struct json_writer *w, struct slice s); /* invalid UTF-8 becomes U+FFFD */
void json_u64(struct json_writer *w, uint64_t n);
void json_i64(struct json_writer *w, int64_t n);
void json_bool(struct json_writer *w, bool b);
void json_null(struct json_writer *w);
void json_money(struct json_writer *w, nanousd amount);    /* a bare decimal number */
void json_raw(struct json_writer *w, struct slice value);  /* one JSON value, taken as it is */

/* The member in one call. */
void json_put_str(struct json_writer *w, const char *key, const char *value); /* NULL writes null */
void json_put_slice(struct json_writer *w, const char *key, struct slice value);
void json_put_u64(struct json_writer *w, const char *key, uint64_t value);
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_money(struct json_writer *w, const char *key, nanousd value);

/* The inside of a JSON string, without quotes. */
int json_escape(struct buf *out, struct slice s);
