/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/remote telling that a server has come back without its data, and that one has not.
 */
#include "store/remote_core.h"
#include "unit/store/remote_rig.h"

static uint64_t forgotten(unsigned i)
{
	return atomic_load(&remote_times(remotes[i])->forgotten);
}

static void wait_for_the_mark(void)
{
	for (unsigned i = 0; i < STORES; i++)
		WAIT_FOR(remotes[i]->mark.seen_len);
}

static void a_server_that_comes_back_empty_has_forgotten(void **state)
{
	(void)state;
	wait_for_the_mark();
	for (unsigned i = 0; i < STORES; i++)
		assert_int_equal(forgotten(i), 0);
	redis_server_kill(&server, SIGKILL);
	redis_server_again(&server);
	for (unsigned i = 0; i < STORES; i++)
		WAIT_FOR(forgotten(i) == 1);
	rest(100);
	for (unsigned i = 0; i < STORES; i++)
		assert_int_equal(forgotten(i), 1);
}

static void a_connection_that_was_lost_is_nothing_to_tell(void **state)
{
	(void)state;
	wait_for_the_mark();
	redis_server_must(&server, "CLIENT KILL TYPE normal SKIPME yes");
	rest(500);
	for (unsigned i = 0; i < STORES; i++) {
		WAIT_FOR(remote_state(remotes[i]).redis.up);
		assert_int_equal(forgotten(i), 0);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(a_server_that_comes_back_empty_has_forgotten),
	        T(a_connection_that_was_lost_is_nothing_to_tell),
	};

	return redis_server_can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
