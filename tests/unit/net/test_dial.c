/* SPDX-License-Identifier: Apache-2.0 */
/* dial: from a name to a wire, or to a sentence that says why not; over TCP and TLS. */
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/dial.h"
#include "rig/net_rig.h"
#include "rig/tls_server.h"
#include "rig/unit.h"

struct fixture {
	struct loop *loop;
	struct dialler by;
	struct address_rule rule;
	struct own_listeners own;
	struct cidr cidrs[4];
	struct dial_target to;
	struct tls_memory memory;
	struct dial dial;
	struct ticket ticket;
	bool done;
	int result;
	struct rig_end end;
};

static struct fixture *current;

static void on_done(struct ticket *t, int result)
{
	(void)t;
	current->done = true;
	current->result = result;
}

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	*state = current = f;
	loop_new(&f->loop, NULL);
	f->by.loop = f->loop;
	f->by.resolver = resolver_new(f->loop);
	f->by.contexts = tls_contexts_new();
	f->to = (struct dial_target){
	        .host = SLICE("localhost"), .rule = &f->rule, .connect_ns = 3 * NS_PER_S};
	ticket_init(&f->ticket, on_done);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dial_finish(&f->dial);
	rig_close(&f->end, WIRE_CLOSE_NOW);
	resolver_free(f->by.resolver);
	assert_int_equal(loop_free(f->loop), 0);
	tls_contexts_free(f->by.contexts);
	tls_memory_finish(&f->memory);
	own_listeners_finish(&f->own);
	mem_free(f);
	return 0;
}

static void dial_and_wait(struct fixture *f)
{
	f->done = false;
	assert_int_equal(dial_start(&f->dial, &f->by, &f->to, &f->ticket), PENDING);
	assert_false(f->done);
	assert_true(rig_run(f->loop, &f->done, 10000));
}

static void assert_fault(struct fixture *f, enum fault fault, const char *part)
{
	assert_int_equal(f->result, -ECONNREFUSED);
	assert_int_equal(f->dial.fault, fault);
	if (!strstr(f->dial.note, part))
		fail_msg("\"%s\" is not in \"%s\"", part, f->dial.note);
}

static void a_name_leads_to_a_wire(void **state)
{
	struct fixture *f = *state;
	int fd = rig_listen(&f->to.port);

	dial_and_wait(f); /* localhost may lead to ::1 first, where nobody listens */
	assert_int_equal(f->result, 0);
	rig_end_open(&f->end, dial_take(&f->dial));
	assert_int_equal(address_port(&f->end.wire->peer), f->to.port);
	assert_true(f->dial.resolved && f->dial.connected && f->dial.ready);
	close(fd);
}

static void refused_says_so(void **state)
{
	struct fixture *f = *state;
	int fd = rig_listen(&f->to.port);

	close(fd);
	f->to.host = SLICE("127.0.0.1");
	dial_and_wait(f);
	assert_fault(f, FAULT_UPSTREAM_UNREACHABLE, "connection refused");
	assert_false(f->dial.tls_failed);
}

/* A listener whose queue is full drops further SYNs. */
static void a_black_hole_ends_at_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fill[8], fd = rig_listen(&f->to.port);
	uint64_t started;

	listen(fd, 0);
	at.sin_port = htons(f->to.port);
	for (int i = 0; i < 8; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fill[i], (struct sockaddr *)&at, sizeof(at));
	}
	f->to.host = SLICE("127.0.0.1");
	f->to.connect_ns = 300 * NS_PER_MS;
	started = clock_mono(&clock_system);
	dial_and_wait(f);
	assert_fault(f, FAULT_UPSTREAM_TIMEOUT, "connecting took too long");
	assert_in_range(clock_mono(&clock_system) - started, 300 * NS_PER_MS, 400 * NS_PER_MS);
	for (int i = 0; i < 8; i++)
		close(fill[i]);
	close(fd);
}

static int ask_metadata(const char *name, struct address *list, unsigned *ret_n)
{
	(void)name;
	address_parse(SLICE("169.254.169.254"), 0, &list[0]);
	address_parse(SLICE("10.1.2.3"), 0, &list[1]);
	*ret_n = 2;
	return 0;
}

static void a_public_name_may_not_lead_inside(void **state)
{
	struct fixture *f = *state;

	resolver_set_ask(f->by.resolver, ask_metadata);
	f->to.host = SLICE("api.example.com");
	f->to.port = 80;
	dial_and_wait(f);
	assert_fault(f, FAULT_DESTINATION_REFUSED, "10.1.2.3:80");
}

static void weir_does_not_call_itself(void **state)
{
	struct fixture *f = *state;
	int fd = rig_listen(&f->to.port);

	assert_int_equal(own_listeners_add(&f->own, fd), 0);
	f->rule.own = &f->own;
	f->to.host = SLICE("127.0.0.1");
	dial_and_wait(f);
	assert_fault(f, FAULT_DESTINATION_REFUSED, "Weir itself");
	close(fd);
}

static unsigned ask_many_v4; /* how many unreachable ones come first */
static int ask_many(const char *name, struct address *list, unsigned *ret_n)
{
	unsigned n = 0;

	(void)name;
	address_parse(SLICE("::1"), 0, &list[n++]);
	for (unsigned i = 0; i < ask_many_v4; i++)
		address_parse(SLICE("127.0.0.2"), 0, &list[n++]);
	address_parse(SLICE("127.0.0.1"), 0, &list[n++]);
	*ret_n = n;
	return 0;
}

static void addresses_that_refuse_are_passed_over_at_once(void **state)
{
	struct fixture *f = *state;
	int fd = rig_listen(&f->to.port);
	uint64_t started = clock_mono(&clock_system);

	ask_many_v4 = 20;
	resolver_set_ask(f->by.resolver, ask_many);
	dial_and_wait(f);
	assert_int_equal(f->result, 0);
	assert_true(clock_mono(&clock_system) - started < 1000 * NS_PER_MS);
	rig_end_open(&f->end, dial_take(&f->dial));
	assert_true(f->end.wire->peer.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	close(fd);
}

static int ask_nothing(const char *name, struct address *list, unsigned *ret_n)
{
	(void)name;
	(void)list;
	(void)ret_n;
	return -ENOENT;
}

static void an_unknown_name_says_so(void **state)
{
	struct fixture *f = *state;

	resolver_set_ask(f->by.resolver, ask_nothing);
	f->to.host = SLICE("nowhere.example");
	dial_and_wait(f);
	assert_fault(f, FAULT_UPSTREAM_UNREACHABLE, "no such name");
	f->to.host = SLICE("0x7f.1");
	dial_and_wait(f);
	assert_fault(f, FAULT_UPSTREAM_UNREACHABLE, "no name");
}

static int ask_slowly(const char *name, struct address *list, unsigned *ret_n)
{
	usleep(300000);
	return ask_many(name, list, ret_n);
}

static void a_dial_can_be_dropped_at_every_moment(void **state)
{
	struct fixture *f = *state;
	struct tls_server *server =
	        tls_server_start(&(struct tls_server_options){.does = TLS_SERVER_ECHOES});

	f->to.port = server->port;
	f->to.tls = true;
	f->to.tls_ca = slice_str(server->ca_path);
	for (unsigned n = 0; n < 40; n++) {
		f->done = false;
		dial_start(&f->dial, &f->by, &f->to, &f->ticket);
		for (unsigned i = 0; i < n && !f->done; i++) {
			loop_run_once(f->loop, false);
			usleep(n * 20);
		}
		if (n % 2)
			ticket_cancel(&f->ticket);
		dial_finish(&f->dial);
	}
	resolver_set_ask(f->by.resolver, ask_slowly);
	f->to.host = SLICE("slow.localhost");
	dial_start(&f->dial, &f->by, &f->to, &f->ticket);
	rig_rest(f->loop, 10);
	dial_finish(&f->dial);
	rig_rest(f->loop, 10);
	assert_int_equal(f->loop->wires, 0);
	tls_server_stop(server);
}

/* ---- TLS */

static struct tls_server *tls_dial(struct fixture *f, struct tls_server_options o)
{
	struct tls_server *s = tls_server_start(&o);

	f->to.port = s->port;
	f->to.tls = true;
	f->to.tls_ca = slice_str(s->ca_path);
	dial_and_wait(f);
	return s;
}

static void tls_fails(struct fixture *f, struct tls_server_options o, const char *part)
{
	struct tls_server *s = tls_dial(f, o);

	assert_fault(f, FAULT_UPSTREAM_UNREACHABLE, part);
	assert_true(f->dial.tls_failed);
	assert_int_equal(atomic_load(&s->plain_bytes), 0);
	dial_finish(&f->dial);
	rig_rest(f->loop, 5);
	tls_server_stop(s);
}

static void tls_echo(struct fixture *f, struct tls_server *s, size_t len)
{
	char *x = mem_alloc(len);

	assert_int_equal(f->result, 0);
	for (size_t i = 0; i < len; i++)
		x[i] = (char)(i * 7 + (i >> 9));
	f->end = (struct rig_end){.want = len};
	rig_end_open(&f->end, dial_take(&f->dial));
	for (size_t i = 0; i < len / 3; i++) /* many small segments, then a large one */
		if (i < 100)
			gather_copy(&f->end.wire->out, slice_from(x + i, 1));
		else {
			gather_lend(&f->end.wire->out, slice_from(x + i, len - i));
			break;
		}
	wire_mark_dirty(f->end.wire);
	loop_run_once(f->loop, false);
	assert_true(rig_run(f->loop, &f->end.got, 20000));
	assert_true(f->end.hash == rig_hash(RIG_HASH, slice_from(x, len)));
	assert_int_equal(atomic_load(&s->plain_bytes), len);
	mem_free(x);
}

static void tls_1_3_carries_megabytes(void **state)
{
	struct fixture *f = *state;
	struct tls_server *s = tls_dial(f, (struct tls_server_options){.does = TLS_SERVER_ECHOES});

	tls_echo(f, s, 5u << 20);
	rig_close(&f->end, WIRE_CLOSE_FLUSH);
	rig_rest(f->loop, 20);
	tls_server_stop(s);
}

static void tls_1_2_carries_megabytes(void **state)
{
	struct fixture *f = *state;
	struct tls_server *s = tls_dial(f, (struct tls_server_options){.does = TLS_SERVER_ECHOES,
	                                           .max_version = TLS1_2_VERSION});

	tls_echo(f, s, 5u << 20);
	tls_server_stop(s);
}

static void pause_after_each(struct rig_end *e, struct slice in)
{
	(void)in;
	wire_pause(e->wire, PAUSE_SINK_FULL, true);
}

static void a_paused_tls_wire_holds_what_it_has(void **state)
{
	struct fixture *f = *state;
	struct tls_server *s = tls_dial(f, (struct tls_server_options){.does = TLS_SERVER_ECHOES});
	char x[60000];

	memset(x, 'y', sizeof(x));
	f->end.on_data = pause_after_each;
	rig_end_open(&f->end, dial_take(&f->dial));
	rig_send(&f->end, slice_from(x, sizeof(x)));
	for (unsigned i = 0; i < 400 && f->end.n_in < sizeof(x); i++) {
		unsigned n = f->end.n_data;

		rig_rest(f->loop, 2);
		assert_true(f->end.n_data <= n + 1);
		wire_pause(f->end.wire, PAUSE_SINK_FULL, false);
	}
	assert_int_equal(f->end.n_in, sizeof(x));
	tls_server_stop(s);
}

static void the_second_connection_resumes_the_first(void **state)
{
	struct fixture *f = *state;
	struct tls_server *s;

	f->to.memory = &f->memory;
	s = tls_dial(f, (struct tls_server_options){.does = TLS_SERVER_ECHOES});
	tls_echo(f, s, 1000);
	rig_close(&f->end, WIRE_CLOSE_FLUSH);
	rig_rest(f->loop, 20);
	assert_non_null(f->memory.session);
	dial_finish(&f->dial);
	dial_and_wait(f);
	assert_int_equal(f->result, 0);
	rig_end_open(&f->end, dial_take(&f->dial));
	rig_send(&f->end, SLICE("x"));
	f->end.got = false;
	f->end.want = 1;
	rig_rest(f->loop, 20);
	assert_int_equal(atomic_load(&s->resumed), 1);
	tls_server_stop(s);
}

static void trust_that_was_renewed_is_not_resumed(void **state)
{
	struct fixture *f = *state;
	struct tls_server *s;

	f->to.memory = &f->memory;
	s = tls_dial(f, (struct tls_server_options){.does = TLS_SERVER_ECHOES});
	tls_echo(f, s, 1000);
	rig_close(&f->end, WIRE_CLOSE_FLUSH);
	rig_rest(f->loop, 20);
	dial_finish(&f->dial);
	tls_contexts_renew(f->by.contexts);
	dial_and_wait(f);
	assert_int_equal(f->result, 0);
	assert_int_equal(atomic_load(&s->resumed), 0);
	tls_server_stop(s);
}

static void a_certificate_for_an_address_is_checked(void **state)
{
	struct fixture *f = *state;
	struct tls_server *s;

	f->to.host = SLICE("127.0.0.1");
	s = tls_dial(
	        f, (struct tls_server_options){.does = TLS_SERVER_ECHOES, .name = "IP:127.0.0.1"});
	tls_echo(f, s, 1000);
	rig_close(&f->end, WIRE_CLOSE_NOW);
	dial_finish(&f->dial);
	tls_server_stop(s);
	tls_fails(f, (struct tls_server_options){.name = "IP:127.0.0.2"}, "certificate");
}

static void bad_certificates_are_refused(void **state)
{
	struct fixture *f = *state;

	tls_fails(f, (struct tls_server_options){.name = "DNS:other.example"}, "hostname mismatch");
	tls_fails(f, (struct tls_server_options){.name = "DNS:l*lhost"}, "hostname mismatch");
	tls_fails(f, (struct tls_server_options){.expired = true}, "expired");
	tls_fails(f, (struct tls_server_options){.self_made = true}, "issuer");
}

static void bad_protocols_are_refused(void **state)
{
	struct fixture *f = *state;

	tls_fails(f, (struct tls_server_options){.old = true}, "TLS version");
	tls_fails(f, (struct tls_server_options){.h2_only = true}, "bad extension");
	tls_fails(f, (struct tls_server_options){.does = TLS_SERVER_SPEAKS_HTTP},
	        "does not speak TLS");
	tls_fails(f, (struct tls_server_options){.does = TLS_SERVER_LEAVES}, "reset");
}

static void a_handshake_that_hangs_ends_at_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct tls_server *s;

	f->to.connect_ns = 300 * NS_PER_MS;
	s = tls_dial(f, (struct tls_server_options){.does = TLS_SERVER_HANGS});
	assert_fault(f, FAULT_UPSTREAM_TIMEOUT, "the TLS handshake took too long");
	tls_server_stop(s);
}

static void an_end_without_goodbye_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct tls_server *s = tls_dial(f, (struct tls_server_options){.does = TLS_SERVER_CUTS});

	assert_int_equal(f->result, 0);
	rig_end_open(&f->end, dial_take(&f->dial));
	assert_true(rig_run(f->loop, &f->end.ended, 2000));
	assert_string_equal(f->end.head, "part");
	assert_int_equal(f->end.error, -EPROTO);
	tls_server_stop(s);
}

static void a_missing_ca_file_is_named(void **state)
{
	struct fixture *f = *state;
	int fd = rig_listen(&f->to.port);

	f->to.tls = true;
	f->to.tls_ca = SLICE("/nowhere/ca.pem");
	dial_and_wait(f);
	assert_fault(f, FAULT_UPSTREAM_UNREACHABLE, "/nowhere/ca.pem");
	close(fd);
}

static void a_certificate_is_shown_to_who_asks(void **state)
{
	struct fixture *f = *state;
	struct tls_server *s = tls_server_start(&(struct tls_server_options){
	        .does = TLS_SERVER_ECHOES, .wants_client = true, .max_version = TLS1_2_VERSION});

	f->to.port = s->port;
	f->to.tls = true;
	f->to.tls_ca = slice_str(s->ca_path);
	dial_and_wait(f); /* with none */
	assert_int_equal(f->result, -ECONNREFUSED);
	dial_finish(&f->dial);
	f->to.tls_certificate = f->to.tls_key = slice_str(s->client_path);
	dial_and_wait(f);
	tls_echo(f, s, 1000);
	rig_close(&f->end, WIRE_CLOSE_NOW);
	rig_rest(f->loop, 5);
	f->to.tls_key = SLICE("/nowhere/key.pem");
	dial_and_wait(f);
	assert_fault(f, FAULT_UPSTREAM_UNREACHABLE, "certificate to be shown");
	dial_finish(&f->dial);
	tls_server_stop(s);
}

static void a_unix_socket_is_dialled_by_its_path(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/weir-dial-%d.sock", (int)getpid());
	f->to.unix_path = slice_str(at.sun_path);
	dial_and_wait(f);
	assert_fault(f, FAULT_UPSTREAM_UNREACHABLE, "no such file");
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	dial_and_wait(f);
	assert_fault(f, FAULT_UPSTREAM_UNREACHABLE, "connection refused");
	assert_int_equal(listen(fd, 1), 0);
	dial_and_wait(f);
	assert_int_equal(f->result, 0);
	rig_end_open(&f->end, dial_take(&f->dial));
	assert_int_equal(f->end.wire->peer.sa.sa_family, AF_UNSPEC);
	unlink(at.sun_path);
	close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	        T(a_name_leads_to_a_wire),
	        T(refused_says_so),
	        T(a_black_hole_ends_at_the_deadline),
	        T(a_public_name_may_not_lead_inside),
	        T(weir_does_not_call_itself),
	        T(addresses_that_refuse_are_passed_over_at_once),
	        T(an_unknown_name_says_so),
	        T(a_dial_can_be_dropped_at_every_moment),
	        T(tls_1_3_carries_megabytes),
	        T(tls_1_2_carries_megabytes),
	        T(a_paused_tls_wire_holds_what_it_has),
	        T(the_second_connection_resumes_the_first),
	        T(trust_that_was_renewed_is_not_resumed),
	        T(a_certificate_for_an_address_is_checked),
	        T(bad_certificates_are_refused),
	        T(bad_protocols_are_refused),
	        T(a_handshake_that_hangs_ends_at_the_deadline),
	        T(an_end_without_goodbye_is_an_error),
	        T(a_missing_ca_file_is_named),
	        T(a_certificate_is_shown_to_who_asks),
	        T(a_unix_socket_is_dialled_by_its_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
