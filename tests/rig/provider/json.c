/* SPDX-License-Identifier: Apache-2.0 */
/* json: see json.h. Nesting is read by recursion, 64 deep at most. */
#include "json.h"
#include <string.h>

#define DEPTH_MAX 64

struct reader {
	const char *at, *end;
	struct json *free_node;
	char *free_string;
};

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
		r->at++;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

static long read_hex4(struct reader *r)
{
	long value = 0;
	if (r->end - r->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(*r->at++);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static void put_utf8(struct reader *r, long c)
{
	char *p = r->free_string;
	if (c < 0x80) {
		*p++ = (char)c;
	} else if (c < 0x800) {
		*p++ = (char)(0xc0 | c >> 6);
		*p++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*p++ = (char)(0xe0 | c >> 12);
		*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		*p++ = (char)(0x80 | (c & 0x3f));
	} else {
		*p++ = (char)(0xf0 | c >> 18);
		*p++ = (char)(0x80 | (c >> 12 & 0x3f));
		*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		*p++ = (char)(0x80 | (c & 0x3f));
	}
	r->free_string = p;
}

static bool read_escape(struct reader *r)
{
	static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	char c = r->at < r->end ? *r->at++ : 0;
	const char *found = c ? strchr(letters, c) : NULL;
	if (found) {
		*r->free_string++ = values[found - letters];
		return true;
	}
	if (c != 'u')
		return false;
	long unit = read_hex4(r);
	if (unit >= 0xd800 && unit < 0xdc00 && r->end - r->at > 2 && r->at[0] == '\\' &&
	        r->at[1] == 'u') {
		r->at += 2;
		unit = 0x10000 + ((unit - 0xd800) << 10) + (read_hex4(r) - 0xdc00);
	}
	if (unit < 0 || unit > 0x10ffff)
		return false;
	put_utf8(r, unit);
	return true;
}

static bool read_string(struct reader *r, struct text *ret)
{
	if (r->at == r->end || *r->at++ != '"')
		return false;
	char *begin = r->free_string;
	while (r->at < r->end && *r->at != '"') {
		char c = *r->at++;
		if (c != '\\')
			*r->free_string++ = c;
		else if (!read_escape(r))
			return false;
	}
	if (r->at++ == r->end)
		return false;
	*ret = (struct text){begin, (size_t)(r->free_string - begin)};
	return true;
}

static bool read_word(struct reader *r, struct json *v)
{
	static const struct {
		const char *word;
		enum json_type type;
	} words[] = {{"null", JSON_NULL}, {"false", JSON_FALSE}, {"true", JSON_TRUE}};
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(words[i].word);
		if ((size_t)(r->end - r->at) >= n && !memcmp(r->at, words[i].word, n)) {
			r->at += n;
			v->type = words[i].type;
			return true;
		}
	}
	const char *begin = r->at;
	while (r->at < r->end && *r->at && strchr("+-0123456789.eE", *r->at))
		r->at++;
	v->type = JSON_NUMBER;
	return r->at > begin;
}

static bool read_value(struct reader *r, struct json *v, unsigned depth);

static bool read_members(struct reader *r, struct json *v, unsigned depth)
{
	bool object = *r->at++ == '{';
	struct json **link = &v->first;
	v->type = object ? JSON_OBJECT : JSON_ARRAY;
	skip_blanks(r);
	if (r->at < r->end && *r->at == (object ? '}' : ']'))
		return r->at++;
	for (;;) {
		struct json *member = r->free_node++;
		*link = member;
		link = &member->next;
		skip_blanks(r);
		if (object && !read_string(r, &member->key))
			return false;
		skip_blanks(r);
		if (object && (r->at == r->end || *r->at++ != ':'))
			return false;
		if (!read_value(r, member, depth + 1))
			return false;
		skip_blanks(r);
		char c = r->at < r->end ? *r->at++ : 0;
		if (c == (object ? '}' : ']'))
			return true;
		if (c != ',')
			return false;
	}
}

static bool read_value(struct reader *r, struct json *v, unsigned depth)
{
	skip_blanks(r);
	if (r->at == r->end || depth > DEPTH_MAX)
		return false;
	const char *begin = r->at;
	bool good;
	if (*r->at == '{' || *r->at == '[') {
		good = read_members(r, v, depth);
	} else if (*r->at == '"') {
		v->type = JSON_STRING;
		good = read_string(r, &v->string);
	} else {
		good = read_word(r, v);
	}
	v->raw = (struct text){begin, (size_t)(r->at - begin)};
	return good;
}

struct json_doc *json_read(struct text t)
{
	size_t nodes = 2;
	for (size_t i = 0; i < t.n; i++)
		nodes += t.at[i] == ',' || t.at[i] == '[' || t.at[i] == '{';
	struct json_doc *doc = mem_take(sizeof *doc);
	doc->nodes = mem_take(nodes * sizeof *doc->nodes);
	doc->strings = mem_take(t.n + 1);
	struct reader r = {t.at, t.at + t.n, doc->nodes + 1, doc->strings};
	if (t.n && read_value(&r, doc->nodes, 0)) {
		skip_blanks(&r);
		doc->root = r.at == r.end ? doc->nodes : NULL;
	}
	if (doc->root)
		return doc;
	json_free(doc);
	return NULL;
}

void json_free(struct json_doc *doc)
{
	if (!doc)
		return;
	mem_give(doc->nodes);
	mem_give(doc->strings);
	mem_give(doc);
}

const struct json *json_get(const struct json *object, const char *key)
{
	if (!json_is(object, JSON_OBJECT))
		return NULL;
	for (const struct json *m = object->first; m; m = m->next)
		if (text_is(m->key, key))
			return m;
	return NULL;
}

bool json_is(const struct json *value, enum json_type type)
{
	return value && value->type == type;
}

struct text json_text(const struct json *value)
{
	return json_is(value, JSON_STRING) ? value->string : (struct text){0};
}

int64_t json_int(const struct json *value, int64_t otherwise)
{
	if (!json_is(value, JSON_NUMBER))
		return otherwise;
	bool negative = value->raw.at[0] == '-';
	int64_t n = 0;
	for (size_t i = negative; i < value->raw.n && n < INT64_MAX / 10 - 9; i++) {
		if (value->raw.at[i] < '0' || value->raw.at[i] > '9')
			break;
		n = n * 10 + (value->raw.at[i] - '0');
	}
	return negative ? -n : n;
}

bool json_true(const struct json *value, bool otherwise)
{
	return value ? value->type == JSON_TRUE : otherwise;
}

size_t json_count(const struct json *value)
{
	size_t n = 0;
	for (const struct json *m = value ? value->first : NULL; m; m = m->next)
		n++;
	return n;
}
