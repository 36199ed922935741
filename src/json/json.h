/* SPDX-License-Identifier: Apache-2.0 */
/* json: strict reading of one document. What two parsers could read differently is refused:
 * duplicate keys (compared after unescaping), bad UTF-8, lone surrogates, NUL in a key, a BOM,
 * anything after the document. Numbers stay text. */
#pragma once
#include "base/arena.h"
#include "weir/edit.h"

/* Values are borrowed from their document; NULL is a value that is not there, and every accessor
 * takes it. What is in one is for the accessors alone: it is yyjson's layout (json.c compares). */
struct json_value {
	uint64_t tag; /* JSON_TAG_* in the lowest three bits; bytes, members or elements above bit 7
	               */
	union {
		const char *text;
		struct { /* of a container: yyjson has one number here, whose upper half is free */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			uint32_t size; /* of it with all that is in it, in bytes */
			uint32_t text_bytes;
#else
			uint32_t text_bytes;
			uint32_t size;
#endif
		};
	};
};

enum json_tag {
	JSON_TAG_NUMBER = 1,
	JSON_TAG_NULL,
	JSON_TAG_BOOL,
	JSON_TAG_STRING = 5,
	JSON_TAG_ARRAY,
	JSON_TAG_OBJECT,
};

enum json_type {
	JSON_ABSENT,
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_limits {
	unsigned depth;     /* objects and arrays inside each other; at most JSON_DEPTH_MAX */
	uint32_t values;    /* keys count as values; at most JSON_VALUES_MAX */
	uint32_t key_len;   /* bytes of one key, unescaped */
	bool array_is_root; /* an array may stand at the top too (JSON-RPC batches) */
};

#define JSON_DEPTH_MAX 64
#define JSON_TEXT_MAX (1u << 30)         /* bytes of a document */
#define JSON_VALUES_MAX ((1u << 28) - 1) /* their size in memory, and their text, is a uint32_t */

#define JSON_ODD_MAX 32u /* values whose places are kept */

extern const struct json_limits json_limits_default; /* 64, 1,000,000, 1024, false */

/* Memory that readers of one thread use again and again; one document at a time. */
struct json_scratch {
	char *copy; /* owned: the text, unescaped in place */
	size_t cap_copy;
	void *tree; /* owned */
	size_t cap_tree;
	size_t max_tree; /* ceiling for the document that is being read */
	bool tree_is_used, tree_is_full;
	uint64_t *set; /* owned: keys of one big object */
	size_t cap_set;
	/* Of the open document: where the values stand that are neither strings nor hold
	 * anything. n_odd above JSON_ODD_MAX: there are more. */
	uint32_t odd[JSON_ODD_MAX];
	unsigned n_odd;
	bool is_busy; /* a document is open */
};

struct json_doc {
	struct json_scratch *scratch; /* borrowed */
	struct slice text;            /* the original; borrowed */
	const struct json_value *root;
	size_t n_values;
};

/* Why a text is no document for us. */
struct json_complaint {
	size_t at;      /* byte in the text */
	char text[120]; /* one clause without a full stop */
};

void json_scratch_init(struct json_scratch *s);
void json_scratch_finish(struct json_scratch *s);
/* This thread's own; its memory goes with the thread. */
struct json_scratch *json_scratch_mine(void);

/* 0; -ENOMEM; -EPROTO with why filled (why may be NULL). text is borrowed as long as the document
 * is open. Memory taken: the text, and at most nine times it for the tree. After success json_done
 * must follow before the scratch reads again. */
int json_read(struct json_scratch *s, struct slice text, const struct json_limits *limits,
        struct json_doc *ret, struct json_complaint *why);
/* Values and their text are gone afterwards. Gives back what is over 1 MiB. */
void json_done(struct json_doc *doc);

static inline enum json_type json_type(const struct json_value *v)
{
	static const uint8_t types[8] = {
	        [JSON_TAG_NUMBER] = JSON_NUMBER,
	        [JSON_TAG_NULL] = JSON_NULL,
	        [JSON_TAG_BOOL] = JSON_BOOL,
	        [JSON_TAG_STRING] = JSON_STRING,
	        [JSON_TAG_ARRAY] = JSON_ARRAY,
	        [JSON_TAG_OBJECT] = JSON_OBJECT,
	};

	return v ? (enum json_type)types[v->tag & 7] : JSON_ABSENT;
}

/* For the accessors. */
static inline unsigned json_tag(const struct json_value *v)
{
	return v ? (unsigned)(v->tag & 7) : 0;
}

/* String: unescaped, may hold NUL. Number: as written. Else at == NULL. Lives as long as the
 * document. */
static inline struct slice json_text(const struct json_value *v)
{
	unsigned tag = json_tag(v);

	if (tag != JSON_TAG_STRING && tag != JSON_TAG_NUMBER)
		return (struct slice){0};
	return (struct slice){v->text, v->tag >> 8};
}

static inline bool json_is_true(const struct json_value *v)
{
	return json_tag(v) == JSON_TAG_BOOL && v->tag & 8;
}

/* A string with just these bytes. */
static inline bool json_is_string(const struct json_value *v, const char *text)
{
	return json_tag(v) == JSON_TAG_STRING && slice_is(json_text(v), text);
}

/* Members or elements; 0 for all else. */
static inline uint32_t json_count(const struct json_value *v)
{
	return json_tag(v) >= JSON_TAG_ARRAY ? (uint32_t)(v->tag >> 8) : 0;
}

/* The member's value, NULL when it is absent or v is no object. */
const struct json_value *json_find(const struct json_value *v, struct slice key);
static inline const struct json_value *json_get(const struct json_value *v, const char *key)
{
	return json_find(v, slice_str(key));
}

/* Whole numbers in plain digits: no sign, fraction, exponent. 0, -EINVAL (anything else), -ERANGE
 * (over max or 2^53). */
int json_to_u64(const struct json_value *v, uint64_t max, uint64_t *ret);
/* Bytes of all strings and keys in v, unescaped, and four for each number: a bound on the tokens it
 * can become. */
uint64_t json_text_bytes(const struct json_value *v);
/* Of v and all that it holds. */
struct json_shape {
	/* Bytes of it as a document that has neither blanks nor escapes, and a comma: a bound on
	 * the tokens of what is shown with all its braces. */
	uint64_t written;
	uint32_t numbers;
	uint32_t empties; /* containers without anything in them */
};
struct json_shape json_shape_of(const struct json_value *v);
/* The same without a walk, where the document has few values that are no strings. */
struct json_shape json_shape_in(const struct json_doc *doc, const struct json_value *v);
static inline uint64_t json_written_bytes(const struct json_value *v)
{
	return json_shape_of(v).written;
}

/* for (struct json_iter it = json_iter(v); json_next(&it);) uses it.key (NULL in arrays) and
 * it.value. */
struct json_iter {
	const struct json_value *key, *value;
	const struct json_value *after; /* where the next one stands */
	uint32_t left;
	bool is_object;
};
/* Empty when v is neither object nor array. */
static inline struct json_iter json_iter(const struct json_value *v)
{
	return (struct json_iter){.after = v ? v + 1 : NULL,
	        .left = json_count(v),
	        .is_object = json_tag(v) == JSON_TAG_OBJECT};
}

/* Where the one behind v, and all that v holds, stands. */
static inline const struct json_value *json_behind(const struct json_value *v)
{
	return (v->tag & 7) >= JSON_TAG_ARRAY
	               ? (const struct json_value *)((const char *)v + v->size)
	               : v + 1;
}

/* The next one in the order of the document, into containers and keys too: for (end =
 * json_behind(v); v != end; v = json_inner(v)) sees v and all that it holds. */
static inline const struct json_value *json_inner(const struct json_value *v)
{
	return v + 1;
}

static inline bool json_next(struct json_iter *it)
{
	const struct json_value *v = it->after;

	if (!it->left)
		return false;
	it->left--;
	it->key = it->is_object ? v++ : NULL;
	it->value = v;
	it->after = json_behind(v);
	return true;
}

/* Where a string or number stands in the original, quotes included. */
struct span json_token(const struct json_doc *doc, const struct json_value *v);
/* Where the value of one of the root's members stands in the original. */
struct span json_member_place(const struct json_doc *doc, const struct json_value *key);
/* The same text without quotes and escapes, lent from the original where there are none; else
 * copied into the arena. at == NULL: no memory. */
struct slice json_keep(const struct json_doc *doc, const struct json_value *v, struct arena *arena);
