/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai_embeddings: which items a call has, how some are left out, and what an
 * answer must be to be taken apart. */
#include "rig/unit.h"
#include <stdio.h>
#include "base/mem.h"
#include "rig/quotes.h"
#include "weir/dialect.h"
#include "weir/embeddings.h"

static struct arena arena;
static const struct embedding_ops *const ops = &openai_embeddings;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 8 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_finish(&arena);
	return 0;
}

static struct slice at(struct slice text, struct span s)
{
	return slice_from(text.at + s.start, s.end - s.start);
}

static struct slice joined(const struct slice *slices, unsigned n)
{
	struct buf b = BUF_INIT(1 << 20);
	struct slice text;

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(buf_put_slice(&b, slices[i]), 0);
	text = arena_dup(&arena, buf_slice(&b));
	buf_finish(&b);
	return text;
}

/* The items with | behind each. */
static void an_input_is_its_items(void **state)
{
	static const struct {
		const char *input, *items;
	} cases[] = {
	        {"'a'", "'a'|"},
	        {"['a']", "'a'|"},
	        {" [ 'a' ,'b\\u00e9]' ] ", "'a'|'b\\u00e9]'|"},
	        {"[1,2]", "[1,2]|"},
	        {"[ [ 1 , 2e3 ],[3]\n, 'x']", "[ 1 , 2e3 ]|[3]|'x'|"},
	        {"['','']", "''|''|"},
	        {"[]", NULL},
	        {"[[]]", NULL},
	        {"[1,'a']", NULL},
	        {"[['a']]", NULL},
	        {"[{'text':'a'}]", NULL},
	        {"['a',null]", NULL},
	        {"{}", NULL},
	        {"7", NULL},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[200], got[200] = "";
		struct embedding_input in;

		snprintf(text, sizeof(text), "{'model':'m','input':%s}", cases[i].input);
		struct slice body = quotes(&arena, text);
		int r = ops->read_input(body, &arena, &in);
		if (!cases[i].items) {
			assert_int_equal(r, -ENOTSUP);
			continue;
		}
		assert_int_equal(r, 0);
		for (unsigned k = 0; k < in.n; k++) {
			struct slice item = at(body, in.items[k]);
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s|",
			        SLICE_FMT(item));
		}
		assert_string_equal(got, quotes(&arena, cases[i].items).at);
		struct slice whole = slice_trim(slice_str(quotes(&arena, cases[i].input).at));
		assert_true(slice_equals(at(body, in.place), whole));
	}
}

static void a_call_has_a_bounded_number_of_items(void **state)
{
	struct buf b = BUF_INIT(1 << 20);
	struct embedding_input in;

	(void)state;
	assert_int_equal(buf_put_str(&b, "{\"input\":[[1]"), 0);
	for (unsigned i = 1; i < EMBEDDING_ITEMS_MAX; i++)
		assert_int_equal(buf_put_str(&b, ",[1]"), 0);
	size_t most = buf_len(&b);
	assert_int_equal(buf_put_str(&b, "]}"), 0);
	assert_int_equal(ops->read_input(buf_slice(&b), &arena, &in), 0);
	assert_int_equal(in.n, EMBEDDING_ITEMS_MAX);
	buf_truncate(&b, most);
	assert_int_equal(buf_put_str(&b, ",[1]]}"), 0);
	assert_int_equal(ops->read_input(buf_slice(&b), &arena, &in), -ENOTSUP);
	buf_finish(&b);
}

/* Every choice of what stays, at least one. */
static void what_is_left_out_takes_its_comma_along(void **state)
{
	static const char *const items[] = {"\"a\"", "[1, 2]", "\"c\\\"],\"", "\"d\"", "[5]"};

	(void)state;
	struct slice body = slice_str(
	        "{\"x\":[1], \"input\": [ \"a\" ,[1, 2],\"c\\\"],\" , \"d\",  [5] ],\"y\":2}");
	for (unsigned stay = 1; stay < 32; stay++) {
		struct embedding_input in, after;
		struct edits edits;
		struct slice *slices;
		unsigned n, k = 0;
		bool left_out[5];

		assert_int_equal(ops->read_input(body, &arena, &in), 0);
		for (unsigned i = 0; i < 5; i++)
			left_out[i] = !(stay >> i & 1);
		edits_init(&edits, &arena);
		assert_int_equal(ops->edit_input(&in, left_out, &edits), 0);
		assert_int_equal(edits_apply(&edits, body, &slices, &n), 0);
		struct slice got = joined(slices, n);
		assert_int_equal(ops->read_input(got, &arena, &after), 0);
		for (unsigned i = 0; i < 5; i++)
			if (!left_out[i])
				assert_true(slice_equals(
				        at(got, after.items[k++]), slice_str(items[i])));
		assert_int_equal(after.n, k);
		assert_true(slice_starts(got, SLICE("{\"x\":[1], \"input\": [ ")));
		assert_true(slice_ends(got, SLICE(" ],\"y\":2}")));
		if (stay == 31)
			assert_true(slice_equals(got, body));
	}
}

/* The facts of what is left are those of a request that asks for no more. */
static void what_is_left_out_weighs_nothing(void **state)
{
	struct slice all =
	        quotes(&arena, "{'model':'m','input':['one two','three',[1,2,3]],'d':9}");
	struct slice few = quotes(&arena, "{'model':'m','input':['three'],'d':9}");
	const bool left_out[] = {true, false, true};
	struct token_counter counts[2] = {0};
	struct request_facts facts, want;

	(void)state;
	assert_int_equal(dialect_openai.read_request(
	                         ACTION_EMBEDDING, all, &arena, &counts[0], &facts, NULL),
	        0);
	assert_int_equal(
	        dialect_openai.read_request(ACTION_EMBEDDING, few, &arena, &counts[1], &want, NULL),
	        0);
	assert_int_equal(ops->weigh_input(all, left_out, &facts, &counts[0]), 0);
	assert_int_equal(facts.text_bytes, want.text_bytes);
	assert_int_equal(facts.n_texts, want.n_texts);
	assert_int_equal(tokens_estimate(&counts[0], TOKENS_CL100K),
	        tokens_estimate(&counts[1], TOKENS_CL100K));
}

static void an_answer_is_its_items_by_their_index(void **state)
{
	struct slice text =
	        quotes(&arena, "{'data' : [ {'embedding':'xx','index' : 1,'z':[{}]} ,\n"
	                       "{'index':0,'embedding':[1.50,-2]}  ],'model':'m\\u0031'}");
	struct embedding_answer a;
	struct buf b = BUF_INIT(1 << 10);

	(void)state;
	assert_int_equal(ops->read_answer(text, 2, &arena, &a, NULL), 0);
	assert_slice(a.items[0].bytes, "{\"index\":0,\"embedding\":[1.50,-2]}");
	assert_slice(at(a.items[0].bytes, a.items[0].number), "0");
	assert_slice(a.model, "\"m\\u0031\"");
	assert_int_equal(embedding_put(&b, &a.items[1], 2047), 0);
	assert_slice(buf_slice(&b), "{\"embedding\":\"xx\",\"index\" : 2047,\"z\":[{}]}");
	assert_true(slice_starts(at(text, a.list), SLICE("{\"embedding\":\"xx\"")));
	assert_true(slice_ends(at(text, a.list), SLICE("-2]}")));
	buf_finish(&b);
}

#define GOOD "{'index':0,'embedding':'x'}"

static void what_does_not_hold_each_item_once_is_no_answer(void **state)
{
	static const char *const bad[] = {
	        "{'data':[" GOOD "]}",
	        "{'data':[" GOOD "," GOOD "]}",
	        "{'data':[" GOOD "," GOOD "," GOOD "]}",
	        "{'data':[" GOOD ",{'index':2,'embedding':'x'}]}",
	        "{'data':[" GOOD ",{'index':1.0,'embedding':'x'}]}",
	        "{'data':[" GOOD ",{'index':-1,'embedding':'x'}]}",
	        "{'data':[" GOOD ",{'index':'1','embedding':'x'}]}",
	        "{'data':[" GOOD ",{'embedding':'x'}]}",
	        "{'data':[" GOOD ",{'index':1}]}",
	        "{'data':[" GOOD ",{'index':1,'embedding':[]}]}",
	        "{'data':[" GOOD ",{'index':1,'embedding':''}]}",
	        "{'data':[" GOOD ",{'index':1,'embedding':null}]}",
	        "{'data':[" GOOD ",{'Index':1,'index':1,'embedding':'x'}]}",
	        "{'data':[" GOOD ",[1]]}",
	        "{'data':{}}",
	        "{}",
	        ("{'data':[" GOOD),
	};
	struct embedding_answer a;
	struct complaint why;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		complaint_init(&why, FAULT_NONE);
		assert_int_equal(
		        ops->read_answer(quotes(&arena, bad[i]), 2, &arena, &a, &why), -EPROTO);
		assert_true(why.text[0] && why.fault == FAULT_UPSTREAM_MALFORMED);
	}
}

static void an_empty_answer_has_room_for_items(void **state)
{
	struct slice item = SLICE("{\"index\":0,\"embedding\":[1]}");
	struct embedding_answer a;
	struct span list;

	(void)state;
	const struct embedding_usage used = {7, 9, true}, none = {0};
	struct slice text = ops->empty_answer(SLICE("\"a b\""), &used, &arena, &list);
	struct slice whole = joined(
	        (struct slice[]){slice_from(text.at, list.start), item, slice_skip(text, list.end)},
	        3);
	assert_int_equal(ops->read_answer(whole, 1, &arena, &a, NULL), 0);
	assert_slice(a.model, "\"a b\"");
	assert_true(slice_ends(text, SLICE("\"usage\":{\"prompt_tokens\":7,\"total_tokens\":9}}")));
	assert_false(
	        slice_holds(ops->empty_answer(SLICE("1"), &none, &arena, &list), SLICE("usage")));
}

static void memory_may_fail(void **state)
{
	struct slice body = quotes(&arena, "{'model':'m','input':['a',[1]]}");
	struct slice text = quotes(&arena, "{'data':[" GOOD "]}");

	(void)state;
	for (long n = 0; n < 12; n++) {
		struct embedding_answer a;
		struct embedding_input in;
		struct arena own;
		struct span list;

		arena_init(&own, 1 << 20);
		mem_fail_after(n);
		int r = ops->read_input(body, &own, &in);
		assert_true(r == 0 || r == -ENOMEM);
		r = ops->read_answer(text, 1, &own, &a, NULL);
		assert_true(r == 0 || r == -ENOMEM);
		ops->empty_answer(SLICE("\"m\""), &(struct embedding_usage){0}, &own, &list);
		mem_fail_after(-1);
		arena_finish(&own);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(an_input_is_its_items),
	        CASE(a_call_has_a_bounded_number_of_items),
	        CASE(what_is_left_out_takes_its_comma_along),
	        CASE(what_is_left_out_weighs_nothing),
	        CASE(an_answer_is_its_items_by_their_index),
	        CASE(what_does_not_hold_each_item_once_is_no_answer),
	        CASE(an_empty_answer_has_room_for_items),
	        CASE(memory_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
