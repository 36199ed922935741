/* SPDX-License-Identifier: Apache-2.0 */
/* admin/views: the description names every route and nothing else; without memory all of them fail
 * whole. */
#include "admin/routes.h"
#include "admin/views.h"
#include "json/json.h"
#include "rig/starve.h"
#include "rig/unit.h"

static void the_description_is_json_and_has_every_route(void **state)
{
	struct buf out = BUF_INIT(1u << 20);
	struct json_doc doc;
	unsigned n = 0;

	(void)state;
	assert_int_equal(view_openapi("1.2.3", &out), 0);
	assert_int_equal(
	        json_read(json_scratch_mine(), buf_slice(&out), &json_limits_default, &doc, NULL),
	        0);
	const struct json_value *paths = json_get(doc.root, "paths");
	for (unsigned i = 0; i < ADMIN_ENDPOINTS; i++) {
		const struct json_value *path = json_get(paths, admin_routes[i].path);

		assert_int_equal(json_type(path), JSON_OBJECT);
		n += !i || !slice_is(slice_str(admin_routes[i].path), admin_routes[i - 1].path);
	}
	assert_int_equal(json_count(paths), n);
	json_done(&doc);
	buf_finish(&out);
}

static int describe(void *arg)
{
	struct buf out = BUF_INIT(1u << 20);
	int r = view_openapi("1", &out);

	(void)arg;
	buf_finish(&out);
	return r;
}

static void without_memory_it_fails_whole(void **state)
{
	(void)state;
	starve(describe, NULL);
}

static void a_problem_is_escaped(void **state)
{
	struct problem p = {
	        422, "policy_invalid", "No.", SLICE("id"), SLICE("line 1\n\x1b[31m\"x\"")};
	struct buf out = BUF_INIT(4096);

	(void)state;
	assert_int_equal(view_problem(&p, &out), 0);
	assert_slice(buf_slice(&out),
	        "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,"
	        "\"code\":\"policy_invalid\",\"detail\":\"No.\",\"request_id\":\"id\","
	        "\"problems\":\"line 1\\n\\u001b[31m\\\"x\\\"\"}");
	buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_description_is_json_and_has_every_route),
	        cmocka_unit_test(without_memory_it_fails_whole),
	        cmocka_unit_test(a_problem_is_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
