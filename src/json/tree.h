/* SPDX-License-Identifier: Apache-2.0 */
/* tree: what json's own files know of yyjson's tree: one array of values in document order, a key
 * before its value, and a container that says where it ends. Nobody outside this folder includes
 * it. */
#pragma once
#include <yyjson.h>
#include "json/json.h"

static inline yyjson_val *tree_of(const struct json_value *v)
{
	return (yyjson_val *)(uintptr_t)v;
}

/* A string, key or number only. */
static inline struct slice tree_text(const struct json_value *v)
{
	return (struct slice){tree_of(v)->uni.str, unsafe_yyjson_get_len(tree_of(v))};
}

/* The one right behind in document order: a container's first inner one. */
static inline const struct json_value *tree_inner(const struct json_value *v)
{
	return (const struct json_value *)(tree_of(v) + 1);
}

/* A document that is being read is its reader's to write in. */
static inline struct json_value *tree_mine(const struct json_value *v)
{
	return (struct json_value *)(uintptr_t)v;
}

/* Members or elements; a container only. */
static inline uint32_t tree_count(const struct json_value *v)
{
	return (uint32_t)unsafe_yyjson_get_len(tree_of(v));
}

/* The first one behind a container and all that it holds. */
static inline const struct json_value *tree_end(const struct json_value *v)
{
	return (const struct json_value *)((const char *)v + v->size);
}

static inline size_t tree_index(const struct json_doc *doc, const struct json_value *v)
{
	return (size_t)(tree_of(v) - tree_of(doc->root));
}

#define JSON_NUMBER_BYTES 4u /* that json_text_bytes counts for each */

/* What yyjson lets through and we do not. 0, -ENOMEM, -EPROTO. */
int json_check(struct json_doc *doc, const struct json_limits *limits, struct json_complaint *why);
/* One past the closing quote of the string whose first inner byte is at start. The text is a
 * document that was read. */
size_t json_string_end(struct slice text, size_t start);
