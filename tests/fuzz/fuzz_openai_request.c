/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_openai_request: the first byte says which tools are removed and what is wished, the rest is
 * a body. The edited body is a request again; removed tools are gone from it, the others and every
 * member that is not about tools are as they were. */
#include <assert.h>
#include <errno.h>
#include <strings.h>
#include "base/buf.h"
#include "json/places.h"
#include "weir/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

#define ARENA (32u << 20)
#define BOUND 7

struct body {
	struct arena arena;
	struct slice text;
	struct request_facts facts;
	struct json_scratch scratch;
	struct json_doc doc;
	struct places places;
};

static bool body_open(struct body *b, enum action action, struct slice text)
{
	struct complaint why = {0};
	int r;

	*b = (struct body){.text = text};
	arena_init(&b->arena, ARENA);
	r = dialect_openai.read_request(action, text, &b->arena, NULL, &b->facts, &why);
	if (r) {
		assert(r == -ENOMEM || (why.text[0] && why.fault == FAULT_REQUEST_INVALID));
		arena_finish(&b->arena);
		return false;
	}
	r = json_read(&b->scratch, text, &json_limits_default, &b->doc, NULL);
	assert(!r);
	r = places_find(&b->doc, &b->arena, &b->places);
	assert(!r);
	return true;
}

static void body_close(struct body *b)
{
	json_done(&b->doc);
	json_scratch_finish(&b->scratch);
	arena_finish(&b->arena);
}

static bool is_edited(struct slice key)
{
	static const char *const keys[] = {"model", "tools", "functions", "tool_choice",
	        "function_call", "parallel_tool_calls", "stream_options", "web_search_options",
	        "mcp_servers", "data_sources", "search_parameters", "plugins", "enable_search",
	        "search_settings", "web_search", "compound_custom", "tool_resources", "extra_body",
	        "max_tokens", "max_completion_tokens"};

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (slice_is(key, keys[i]))
			return true;
	return key.len == 3 && !strncasecmp(key.at, "max", 3);
}

static struct slice raw(const struct body *b, const struct json_value *v)
{
	struct span p = place_of(&b->places, v);

	return slice_from(b->text.at + p.start, p.end - p.start);
}

static bool next_other(struct json_iter *it)
{
	while (json_next(it))
		if (!is_edited(json_text(it->key)))
			return true;
	return false;
}

static void assert_others_stay(const struct body *before, const struct body *after)
{
	struct json_iter a = json_iter(before->doc.root), b = json_iter(after->doc.root);

	while (next_other(&a)) {
		bool more = next_other(&b);

		assert(more);
		assert(slice_equals(raw(before, a.key), raw(after, b.key)));
		assert(slice_equals(raw(before, a.value), raw(after, b.value)));
	}
	assert(!next_other(&b));
}

static void assert_tools_stay(const struct body *before, const struct body *after)
{
	unsigned k = 0;

	for (unsigned i = 0; i < before->facts.n_tools; i++) {
		const struct tool_decl *t = &before->facts.tools[i];

		if (t->removed)
			continue;
		assert(k < after->facts.n_tools);
		assert(after->facts.tools[k].kind == t->kind);
		assert(slice_equals(after->facts.tools[k].name, t->name));
		k++;
	}
	assert(k == after->facts.n_tools);
}

/* Whatever the caller wrote, the field that counts upstream holds no more than the bound. */
static void assert_bound(const struct body *after, const struct edit_wishes *wishes)
{
	uint64_t n;

	if (after->facts.action > ACTION_COMPLETION)
		return;
	if (wishes->output_field.len) {
		const struct json_value *v = json_find(after->doc.root, wishes->output_field);

		assert(!json_to_u64(v, BOUND, &n) && n);
		return;
	}
	assert(after->facts.max_output && after->facts.max_output <= BOUND);
	assert(after->facts.action == ACTION_CHAT || after->facts.output_is_legacy);
}

/* A choice that names what goes is refused before anything is edited. */
static bool policy_would_refuse(const struct request_facts *f)
{
	return f->choice == CHOICE_NAMED && f->choice_is_required;
}

static void check(struct body *before, enum action action, uint8_t bits, struct buf *out)
{
	struct edit_wishes wishes = {
	        .upstream_model = bits & 32 ? SLICE("other\"name") : (struct slice){0},
	        .want_usage = bits & 64,
	        .output_bound = bits & 128 ? BOUND : 0,
	        .output_field = bits & 1 ? SLICE("Max") : (struct slice){0},
	};
	struct edits edits;
	struct slice *slices;
	struct body after;
	unsigned n, removed = 0;
	bool opened;
	int r;

	for (unsigned i = 0; i < before->facts.n_tools; i++) {
		before->facts.tools[i].removed = bits >> (i % 5) & 1;
		removed += before->facts.tools[i].removed;
	}
	if (removed && policy_would_refuse(&before->facts))
		return;
	edits_init(&edits, &before->arena);
	r = dialect_openai.edit_request(&before->facts, before->text, &wishes, &edits);
	if (!r)
		r = edits_apply(&edits, before->text, &slices, &n);
	if (r == -ENOMEM)
		return;
	assert(!r);
	/* What was chosen and never declared goes too. */
	if (!removed && before->facts.choice != CHOICE_NAMED && !(bits & (32 | 128)) &&
	        (!(bits & 64) || before->facts.usage_asked || !before->facts.stream))
		assert(!edits.n);
	for (unsigned i = 0; !r && i < n; i++)
		r = buf_put_slice(out, slices[i]);
	assert(!r);
	opened = body_open(&after, action, buf_slice(out));
	assert(opened);
	assert_others_stay(before, &after);
	assert_tools_stay(before, &after);
	assert(after.facts.stream == before->facts.stream && after.facts.n == before->facts.n);
	if (bits & 32)
		assert(slice_is(after.facts.model, "other\"name"));
	else
		assert(slice_equals(after.facts.model, before->facts.model));
	if (bits & 128)
		assert_bound(&after, &wishes);
	if (bits & 64 && action <= ACTION_COMPLETION)
		assert(after.facts.usage_asked || !after.facts.stream);
	body_close(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct buf out = BUF_INIT(ARENA);
	enum action action;
	struct body before;

	if (len < 2)
		return 0;
	action = ACTION_CHAT + at[1] % 4u;
	if (body_open(&before, action, slice_from(at + 2, len - 2))) {
		check(&before, action, at[0], &out);
		body_close(&before);
	}
	buf_finish(&out);
	return 0;
}
