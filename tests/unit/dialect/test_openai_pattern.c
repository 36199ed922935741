/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/openai_pattern: an event is known by its pattern only where it differs inside of
 * the two strings, and these are plain. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include "dialect/openai_pattern.h"

#define HEAD "data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"content\":\""
#define TAIL "\"},\"index\":0}]}\n\n"

static void learn(struct openai_pattern *p, struct slice event)
{
	struct json_doc doc;
	struct slice json = slice_skip(event, 6);
	const struct json_value *choice, *text;
	struct json_iter it;

	*p = (struct openai_pattern){.event = BUF_INIT(PATTERN_MAX)};
	assert_int_equal(json_read(json_scratch_mine(), json, &json_limits_default, &doc, NULL), 0);
	it = json_iter(json_get(doc.root, "choices"));
	assert_true(json_next(&it));
	choice = it.value;
	text = json_get(json_get(choice, "delta"), "content");
	pattern_learn(p, event, &doc, text, json_get(doc.root, "obfuscation"));
	json_done(&doc);
	assert_true(p->is_set);
}

/* In memory of exactly its size, so that a look past the end is seen. */
static size_t length_of(const struct openai_pattern *p, struct slice event, size_t *ret_text)
{
	char *copy = malloc(event.len ? event.len : 1);
	struct slice bytes = slice_from(copy, event.len), text = {0};
	size_t len, run, sum = 0;

	memcpy(copy, event.at, event.len);
	len = pattern_length(p, bytes, &text);
	run = pattern_run(p, bytes, SIZE_MAX, &sum);
	assert_true(run >= len);
	if (len)
		assert_true(sum >= text.len && text.at >= bytes.at);
	*ret_text = len ? text.len : 0;
	free(copy);
	return len;
}

static void assert_text(const struct openai_pattern *p, const char *text, bool taken)
{
	char event[512];
	size_t len = (size_t)snprintf(event, sizeof(event), HEAD "%s" TAIL, text), found;

	assert_int_equal(length_of(p, slice_from(event, len), &found), taken ? len : 0);
	assert_int_equal(found, taken ? strlen(text) : 0);
}

static void only_plain_texts_are_taken(void **state)
{
	char text[101] = {0};
	struct openai_pattern p;

	(void)state;
	learn(&p, SLICE(HEAD "Hello" TAIL));
	for (size_t len = 0; len < 100; len++) {
		assert_text(&p, text, true);
		for (size_t i = 0; i < len; i++) {
			static const char odd[] = {'\\', '"', '\n', 1, 31, (char)0xff, (char)0xc3};

			for (size_t k = 0; k < sizeof(odd); k++) {
				text[i] = odd[k];
				assert_text(&p, text, false);
			}
			text[i] = 'x';
		}
		text[len] = 'x';
	}
	assert_text(&p, "d\xc3\xa9j\xc3\xa0 vu, \xf0\x9f\x98\x80 and more behind it", true);
	assert_text(&p, "\x7f", true);
	assert_text(&p, "cut \xf0\x9f\x98", false);
	assert_text(&p, "\xed\xa0\x80", false);
	buf_finish(&p.event);
}

/* With ids of many lengths, so that the pieces are of many lengths too. */
static void every_byte_around_the_text_counts(void **state)
{
	char event[256], id[61] = {0};

	(void)state;
	for (size_t n = 0; n < sizeof(id) - 1; n++) {
		struct openai_pattern p;
		size_t text,
		        len = (size_t)snprintf(event, sizeof(event),
		                "data: {\"i\":\"%s\",\"choices\":[{\"delta\":{\"content\":\"some "
		                "text\"},\"x\":\"%s\"}]}\n\n",
		                id, id);
		size_t hole = (size_t)(strstr(event, "some") - event);

		learn(&p, slice_from(event, len));
		assert_int_equal(length_of(&p, slice_from(event, len), &text), len);
		assert_int_equal(text, 9);
		for (size_t i = 0; i < len; i++) {
			assert_int_equal(length_of(&p, slice_from(event, i), &text), 0);
			event[i] ^= 1;
			assert_int_equal(length_of(&p, slice_from(event, len), &text),
			        i >= hole && i < hole + 9 ? len : 0);
			event[i] ^= 1;
		}
		buf_finish(&p.event);
		id[n] = 'i';
	}
}

#define PADDING_BEFORE(padding, text)                                                              \
	"data: {\"obfuscation\":\"" padding "\",\"choices\":[{\"delta\":{\"content\":\"" text      \
	"\"}}]}\n\n"
#define PADDING_BEHIND(padding, text)                                                              \
	"data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"}}],\"obfuscation\":\"" padding   \
	"\"}\n\n"

static void padding_may_stand_on_either_side(void **state)
{
	static const struct {
		struct slice learned, like, other;
	} events[] = {
	        {SLICE_INIT(PADDING_BEFORE("x", "y")), SLICE_INIT(PADDING_BEFORE("", "first part")),
	                SLICE_INIT(PADDING_BEFORE("\\n", "y"))},
	        {SLICE_INIT(PADDING_BEHIND("x", "y")), SLICE_INIT(PADDING_BEHIND("", "first part")),
	                SLICE_INIT(PADDING_BEHIND("\\n", "y"))},
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct buf run = BUF_INIT(4096);
		struct openai_pattern p;
		struct slice text = {0};
		size_t sum;

		learn(&p, events[i].learned);
		assert_int_equal(pattern_length(&p, events[i].like, &text), events[i].like.len);
		assert_true(slice_is(text, "first part"));
		assert_int_equal(pattern_length(&p, events[i].other, &text), 0);
		assert_int_equal(pattern_length(&p, events[!i].like, &text), 0);
		buf_put_slice(&run, events[i].like);
		buf_put_slice(&run, events[i].learned);
		buf_put_slice(&run, events[i].other);
		assert_int_equal(pattern_run(&p, buf_slice(&run), SIZE_MAX, &sum),
		        events[i].like.len + events[i].learned.len);
		assert_int_equal(sum, 11);
		buf_finish(&run);
		buf_finish(&p.event);
	}
}

static void a_run_ends_before_what_is_not_alike(void **state)
{
	static const char three[] = HEAD "a" TAIL HEAD "" TAIL HEAD "ccc" TAIL;
	const size_t len = sizeof(HEAD TAIL) - 1;
	struct openai_pattern p;
	struct buf b = BUF_INIT(4096);
	size_t text;

	(void)state;
	learn(&p, SLICE(HEAD "x" TAIL));
	buf_put_str(&b, three);
	assert_int_equal(pattern_run(&p, buf_slice(&b), SIZE_MAX, &text), 3 * len + 4);
	assert_int_equal(text, 4);
	buf_put_str(&b, "data: [DONE]\n\n");
	assert_int_equal(pattern_run(&p, buf_slice(&b), SIZE_MAX, &text), 3 * len + 4);
	assert_int_equal(text, 4);
	/* What is cut off anywhere is not taken; what is whole before it is. */
	for (size_t n = 0; n < 3 * len + 4; n++)
		assert_int_equal(pattern_run(&p, slice_from(buf_at(&b), n), SIZE_MAX, &text),
		        n < len + 1       ? 0
		        : n < 2 * len + 1 ? len + 1
		                          : 2 * len + 1);
	/* The third is too long. */
	assert_int_equal(pattern_run(&p, buf_slice(&b), len + 2, &text), 2 * len + 1);
	assert_int_equal(text, 1);
	assert_int_equal(pattern_run(&p, buf_slice(&b), len, &text), 0);
	assert_int_equal(text, 0);
	assert_int_equal(pattern_run(&p, SLICE("data: [DONE]\n\n"), SIZE_MAX, &text), 0);
	assert_int_equal(pattern_run(&p, SLICE(""), SIZE_MAX, &text), 0);
	buf_finish(&b);
	buf_finish(&p.event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_plain_texts_are_taken),
	        cmocka_unit_test(every_byte_around_the_text_counts),
	        cmocka_unit_test(padding_may_stand_on_either_side),
	        cmocka_unit_test(a_run_ends_before_what_is_not_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
