/* SPDX-License-Identifier: Apache-2.0 */
/* json: a small reader for requests and scripts. Every value knows its own text in the document, so
 * that a script can hand on JSON as it was written. */
#pragma once
#include "bytes.h"

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json {
	enum json_type type;
	struct text key;    /* unescaped; of a member */
	struct text string; /* unescaped; of a string */
	struct text raw;    /* the value as written; borrowed from the document's text */
	struct json *first, *next;
};

struct json_doc {
	struct json *root;  /* NULL: the text was no JSON */
	struct json *nodes; /* owned */
	char *strings;      /* owned */
};

/* The text is borrowed for as long as the document lives. */
struct json_doc *json_read(struct text t); /* NULL when it is no JSON */
void json_free(struct json_doc *doc);

const struct json *json_get(
        const struct json *object, const char *key); /* NULL when absent, or no object */
bool json_is(const struct json *value, enum json_type type);
struct text json_text(const struct json *value);               /* a string's, else absent */
int64_t json_int(const struct json *value, int64_t otherwise); /* a whole number's */
bool json_true(const struct json *value, bool otherwise);
size_t json_count(const struct json *value); /* members or elements */
