/* SPDX-License-Identifier: Apache-2.0 */
/* json: yyjson reads a padded copy in situ, so that every string and number says where it stood;
 * check.c refuses the rest. */
#include "json/json.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include "base/mem.h"
#include "json/tree.h"

#define KEEP_MAX (1u << 20)               /* of each piece of scratch memory between documents */
#define PADDING (YYJSON_PADDING_SIZE + 8) /* yyjson's, and a word read at the last key */
#define TREE_FACTOR 9u                    /* "0," is 16 bytes of tree, and yyjson grows by half */
#define TREE_MIN 4096u
#define U64_MAX_EXACT (1ull << 53) /* I-JSON (RFC 7493 2.2): beyond it other readers round */

const struct json_limits json_limits_default = {
        .depth = JSON_DEPTH_MAX,
        .values = 1000000,
        .key_len = 1024,
};

static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static _Thread_local struct json_scratch thread_scratch;
static _Thread_local bool thread_is_known;

void json_scratch_init(struct json_scratch *s)
{
	*s = (struct json_scratch){0};
}

void json_scratch_finish(struct json_scratch *s)
{
	assert(!s->is_busy);
	mem_free(s->copy);
	mem_free(s->tree);
	mem_free(s->set);
	json_scratch_init(s);
}

static void thread_ends(void *scratch)
{
	json_scratch_finish(scratch);
}

static void thread_key_make(void)
{
	if (pthread_key_create(&thread_key, thread_ends))
		thread_key = (pthread_key_t)-1;
}

struct json_scratch *json_scratch_mine(void)
{
	if (!thread_is_known) {
		pthread_once(&thread_once, thread_key_make);
		/* Failing costs nothing but that the memory outlives its thread. */
		(void)pthread_setspecific(thread_key, &thread_scratch);
		thread_is_known = true;
	}
	return &thread_scratch;
}

/* yyjson asks for one block, makes it larger, and is done: the block is the scratch's own, under
 * the ceiling. */
static void *tree_grow(struct json_scratch *s, size_t size)
{
	void *tree;

	if (size <= s->cap_tree)
		return s->tree;
	if (size > s->max_tree) {
		s->tree_is_full = true;
		return NULL;
	}
	tree = mem_realloc(s->tree, size);
	if (!tree)
		return NULL;
	s->tree = tree;
	s->cap_tree = size;
	return tree;
}

static void *tree_malloc(void *ctx, size_t size)
{
	struct json_scratch *s = ctx;
	void *tree = s->tree_is_used ? NULL : tree_grow(s, size);

	s->tree_is_used = s->tree_is_used || tree;
	return tree;
}

static void *tree_realloc(void *ctx, void *at, size_t old_size, size_t size)
{
	(void)at;
	(void)old_size;
	return tree_grow(ctx, size);
}

static void tree_free(void *ctx, void *at)
{
	struct json_scratch *s = ctx;

	if (at)
		s->tree_is_used = false;
}

static int copy_text(struct json_scratch *s, struct slice text)
{
	size_t size = text.len + PADDING;

	if (size > s->cap_copy) {
		/* Nothing of the old copy is wanted: no realloc. */
		size_t cap = size < 4096 ? 4096 : size + size / 4;
		char *copy = mem_alloc(cap);

		if (!copy)
			return -ENOMEM;
		mem_free(s->copy);
		s->copy = copy;
		s->cap_copy = cap;
	}
	memcpy(s->copy, text.at, text.len);
	memset(s->copy + text.len, 0, PADDING);
	return 0;
}

/* What can be seen before any memory is spent. NULL: nothing wrong so far. */
static const char *first_look(struct slice text, const struct json_limits *limits, size_t *ret_at)
{
	size_t i = 0;

	if (text.len > JSON_TEXT_MAX)
		return "the document is too long";
	while (i < text.len && (text.at[i] == ' ' || (text.at[i] >= '\t' && text.at[i] <= '\r')))
		i++;
	*ret_at = i;
	if (i == text.len)
		return "there is no JSON document";
	if (text.len >= 3 && !memcmp(text.at, "\xef\xbb\xbf", 3))
		return "a byte order mark stands before the document";
	if (text.at[i] != '{' && !(text.at[i] == '[' && limits->array_is_root))
		return "the document is not a JSON object";
	return NULL;
}

static int refuse(struct json_complaint *why, size_t at, const char *text)
{
	if (why) {
		why->at = at;
		snprintf(why->text, sizeof(why->text), "%s", text);
	}
	return -EPROTO;
}

static void give_back(struct json_scratch *s)
{
	if (s->cap_copy > KEEP_MAX) {
		mem_free(s->copy);
		s->copy = NULL;
		s->cap_copy = 0;
	}
	if (s->cap_tree > KEEP_MAX) {
		mem_free(s->tree);
		s->tree = NULL;
		s->cap_tree = 0;
	}
	if (s->cap_set * sizeof(*s->set) > KEEP_MAX) {
		mem_free(s->set);
		s->set = NULL;
		s->cap_set = 0;
	}
}

static int parse(
        struct json_scratch *s, struct slice text, struct json_doc *ret, struct json_complaint *why)
{
	yyjson_alc alc = {tree_malloc, tree_realloc, tree_free, s};
	yyjson_read_err error = {0};
	yyjson_doc *doc;

	s->max_tree = TREE_FACTOR * text.len + TREE_MIN;
	s->tree_is_used = s->tree_is_full = false;
	doc = yyjson_read_opts(
	        s->copy, text.len, YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW, &alc, &error);
	if (doc) {
		*ret = (struct json_doc){
		        s, text, (const struct json_value *)doc->root, doc->val_read};
		return 0;
	}
	if (s->tree_is_full)
		return refuse(why, 0, "the document is too deep");
	if (error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		return -ENOMEM;
	return refuse(why, error.pos, error.msg);
}

int json_read(struct json_scratch *s, struct slice text, const struct json_limits *limits,
        struct json_doc *ret, struct json_complaint *why)
{
	struct json_doc doc;
	size_t at = 0;
	const char *wrong;
	int r;

	assert(!s->is_busy && limits->depth <= JSON_DEPTH_MAX && limits->values <= JSON_VALUES_MAX);
	wrong = first_look(text, limits, &at);
	if (wrong)
		return refuse(why, at, wrong);
	r = copy_text(s, text);
	if (!r)
		r = parse(s, text, &doc, why);
	if (!r)
		r = json_check(&doc, limits, why);
	if (r) {
		give_back(s);
		return r;
	}
	s->is_busy = true;
	*ret = doc;
	return 0;
}

void json_done(struct json_doc *doc)
{
	assert(doc->scratch->is_busy);
	doc->scratch->is_busy = false;
	give_back(doc->scratch);
	*doc = (struct json_doc){0};
}

static_assert(sizeof(struct json_value) == sizeof(yyjson_val) &&
                      offsetof(struct json_value, tag) == offsetof(yyjson_val, tag) &&
                      offsetof(struct json_value, text) == offsetof(yyjson_val, uni) &&
                      (JSON_VALUES_MAX + 1ull) * sizeof(struct json_value) <= 1ull << 32 &&
                      JSON_TEXT_MAX + 1ull * JSON_NUMBER_BYTES * JSON_VALUES_MAX < 1ull << 32,
        "a value is one of yyjson's");
static_assert(YYJSON_TAG_BIT == 8 && YYJSON_TYPE_MASK == 7 && YYJSON_SUBTYPE_TRUE == 8 &&
                      YYJSON_TYPE_RAW == JSON_TAG_NUMBER && YYJSON_TYPE_NULL == JSON_TAG_NULL &&
                      YYJSON_TYPE_BOOL == JSON_TAG_BOOL && YYJSON_TYPE_STR == JSON_TAG_STRING &&
                      YYJSON_TYPE_ARR == JSON_TAG_ARRAY && YYJSON_TYPE_OBJ == JSON_TAG_OBJECT,
        "its tags are the ones that yyjson writes");

const struct json_value *json_find(const struct json_value *v, struct slice key)
{
	const struct json_value *name;

	if (json_tag(v) != JSON_TAG_OBJECT)
		return NULL;
	name = tree_inner(v);
	for (uint32_t left = json_count(v); left; left--, name = json_behind(name + 1))
		if (name->tag >> 8 == key.len && slice_equals(tree_text(name), key))
			return name + 1;
	return NULL;
}

int json_to_u64(const struct json_value *v, uint64_t max, uint64_t *ret)
{
	if (json_type(v) != JSON_NUMBER)
		return -EINVAL;
	return slice_to_u64(tree_text(v), max < U64_MAX_EXACT ? max : U64_MAX_EXACT, ret);
}

uint64_t json_text_bytes(const struct json_value *v)
{
	switch (json_tag(v)) {
	case JSON_TAG_STRING:
		return v->tag >> 8;
	case JSON_TAG_NUMBER:
		return JSON_NUMBER_BYTES;
	case JSON_TAG_ARRAY:
	case JSON_TAG_OBJECT:
		return v->text_bytes;
	default:
		return 0;
	}
}

/* Adds a value that is no string; of a container only itself. */
static inline void shape_add(struct json_shape *shape, const struct json_value *v)
{
	switch (v->tag & 7) {
	case JSON_TAG_NUMBER:
		shape->written += (v->tag >> 8) + 1;
		shape->numbers++;
		break;
	case JSON_TAG_ARRAY:
	case JSON_TAG_OBJECT:
		shape->written += 3;
		shape->empties += !tree_count(v);
		break;
	default:
		shape->written += 6;
	}
}

struct json_shape json_shape_of(const struct json_value *v)
{
	struct json_shape shape = {0};

	if (!v)
		return shape;
	for (const struct json_value *end = json_behind(v); v != end; v = tree_inner(v)) {
		if ((v->tag & 7) == JSON_TAG_STRING)
			shape.written += (v->tag >> 8) + 3;
		else
			shape_add(&shape, v);
	}
	return shape;
}

/* As if all values in v were strings and containers; of the others it is known where they are. */
struct json_shape json_shape_in(const struct json_doc *doc, const struct json_value *v)
{
	const struct json_scratch *s = doc->scratch;
	struct json_shape shape = {0};
	const struct json_value *end;

	if (json_tag(v) < JSON_TAG_ARRAY || s->n_odd > JSON_ODD_MAX)
		return json_shape_of(v);
	end = json_behind(v);
	shape.written = v->text_bytes + 3 * (uint64_t)(end - v);
	for (size_t i = 0; i < s->n_odd; i++) {
		const struct json_value *odd = doc->root + s->odd[i];

		if (odd < v || odd >= end)
			continue;
		shape.written -= json_text_bytes(odd) + 3;
		shape_add(&shape, odd);
	}
	return shape;
}

struct span json_token(const struct json_doc *doc, const struct json_value *v)
{
	size_t start = (size_t)(tree_text(v).at - doc->scratch->copy);

	assert(json_type(v) == JSON_STRING || json_type(v) == JSON_NUMBER);
	if (json_type(v) == JSON_NUMBER)
		return (struct span){(uint32_t)start, (uint32_t)(start + tree_text(v).len)};
	return (struct span){(uint32_t)start - 1, (uint32_t)json_string_end(doc->text, start)};
}

struct slice json_keep(const struct json_doc *doc, const struct json_value *v, struct arena *arena)
{
	struct slice text = json_text(v);
	struct slice there = {doc->text.at + (text.at - doc->scratch->copy), text.len};

	assert(text.at);
	/* yyjson marks strings of plain ASCII without escapes. Else: the same bytes and none of
	 * them a backslash: then no escape stood in the token. */
	if (json_tag(v) == JSON_TAG_STRING && v->tag & YYJSON_SUBTYPE_NOESC)
		return there;
	if (slice_equals(there, text) && !memchr(text.at, '\\', text.len))
		return there;
	return arena_dup(arena, text);
}
