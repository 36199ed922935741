/* SPDX-License-Identifier: Apache-2.0 */
/* tls_context: loaded once for all who ask, on whichever loop, and without keeping any of them. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/loop.h"
#include "net/tls_context.h"
#include "rig/net_rig.h"
#include "rig/tls_server.h"
#include "rig/unit.h"

#define LOOPS 4

struct asker {
	pthread_t thread;
	struct loop *loop;
	struct tls_contexts *contexts;
	struct slice ca;
	struct ticket ticket;
	struct tls_context *context;
	bool done;
	int result;
};

static struct tls_server *server; /* only for its CA file */

static int group_setup(void **state)
{
	(void)state;
	server = tls_server_start(&(struct tls_server_options){.does = TLS_SERVER_HANGS});
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	tls_server_stop(server);
	return 0;
}

static void on_done(struct ticket *t, int result)
{
	struct asker *a = container_of(t, struct asker, ticket);

	a->done = true;
	a->result = result;
}

static void asker_init(struct asker *a, struct tls_contexts *contexts, const char *ca)
{
	*a = (struct asker){.contexts = contexts, .ca = slice_str(ca)};
	assert_int_equal(loop_new(&a->loop, NULL), 0);
	ticket_init(&a->ticket, on_done);
}

static void asker_finish(struct asker *a)
{
	ticket_cancel(&a->ticket);
	tls_context_unref(a->context);
	assert_int_equal(loop_free(a->loop), 0);
}

static int ask(struct asker *a)
{
	a->done = false;
	a->result = tls_contexts_get(a->contexts, a->loop, a->ca, &a->ticket, &a->context);
	return a->result;
}

static int ask_and_wait(struct asker *a)
{
	if (ask(a) == PENDING)
		rig_run(a->loop, &a->done, 5000);
	return a->result;
}

static void *asker_run(void *arg)
{
	ask_and_wait(arg);
	return NULL;
}

static void all_loops_get_the_same_one(void **state)
{
	struct tls_contexts *contexts = tls_contexts_new();
	struct asker a[LOOPS];

	(void)state;
	for (unsigned i = 0; i < LOOPS; i++)
		asker_init(&a[i], contexts, server->ca_path);
	for (unsigned i = 0; i < LOOPS; i++)
		pthread_create(&a[i].thread, NULL, asker_run, &a[i]);
	for (unsigned i = 0; i < LOOPS; i++)
		pthread_join(a[i].thread, NULL);
	for (unsigned i = 0; i < LOOPS; i++) {
		assert_int_equal(a[i].result, 0);
		assert_ptr_equal(a[i].context, a[0].context);
	}
	for (unsigned i = 0; i < LOOPS; i++)
		asker_finish(&a[i]);
	tls_contexts_free(contexts);
}

static void the_system_bundle_is_loaded_off_the_loop(void **state)
{
	struct tls_contexts *contexts = tls_contexts_new();
	uint64_t started = clock_mono(&clock_system);
	struct asker a;

	(void)state;
	asker_init(&a, contexts, "");
	tls_contexts_warm(contexts, SLICE(""));
	assert_int_equal(ask(&a), PENDING);
	assert_true(clock_mono(&clock_system) - started < 20 * NS_PER_MS);
	assert_true(rig_run(a.loop, &a.done, 10000));
	assert_int_equal(a.result, 0);
	asker_finish(&a);
	tls_contexts_free(contexts);
}

static void whoever_leaves_leaks_nothing(void **state)
{
	struct tls_contexts *contexts = tls_contexts_new();
	struct asker a;

	(void)state;
	asker_init(&a, contexts, server->ca_path);
	for (unsigned i = 0; i < 20; i++) {
		tls_contexts_renew(contexts);
		ask(&a);
		usleep(i * 100);
		if (i % 2)
			loop_run_once(a.loop, false);
		ticket_cancel(&a.ticket);
		tls_context_unref(a.context);
		a.context = NULL;
	}
	tls_contexts_free(contexts); /* before the loop: its closed descriptors would be used again */
	asker_finish(&a);
}

static void renewing_loads_anew(void **state)
{
	struct tls_contexts *contexts = tls_contexts_new();
	struct tls_context *before;
	struct asker a;

	(void)state;
	asker_init(&a, contexts, server->ca_path);
	assert_int_equal(ask_and_wait(&a), 0);
	before = a.context;
	assert_int_equal(ask(&a), READY);
	assert_ptr_equal(a.context, before);
	tls_context_unref(before);
	tls_contexts_renew(contexts);
	assert_int_equal(ask(&a), PENDING);
	assert_true(rig_run(a.loop, &a.done, 5000));
	assert_ptr_not_equal(a.context, before);
	tls_context_unref(before);
	asker_finish(&a);
	tls_contexts_free(contexts);
}

static void a_file_that_is_missing_or_no_certificate_is_an_error(void **state)
{
	struct tls_contexts *contexts = tls_contexts_new();
	struct asker a;
	char path[] = "/tmp/weir-no-ca-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "nothing\n", 8), 8);
	close(fd);
	asker_init(&a, contexts, "/nowhere/ca.pem");
	assert_int_equal(ask_and_wait(&a), -ENOENT);
	assert_int_equal(ask(&a), -ENOENT); /* remembered for a while */
	a.ca = slice_str(path);
	assert_int_equal(ask_and_wait(&a), -EINVAL);
	unlink(path);
	asker_finish(&a);
	tls_contexts_free(contexts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(all_loops_get_the_same_one),
	        cmocka_unit_test(the_system_bundle_is_loaded_off_the_loop),
	        cmocka_unit_test(whoever_leaves_leaks_nothing),
	        cmocka_unit_test(renewing_loads_anew),
	        cmocka_unit_test(a_file_that_is_missing_or_no_certificate_is_an_error),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
