/* SPDX-License-Identifier: Apache-2.0 */
/* channel: content is told in the portions in which it was read, however it was framed. */
#include <stdio.h>
#include "net/listener.h"
#include "rig/net_rig.h"
#include "rig/unit.h"
#include "upstream/cluster.h"

#define HEAD "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

struct fixture {
	struct loop *loop;
	struct resolver *resolver;
	struct pools *pools;
	struct cluster *cluster;
	struct upstream_conf conf;
	struct endpoint_conf endpoint;
	struct listener *listener;
	struct rig_end end;
	const char *answer;
	struct claim claim;
	struct channel *channel;
	char body[64];
	size_t n_body;
	unsigned portions;
	enum fault fault;
	struct channel_facts facts;
	bool over;
};

static struct fixture fixture;

static void provider_on_data(struct rig_end *e, struct slice in)
{
	if (slice_ends(in, SLICE("\r\n\r\n")))
		rig_send(e, slice_str(fixture.answer));
}

static void provider_on_accept(void *owner, struct wire *w)
{
	(void)owner;
	fixture.end.on_data = provider_on_data;
	rig_end_open(&fixture.end, w);
}

static void on_head(void *user, struct head *head, bool last)
{
	(void)user;
	assert_int_equal(head->status, 200);
	assert_false(last);
}

static void on_data(void *user, struct slice data)
{
	struct fixture *f = user;

	assert_true(f->n_body + data.len < sizeof(f->body));
	memcpy(f->body + f->n_body, data.at, data.len);
	f->n_body += data.len;
	f->portions++;
}

static void on_end(void *user)
{
	struct fixture *f = user;

	f->over = true;
	channel_release(f->channel);
}

static void on_fault(void *user, enum fault why, const char *note)
{
	struct fixture *f = user;

	(void)note;
	f->fault = why;
	f->facts = channel_facts(f->channel);
	f->over = true;
	channel_cancel(f->channel);
}

static void on_claimed(struct ticket *t, int result)
{
	static const struct channel_ops ops = {
	        .head = on_head, .data = on_data, .end = on_end, .fault = on_fault};
	struct fixture *f = container_of(t, struct fixture, claim.ticket);
	struct head head;

	assert_int_equal(result, 0);
	f->channel = f->claim.channel;
	channel_use(f->channel, &ops, f);
	head_init(&head);
	head.method = METHOD_GET;
	head.method_text = SLICE("GET");
	head.target = SLICE("/");
	assert_int_equal(head_add_id(&head, HEADER_HOST, SLICE("provider")), 0);
	assert_int_equal(channel_send(f->channel, &head, NULL, 0, true), 0);
	head_finish(&head);
}

static int setup(void **state)
{
	const struct listener_options o = {.accept = provider_on_accept};
	struct fixture *f = &fixture;
	int fd;

	*state = f;
	*f = (struct fixture){.conf = {.endpoints = &f->endpoint, .n_endpoints = 1}};
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	f->resolver = resolver_new(f->loop);
	f->pools = pools_new(f->loop, f->resolver, NULL, NULL);
	fd = rig_listen(&f->endpoint.port);
	f->endpoint.host = SLICE("127.0.0.1");
	f->endpoint.weight = 1;
	f->conf.connect_ns = NS_PER_S;
	assert_int_equal(listener_open(f->loop, fd, &o, &f->listener), 0);
	assert_int_equal(cluster_new(&f->conf, f->pools, &f->cluster), 0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	cluster_free(f->cluster);
	pools_free(f->pools);
	resolver_free(f->resolver);
	rig_close(&f->end, WIRE_CLOSE_NOW);
	listener_close(f->listener);
	assert_int_equal(loop_free(f->loop), 0);
	return 0;
}

static void call(struct fixture *f, const char *answer)
{
	f->answer = answer;
	ticket_init(&f->claim.ticket, on_claimed);
	assert_int_equal(cluster_take(f->cluster, NULL, &f->claim), PENDING);
	assert_true(rig_run(f->loop, &f->over, 3000));
}

static void content_that_was_read_at_once_is_told_at_once(void **state)
{
	struct fixture *f = *state;
	struct pool_counts n;

	call(f, HEAD "6\r\nfirst \r\n1\r\n2\r\n4;x=y\r\nnd 3\r\n3\r\nrd.\r\n0\r\n\r\n");
	assert_int_equal(f->portions, 1);
	assert_int_equal(f->n_body, 14);
	assert_memory_equal(f->body, "first 2nd 3rd.", 14);
	assert_int_equal(f->fault, FAULT_NONE);
	pools_count(f->pools, &n);
	assert_int_equal(n.idle, 1);
}

static void content_is_told_before_what_is_wrong_behind_it(void **state)
{
	struct fixture *f = *state;

	call(f, HEAD "2\r\nok\r\n2\r\nok\r\nno\r\n");
	assert_int_equal(f->fault, FAULT_UPSTREAM_MALFORMED);
	assert_int_equal(f->n_body, 4);
	assert_memory_equal(f->body, "okok", 4);
}

static void call_again(struct fixture *f)
{
	f->over = false;
	ticket_init(&f->claim.ticket, on_claimed);
	assert_int_equal(cluster_take(f->cluster, NULL, &f->claim), READY);
	on_claimed(&f->claim.ticket, 0);
	assert_true(rig_run(f->loop, &f->over, 3000));
	assert_true(f->facts.reused && f->facts.sent && f->facts.closed && !f->facts.answered);
}

/* The peer has closed before the request came: its kernel never had it, so nobody has read it. */
static void what_came_too_late_for_a_connection_has_not_run(void **state)
{
	struct fixture *f = *state;

	call(f, HEAD "2\r\nok\r\n0\r\n\r\n");
	rig_close(&f->end, WIRE_CLOSE_NOW);
	call_again(f);
	assert_true(f->facts.unread);
}

static void provider_closes(struct rig_end *e, struct slice in)
{
	(void)in;
	rig_close(e, WIRE_CLOSE_NOW);
}

static void what_was_read_before_the_connection_closed_may_have_run(void **state)
{
	struct fixture *f = *state;

	call(f, HEAD "2\r\nok\r\n0\r\n\r\n");
	f->end.on_data = provider_closes;
	call_again(f);
	assert_int_equal(f->fault, FAULT_OUTCOME_UNKNOWN);
	assert_false(f->facts.unread);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                content_that_was_read_at_once_is_told_at_once, setup, teardown),
	        cmocka_unit_test_setup_teardown(
	                content_is_told_before_what_is_wrong_behind_it, setup, teardown),
	        cmocka_unit_test_setup_teardown(
	                what_came_too_late_for_a_connection_has_not_run, setup, teardown),
	        cmocka_unit_test_setup_teardown(
	                what_was_read_before_the_connection_closed_may_have_run, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
