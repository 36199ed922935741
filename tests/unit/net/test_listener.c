/* SPDX-License-Identifier: Apache-2.0 */
/* listener: who gets in, how many, over what; sockets that exist already; descriptors that run out.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/listener.h"
#include "rig/net_rig.h"
#include "rig/unit.h"

#define ENDS 300

struct fixture {
	struct loop *loop;
	struct listener *listener;
	struct rig_end ends[ENDS];
	unsigned n;
	char dir[64], path[96], note[LISTEN_NOTE];
	struct listener_options options;
	struct cidr cidr;
	uint16_t port;
};

static void on_accept(void *owner, struct wire *w)
{
	struct fixture *f = owner;

	rig_end_open(&f->ends[f->n++], w);
}

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	*state = f;
	snprintf(f->dir, sizeof(f->dir), "/tmp/weir-listener-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	f->options = (struct listener_options){.accept = on_accept, .owner = f};
	return loop_new(&f->loop, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->listener)
		listener_close(f->listener);
	for (unsigned i = 0; i < f->n; i++)
		rig_close(&f->ends[i], WIRE_CLOSE_NOW);
	assert_int_equal(loop_free(f->loop), 0);
	unlink(f->path);
	rmdir(f->dir);
	mem_free(f);
	return 0;
}

static void open_on(struct fixture *f, const struct listen_address *a)
{
	int fd;

	assert_int_equal(listen_bind(a, &fd, f->note), 0);
	f->port = listen_port(fd);
	assert_int_equal(listener_open(f->loop, fd, &f->options, &f->listener), 0);
}

static const struct listen_address v4 = {.host = SLICE_INIT("127.0.0.1")};

static struct listen_address unix_at(struct fixture *f)
{
	return (struct listen_address){.unix_path = slice_str(f->path), .mode = 0600};
}

static int call(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
	        .sin_addr = {htonl(INADDR_LOOPBACK)},
	        .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static int call_unix(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_hung_up(int fd)
{
	char c;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	return recv(fd, &c, 1, 0) == 0 || errno == ECONNRESET;
}

static void callers_get_in(void **state)
{
	struct fixture *f = *state;
	int fd[100];

	open_on(f, &v4);
	for (int i = 0; i < 100; i++)
		fd[i] = call(f->port);
	rig_rest(f->loop, 20);
	assert_int_equal(f->n, 100);
	assert_int_equal(f->listener->n_wires, 100);
	assert_true(f->ends[0].wire->peer.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	for (int i = 0; i < 100; i++)
		close(fd[i]);
	rig_rest(f->loop, 10);
	for (int i = 0; i < 100; i++)
		assert_true(f->ends[i].ended);
}

static void ipv6_callers_get_in(void **state)
{
	struct fixture *f = *state;
	const struct listen_address v6 = {.host = SLICE("::1")};
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int listening, fd;

	if (listen_bind(&v6, &listening, f->note))
		skip(); /* a machine without IPv6 */
	at.sin6_port = htons(listen_port(listening));
	assert_int_equal(listener_open(f->loop, listening, &f->options, &f->listener), 0);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	rig_rest(f->loop, 5);
	assert_int_equal(f->n, 1);
	close(fd);
}

static void at_the_ceiling_callers_wait_their_turn(void **state)
{
	struct fixture *f = *state;
	uint64_t turns;
	int fd[5];

	f->options.connections = 3;
	open_on(f, &v4);
	for (int i = 0; i < 5; i++)
		fd[i] = call(f->port);
	rig_rest(f->loop, 10);
	assert_int_equal(f->n, 3);
	assert_true(f->listener->full);
	turns = f->loop->turns;
	rig_rest(f->loop, 20);
	assert_int_equal(f->loop->turns, turns);
	rig_close(&f->ends[0], WIRE_CLOSE_NOW);
	rig_rest(f->loop, 10);
	assert_int_equal(f->n, 4);
	rig_close(&f->ends[1], WIRE_CLOSE_NOW);
	rig_close(&f->ends[2], WIRE_CLOSE_NOW);
	rig_rest(f->loop, 10);
	assert_int_equal(f->n, 5);
	assert_false(f->listener->full);
	for (int i = 0; i < 5; i++)
		close(fd[i]);
}

/* The backlog stays full of callers, yet the loop does not turn for nothing. */
static void without_descriptors_it_rests_and_recovers(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, tight;
	uint64_t turns;
	int fd[3], top;

	open_on(f, &v4);
	for (int i = 0; i < 3; i++)
		fd[i] = call(f->port);
	getrlimit(RLIMIT_NOFILE, &before);
	top = dup(0);
	close(top);
	tight = before;
	tight.rlim_cur = (rlim_t)top;
	setrlimit(RLIMIT_NOFILE, &tight);
	turns = f->loop->turns;
	rig_rest(f->loop, 350);
	assert_int_equal(f->n, 0);
	assert_in_range(f->loop->turns - turns, 2, 12);
	setrlimit(RLIMIT_NOFILE, &before);
	rig_rest(f->loop, 200);
	assert_int_equal(f->n, 3);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
}

static void only_callers_on_the_list_get_in(void **state)
{
	struct fixture *f = *state;
	int fd;

	cidr_parse(SLICE("10.0.0.0/8"), &f->cidr);
	f->options.allow_from = &f->cidr;
	f->options.n_allow_from = 1;
	open_on(f, &v4);
	fd = call(f->port);
	rig_rest(f->loop, 10);
	assert_int_equal(f->n, 0);
	assert_int_equal(f->listener->refused, 1);
	assert_int_equal(f->listener->n_wires, 0);
	assert_true(is_hung_up(fd));
	close(fd);
	cidr_parse(SLICE("127.0.0.0/8"), &f->cidr);
	fd = call(f->port);
	rig_rest(f->loop, 10);
	assert_int_equal(f->n, 1);
	close(fd);
}

static void a_unix_socket_tells_who_calls(void **state)
{
	struct fixture *f = *state;
	struct listen_address a = unix_at(f);
	uint32_t uid = getuid() + 1;
	struct stat st;
	int fd;

	f->options.peer_uids = &uid;
	f->options.n_peer_uids = 1;
	open_on(f, &a);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	fd = call_unix(f->path);
	rig_rest(f->loop, 10);
	assert_int_equal(f->n, 0);
	assert_true(is_hung_up(fd));
	close(fd);
	uid = getuid();
	fd = call_unix(f->path);
	rig_rest(f->loop, 10);
	assert_int_equal(f->n, 1);
	assert_int_equal(f->ends[0].wire->peer_uid, getuid());
	assert_int_equal(f->ends[0].wire->peer_pid, getpid());
	close(fd);
}

static void a_stale_socket_file_is_taken_over_a_live_one_is_not(void **state)
{
	struct fixture *f = *state;
	struct listen_address a = unix_at(f);
	int first, second;

	assert_int_equal(listen_bind(&a, &first, f->note), 0);
	listen(first, 1);
	assert_int_equal(listen_bind(&a, &second, f->note), -EADDRINUSE);
	assert_non_null(strstr(f->note, f->path));
	close(first);
	assert_int_equal(listen_bind(&a, &second, f->note), 0);
	listen_unlink(&a, second);
	assert_int_equal(access(f->path, F_OK), -1);
	close(second);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct listen_address a = unix_at(f);
	int fd = open(f->path, O_CREAT | O_WRONLY, 0600);

	close(fd);
	assert_int_equal(listen_bind(&a, &fd, f->note), -EADDRINUSE);
	assert_int_equal(access(f->path, F_OK), 0);
}

static void loops_share_what_cannot_be_bound_twice(void **state)
{
	struct fixture *f = *state;
	struct listen_address a = unix_at(f);
	struct listener *second;
	int fd, copy;

	assert_int_equal(listen_bind(&a, &fd, f->note), 0);
	assert_int_equal(listen_duplicate(fd, &copy), 0);
	assert_int_equal(listener_open(f->loop, fd, &f->options, &f->listener), 0);
	assert_int_equal(listener_open(f->loop, copy, &f->options, &second), 0);
	listener_close(f->listener);
	f->listener = second;
	fd = call_unix(f->path);
	rig_rest(f->loop, 10);
	assert_int_equal(f->n, 1);
	close(fd);
}

static void a_taken_port_is_explained(void **state)
{
	struct fixture *f = *state;
	struct listen_address a = v4;
	int fd, other = rig_listen(&a.port); /* without SO_REUSEPORT */

	assert_int_equal(listen_bind(&a, &fd, f->note), -EADDRINUSE);
	assert_non_null(strstr(f->note, "already listens on 127.0.0.1:"));
	close(other);
	a.host = SLICE("192.0.2.1");
	assert_int_equal(listen_bind(&a, &fd, f->note), -EADDRNOTAVAIL);
	a.host = SLICE("example.com");
	assert_int_equal(listen_bind(&a, &fd, f->note), -EINVAL);
}

static void a_port_may_be_bound_once_a_loop(void **state)
{
	struct fixture *f = *state;
	struct listen_address a = v4;
	int first, second;

	assert_int_equal(listen_bind(&a, &first, f->note), 0);
	a.port = listen_port(first);
	assert_int_equal(listen_bind(&a, &second, f->note), 0);
	close(first);
	close(second);
}

static void wires_outlive_their_listener(void **state)
{
	struct fixture *f = *state;
	int fd;

	open_on(f, &v4);
	fd = call(f->port);
	rig_rest(f->loop, 5);
	listener_close(f->listener);
	f->listener = NULL;
	rig_rest(f->loop, 5);
	f->ends[0].want = 2;
	assert_int_equal(send(fd, "hi", 2, 0), 2);
	assert_true(rig_run(f->loop, &f->ends[0].got, 1000));
	close(fd);
}

static void a_descriptor_handed_down_is_found_by_its_address(void **state)
{
	struct fixture *f = *state;
	struct listen_address a = v4;
	char pid[16];
	int fd, saved = fcntl(3, F_DUPFD_CLOEXEC, 10), found, mine;

	assert_int_equal(listen_bind(&a, &fd, f->note), 0);
	a.port = listen_port(fd);
	listen(fd, 1);
	mine = dup2(fd, 3);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	assert_int_equal(listen_inherited(&a, &found), 0);
	assert_int_equal(found, mine);
	a.port++;
	assert_int_equal(listen_inherited(&a, &found), -ENOENT);
	setenv("LISTEN_PID", "1", 1);
	a.port--;
	assert_int_equal(listen_inherited(&a, &found), -ENOENT);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	close(fd);
	close(3);
	if (saved >= 0) {
		dup2(saved, 3);
		close(saved);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	        T(callers_get_in),
	        T(ipv6_callers_get_in),
	        T(at_the_ceiling_callers_wait_their_turn),
	        T(without_descriptors_it_rests_and_recovers),
	        T(only_callers_on_the_list_get_in),
	        T(a_unix_socket_tells_who_calls),
	        T(a_stale_socket_file_is_taken_over_a_live_one_is_not),
	        T(a_file_that_is_no_socket_is_left_alone),
	        T(loops_share_what_cannot_be_bound_twice),
	        T(a_taken_port_is_explained),
	        T(a_port_may_be_bound_once_a_loop),
	        T(wires_outlive_their_listener),
	        T(a_descriptor_handed_down_is_found_by_its_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
