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

static inline bool tree_is_container(const struct json_value *v)
{
	return unsafe_yyjson_is_ctn(tree_of(v));
}

/* Members or elements; a container only. */
static inline uint32_t tree_count(const struct json_value *v)
{
	return (uint32_t)unsafe_yyjson_get_len(tree_of(v));
}

/* The first one behind v and all that v holds. */
static inline const struct json_value *tree_next(const struct json_value *v)
{
	return (const struct json_value *)unsafe_yyjson_get_next(tree_of(v));
}

static inline size_t tree_index(const struct json_doc *doc, const struct json_value *v)
{
	return (size_t)(tree_of(v) - tree_of(doc->root));
}

/* What yyjson lets through and we do not. 0, -ENOMEM, -EPROTO. */
int json_check(struct json_doc *doc, const struct json_limits *limits, struct json_complaint *why);
/* One past the closing quote of the string whose first inner byte is at start. The text is a
 * document that was read. */
size_t json_string_end(struct slice text, size_t start);
