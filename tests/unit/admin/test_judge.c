/* SPDX-License-Identifier: Apache-2.0 */
/* admin/judge: who may ask for what: every role at every endpoint, keys, pages, and what nobody
 * learns. Also the table of routes. */
#include <stdio.h>
#include "admin/judge.h"
#include "crypto/key.h"
#include "http/target.h"
#include "rig/unit.h"

static char reader_key[KEY_LEN + 1], operate_key[KEY_LEN + 1], approver_key[KEY_LEN + 1];
static struct operator_conf operators[3] = {
        {.name = SLICE_INIT("reader"), .roles = ROLE_READ},
        {.name = SLICE_INIT("boss"), .roles = ROLE_OPERATE},
        {.name = SLICE_INIT("approver"), .roles = ROLE_APPROVE},
};
static struct listener_conf tcp = {
        .kind = LISTENER_ADMIN,
        .address = {.host = SLICE_INIT("127.0.0.1"), .port = 4001, .loopback = true},
};
static struct listener_conf local = {
        .kind = LISTENER_ADMIN,
        .address = {.unix_path = SLICE_INIT("/run/weir/admin.sock"), .loopback = true},
};
static struct admin_realm realm;
static struct head head;
static struct admin_request request;
static struct admin_refusal why;

static void make_key(char *key, struct operator_conf *o)
{
	key_new(key);
	sha256(slice_from(key, KEY_LEN), o->key_sha256);
}

static int set_up(void **state)
{
	(void)state;
	make_key(reader_key, &operators[0]);
	make_key(operate_key, &operators[1]);
	make_key(approver_key, &operators[2]);
	realm = (struct admin_realm){&local, {"", 0}, operators, 3};
	head_init(&head);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	head_finish(&head);
	return 0;
}

static void begin(enum method method, const char *target)
{
	head_reset(&head);
	head.method = method;
	head.target = slice_str(target);
	head_add_id(&head, HEADER_HOST, SLICE("127.0.0.1:4001"));
}

static bool ask(enum method method, const char *target, const char *key)
{
	begin(method, target);
	if (key)
		head_add_id(&head, HEADER_X_WEIR_KEY, slice_str(key));
	return admin_judge(&realm, &head, &request, &why);
}

static const char *key_of(enum operator_role role)
{
	return role == ROLE_READ ? reader_key : role == ROLE_OPERATE ? operate_key : approver_key;
}

static void each_endpoint_takes_its_role_alone(void **state)
{
	static const enum operator_role roles[] = {ROLE_READ, ROLE_APPROVE, ROLE_OPERATE};

	(void)state;
	for (unsigned i = 0; i < ADMIN_ENDPOINTS; i++) {
		const struct admin_route *r = &admin_routes[i];

		assert_int_equal(r->endpoint, i);
		for (unsigned k = 0; k < 3; k++) {
			bool good = ask(r->method, r->path, key_of(roles[k]));

			assert_int_equal(good, roles[k] == r->role);
			assert_ptr_equal(request.operator, & operators[k == 1   ? 2
			                                               : k == 2 ? 1
			                                                        : 0]);
			if (good)
				assert_ptr_equal(request.route, r);
			else
				assert_int_equal(why.fault, FAULT_NONE);
		}
	}
}

/* What changes something needs more than a look, and is written down. */
static void what_acts_is_journaled_and_needs_the_role_for_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ADMIN_ENDPOINTS; i++) {
		bool acts = admin_routes[i].method != METHOD_GET;

		assert_int_equal(admin_routes[i].action != NULL, acts);
		assert_int_equal(admin_routes[i].role != ROLE_READ, acts);
		assert_true(strncmp(admin_routes[i].path, "/api/", 5) == 0);
	}
}

static void assert_stranger(enum fault fault)
{
	assert_false(admin_judge(&realm, &head, &request, &why));
	assert_int_equal(why.fault, fault);
	assert_true(why.is_strangers);
	assert_null(request.operator);
	assert_null(request.route);
}

static void who_is_nobody_learns_nothing(void **state)
{
	static const char *const paths[] = {"/api/agents", "/api/nothing", "/", "/metrics", "/api"};
	char wrong[KEY_LEN + 1];

	(void)state;
	key_new(wrong);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		begin(METHOD_GET, paths[i]);
		assert_stranger(FAULT_UNAUTHENTICATED);
		begin(METHOD_DELETE, paths[i]);
		head_add_id(&head, HEADER_X_WEIR_KEY, slice_str(wrong));
		assert_stranger(FAULT_UNAUTHENTICATED);
	}
}

static void keys_are_whole_and_stand_once(void **state)
{
	char text[128];

	(void)state;
	begin(METHOD_GET, "/api/agents");
	snprintf(text, sizeof(text), "bEaReR  %s ", reader_key);
	head_add_id(&head, HEADER_AUTHORIZATION, slice_str(text));
	assert_true(admin_judge(&realm, &head, &request, &why));
	head_add_id(&head, HEADER_X_WEIR_KEY, slice_str(reader_key));
	assert_true(admin_judge(&realm, &head, &request, &why));
	head_add_id(&head, HEADER_X_WEIR_KEY, slice_str(reader_key));
	assert_stranger(FAULT_UNAUTHENTICATED); /* twice */
	begin(METHOD_GET, "/api/agents");
	head_add_id(&head, HEADER_AUTHORIZATION, slice_str(text));
	head_add_id(&head, HEADER_X_WEIR_KEY, slice_str(operate_key));
	assert_stranger(FAULT_UNAUTHENTICATED); /* two operators */
	begin(METHOD_GET, "/api/agents");
	snprintf(text, sizeof(text), "Basic %s", reader_key);
	head_add_id(&head, HEADER_AUTHORIZATION, slice_str(text));
	assert_stranger(FAULT_UNAUTHENTICATED);
	begin(METHOD_GET, "/api/agents");
	head_add_id(&head, HEADER_X_WEIR_KEY, slice_from(reader_key, KEY_LEN - 1));
	assert_stranger(FAULT_UNAUTHENTICATED);
	begin(METHOD_GET, "/api/agents");
	head_add_id(&head, HEADER_X_API_KEY, slice_str(reader_key)); /* not a place for it */
	assert_stranger(FAULT_UNAUTHENTICATED);
	begin(METHOD_GET, "/api/agents?key=x");
	head_add_id(&head, HEADER_X_WEIR_KEY, slice_str(reader_key));
	assert_stranger(FAULT_REQUEST_INVALID);
}

/* The hash of nothing in a policy opens nothing. */
static void no_key_is_no_key(void **state)
{
	(void)state;
	sha256(SLICE(""), operators[0].key_sha256);
	begin(METHOD_GET, "/api/agents");
	head_add_id(&head, HEADER_X_WEIR_KEY, SLICE(""));
	assert_stranger(FAULT_UNAUTHENTICATED);
	begin(METHOD_GET, "/api/agents");
	head_add_id(&head, HEADER_AUTHORIZATION, SLICE("Bearer "));
	assert_stranger(FAULT_UNAUTHENTICATED);
	realm.n_operators = 0;
	assert_false(ask(METHOD_GET, "/api/agents", reader_key));
}

static bool page(const char *host, const char *origin, const char *site)
{
	head_reset(&head);
	head.method = METHOD_GET;
	head.target = SLICE("/api/agents");
	head_add_id(&head, HEADER_HOST, slice_str(host));
	head_add_id(&head, HEADER_X_WEIR_KEY, slice_str(reader_key));
	if (origin)
		head_add_id(&head, HEADER_ORIGIN, slice_str(origin));
	if (site)
		head_add_id(&head, HEADER_SEC_FETCH_SITE, slice_str(site));
	return admin_judge(&realm, &head, &request, &why);
}

static void foreign_pages_and_hosts_are_refused(void **state)
{
	static const char *const origins[] = {"null", "https://evil.example",
	        "http://127.0.0.1:4002", "evil://127.0.0.1:4001", "http://127.0.0.1:4001/x",
	        "127.0.0.1:4001", "http://", "", "http://127.0.0.1:4001.evil.example"};
	static const char *const hosts[] = {
	        "evil.example", "127.0.0.1.evil.example", "weir.evil:4001", "127.0.0.1.:4001"};

	(void)state;
	realm.listener = &tcp;
	assert_true(page("127.0.0.1:4001", NULL, NULL));
	assert_true(page("127.0.0.1:4001", "http://127.0.0.1:4001", "same-origin"));
	assert_true(page("[::1]:4001", NULL, "none"));
	assert_true(page("LOCALHOST:4001", NULL, NULL));
	assert_false(page("127.0.0.1:4001", NULL, "cross-site"));
	assert_false(page("127.0.0.1:4001", NULL, "same-site"));
	for (size_t i = 0; i < sizeof(origins) / sizeof(*origins); i++) {
		assert_false(page("127.0.0.1:4001", origins[i], NULL));
		assert_int_equal(why.fault, FAULT_ORIGIN_DENIED);
		assert_true(why.is_strangers);
	}
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		assert_false(page(hosts[i], NULL, NULL));
		assert_int_equal(why.fault, FAULT_MISDIRECTED);
	}
	realm.public_url = SLICE("https://weir.example/console");
	assert_true(page("weir.example", "https://weir.example", NULL));
	realm.listener = &local;
	assert_true(page("anything", NULL, NULL));
	assert_false(page("anything", "https://evil.example", NULL));
}

static void paths_are_canonical_and_known(void **state)
{
	(void)state;
	assert_false(ask(METHOD_GET, "/api//agents", reader_key));
	assert_int_equal(why.fault, FAULT_REQUEST_INVALID);
	assert_false(ask(METHOD_GET, "/api/agents/", reader_key));
	assert_int_equal(why.fault, FAULT_NOT_FOUND);
	assert_false(why.is_strangers);
	assert_false(ask(METHOD_POST, "/api/agents", reader_key));
	assert_int_equal(why.fault, FAULT_METHOD_NOT_ALLOWED);
	assert_true(ask(METHOD_HEAD, "/api/agents", reader_key));
	assert_false(ask(METHOD_HEAD, "/api/reload", operate_key));
	assert_true(ask(METHOD_GET, "/api/ledger?by=agent", reader_key));
	assert_string_equal(request.query.at, "by=agent");
}

static void a_path_says_which_methods_it_takes(void **state)
{
	struct buf out = BUF_INIT(100);

	(void)state;
	assert_int_equal(admin_route_methods(SLICE("/api/log-level"), &out), 0);
	assert_slice(buf_slice(&out), "GET, HEAD, PUT");
	buf_finish(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(each_endpoint_takes_its_role_alone),
	        TEST(what_acts_is_journaled_and_needs_the_role_for_it),
	        TEST(who_is_nobody_learns_nothing),
	        TEST(keys_are_whole_and_stand_once),
	        TEST(no_key_is_no_key),
	        TEST(foreign_pages_and_hosts_are_refused),
	        TEST(paths_are_canonical_and_known),
	        TEST(a_path_says_which_methods_it_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
