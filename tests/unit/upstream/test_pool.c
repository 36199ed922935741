/* SPDX-License-Identifier: Apache-2.0 */
/* pool, channel, cluster: connections are used again when that is safe and only then, and whoever
 * waits is served in order. The provider is a listener on the same loop that answers by script. */
#include <stdio.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/listener.h"
#include "rig/net_rig.h"
#include "rig/unit.h"
#include "upstream/cluster.h"

#define CALLS 16
#define OK "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

struct call {
	struct claim claim;
	struct channel *channel;
	int taken;    /* what cluster_take said */
	bool claimed; /* its ticket is done */
	int result;
	unsigned status;
	char body[64];
	size_t n_body;
	bool over, ended, head_was_last, keep;
	enum fault fault;
	struct channel_facts facts;
	char note[128];
};

struct fixture {
	struct loop *loop;
	struct resolver *resolver;
	struct pools *pools;
	struct cluster *cluster;
	struct upstream_conf conf;
	struct endpoint_conf endpoints[3];
	struct listener *listeners[3];
	unsigned served[3]; /* connections that each listener took */
	struct rig_end ends[64];
	unsigned n_ends;
	const char *answer;     /* to every request */
	const char *afterwards; /* in a packet of its own */
	bool closes;            /* after the answer */
	bool resets;            /* instead of an answer */
	unsigned requests;
	struct call calls[CALLS];
};

static struct fixture *current;

/* ---- the provider */

static void provider_on_data(struct rig_end *e, struct slice in)
{
	struct fixture *f = current;

	if (in.len < 4 || memcmp(in.at + in.len - 4, "\r\n\r\n", 4) != 0)
		return;
	f->requests++;
	if (f->resets) {
		rig_close(e, WIRE_CLOSE_NOW);
		return;
	}
	if (f->answer)
		rig_send(e, slice_str(f->answer));
	if (f->closes)
		rig_close(e, WIRE_CLOSE_FLUSH);
}

static void provider_on_accept(void *owner, struct wire *w)
{
	struct fixture *f = current;
	struct rig_end *e = &f->ends[f->n_ends++];

	++*(unsigned *)owner;
	e->on_data = provider_on_data;
	rig_end_open(e, w);
}

static void provider_start(struct fixture *f, unsigned i)
{
	const struct listener_options o = {.accept = provider_on_accept, .owner = &f->served[i]};
	struct endpoint_conf *e = &f->endpoints[i];
	int fd = rig_listen(&e->port);

	e->host = SLICE("127.0.0.1");
	e->weight = 1;
	assert_int_equal(listener_open(f->loop, fd, &o, &f->listeners[i]), 0);
}

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	*state = current = f;
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	f->resolver = resolver_new(f->loop);
	f->pools = pools_new(f->loop, f->resolver, NULL, NULL);
	f->answer = OK;
	for (unsigned i = 0; i < 3; i++)
		provider_start(f, i);
	f->conf.endpoints = f->endpoints;
	f->conf.n_endpoints = 1;
	f->conf.connect_ns = 500 * NS_PER_MS;
	assert_int_equal(cluster_new(&f->conf, f->pools, &f->cluster), 0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct pool_counts n;

	for (unsigned i = 0; i < CALLS; i++) {
		if (f->calls[i].claim.pool)
			claim_cancel(&f->calls[i].claim);
		if (f->calls[i].channel)
			channel_cancel(f->calls[i].channel);
	}
	cluster_free(f->cluster);
	pools_count(f->pools, &n);
	assert_int_equal(n.busy + n.idle, 0);
	pools_free(f->pools);
	resolver_free(f->resolver);
	for (unsigned i = 0; i < f->n_ends; i++)
		rig_close(&f->ends[i], WIRE_CLOSE_NOW);
	for (unsigned i = 0; i < 3; i++)
		if (f->listeners[i])
			listener_close(f->listeners[i]);
	assert_int_equal(loop_free(f->loop), 0);
	mem_free(f);
	return 0;
}

/* ---- a call */

static void call_over(struct call *c)
{
	c->over = true;
	c->facts = channel_facts(c->channel);
	if (c->keep)
		return;
	if (c->fault)
		channel_cancel(c->channel);
	else
		channel_release(c->channel);
	c->channel = NULL;
}

static void on_head(void *user, struct head *head, bool last)
{
	struct call *c = user;

	c->status = head->status;
	c->head_was_last = last;
	if (last)
		call_over(c);
}

static void on_data(void *user, struct slice data)
{
	struct call *c = user;

	if (c->n_body + data.len < sizeof(c->body))
		memcpy(c->body + c->n_body, data.at, data.len);
	c->n_body += data.len;
}

static void on_end(void *user)
{
	struct call *c = user;

	c->ended = true;
	call_over(c);
}

static void on_fault(void *user, enum fault why, const char *note)
{
	struct call *c = user;

	assert_false(c->over);
	c->fault = why;
	snprintf(c->note, sizeof(c->note), "%s", note);
	call_over(c);
}

static const struct channel_ops call_ops = {
        .head = on_head,
        .data = on_data,
        .end = on_end,
        .fault = on_fault,
};

static void call_send(struct call *c)
{
	struct head head;
	int r;

	c->channel = c->claim.channel;
	channel_use(c->channel, &call_ops, c);
	head_init(&head);
	head.method = METHOD_GET;
	head.method_text = SLICE("GET");
	head.target = SLICE("/");
	head.minor = 1;
	head.keep_alive = true;
	r = head_add_id(&head, HEADER_HOST, SLICE("provider"));
	if (!r)
		r = channel_send(c->channel, &head, NULL, 0, true);
	head_finish(&head);
	if (!r)
		return;
	assert_int_equal(r, -ENOMEM);
	channel_cancel(c->channel);
	c->channel = NULL;
}

static void on_claimed(struct ticket *t, int result)
{
	struct call *c = container_of(t, struct call, claim.ticket);

	c->claimed = true;
	c->result = result;
	if (!result)
		call_send(c);
	else
		c->over = true;
}

static struct call *call_start(struct fixture *f, unsigned i)
{
	struct call *c = &f->calls[i];

	*c = (struct call){.status = 0};
	ticket_init(&c->claim.ticket, on_claimed);
	c->taken = cluster_take(f->cluster, NULL, &c->claim);
	if (c->taken == READY)
		call_send(c);
	return c;
}

static struct call *call_whole(struct fixture *f, unsigned i)
{
	struct call *c = call_start(f, i);

	assert_true(rig_run(f->loop, &c->over, 3000));
	return c;
}

static struct pool_counts counts(struct fixture *f)
{
	struct pool_counts n;

	pools_count(f->pools, &n);
	return n;
}

/* ---- tests */

static void a_connection_is_used_again(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 5; i++) {
		struct call *c = call_whole(f, i);

		assert_int_equal(c->taken, i ? READY : PENDING);
		assert_int_equal(c->status, 200);
		assert_int_equal(c->n_body, 2);
		assert_true(c->ended);
		assert_int_equal(c->facts.reused, i > 0);
		assert_true(c->facts.sent && c->facts.answered && !c->facts.closed);
	}
	assert_int_equal(f->served[0], 1);
	assert_int_equal(counts(f).idle, 1);
	assert_int_equal(counts(f).reused, 4);
}

static void calls_at_once_get_connections_of_their_own(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 8; i++)
		call_start(f, i);
	assert_int_equal(counts(f).waiting, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_true(rig_run(f->loop, &f->calls[i].over, 2000));
	assert_in_range(f->served[0], 1, 8);
	assert_int_equal(counts(f).busy, 0);
	assert_int_equal(counts(f).waiting, 0);
}

static void an_answer_without_content_needs_no_end(void **state)
{
	struct fixture *f = *state;
	struct call *c;

	f->answer = "HTTP/1.1 204 No Content\r\n\r\n";
	c = call_whole(f, 0);
	assert_int_equal(c->status, 204);
	assert_true(c->head_was_last && !c->ended);
	assert_int_equal(counts(f).idle, 1);
}

static void a_connection_that_says_close_is_not_kept(void **state)
{
	struct fixture *f = *state;

	f->answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
	call_whole(f, 0);
	assert_int_equal(counts(f).idle + counts(f).busy, 0);
}

static void an_answer_may_end_with_the_connection(void **state)
{
	struct fixture *f = *state;
	struct call *c;

	f->answer = "HTTP/1.1 200 OK\r\n\r\nuntil the end";
	f->closes = true;
	c = call_whole(f, 0);
	assert_int_equal(c->fault, FAULT_NONE);
	assert_int_equal(c->n_body, 13);
	assert_int_equal(counts(f).idle, 0);
}

static void surplus_in_the_same_packet_spoils_the_connection(void **state)
{
	struct fixture *f = *state;

	f->answer = OK "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
	assert_int_equal(call_whole(f, 0)->n_body, 2);
	assert_int_equal(counts(f).idle, 0);
	f->answer = OK;
	assert_int_equal(call_whole(f, 1)->n_body, 2);
	assert_int_equal(f->served[0], 2);
}

static void surplus_while_idle_spoils_the_connection(void **state)
{
	struct fixture *f = *state;

	call_whole(f, 0);
	assert_int_equal(counts(f).idle, 1);
	rig_send(&f->ends[0], SLICE("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"));
	rig_rest(f->loop, 10);
	assert_int_equal(counts(f).idle, 0);
	assert_int_equal(call_whole(f, 1)->n_body, 2);
}

/* The bytes are in the socket when the next request is made, but nobody has read them. */
static void surplus_that_arrives_before_the_request_left_is_no_answer(void **state)
{
	struct fixture *f = *state;
	struct call *c;

	call_whole(f, 0);
	rig_send(&f->ends[0], SLICE("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"));
	loop_turn(f->loop);
	f->calls[1] = (struct call){.status = 0};
	c = &f->calls[1];
	ticket_init(&c->claim.ticket, on_claimed);
	assert_int_equal(cluster_take(f->cluster, NULL, &c->claim), READY);
	c->channel = c->claim.channel;
	channel_use(c->channel, &call_ops, c);
	assert_true(rig_run(f->loop, &c->over, 1000));
	assert_int_equal(c->fault, FAULT_UPSTREAM_MALFORMED);
	assert_false(c->facts.sent);
	assert_int_equal(c->status, 0);
}

static void an_idle_connection_that_dies_is_forgotten(void **state)
{
	struct fixture *f = *state;

	call_whole(f, 0);
	rig_close(&f->ends[0], WIRE_CLOSE_NOW);
	rig_rest(f->loop, 10);
	assert_int_equal(counts(f).idle, 0);
	assert_int_equal(call_whole(f, 1)->status, 200);
}

static void a_stale_connection_says_what_had_happened(void **state)
{
	struct fixture *f = *state;
	struct call *c;

	call_whole(f, 0);
	f->resets = true;
	c = call_whole(f, 1);
	assert_int_equal(c->taken, READY);
	assert_int_equal(c->fault, FAULT_OUTCOME_UNKNOWN);
	assert_true(c->facts.reused && c->facts.sent && c->facts.closed && !c->facts.answered);
}

/* Its next attempt must not meet another dead one. */
static void a_stale_connection_casts_doubt_on_the_idle_ones(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 4; i++)
		call_start(f, i)->keep = true;
	for (unsigned i = 0; i < 4; i++)
		assert_true(rig_run(f->loop, &f->calls[i].over, 2000));
	for (unsigned i = 0; i < 4; i++) {
		channel_release(f->calls[i].channel);
		f->calls[i].channel = NULL;
	}
	assert_int_equal(counts(f).idle, 4);
	f->resets = true;
	assert_true(call_whole(f, 5)->facts.reused);
	assert_int_equal(counts(f).idle, 0);
}

static void a_cut_answer_is_a_fault(void **state)
{
	struct fixture *f = *state;
	struct call *c;

	f->answer = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nok";
	f->closes = true;
	c = call_whole(f, 0);
	assert_int_equal(c->fault, FAULT_UPSTREAM_CUT);
	assert_true(c->facts.answered);
	assert_int_equal(counts(f).idle + counts(f).busy, 0);
}

static void garbage_is_a_fault(void **state)
{
	struct fixture *f = *state;
	struct call *c;

	f->answer = "SSH-2.0-OpenSSH_9.2\r\n";
	c = call_whole(f, 0);
	assert_int_equal(c->fault, FAULT_UPSTREAM_MALFORMED);
	assert_false(c->facts.closed);
	assert_int_equal(counts(f).idle + counts(f).busy, 0);
}

static void cancelling_hangs_up_within_the_turn(void **state)
{
	struct fixture *f = *state;
	struct call *c;

	f->answer = NULL;
	c = call_start(f, 0);
	while (!f->requests)
		rig_rest(f->loop, 1);
	channel_cancel(c->channel);
	c->channel = NULL;
	assert_true(rig_run(f->loop, &f->ends[0].ended, 1000));
	assert_int_equal(counts(f).busy, 0);
}

static void a_refused_connection_is_told(void **state)
{
	struct fixture *f = *state;
	struct call *c;

	listener_close(f->listeners[0]);
	f->listeners[0] = NULL;
	c = call_whole(f, 0);
	assert_int_equal(c->result, -ECONNREFUSED);
	assert_int_equal(c->claim.fault, FAULT_UPSTREAM_UNREACHABLE);
	assert_non_null(strstr(c->claim.note, "refused"));
	assert_int_equal(counts(f).dialling + counts(f).waiting, 0);
	assert_int_equal(counts(f).failed, 1);
}

static void a_claim_may_be_dropped_at_every_moment(void **state)
{
	struct fixture *f = *state;

	for (unsigned n = 0; n < 30; n++) {
		struct call *c = call_start(f, 0);

		for (unsigned i = 0; i < n / 3 && !c->claimed; i++)
			loop_run_once(f->loop, false);
		if (c->channel)
			channel_cancel(c->channel);
		c->channel = NULL;
		claim_cancel(&c->claim);
		claim_cancel(&c->claim);
		rig_rest(f->loop, 1);
		assert_int_equal(counts(f).waiting + counts(f).busy + counts(f).dialling, 0);
		pools_close_idle(f->pools);
		while (f->n_ends)
			rig_close(&f->ends[--f->n_ends], WIRE_CLOSE_NOW);
	}
}

/* The channel has been given to the claim, which has not heard of it yet. */
static void a_channel_that_nobody_was_told_of_goes_back(void **state)
{
	struct fixture *f = *state;
	struct call *first = call_start(f, 0), *second;

	first->keep = true;
	assert_true(rig_run(f->loop, &first->over, 1000));
	second = call_start(f, 1);
	assert_int_equal(second->taken, PENDING);
	channel_release(first->channel);
	first->channel = NULL;
	assert_non_null(second->claim.channel);
	claim_cancel(&second->claim);
	assert_null(second->claim.channel);
	assert_int_equal(counts(f).idle, 1);
	assert_int_equal(counts(f).busy, 0);
}

static void a_channel_that_dies_before_its_use_says_so(void **state)
{
	struct fixture *f = *state;
	struct call *c;

	call_whole(f, 0);
	c = &f->calls[1];
	*c = (struct call){.status = 0};
	ticket_init(&c->claim.ticket, on_claimed);
	assert_int_equal(cluster_take(f->cluster, NULL, &c->claim), READY);
	rig_close(&f->ends[0], WIRE_CLOSE_NOW);
	rig_rest(f->loop, 5);
	call_send(c);
	assert_false(c->over);
	assert_true(rig_run(f->loop, &c->over, 1000));
	assert_int_equal(c->fault, FAULT_UPSTREAM_UNREACHABLE);
	assert_true(!c->facts.sent && c->facts.closed);
	assert_int_equal(f->requests, 1);
}

static void a_released_channel_serves_who_waits(void **state)
{
	struct fixture *f = *state;
	struct call *first = call_start(f, 0), *second;

	first->keep = true;
	assert_true(rig_run(f->loop, &first->over, 1000));
	second = call_start(f, 1);
	channel_release(first->channel);
	first->channel = NULL;
	assert_true(rig_run(f->loop, &second->over, 1000));
	assert_true(second->facts.reused);
	rig_rest(f->loop, 20); /* the dial that was not needed ends as an idle connection */
	assert_int_equal(counts(f).dialling, 0);
}

static void endpoints_take_turns_by_weight(void **state)
{
	struct fixture *f = *state;
	unsigned n[3] = {0};

	cluster_free(f->cluster);
	f->conf.n_endpoints = 3;
	f->endpoints[0].weight = 2;
	f->endpoints[2].weight = 3;
	assert_int_equal(cluster_new(&f->conf, f->pools, &f->cluster), 0);
	for (unsigned i = 0; i < 60; i++) {
		struct call *c = call_whole(f, i % CALLS);

		n[c->claim.endpoint - f->endpoints]++;
	}
	assert_int_equal(n[0], 20);
	assert_int_equal(n[1], 10);
	assert_int_equal(n[2], 30);
}

static void an_endpoint_that_failed_is_passed_over(void **state)
{
	struct fixture *f = *state;
	struct call *c = &f->calls[0];

	cluster_free(f->cluster);
	f->conf.n_endpoints = 2;
	assert_int_equal(cluster_new(&f->conf, f->pools, &f->cluster), 0);
	for (unsigned i = 0; i < 10; i++) {
		ticket_init(&c->claim.ticket, on_claimed);
		cluster_take(f->cluster, &f->endpoints[0], &c->claim);
		assert_ptr_equal(c->claim.endpoint, &f->endpoints[1]);
		claim_cancel(&c->claim);
	}
}

static void connections_outlive_a_reload(void **state)
{
	struct fixture *f = *state;
	struct cluster *next;

	call_whole(f, 0);
	assert_int_equal(cluster_new(&f->conf, f->pools, &next), 0);
	cluster_free(f->cluster);
	f->cluster = next;
	assert_int_equal(call_whole(f, 1)->taken, READY);
	assert_int_equal(f->served[0], 1);
}

static void narrower_addresses_get_connections_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct slice narrow = SLICE("192.0.2.0/24");
	struct cluster *next;
	struct call *c;

	call_whole(f, 0);
	f->conf.addresses = &narrow;
	f->conf.n_addresses = 1;
	assert_int_equal(cluster_new(&f->conf, f->pools, &next), 0);
	cluster_free(f->cluster);
	f->cluster = next;
	assert_int_equal(counts(f).idle, 0);
	c = call_whole(f, 1);
	assert_int_equal(c->claim.fault, FAULT_DESTINATION_REFUSED);
	narrow = SLICE("not one");
	assert_int_equal(cluster_new(&f->conf, f->pools, &next), -EINVAL);
}

static void a_channel_in_use_outlives_its_cluster(void **state)
{
	struct fixture *f = *state;
	struct call *c;

	f->answer = NULL;
	c = call_start(f, 0);
	while (!f->requests)
		rig_rest(f->loop, 1);
	cluster_free(f->cluster);
	f->cluster = NULL;
	rig_send(&f->ends[0], SLICE(OK));
	assert_true(rig_run(f->loop, &c->over, 1000));
	assert_int_equal(c->status, 200);
	assert_int_equal(counts(f).idle + counts(f).busy, 0);
}

static void want_of_memory_is_told(void **state)
{
	struct fixture *f = *state;

	for (long n = 0; n < 40; n++) {
		struct call *c = &f->calls[0];

		*c = (struct call){.status = 0};
		ticket_init(&c->claim.ticket, on_claimed);
		mem_fail_after(n);
		c->taken = cluster_take(f->cluster, NULL, &c->claim);
		if (c->taken == PENDING)
			rig_run(f->loop, &c->claimed, 20);
		mem_fail_after(-1);
		if (c->taken == PENDING && !c->claimed)
			assert_true(rig_run(f->loop, &c->claimed, 2000));
		if (c->channel)
			channel_cancel(c->channel);
		else if (c->taken < 0 || c->result < 0)
			assert_int_not_equal(c->claim.fault, FAULT_NONE);
		c->channel = NULL;
		pools_close_idle(f->pools);
		rig_rest(f->loop, 2);
		for (unsigned i = 0; i < f->n_ends; i++)
			rig_close(&f->ends[i], WIRE_CLOSE_NOW);
		memset(f->ends, 0, sizeof(f->ends));
		f->n_ends = 0;
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	        T(a_connection_is_used_again),
	        T(calls_at_once_get_connections_of_their_own),
	        T(an_answer_without_content_needs_no_end),
	        T(a_connection_that_says_close_is_not_kept),
	        T(an_answer_may_end_with_the_connection),
	        T(surplus_in_the_same_packet_spoils_the_connection),
	        T(surplus_while_idle_spoils_the_connection),
	        T(surplus_that_arrives_before_the_request_left_is_no_answer),
	        T(an_idle_connection_that_dies_is_forgotten),
	        T(a_stale_connection_says_what_had_happened),
	        T(a_stale_connection_casts_doubt_on_the_idle_ones),
	        T(a_cut_answer_is_a_fault),
	        T(garbage_is_a_fault),
	        T(cancelling_hangs_up_within_the_turn),
	        T(a_refused_connection_is_told),
	        T(a_claim_may_be_dropped_at_every_moment),
	        T(a_channel_that_nobody_was_told_of_goes_back),
	        T(a_channel_that_dies_before_its_use_says_so),
	        T(a_released_channel_serves_who_waits),
	        T(endpoints_take_turns_by_weight),
	        T(an_endpoint_that_failed_is_passed_over),
	        T(connections_outlive_a_reload),
	        T(narrower_addresses_get_connections_of_their_own),
	        T(a_channel_in_use_outlives_its_cluster),
	        T(want_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
