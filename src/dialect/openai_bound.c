/* SPDX-License-Identifier: Apache-2.0 */
/* openai_bound: the most tokens that an answer may have: read strictly, and lowered in the caller's
 * own field. Upstream there is one field that counts, and after an edit it holds no more than was
 * wished. */
#include "dialect/openai_bound.h"
#include <errno.h>
#include <stdio.h>
#include "dialect/openai_request.h"

#define COUNT_MAX ((1ull << 31) - 1)
#define NUMBER_MAX 24

static const struct slice legacy = SLICE_INIT("max_tokens");
static const struct slice modern = SLICE_INIT("max_completion_tokens");

int openai_read_count(struct openai_reader *r, const struct json_value *v, const char *pointer,
        uint64_t least, uint64_t *ret)
{
	uint64_t n;

	if (json_to_u64(v, COUNT_MAX, &n) || n < least)
		return openai_wrong(r, pointer,
		        least ? "a whole number from 1 to 2147483647, in plain digits"
		              : "a whole number from 0 to 2147483647, in plain digits");
	*ret = n;
	return 0;
}

/* A null is the same as leaving the field out, but a second one must not be put beside it. */
static int note(struct openai_reader *r, const struct json_value *v, const struct json_value **ret)
{
	if (json_type(v) == JSON_NULL)
		r->facts->output_is_null = true;
	else
		*ret = v;
	return 0;
}

int openai_read_max_tokens(struct openai_reader *r, const struct json_value *v)
{
	return note(r, v, &r->max_tokens);
}

int openai_read_max_completion_tokens(struct openai_reader *r, const struct json_value *v)
{
	return note(r, v, &r->max_completion_tokens);
}

int openai_read_bound(struct openai_reader *r)
{
	const struct json_value *v = r->max_tokens ? r->max_tokens : r->max_completion_tokens;
	struct request_facts *f = r->facts;
	uint64_t least = r->max_tokens && f->action == ACTION_COMPLETION ? 0 : 1;
	int error;

	if (r->max_tokens && r->max_completion_tokens)
		return openai_wrong(
		        r, "/max_tokens", "left out where there is a max_completion_tokens");
	if (!v)
		return 0;
	error = openai_read_count(r, v, r->max_tokens ? "/max_tokens" : "/max_completion_tokens",
	        least, &f->max_output);
	if (error)
		return error;
	f->output_place = json_token(&r->doc, v);
	f->output_is_legacy = v == r->max_tokens;
	/* Nothing to write is still a bound, and 0 means that there is none. */
	if (!f->max_output)
		f->max_output = 1;
	return 0;
}

static struct slice own_field(const struct request_facts *f)
{
	return f->output_is_legacy ? legacy : modern;
}

/* What the field is called that counts upstream. */
static struct slice field_of(const struct request_facts *f, const struct edit_wishes *wishes)
{
	if (wishes->output_field.len)
		return wishes->output_field;
	if (f->action == ACTION_COMPLETION)
		return legacy;
	return f->max_output ? own_field(f) : modern;
}

bool openai_bound_is_wished(const struct request_facts *f, const struct edit_wishes *wishes)
{
	return wishes->output_bound && (f->action == ACTION_CHAT || f->action == ACTION_COMPLETION);
}

bool openai_bound_is_simple(const struct request_facts *f, const struct edit_wishes *wishes)
{
	struct slice field = field_of(f, wishes);

	if (f->output_is_null)
		return false;
	/* A field that is the upstream's alone may be there unread. */
	if (f->max_output)
		return slice_equals(field, own_field(f));
	return slice_equals(field, legacy) || slice_equals(field, modern);
}

static struct slice number(struct arena *arena, uint64_t n)
{
	char text[NUMBER_MAX];
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)n);

	return arena_dup(arena, slice_from(text, (size_t)len));
}

static int put_number(struct edits *edits, struct span place, uint64_t n)
{
	struct slice text = number(edits->arena, n);

	return text.at ? edits_add(edits, place, text, OPENAI_WHO) : -ENOMEM;
}

static int add_field(struct slice body, struct slice field, uint64_t n, struct edits *edits)
{
	struct slice name = openai_quote(edits->arena, field);
	size_t room = name.len + NUMBER_MAX;
	char *text = name.at ? arena_alloc(edits->arena, room) : NULL;
	int len;

	if (!text)
		return -ENOMEM;
	len = snprintf(text, room, "%.*s:%llu,", SLICE_FMT(name), (unsigned long long)n);
	return openai_insert_member(body, slice_from(text, (size_t)len), edits);
}

int openai_bound_simply(const struct request_facts *f, struct slice body,
        const struct edit_wishes *wishes, struct edits *edits)
{
	if (!f->max_output)
		return add_field(body, field_of(f, wishes), wishes->output_bound, edits);
	if (f->max_output <= wishes->output_bound)
		return 0;
	return put_number(edits, f->output_place, wishes->output_bound);
}

/* What another reader takes for the field; *ret_same: and so does every one. */
static bool key_is_field(const struct json_value *key, struct slice field, bool *ret_same)
{
	char room[KEY_FOLDED_MAX], field_room[KEY_FOLDED_MAX];
	struct slice text = json_text(key), folded;

	*ret_same = slice_equals(text, field);
	if (*ret_same)
		return true;
	folded = openai_key_fold(text, room);
	text = folded.at ? folded : text;
	folded = openai_key_fold(field, field_room);
	return slice_equals(text, folded.at ? folded : field);
}

/* Nothing to write is what the API's own field may say; elsewhere it may mean no bound at all. */
static bool fits(const struct json_value *v, struct slice field, uint64_t bound)
{
	uint64_t n;

	return !json_to_u64(v, bound, &n) && (n || slice_equals(field, legacy));
}

int openai_bound_members(const struct request_facts *f, const struct json_value *root,
        const struct places *places, struct slice body, const struct edit_wishes *wishes,
        struct edits *edits)
{
	uint64_t bound = wishes->output_bound;
	struct slice field = field_of(f, wishes), name;
	const struct json_value *own = NULL;
	bool found = false;
	int r = 0;

	if (f->max_output && f->max_output < bound)
		bound = f->max_output;
	for (struct json_iter it = json_iter(root); !r && json_next(&it);) {
		bool same = false;

		if (key_is_field(it.key, field, &same)) {
			found = found || same;
			if (!fits(it.value, field, bound))
				r = put_number(edits, place_of(places, it.value), bound);
		} else if (f->max_output && slice_equals(json_text(it.key), own_field(f))) {
			own = it.key;
		}
	}
	if (!r && own && f->max_output > bound)
		r = put_number(edits, f->output_place, bound);
	if (r || found)
		return r;
	/* One field, by the name that counts. */
	if (!own)
		return add_field(body, field, bound, edits);
	name = openai_quote(edits->arena, field);
	return name.at ? edits_add(edits, place_of(places, own), name, OPENAI_WHO) : -ENOMEM;
}
