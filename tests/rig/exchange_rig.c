/* SPDX-License-Identifier: Apache-2.0 */
/* exchange_rig: see exchange_rig.h. A turn ends as a worker's does: what is ready, deadlines,
 * writes, what was lent, reap. */
#include "rig/unit.h"
#include "rig/exchange_rig.h"
#include <stdio.h>
#include <stdlib.h>
#include "config/diagnostics.h"
#include "exchange/snapshot.h"
#include "exchange/view.h"

const char rig_yaml[] =
        "version: 1\n"
        "listeners:\n"
        "  agents: {address: \"127.0.0.1:4000\", default_agent: tester}\n"
        "upstreams:\n"
        "  up: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: none}\n"
        "models:\n"
        "  m: {upstream: up, price: {input: 1, output: 2}}\n"
        "  n: {upstream: up, upstream_name: real-n, price: {input: 1, output: 2}}\n"
        "  dear: {upstream: up}\n"
        "tools:\n"
        "  a: {}\n"
        "  b: {}\n"
        "  c: {requires_scopes: [\"read:c\"]}\n"
        "agents:\n"
        "  tester: {models: [m, n, dear], tools: [a, c], data_access: [\"read:c\"]}\n"
        "  other: {models: [m], tools: [b]}\n";

struct view *rig_view(const char *yaml)
{
	struct diagnostics d;
	struct buf text = BUF_INIT(1 << 20);
	struct view *view = NULL;

	diagnostics_init(&d);
	struct conf *conf = conf_load_text("rig.yaml", slice_str(yaml), &d);
	if (!conf && !d.no_memory) {
		diagnostics_print(&d, &text, false);
		fail_msg("%.*s", (int)buf_len(&text), buf_at(&text));
	}
	struct snapshot *s = conf ? snapshot_new(conf, SLICE("rig"), NULL, 1) : NULL;
	if (s)
		view = view_new(s, NULL);
	diagnostics_finish(&d);
	return view;
}

static void rig_set_deadline(struct exchange_env *env, struct deadline *d, uint64_t at)
{
	deadline_set(&container_of(env, struct exchange_rig, env)->wheel, d, at);
}

static void rig_clear_deadline(struct exchange_env *env, struct deadline *d)
{
	deadline_clear(&container_of(env, struct exchange_rig, env)->wheel, d);
}

/* What an attempt does once it has sent the request. */
static int rig_reach(struct exchange_env *env, struct exchange *x)
{
	struct exchange_rig *rig = container_of(env, struct exchange_rig, env);
	const struct upstream_conf *u = call_upstream(&x->calls[0]);
	size_t len = 0;

	rig->n_reached++;
	if (rig->reach_result < 0)
		return rig->reach_result;
	for (unsigned i = 0; i < x->n_sending; i++) {
		assert_true(len + x->sending[i].len < sizeof(rig->sending));
		memcpy(rig->sending + len, x->sending[i].at, x->sending[i].len);
		len += x->sending[i].len;
	}
	rig->sending[len] = '\0';
	assert_int_equal(len, x->sending_len);
	scripted_source_open(&rig->source, x);
	x->upstream_name = u->name;
	x->give_up_at = rig->now + call_total_ns(&x->calls[0]);
	x->quiet_until = UINT64_MAX;
	if (rig->reach_fault != FAULT_NONE) {
		exchange_on_source_fault(x, rig->reach_fault, NULL);
		return 0;
	}
	x->attempts++;
	x->went_upstream = true;
	exchange_waits(x);
	x->waits_for_source = true;
	x->quiet_ns = call_first_byte_ns(&x->calls[0]);
	x->quiet_until = rig->now + x->quiet_ns;
	env->set_deadline(
	        env, &x->deadline, x->quiet_until < x->give_up_at ? x->quiet_until : x->give_up_at);
	return 0;
}

static void keep_text(char *to, size_t room, struct slice s)
{
	size_t len = s.len < room ? s.len : room - 1;

	if (len)
		memcpy(to, s.at, len);
	to[len] = '\0';
}

#define KEEP(field) keep_text(k->field, sizeof(k->field), r->field)

static void on_call_ended(struct observer *o, const struct record *r)
{
	struct exchange_rig *rig = container_of(o, struct exchange_rig, observer);
	struct rig_record *k = &rig->last;

	rig->n_records++;
	*k = (struct rig_record){.r = *r};
	KEEP(agent);
	KEEP(team);
	KEEP(user);
	KEEP(user_shown);
	KEEP(workflow);
	KEEP(session);
	KEEP(note);
	KEEP(model);
	KEEP(upstream_model);
	KEEP(tools_removed);
	for (unsigned i = 0; i < r->n_tools && i < 8; i++) {
		keep_text(k->tools[i], sizeof(k->tools[i]), r->tools[i].name);
		k->tool[i] = r->tools[i];
	}
	k->r.tools = NULL; /* it is the exchange's */
}

int rig_begin(struct exchange_rig *rig, struct view *view, const struct policy_ops *const *policies,
        unsigned n)
{
	memset(rig, 0, sizeof(*rig));
	if (!view)
		return -ENOMEM;
	rig->view = view;
	rig->view_refs = view->refs;
	turn_init(&rig->turn);
	fake_clock_init(&rig->clock);
	rig->now = rig->clock.mono;
	wheel_init(&rig->wheel, rig->now);
	rig->observer = (struct observer){.name = "rig", .call_ended = on_call_ended};
	rig->env.turn = &rig->turn;
	rig->env.set_deadline = rig_set_deadline;
	rig->env.clear_deadline = rig_clear_deadline;
	rig->env.clock = &rig->clock.clock;
	rig->env.now = &rig->now;
	rig->env.policies = policies;
	rig->env.n_policies = n;
	rig->env.observers = &rig->observer;
	rig->env.reach = rig_reach;
	head_init(&rig->env.scratch);
	scripted_source_init(&rig->source);
	loopback_open(&rig->down, &rig->env, view, &view->snapshot->conf->listeners[0]);
	return 0;
}

void rig_end(struct exchange_rig *rig)
{
	if (!rig->view)
		return;
	if (!rig->down.closed)
		loopback_close(&rig->down);
	rig_settle(rig);
	assert_int_equal(rig->env.in_flight, 0);
	assert_int_equal(rig->wheel.n, 0);
	exchange_env_finish(&rig->env);
	scripted_source_finish(&rig->source);
	head_finish(&rig->env.scratch);
	assert_int_equal(rig->view->refs, rig->view_refs);
	view_unref(rig->view);
	rig->view = NULL;
}

void rig_turn(struct exchange_rig *rig)
{
	turn_run_ready(&rig->turn);
	wheel_run(&rig->wheel, rig->now);
	while (rig->journal && rig->journal(rig))
		turn_run_ready(&rig->turn);
	if (!rig->down.closed)
		loopback_turn_end(&rig->down);
	scripted_source_turn_end(&rig->source);
	turn_reap(&rig->turn);
	if (!rig->keep_spare)
		exchange_env_finish(&rig->env);
}

void rig_settle(struct exchange_rig *rig)
{
	do
		rig_turn(rig);
	while (!list_is_empty(&rig->turn.ready));
}

void rig_advance(struct exchange_rig *rig, uint64_t ns)
{
	const uint64_t most = NS_PER_S / 4;

	while (ns) {
		uint64_t step = ns < most ? ns : most;
		fake_clock_advance(&rig->clock, step);
		rig->now = rig->clock.mono;
		rig_turn(rig);
		ns -= step;
	}
}

void rig_ask(struct exchange_rig *rig, const char *body, const char *headers)
{
	char text[8192];
	int n = snprintf(text, sizeof(text),
	        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:4000\r\ncontent-type: "
	        "application/json\r\n"
	        "content-length: %zu\r\n%s\r\n%s",
	        strlen(body), headers ? headers : "", body);

	assert_true(n > 0 && (size_t)n < sizeof(text));
	loopback_feed(&rig->down, slice_from(text, (size_t)n));
}

void rig_reconnect(struct exchange_rig *rig)
{
	void (*born)(void *, struct exchange *) = rig->down.born;
	void *arg = rig->down.arg;
	const struct listener_conf *listener = rig->down.down.listener;

	loopback_close(&rig->down);
	rig_settle(rig);
	loopback_open(&rig->down, &rig->env, rig->view, listener);
	rig->down.born = born;
	rig->down.arg = arg;
}
