/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai_bound: the most tokens of an answer, read strictly and lowered where the
 * caller wrote it, with every other byte as it came. */
#include "rig/unit.h"
#include <stdio.h>
#include "base/buf.h"
#include "rig/quotes.h"
#include "rig/starve.h"
#include "weir/dialect.h"

#define MESSAGES "'messages':[{'role':'user','content':'h\xc3\xa9\\u00e9\xf0\x9f\x98\x80'}]"
#define CHAT(members) "{'model':'m'," MESSAGES members "}"
#define TEXT(members) "{'model':'m','prompt':'p'" members "}"

static const struct golden {
	const char *in, *out; /* out NULL: no edit at all */
	uint64_t bound;
	const char *field; /* NULL: the API's */
	enum action action;
} goldens[] = {
        /* the caller's own field, lowered where it is higher */
        {CHAT(",'max_tokens':100"), CHAT(",'max_tokens':7"), 7, NULL, ACTION_CHAT},
        {CHAT(",'max_tokens':100"), NULL, 100, NULL, ACTION_CHAT},
        {CHAT(",'max_tokens':100"), NULL, 101, NULL, ACTION_CHAT},
        {CHAT(",'max_tokens':100"), NULL, 0, NULL, ACTION_CHAT},
        {CHAT(",'max_completion_tokens':2147483647"), NULL, 1ull << 32, NULL, ACTION_CHAT},
        {CHAT(" ,\n'max_completion_tokens'\t:\r 2147483647 \n,'n':1"),
                CHAT(" ,\n'max_completion_tokens'\t:\r 1000000 \n,'n':1"), 1000000, NULL,
                ACTION_CHAT},
        {CHAT(",'max\\u005ftokens':9"), CHAT(",'max\\u005ftokens':8"), 8, NULL, ACTION_CHAT},
        {TEXT(",'max_tokens':9"), TEXT(",'max_tokens':8"), 8, NULL, ACTION_COMPLETION},
        {TEXT(",'max_tokens':0"), NULL, 8, NULL, ACTION_COMPLETION},
        /* none: one in front */
        {CHAT(""), "{'max_completion_tokens':5,'model':'m'," MESSAGES "}", 5, NULL, ACTION_CHAT},
        {" \n{ 'model':'m'," MESSAGES "}",
                " \n{'max_completion_tokens':5, 'model':'m'," MESSAGES "}", 5, NULL, ACTION_CHAT},
        {TEXT(""), "{'max_tokens':5,'model':'m','prompt':'p'}", 5, NULL, ACTION_COMPLETION},
        {CHAT(",'metadata':{'max_tokens':1}"),
                "{'max_completion_tokens':5,'model':'m'," MESSAGES ",'metadata':{'max_tokens':1}}",
                5, NULL, ACTION_CHAT},
        /* null is none, and no second field of its name comes beside it */
        {CHAT(",'max_completion_tokens':null"), CHAT(",'max_completion_tokens':5"), 5, NULL,
                ACTION_CHAT},
        {CHAT(",'max_tokens':null"),
                "{'max_completion_tokens':5,'model':'m'," MESSAGES ",'max_tokens':null}", 5, NULL,
                ACTION_CHAT},
        {CHAT(",'max_tokens':null,'max_completion_tokens':6"),
                CHAT(",'max_tokens':null,'max_completion_tokens':5"), 5, NULL, ACTION_CHAT},
        {TEXT(",'max_tokens':null"), TEXT(",'max_tokens':5"), 5, NULL, ACTION_COMPLETION},
        /* the upstream's name: what the caller wrote has it afterwards, with the lower of the two
         */
        {CHAT(""), "{'max_tokens':5,'model':'m'," MESSAGES "}", 5, "max_tokens", ACTION_CHAT},
        {CHAT(",'max_tokens':6"), CHAT(",'max_tokens':5"), 5, "max_tokens", ACTION_CHAT},
        {CHAT(",'max_completion_tokens':6"), CHAT(",'max_tokens':5"), 5, "max_tokens", ACTION_CHAT},
        {CHAT(",'max_completion_tokens' : 4"), CHAT(",'max_tokens' : 4"), 5, "max_tokens",
                ACTION_CHAT},
        {CHAT(",'max_completion_tokens':null"),
                "{'max_tokens':5,'model':'m'," MESSAGES ",'max_completion_tokens':null}", 5,
                "max_tokens", ACTION_CHAT},
        {TEXT(",'max_completion_tokens':6"), TEXT(",'max_tokens':5"), 5, NULL, ACTION_COMPLETION},
        {TEXT(",'max_completion_tokens':4"), TEXT(",'max_tokens':4"), 5, NULL, ACTION_COMPLETION},
        {CHAT(",'max_tokens':6"), CHAT(",'l\\'\xc3\xa9':5"), 5, "l\"\xc3\xa9", ACTION_CHAT},
        {CHAT(""), "{'l\\'':5,'model':'m'," MESSAGES "}", 5, "l\"", ACTION_CHAT},
        /* nobody has read what is the upstream's alone: no more than the bound stays in it */
        {CHAT(",'limit':9"), CHAT(",'limit':5"), 5, "limit", ACTION_CHAT},
        {CHAT(",'limit':4"), NULL, 5, "limit", ACTION_CHAT},
        {CHAT(",'limit':0"), CHAT(",'limit':5"), 5, "limit", ACTION_CHAT},
        {CHAT(",'limit':-1"), CHAT(",'limit':5"), 5, "limit", ACTION_CHAT},
        {CHAT(",'limit':4.0"), CHAT(",'limit':5"), 5, "limit", ACTION_CHAT},
        {CHAT(",'limit':1e9"), CHAT(",'limit':5"), 5, "limit", ACTION_CHAT},
        {CHAT(",'limit':4e-0"), CHAT(",'limit':5"), 5, "limit", ACTION_CHAT},
        {CHAT(",'limit':99999999999999999999999999"), CHAT(",'limit':5"), 5, "limit", ACTION_CHAT},
        {CHAT(",'limit':{'x':[1, 2]}"), CHAT(",'limit':5"), 5, "limit", ACTION_CHAT},
        {CHAT(",'limit':'4'"), CHAT(",'limit':5"), 5, "limit", ACTION_CHAT},
        {CHAT(",'limit':null"), CHAT(",'limit':5"), 5, "limit", ACTION_CHAT},
        {CHAT(",'limit':9,'max_tokens':8"), CHAT(",'limit':5,'max_tokens':5"), 5, "limit",
                ACTION_CHAT},
        {CHAT(",'max_tokens':3,'limit':9"), CHAT(",'max_tokens':3,'limit':3"), 5, "limit",
                ACTION_CHAT},
        /* and in no other spelling of it that a reader might take for it */
        {CHAT(",'L\\u0131mit':9"), "{'limit':5,'model':'m'," MESSAGES ",'L\\u0131mit':5}", 5,
                "limit", ACTION_CHAT},
        {CHAT(",'LIMIT':9"), "{'Limit':5,'model':'m'," MESSAGES ",'LIMIT':5}", 5, "Limit",
                ACTION_CHAT},
        /* has no bound */
        {"{'model':'m','input':'x'}", NULL, 5, "limit", ACTION_EMBEDDING},
        {"{'model':'m','input':'x','max_tokens':9}", NULL, 5, NULL, ACTION_MODERATION},
};

static int edit(const struct golden *g, const struct edit_wishes *wishes, struct arena *arena,
        struct slice in, struct buf *out, unsigned *ret_edits)
{
	struct request_facts facts;
	struct complaint why;
	struct edits edits;
	struct slice *slices;
	unsigned n;
	int r = dialect_openai.read_request(g->action, in, arena, NULL, &facts, &why);

	if (r)
		return r;
	for (unsigned i = 0; i < facts.n_tools; i++)
		facts.tools[i].removed = true;
	edits_init(&edits, arena);
	r = dialect_openai.edit_request(&facts, in, wishes, &edits);
	if (!r)
		r = edits_apply(&edits, in, &slices, &n);
	for (unsigned i = 0; !r && i < n; i++)
		r = buf_put_slice(out, slices[i]);
	*ret_edits = edits.n;
	return r;
}

static struct edit_wishes wishes_of(const struct golden *g)
{
	return (struct edit_wishes){.output_bound = g->bound, .output_field = slice_str(g->field)};
}

static void bounds_are_lowered_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++) {
		const struct golden *g = &goldens[i];
		struct edit_wishes wishes = wishes_of(g);
		struct buf out = BUF_INIT(1 << 20), again = BUF_INIT(1 << 20);
		struct arena arena;
		struct slice want;
		unsigned n;
		int r;

		arena_init(&arena, 1 << 20);
		want = quotes(&arena, g->out ? g->out : g->in);
		r = edit(g, &wishes, &arena, quotes(&arena, g->in), &out, &n);
		if (r || !slice_equals(buf_slice(&out), want) || !n != !g->out)
			fail_msg("%zu %s: %d, %u edits\n%.*s\ninstead of\n%.*s", i, g->in, r, n,
			        SLICE_FMT(buf_slice(&out)), SLICE_FMT(want));
		/* Once lowered it stays as it is. */
		r = edit(g, &wishes, &arena, buf_slice(&out), &again, &n);
		if (r || n)
			fail_msg("%s: %d, %u edits the second time", g->in, r, n);
		buf_finish(&again);
		buf_finish(&out);
		arena_finish(&arena);
	}
}

/* All wishes at once, in every order of the members: each finds its own place. */
static void it_goes_together_with_all_other_edits(void **state)
{
	static const char *const members[] = {"'model':'m'", MESSAGES, "'max_tokens':100",
	        "'tools':[{'type':'function','function':{'name':'a'}}]",
	        "'stream_options':{'include_usage':false}", "'stream':true"};
	struct edit_wishes wishes = {
	        .upstream_model = SLICE("n"), .want_usage = true, .output_bound = 5};
	const struct golden g = {.action = ACTION_CHAT};
	enum { N = sizeof(members) / sizeof(members[0]) };

	(void)state;
	for (unsigned first = 0; first < N; first++) {
		struct buf out = BUF_INIT(1 << 20);
		char in[1024] = "{", want[1024] = "{";
		struct arena arena;
		unsigned n;
		int r;

		for (unsigned i = 0; i < N; i++) {
			unsigned at = (first + i) % N;
			const char *after = at == 0   ? "'model':'n'"
			                    : at == 2 ? "'max_tokens':5"
			                    : at == 4 ? "'stream_options':{'include_usage':true}"
			                              : members[at];

			snprintf(in + strlen(in), sizeof(in) - strlen(in), "%s%s", i ? "," : "",
			        members[at]);
			if (at == 3)
				continue;
			snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s%s",
			        strlen(want) > 1 ? "," : "", after);
		}
		snprintf(in + strlen(in), sizeof(in) - strlen(in), "}");
		snprintf(want + strlen(want), sizeof(want) - strlen(want), "}");
		arena_init(&arena, 1 << 20);
		r = edit(&g, &wishes, &arena, quotes(&arena, in), &out, &n);
		if (r || !slice_equals(buf_slice(&out), quotes(&arena, want)))
			fail_msg("%s: %d\n%.*s", in, r, SLICE_FMT(buf_slice(&out)));
		buf_finish(&out);
		arena_finish(&arena);
	}
}

static void the_place_of_the_bound_is_a_fact(void **state)
{
	static const struct {
		const char *body, *number;
		uint64_t n;
		bool legacy, null;
	} cases[] = {
	        {CHAT(""), "", 0, false, false},
	        {CHAT(",'max_tokens':12"), "12", 12, true, false},
	        {CHAT(",'max_completion_tokens': 13 "), "13", 13, false, false},
	        {CHAT(",'max_tokens':null,'max_completion_tokens':14"), "14", 14, false, true},
	        {CHAT(",'max_completion_tokens':null"), "", 0, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request_facts f;
		struct complaint why;
		struct arena arena;
		struct slice body;

		arena_init(&arena, 1 << 20);
		body = quotes(&arena, cases[i].body);
		assert_int_equal(
		        dialect_openai.read_request(ACTION_CHAT, body, &arena, NULL, &f, &why), 0);
		assert_int_equal(f.max_output, cases[i].n);
		assert_true(slice_is(slice_from(body.at + f.output_place.start,
		                             f.output_place.end - f.output_place.start),
		        cases[i].number));
		assert_int_equal(f.output_is_legacy, cases[i].legacy);
		assert_int_equal(f.output_is_null, cases[i].null);
		arena_finish(&arena);
	}
}

static int scenario(void *arg)
{
	const struct golden *g = arg;
	struct edit_wishes wishes = wishes_of(g);
	struct buf out = BUF_INIT(1 << 20);
	struct arena arena;
	struct slice in;
	unsigned n;
	int r = -ENOMEM;

	arena_init(&arena, 1 << 20);
	in = arena_dup(&arena, slice_str(g->in));
	for (size_t i = 0; i < in.len; i++)
		if (in.at[i] == '\'')
			((char *)(uintptr_t)in.at)[i] = '"';
	if (in.at)
		r = edit(g, &wishes, &arena, in, &out, &n);
	buf_finish(&out);
	arena_finish(&arena);
	return r;
}

static void want_of_memory_is_survived(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++)
		starve(scenario, (void *)&goldens[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bounds_are_lowered_as_written),
	        cmocka_unit_test(it_goes_together_with_all_other_edits),
	        cmocka_unit_test(the_place_of_the_bound_is_a_fact),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
