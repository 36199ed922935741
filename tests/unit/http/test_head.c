/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/head and http/status. */
#include "rig/unit.h"
#include <ctype.h>
#include "rig/starve.h"
#include "weir/head.h"

static void every_known_name_is_found_in_any_case(void **state)
{
	(void)state;
	for (unsigned id = HEADER_OTHER + 1; id < HEADER_N; id++) {
		struct slice name = header_name(id);
		char text[64];

		assert_true(name.len && name.len < sizeof(text));
		assert_int_equal(header_id_of(name), id);
		for (size_t i = 0; i < name.len; i++)
			text[i] = (char)toupper(name.at[i]);
		assert_int_equal(header_id_of(slice_from(text, name.len)), id);
	}
}

static void a_name_with_one_byte_changed_is_another(void **state)
{
	(void)state;
	for (unsigned id = HEADER_OTHER + 1; id < HEADER_N; id++) {
		struct slice name = header_name(id);
		char text[64];

		memcpy(text, name.at, name.len);
		for (size_t i = 0; i < name.len; i++) {
			for (unsigned byte = 0; byte < 256; byte++) {
				bool same = tolower((int)byte) == name.at[i];

				text[i] = (char)byte;
				assert_int_equal(header_id_of(slice_from(text, name.len)) ==
				                         (enum header_id)id,
				        same);
			}
			text[i] = name.at[i];
		}
		assert_int_not_equal(header_id_of(slice_from(text, name.len - 1)), id);
	}
	assert_int_equal(header_id_of(slice_from("", 0)), HEADER_OTHER);
	assert_int_equal(header_id_of(slice_from(NULL, 0)), HEADER_OTHER);
}

static void fields_are_found_by_id_and_by_name(void **state)
{
	struct head h;

	(void)state;
	head_init(&h);
	assert_true(h.keep_alive);
	assert_int_equal(head_add(&h, HEADER_OTHER, SLICE("Content-TYPE"), SLICE("a")), 0);
	assert_int_equal(head_add_id(&h, HEADER_VIA, SLICE("b")), 0);
	assert_int_equal(head_add_id(&h, HEADER_VIA, SLICE("c")), 0);
	assert_int_equal(head_add(&h, HEADER_OTHER, SLICE("X-Odd"), SLICE("d")), 0);
	assert_slice(head_value(&h, HEADER_CONTENT_TYPE), "a");
	assert_slice(head_value(&h, HEADER_VIA), "b");
	assert_int_equal(head_count(&h, HEADER_VIA), 2);
	assert_null(head_value(&h, HEADER_HOST).at);
	assert_null(head_find(&h, HEADER_HOST));
	assert_slice(head_find_name(&h, SLICE("x-odd"))->value, "d");
	assert_null(head_find_name(&h, SLICE("x-even")));
	head_reset(&h);
	assert_int_equal(h.n_headers, 0);
	assert_true(h.cap_headers > 0);
	head_finish(&h);
}

static int many_fields(void *arg)
{
	struct head h;
	int r = 0;

	(void)arg;
	head_init(&h);
	for (unsigned i = 0; i < 100 && !r; i++)
		r = head_add_id(&h, HEADER_VIA, SLICE("a"));
	head_finish(&h);
	return r;
}

static void a_list_grows_or_says_why_not(void **state)
{
	struct head h;
	int r = 0;

	(void)state;
	starve(many_fields, NULL);
	head_init(&h);
	for (unsigned i = 0; i < 5000 && !r; i++)
		r = head_add_id(&h, HEADER_VIA, SLICE("a"));
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(h.n_headers, 1024);
	head_finish(&h);
}

static void methods_are_told_by_their_exact_text(void **state)
{
	(void)state;
	assert_int_equal(method_of(SLICE("GET")), METHOD_GET);
	assert_int_equal(method_of(SLICE("PUT")), METHOD_PUT);
	assert_int_equal(method_of(SLICE("POST")), METHOD_POST);
	assert_int_equal(method_of(SLICE("HEAD")), METHOD_HEAD);
	assert_int_equal(method_of(SLICE("PATCH")), METHOD_PATCH);
	assert_int_equal(method_of(SLICE("DELETE")), METHOD_DELETE);
	assert_int_equal(method_of(SLICE("OPTIONS")), METHOD_OPTIONS);
	assert_int_equal(method_of(SLICE("get")), METHOD_OTHER);
	assert_int_equal(method_of(SLICE("PAST")), METHOD_OTHER);
	assert_int_equal(method_of(SLICE("TRACE")), METHOD_OTHER);
	assert_int_equal(method_of(slice_from("", 0)), METHOD_OTHER);
}

static void phrases_are_the_registered_ones(void **state)
{
	(void)state;
	assert_string_equal(status_phrase(200), "OK");
	assert_string_equal(status_phrase(421), "Misdirected Request");
	assert_string_equal(status_phrase(299), "");
	assert_string_equal(status_phrase(0), "");
	assert_string_equal(status_phrase(99999), "");
}

static void a_list_knows_which_names_it_has_seen(void **state)
{
	struct head h;

	(void)state;
	head_init(&h);
	assert_null(head_find(&h, HEADER_HOST));
	assert_int_equal(head_add(&h, HEADER_OTHER, SLICE("hOST"), SLICE("a")), 0);
	assert_int_equal(
	        head_add_header(&h, (struct header){SLICE("Via"), SLICE("b"), HEADER_VIA}), 0);
	assert_int_equal(
	        head_add_header(&h, (struct header){SLICE("x"), SLICE("c"), HEADER_OTHER}), 0);
	assert_memory_equal(head_value(&h, HEADER_HOST).at, "a", 1);
	assert_memory_equal(head_value(&h, HEADER_VIA).at, "b", 1);
	assert_null(head_value(&h, HEADER_TE).at);
	assert_int_equal(h.n_headers, 3);
	assert_true(h.twice == 0);
	assert_int_equal(head_add(&h, HEADER_OTHER, SLICE("VIA"), SLICE("d")), 0);
	assert_true(h.twice == UINT64_C(1) << HEADER_VIA);
	assert_true(head_is_twice(&h, HEADER_VIA));
	assert_false(head_is_twice(&h, HEADER_HOST));
	h.path = h.query = h.target = SLICE("/");
	h.key_in_query = h.expects_continue = true;
	h.minor = 0;
	h.keep_alive = false;
	head_reset(&h);
	assert_null(head_find(&h, HEADER_HOST));
	assert_true(h.twice == 0);
	assert_int_equal(h.n_headers, 0);
	assert_null(h.target.at);
	assert_null(h.path.at);
	assert_null(h.query.at);
	assert_false(h.key_in_query || h.expects_continue);
	assert_true(h.keep_alive && h.minor == 1);
	assert_true(h.cap_headers >= 4);
	head_finish(&h);
}

static void memory_changes_hands(void **state)
{
	struct stock s = {.n = 0};
	const void *block, *headers;
	struct head h;

	(void)state;
	head_init(&h);
	head_take_memory(&h, &s);
	block = h.block.mem;
	headers = h.headers;
	assert_non_null(block);
	assert_non_null(headers);
	for (unsigned i = 0; i < h.cap_headers; i++)
		assert_int_equal(head_add(&h, HEADER_OTHER, SLICE("a"), SLICE("b")), 0);
	assert_ptr_equal(h.headers, headers);
	assert_int_equal(buf_put(&h.block, "x", 1), 0);
	head_give_memory(&h, &s);
	assert_int_equal(s.n, 2);
	assert_null(h.headers);
	assert_int_equal(h.n_headers, 0);
	head_give_memory(&h, &s); /* nothing to give */
	assert_int_equal(s.n, 2);
	head_take_memory(&h, &s);
	assert_int_equal(s.n, 0);
	assert_int_equal(head_reserve(&h, h.cap_headers + 1), 0);
	assert_int_equal(buf_reserve(&h.block, 5000), 0);
	head_give_memory(&h, &s); /* it has outgrown its blocks */
	assert_int_equal(s.n, 0);
	assert_non_null(h.headers);
	assert_non_null(h.block.mem);
	head_take_memory(&h, &s); /* and goes on with what it has */
	assert_true(h.cap_headers > STOCK_BLOCK / sizeof(*h.headers));
	head_finish(&h);
	stock_finish(&s);
}

static void a_credential_is_a_bearer_token_or_a_value(void **state)
{
	static const struct {
		enum header_id id;
		const char *value, *credential;
	} cases[] = {
	        {HEADER_AUTHORIZATION, "Bearer weir_1", "weir_1"},
	        {HEADER_AUTHORIZATION, "bEARER  weir_1\t", "weir_1"},
	        {HEADER_AUTHORIZATION, "Bearer ", ""},
	        {HEADER_AUTHORIZATION, "Bearer", ""},
	        {HEADER_AUTHORIZATION, "Basic d2Vpcg==", ""},
	        {HEADER_AUTHORIZATION, "weir_1", ""},
	        {HEADER_X_WEIR_KEY, "weir_1", "weir_1"},
	        {HEADER_X_API_KEY, "Bearer weir_1", "Bearer weir_1"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_true(slice_is(header_credential(cases[i].id, slice_str(cases[i].value)),
		        cases[i].credential));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_known_name_is_found_in_any_case),
	        cmocka_unit_test(a_name_with_one_byte_changed_is_another),
	        cmocka_unit_test(fields_are_found_by_id_and_by_name),
	        cmocka_unit_test(a_list_knows_which_names_it_has_seen),
	        cmocka_unit_test(memory_changes_hands),
	        cmocka_unit_test(a_list_grows_or_says_why_not),
	        cmocka_unit_test(a_credential_is_a_bearer_token_or_a_value),
	        cmocka_unit_test(methods_are_told_by_their_exact_text),
	        cmocka_unit_test(phrases_are_the_registered_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
