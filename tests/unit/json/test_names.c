/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of json/names: a key is a name when they are the same bytes, and else it is not. */
#include "rig/unit.h"
#include <stdio.h>
#include "json/names.h"

#define LONGEST 30

/* Keys of 0 to 30 letters, and names like them. */
static struct json_name name_of(size_t len)
{
	struct json_name name = {.len = (uint8_t)len};

	memset(name.text, 'k', len);
	return name;
}

static unsigned found(const struct json_name *names, unsigned n, unsigned from, struct slice key)
{
	struct json_doc doc;
	struct json_iter it;
	char text[80];
	unsigned i;
	int len = snprintf(text, sizeof(text), "{\"%.*s\":1}", SLICE_FMT(key));

	assert_int_equal(json_read(json_scratch_mine(), slice_from(text, (size_t)len),
	                         &json_limits_default, &doc, NULL),
	        0);
	it = json_iter(doc.root);
	assert_true(json_next(&it));
	i = json_name_find(names, n, from, it.key);
	json_done(&doc);
	return i;
}

static void a_key_of_every_length_is_told_from_its_likes(void **state)
{
	struct json_name names[LONGEST + 1];

	(void)state;
	for (size_t len = 0; len <= LONGEST; len++)
		names[len] = name_of(len);
	for (size_t len = 0; len <= LONGEST; len++)
		for (unsigned from = 0; from <= LONGEST + 1; from += 4)
			assert_int_equal(found(names, LONGEST + 1, from,
			                         slice_from(names[LONGEST].text, len)),
			        len);
	assert_int_equal(
	        found(names, LONGEST + 1, 0, SLICE("kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk")),
	        LONGEST + 1);
}

static void one_other_byte_makes_another_key(void **state)
{
	(void)state;
	for (size_t len = 1; len <= LONGEST; len++) {
		struct json_name name = name_of(len);

		for (size_t i = 0; i < len; i++) {
			char key[LONGEST];

			memcpy(key, name.text, len);
			key[i] = 'K';
			assert_int_equal(found(&name, 1, 0, slice_from(key, len)), 1);
		}
	}
}

static void a_name_is_found_from_wherever_the_look_begins(void **state)
{
	static const struct json_name names[] = {
	        JSON_NAME("prompt_tokens"), JSON_NAME("prompt_tokens_details"), JSON_NAME("n")};

	(void)state;
	for (unsigned from = 0; from <= 3; from++) {
		assert_int_equal(found(names, 3, from, SLICE("prompt_tokens")), 0);
		assert_int_equal(found(names, 3, from, SLICE("prompt_tokens_details")), 1);
		assert_int_equal(found(names, 3, from, SLICE("n")), 2);
		assert_int_equal(found(names, 3, from, SLICE("prompt_tokens_detail")), 3);
		assert_int_equal(found(names, 3, from, SLICE("")), 3);
	}
	assert_int_equal(found(names, 0, 0, SLICE("n")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_key_of_every_length_is_told_from_its_likes),
	        cmocka_unit_test(one_other_byte_makes_another_key),
	        cmocka_unit_test(a_name_is_found_from_wherever_the_look_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
