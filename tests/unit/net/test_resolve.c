/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: one look-up a name, answers that are kept, names that are no names. */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/resolve.h"
#include "rig/fake_clock.h"
#include "rig/net_rig.h"
#include "rig/unit.h"

#define WISHES 8

struct wish {
	struct ticket ticket;
	struct addresses *found;
	bool done;
	int result;
};

struct fixture {
	struct fake_clock clock;
	struct loop *loop;
	struct resolver *resolver;
	struct wish wishes[WISHES];
};

static atomic_uint asked;
static atomic_int answer; /* what ask says: 0 or a negative errno */
static atomic_uint delay_us;

static int ask(const char *name, struct address *list, unsigned *ret_n)
{
	atomic_fetch_add(&asked, 1);
	if (!strncmp(name, "hung", 4))
		usleep(2000000);
	usleep(atomic_load(&delay_us));
	if (atomic_load(&answer))
		return atomic_load(&answer);
	address_parse(SLICE("198.51.100.1"), 0, &list[0]);
	address_parse(SLICE("2001:db8::1"), 0, &list[1]);
	*ret_n = 2;
	return 0;
}

static void on_done(struct ticket *t, int result)
{
	struct wish *w = container_of(t, struct wish, ticket);

	w->done = true;
	w->result = result;
}

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	*state = f;
	atomic_store(&asked, 0);
	atomic_store(&answer, 0);
	atomic_store(&delay_us, 0);
	fake_clock_init(&f->clock);
	assert_int_equal(loop_new(&f->loop, &f->clock.clock), 0);
	f->resolver = resolver_new(f->loop);
	resolver_set_ask(f->resolver, ask);
	for (unsigned i = 0; i < WISHES; i++)
		ticket_init(&f->wishes[i].ticket, on_done);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < WISHES; i++) {
		ticket_cancel(&f->wishes[i].ticket);
		addresses_unref(f->wishes[i].found);
	}
	resolver_free(f->resolver);
	assert_int_equal(loop_free(f->loop), 0);
	mem_free(f);
	return 0;
}

static int wish(struct fixture *f, unsigned i, const char *name)
{
	struct wish *w = &f->wishes[i];

	addresses_unref(w->found);
	w->found = NULL;
	w->done = false;
	return resolver_find(f->resolver, slice_str(name), &w->ticket, &w->found);
}

static void wait_for(struct fixture *f, unsigned i)
{
	assert_true(rig_run(f->loop, &f->wishes[i].done, 5000));
}

static void later(struct fixture *f, uint64_t ns)
{
	fake_clock_advance(&f->clock, ns);
	rig_rest(f->loop, 2);
	f->loop->now = clock_mono(&f->clock.clock);
}

static void numbers_are_ready_at_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(wish(f, 0, "192.0.2.1"), READY);
	assert_int_equal(f->wishes[0].found->n, 1);
	assert_int_equal(wish(f, 1, "::1"), READY);
	assert_int_equal(atomic_load(&asked), 0);
}

static void one_question_answers_all_who_ask(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < WISHES; i++)
		assert_int_equal(
		        wish(f, i, i % 2 ? "API.example.com" : "api.example.com"), PENDING);
	for (unsigned i = 0; i < WISHES; i++) {
		wait_for(f, i);
		assert_int_equal(f->wishes[i].result, 0);
		assert_int_equal(f->wishes[i].found->n, 2);
	}
	assert_int_equal(atomic_load(&asked), 1);
	assert_int_equal(wish(f, 0, "api.example.com"), READY);
	assert_int_equal(atomic_load(&asked), 1);
}

static void an_old_answer_is_given_while_it_is_renewed(void **state)
{
	struct fixture *f = *state;

	wish(f, 0, "api.example.com");
	wait_for(f, 0);
	later(f, RESOLVE_TTL + NS_PER_S);
	assert_int_equal(wish(f, 0, "api.example.com"), READY);
	while (atomic_load(&asked) < 2)
		rig_rest(f->loop, 1);
	rig_rest(f->loop, 20);
	assert_int_equal(wish(f, 0, "api.example.com"), READY);
	assert_int_equal(atomic_load(&asked), 2);
}

static void a_very_old_answer_is_better_than_none(void **state)
{
	struct fixture *f = *state;

	wish(f, 0, "api.example.com");
	wait_for(f, 0);
	later(f, 1800 * NS_PER_S);
	atomic_store(&answer, -EAGAIN);
	assert_int_equal(wish(f, 0, "api.example.com"), PENDING);
	wait_for(f, 0);
	assert_int_equal(f->wishes[0].result, 0);
	assert_int_equal(f->wishes[0].found->n, 2);
	assert_int_equal(wish(f, 0, "api.example.com"), READY);
	rig_rest(f->loop, 20);
	later(f, 2400 * NS_PER_S); /* more than an hour in all */
	assert_int_equal(wish(f, 0, "api.example.com"), PENDING);
	wait_for(f, 0);
	assert_int_equal(f->wishes[0].result, -EAGAIN);
	assert_null(f->wishes[0].found);
}

static void a_name_that_is_not_there_is_asked_for_again(void **state)
{
	struct fixture *f = *state;

	atomic_store(&answer, -ENOENT);
	wish(f, 0, "nowhere.example");
	wait_for(f, 0);
	assert_int_equal(f->wishes[0].result, -ENOENT);
	atomic_store(&answer, 0);
	assert_int_equal(wish(f, 0, "nowhere.example"), PENDING);
	wait_for(f, 0);
	assert_int_equal(f->wishes[0].result, 0);
}

static void hung_names_delay_no_other(void **state)
{
	struct fixture *f = *state;
	uint64_t started;
	char name[32];

	for (unsigned i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "hung%u.example", i);
		assert_int_equal(wish(f, i, name), PENDING);
	}
	started = clock_mono(&clock_system);
	assert_int_equal(wish(f, 7, "api.example.com"), PENDING);
	wait_for(f, 7);
	assert_true(clock_mono(&clock_system) - started < NS_PER_S);
}

static void whoever_leaves_is_not_told(void **state)
{
	struct fixture *f = *state;

	atomic_store(&delay_us, 20000);
	wish(f, 0, "api.example.com");
	wish(f, 1, "api.example.com");
	ticket_cancel(&f->wishes[0].ticket);
	wait_for(f, 1);
	assert_false(f->wishes[0].done);
	assert_null(f->wishes[0].found);
}

static void a_look_up_may_outlive_its_resolver(void **state)
{
	struct fixture *f = *state;

	wish(f, 0, "hung.example");
	ticket_cancel(&f->wishes[0].ticket);
	resolver_free(f->resolver);
	f->resolver = resolver_new(f->loop);
	rig_rest(f->loop, 800);
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const bad[] = {"", ".", "..", "127.1", "0x7f.0.0.1", "2130706433",
	        "example.0177", "a b", "a/b", "user@host", "a\nb", "host:80", "1.2.3.4.",
	        "\xc3\xa4.example"};
	struct fixture *f = *state;
	char longest[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (wish(f, 0, bad[i]) != -EINVAL)
			fail_msg("\"%s\" was taken for a name", bad[i]);
	memset(longest, 'a', sizeof(longest));
	longest[254] = 0;
	assert_int_equal(wish(f, 0, longest), -EINVAL);
	longest[253] = 0;
	assert_int_equal(wish(f, 0, longest), PENDING);
	assert_int_equal(atomic_load(&asked) <= 1, 1);
}

static void there_is_a_ceiling_for_names_kept(void **state)
{
	struct fixture *f = *state;
	char name[32];

	for (unsigned i = 0; i < RESOLVE_NAMES + 50; i++) {
		snprintf(name, sizeof(name), "h%u.example", i);
		assert_int_equal(wish(f, 0, name), PENDING);
		wait_for(f, 0);
	}
	assert_int_equal(wish(f, 0, name), READY);
	assert_int_equal(wish(f, 0, "h0.example"), PENDING);
	wait_for(f, 0);
}

static void want_of_memory_is_said(void **state)
{
	struct fixture *f = *state;

	for (long n = 0; n < 6; n++) {
		int r;

		mem_fail_after(n);
		r = wish(f, 0, "starved.example");
		mem_fail_after(-1);
		assert_true(r == -ENOMEM || r == PENDING);
		if (r == PENDING)
			break;
	}
	wait_for(f, 0);
}

static void the_system_knows_localhost(void **state)
{
	struct fixture *f = *state;

	resolver_free(f->resolver);
	f->resolver = resolver_new(f->loop);
	assert_int_equal(wish(f, 0, "localhost"), PENDING);
	wait_for(f, 0);
	assert_int_equal(f->wishes[0].result, 0);
	assert_true(f->wishes[0].found->n >= 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	        T(numbers_are_ready_at_once),
	        T(one_question_answers_all_who_ask),
	        T(an_old_answer_is_given_while_it_is_renewed),
	        T(a_very_old_answer_is_better_than_none),
	        T(a_name_that_is_not_there_is_asked_for_again),
	        T(hung_names_delay_no_other),
	        T(whoever_leaves_is_not_told),
	        T(a_look_up_may_outlive_its_resolver),
	        T(what_is_no_name_is_refused),
	        T(there_is_a_ceiling_for_names_kept),
	        T(want_of_memory_is_said),
	        T(the_system_knows_localhost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
