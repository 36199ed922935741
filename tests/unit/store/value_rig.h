/* SPDX-License-Identifier: Apache-2.0 */
/* value_rig: remote_rig with deployment keys, and claims and values that are waited for. */
#pragma once
#include "unit/store/remote_rig.h"

#define KEY SLICE("deployment key of the rig")
#define NEXT_KEY SLICE("the next deployment key")
#define DAY (24ull * 3600 * NS_PER_S)

static struct waiting_claim {
	struct value_claim c;
	char id[32];
	bool done;
	int result;
} k; /* the one that most tests claim with */

static inline void set_keys(void)
{
	const struct slice keys[] = {KEY};

	memset(&k, 0, sizeof(k));
	for (unsigned i = 0; i < STORES; i++)
		assert_int_equal(remote_set_keys(remotes[i], keys, 1), 0);
}

static inline int begin(void **state)
{
	int r = rig_begin(state);

	set_keys();
	return r;
}

static inline int begin_cluster(void **state)
{
	int r = rig_begin_cluster(state);

	set_keys();
	return r;
}

static inline void enter(void)
{
	loop->now_is_stale = true;
	loop_enter(loop);
}

/* ---- claims */

static inline void on_claimed(struct ticket *t, int result)
{
	struct waiting_claim *w = container_of(t, struct waiting_claim, c.ticket);

	w->done = true;
	w->result = result;
}

static inline int put_claim_for(unsigned store, struct waiting_claim *w, const char *name,
        const char *mark, uint64_t until, uint64_t ends)
{
	struct store *s = remote_store(remotes[store]);

	enter();
	w->done = false;
	if (!w->id[0])
		snprintf(w->id, sizeof(w->id), "id%u:1", ids++);
	w->c = (struct value_claim){.group = SLICE("a:one"),
	        .name = slice_str(name),
	        .id = slice_str(w->id),
	        .mark = slice_str(mark),
	        .now_wall_ns = clock_wall(&clock_system)};
	w->c.until = w->c.now_wall_ns + until;
	w->c.ends = w->c.now_wall_ns + ends;
	ticket_init(&w->c.ticket, on_claimed);
	return s->ops->claim(s, &w->c);
}

static inline int claim_once(unsigned store, struct waiting_claim *w, const char *name,
        const char *mark, uint64_t until, uint64_t ends)
{
	int r = put_claim_for(store, w, name, mark, until, ends);

	if (r != PENDING)
		return r;
	WAIT_FOR(w->done);
	return w->result;
}

/* A busy machine is late for 25 ms now and then, and may have opened the breaker. */
static inline bool is_late(int result)
{
	return result == -ETIMEDOUT || result == -EHOSTDOWN || result == -ENOTCONN ||
	       result == -ECONNRESET || result == -EAGAIN;
}

static inline int claim_as(unsigned store, struct waiting_claim *w, const char *name,
        const char *mark, uint64_t until, uint64_t ends)
{
	int r = -ETIMEDOUT;

	for (unsigned i = 0; i < 250 && is_late(r); i++) {
		if (i)
			rest(20);
		w->id[0] = 0;
		r = claim_once(store, w, name, mark, until, ends);
	}
	return r;
}

static inline int claim_for(
        unsigned store, struct waiting_claim *w, const char *name, uint64_t until, uint64_t ends)
{
	return claim_as(store, w, name, "args", until, ends);
}

static inline void claim(const char *name)
{
	assert_int_equal(claim_for(0, &k, name, 60 * NS_PER_S, DAY), READY);
}

static inline void finish_of(
        unsigned store, struct waiting_claim *w, enum claim_end how, struct slice b)
{
	struct store *s = remote_store(remotes[store]);

	enter();
	s->ops->finish(s, &w->c, how, b);
	assert_int_equal(w->c.state, CLAIM_NOT_ASKED);
}

static inline void wait_until_said(void)
{
	for (unsigned i = 0; i < STORES; i++)
		WAIT_FOR(!remote_state(remotes[i]).ending && remote_state(remotes[i]).redis.up &&
		         !remote_state(remotes[i]).fenced);
}

static inline void finish(enum claim_end how, struct slice bytes)
{
	finish_of(0, &k, how, bytes);
	wait_until_said();
}

/* What another instance hears. */
static inline enum claim_state stands_for(
        const char *name, const char *mark, struct blob **ret_found)
{

	struct waiting_claim w = {.done = false};

	assert_int_equal(claim_as(1, &w, name, mark, 60 * NS_PER_S, DAY), READY);
	if (ret_found)
		*ret_found = w.c.found;
	else
		blob_unref(w.c.found);
	enum claim_state state = w.c.state;
	if (state == CLAIM_OWNED) {
		finish_of(1, &w, CLAIM_UNUSED, SLICE(""));
		wait_until_said();
	}
	return state;
}

static inline enum claim_state stands(const char *name)
{
	return stands_for(name, "args", NULL);
}

static inline void check_found(const char *name, struct slice want)
{
	struct blob *found = NULL;

	assert_int_equal(stands_for(name, "args", &found), CLAIM_FOUND);
	assert_true(slice_equals(blob_slice(found), want));
	blob_unref(found);
}

/* ---- values */

struct waiting_value {
	struct value v;
	bool done;
	int result;
};

static inline void on_value(struct ticket *t, int result)
{
	struct waiting_value *w = container_of(t, struct waiting_value, v.ticket);

	w->done = true;
	w->result = result;
}

static inline struct waiting_value value_of(const char *bytes, uint64_t expected)
{
	uint64_t now = clock_wall(&clock_system);

	return (struct waiting_value){.v = {.group = SLICE("t:crew"),
	                                      .name = SLICE("approval"),
	                                      .now_wall_ns = now,
	                                      .ends = now + 900 * NS_PER_S,
	                                      .bytes = slice_str(bytes),
	                                      .expected = expected}};
}

static inline int put_value(unsigned store, struct waiting_value *w, bool is_put)
{
	struct store *s = remote_store(remotes[store]);

	enter();
	w->done = false;
	ticket_init(&w->v.ticket, on_value);
	return is_put ? s->ops->put(s, &w->v) : s->ops->get(s, &w->v);
}

static inline int ask_value(unsigned store, struct waiting_value *w, bool is_put)
{
	int r = put_value(store, w, is_put);

	if (r != PENDING)
		return r;
	WAIT_FOR(w->done);
	return w->result;
}

static inline struct waiting_value get_for(unsigned store, const char *name)
{
	struct waiting_value w;

	for (;;) {
		w = value_of("", 0);
		w.v.name = slice_str(name);
		w.result = ask_value(store, &w, false);
		if (!is_late(w.result))
			return w;
		rest(5);
	}
}

static inline struct value get(void)
{
	struct waiting_value w = get_for(3, "approval");

	assert_int_equal(w.result, READY);
	return w.v;
}

/* One that nobody has heard of may have been put all the same. */
static inline struct value put_as(unsigned store, const char *bytes, uint64_t expected)
{
	struct waiting_value w = value_of(bytes, expected);

	w.result = ask_value(store, &w, true);
	while (is_late(w.result)) {
		struct value now = get();
		if (slice_is(blob_slice(now.found), bytes)) {
			blob_unref(now.found);
			now.found = NULL;
			now.state = VALUE_STORED;
			return now;
		}
		blob_unref(now.found);
		w = value_of(bytes, expected);
		w.result = ask_value(store, &w, true);
	}
	assert_int_equal(w.result, READY);
	return w.v;
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, rig_end)
#define C(name) cmocka_unit_test_setup_teardown(name, begin_cluster, rig_end)
