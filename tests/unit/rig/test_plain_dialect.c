/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rig/plain_dialect: however an answer is cut, the parts say the same; a request is what
 * its words say. */
#include "rig/unit.h"
#include <stdlib.h>
#include <string.h>
#include "rig/plain_dialect.h"
#include "rig/splits.h"
#include "rig/starve.h"

static const char text[] = "one !call! two |raw| three ~5,6~!x!";
static const char *want;

static int feed_all(const struct slice *pieces, unsigned n, struct buf *out, unsigned *ret_calls,
        struct usage *ret_usage)
{
	struct arena arena;
	struct request_facts facts = {0};
	struct complaint why;
	struct answer a = {
	        .dialect = &dialect_plain, .facts = &facts, .arena = &arena, .status = 200};
	int r = 0;

	arena_init(&arena, 1 << 20);
	a.state = arena_zalloc(&arena, dialect_plain.answer_size);
	if (!a.state || dialect_plain.answer_open(&a) < 0) {
		arena_finish(&arena);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n && !r; i++) {
		struct lap lap = {.arena = &arena};
		r = dialect_plain.answer_feed(&a, pieces[i], i + 1 == n, &lap, &why);
		for (unsigned k = 0; !r && k < lap.n; k++)
			if (lap.parts[k].kind == PART_CALL &&
			        slice_is(lap.parts[k].call->name, "call"))
				lap.parts[k].call->denied = true;
		if (!r)
			r = dialect_plain.answer_render(&a, &lap);
		for (unsigned k = 0; !r && k < lap.n_out; k++)
			r = buf_put_slice(out, lap.out[k]);
	}
	*ret_calls = a.calls_denied + 10 * a.calls_released;
	*ret_usage = a.usage;
	dialect_plain.answer_close(&a);
	arena_finish(&arena);
	return r;
}

static void check_split(void *arg, const struct slice *pieces, unsigned n)
{
	struct buf out = BUF_INIT(4096);
	struct usage usage;
	unsigned calls;

	(void)arg;
	assert_int_equal(feed_all(pieces, n, &out, &calls, &usage), 0);
	assert_int_equal(buf_len(&out), strlen(want));
	assert_memory_equal(buf_at(&out), want, strlen(want));
	assert_int_equal(calls, 11);
	assert_true(usage.known);
	assert_int_equal(usage.in_uncached, 5);
	assert_int_equal(usage.out_text, 6);
	buf_finish(&out);
}

static void an_answer_means_the_same_however_it_is_cut(void **state)
{
	(void)state;
	want = "one [no call: ok] two raw three !x!";
	splits_each(SLICE(text), check_split, NULL);
}

static void what_has_no_sense_is_malformed(void **state)
{
	struct slice bad[] = {SLICE("a ^ b"), SLICE("a !half"), SLICE("|"), SLICE("~1")};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf out = BUF_INIT(4096);
		struct usage usage;
		unsigned calls;
		assert_int_equal(feed_all(&bad[i], 1, &out, &calls, &usage), -EPROTO);
		buf_finish(&out);
	}
}

static void a_request_is_what_its_words_say(void **state)
{
	struct request_facts f = {0};
	struct complaint why;
	struct arena arena;
	struct edits edits;
	struct edit_wishes wishes = {.upstream_model = SLICE("real")};
	struct slice body = SLICE("m tools=a,hosted:w,b choose=b stream user=u"), *sending;
	unsigned n;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(dialect_plain.read_request(ACTION_CHAT, body, &arena, NULL, &f, &why), 0);
	assert_slice(f.model, "m");
	assert_int_equal(f.n_tools, 3);
	assert_int_equal(f.tools[1].kind, TOOL_HOSTED);
	assert_slice(f.tools[1].name, "w");
	assert_int_equal(f.choice, CHOICE_NAMED);
	assert_slice(f.chosen[0], "b");
	assert_true(f.stream);
	assert_slice(f.user, "u");
	f.tools[2].removed = true;
	edits_init(&edits, &arena);
	assert_int_equal(dialect_plain.edit_request(&f, body, &wishes, &edits), 0);
	assert_int_equal(edits_sort(&edits), 0);
	assert_int_equal(edits_apply(&edits, body, &sending, &n), 0);
	assert_int_equal(edits_length(&edits, body.len), body.len + 3);
	assert_int_equal(
	        dialect_plain.read_request(ACTION_CHAT, SLICE("m bad"), &arena, NULL, &f, &why), -EPROTO);
	assert_string_equal(why.param, "bad");
	arena_finish(&arena);
}

static int starved(void *arg)
{
	struct slice all = SLICE(text);
	struct buf out = BUF_INIT(4096);
	struct usage usage;
	unsigned calls;
	int r = feed_all(&all, 1, &out, &calls, &usage);

	(void)arg;
	buf_finish(&out);
	return r;
}

static void without_memory_it_says_so(void **state)
{
	(void)state;
	starve(starved, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_answer_means_the_same_however_it_is_cut),
	        cmocka_unit_test(what_has_no_sense_is_malformed),
	        cmocka_unit_test(a_request_is_what_its_words_say),
	        cmocka_unit_test(without_memory_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
