/* SPDX-License-Identifier: Apache-2.0 */
/* control: one poll over a signalfd and the file watch. Stopping has stages: not ready but serving, until it is quiet or
 * drain.quiet is over; then no new connections, and what runs may end, until drain.hard; then streams are ended. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "app/control.h"
#include "app/watch.h"
#include "base/log.h"

#define SETTLE_MS 100       /* a change of files is often several; wait until they have settled */
#define QUIET_MS 500        /* nothing in flight for so long is quiet */
#define LAST_WORDS_MS 2000  /* for streams that were ended to be sent */

enum stage { STAGE_SERVING, STAGE_UNREADY, STAGE_CLOSING, STAGE_ENDING, STAGE_OVER };

struct control {
	struct server *server;
	struct watch watch;
	int signals;
	int child, child_status;
	enum stage stage;
	uint64_t stopping_at, stage_at, quiet_since; /* monotonic ns */
	uint64_t reload_at;                          /* 0: nothing to reload */
};

static sigset_t control_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	return set;
}

void control_block_signals(void)
{
	sigset_t set = control_signals();

	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGXFSZ); /* a limit on the size of files is an error of the write */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static uint64_t now_ns(void)
{
	return clock_mono(&clock_system);
}

static void enter(struct control *c, enum stage stage)
{
	c->stage = stage;
	c->stage_at = now_ns();
	if (stage == STAGE_CLOSING)
		server_order(c->server, WORKER_STOP_ACCEPTING);
	if (stage == STAGE_ENDING)
		server_order(c->server, WORKER_END_STREAMS);
}

/* The first signal begins to drain; each further one skips what is being waited for. */
static void stop(struct control *c, bool in_a_hurry)
{
	atomic_store(&c->server->ready, false);
	if (c->stage == STAGE_SERVING) {
		c->stopping_at = c->quiet_since = now_ns();
		log_info("stopping: no longer ready, waiting for calls to end");
		enter(c, in_a_hurry ? STAGE_CLOSING : STAGE_UNREADY);
	} else if (c->stage < STAGE_OVER && in_a_hurry) {
		enter(c, c->stage + 1);
	}
}

static void on_child(struct control *c)
{
	int status;

	while (waitpid(c->child ? c->child : -1, &status, WNOHANG) > 0) {
		if (!c->child)
			continue;
		c->child_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		c->child = 0;
		stop(c, true);
	}
}

static void on_signals(struct control *c)
{
	struct signalfd_siginfo info;

	while (read(c->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			c->reload_at = now_ns();
		else if (info.ssi_signo == SIGCHLD)
			on_child(c);
		else if (c->child)
			kill(c->child, (int)info.ssi_signo); /* its end is ours */
		else
			stop(c, info.ssi_signo == SIGINT);
	}
}

static void step_stage(struct control *c)
{
	struct server *s = c->server;
	const struct conf *conf = s->snapshot->conf;
	uint64_t now = now_ns();

	if (c->stage == STAGE_UNREADY) {
		if (server_in_flight(s))
			c->quiet_since = now;
		if (now - c->quiet_since >= QUIET_MS * NS_PER_MS || now - c->stopping_at >= conf->drain_quiet_ns)
			enter(c, STAGE_CLOSING);
	} else if (c->stage == STAGE_CLOSING) {
		if (!server_sessions(s))
			enter(c, STAGE_OVER);
		else if (now - c->stopping_at >= conf->drain_hard_ns)
			enter(c, STAGE_ENDING);
	} else if (c->stage == STAGE_ENDING) {
		if (!server_sessions(s) || now - c->stage_at >= LAST_WORDS_MS * NS_PER_MS)
			enter(c, STAGE_OVER);
	}
}

/* What cannot be watched keeps nothing else from being so. */
static void watch_also(struct watch *w, const char *path, int *error)
{
	int r = watch_add(w, path);

	if (*error == 0)
		*error = r;
}

static void watch_certificates(struct watch *w, const struct conf *conf, int *error)
{
	const struct slice of_store[] = {conf->store.tls_ca, conf->store.tls_certificate, conf->store.tls_key};

	for (unsigned i = 0; i < sizeof(of_store) / sizeof(*of_store); i++)
		if (of_store[i].len)
			watch_also(w, of_store[i].at, error);
	for (unsigned i = 0; i < conf->n_upstreams; i++)
		if (conf->upstreams[i].tls_ca.len)
			watch_also(w, conf->upstreams[i].tls_ca.at, error);
}

/* The files that the policy in force was read from: its own, what stands in for references, certificates. While a newer one
 * could not be taken, any file of their folders may be what it waits for. */
static void watch_policy(struct control *c)
{
	struct server *s = c->server;
	const struct conf *conf = s->snapshot->conf;
	int error = 0;

	if (!s->n_paths)
		return;
	c->watch.takes_all = !atomic_load(&s->last_reload_good);
	watch_clear(&c->watch);
	for (unsigned i = 0; i < s->n_paths; i++)
		watch_also(&c->watch, s->paths[i], &error);
	for (unsigned i = 0; i < conf->n_value_files; i++)
		watch_also(&c->watch, conf->value_files[i], &error);
	watch_certificates(&c->watch, conf, &error);
	watch_settle(&c->watch);
	if (error < 0)
		log_warn("some of the policy's files cannot be watched (%s); send SIGHUP after a change", strerror(-error));
}

/* The first change of several sets the time: files that change without end must not put a reload off for ever, nor a signal's. */
static void files_changed(struct control *c)
{
	if (!c->reload_at)
		c->reload_at = now_ns() + SETTLE_MS * NS_PER_MS;
}

static void step_reload(struct control *c)
{
	if (!c->reload_at || now_ns() < c->reload_at)
		return;
	c->reload_at = 0;
	server_reload(c->server, NULL);
	watch_policy(c);
}

/* What an operator has asked for; their journal record is written. */
static void step_orders(struct control *c)
{
	struct reload_order *o = server_take_order(c->server);
	eventfd_t count;

	eventfd_read(c->server->control_fd, &count);
	if (!o)
		return;
	o->good = server_reload(c->server, &o->problems);
	watch_policy(c);
	memcpy(o->version, c->server->snapshot->conf->version, sizeof(o->version));
	mailbox_post(o->loop, &o->back);
}

static int wait_ms(const struct control *c)
{
	if (c->stage != STAGE_SERVING)
		return 20;
	if (!c->reload_at)
		return -1;
	uint64_t now = now_ns();
	return c->reload_at <= now ? 0 : (int)((c->reload_at - now) / NS_PER_MS) + 1;
}

int control_run(struct server *s, int child)
{
	struct control c = {.server = s, .watch = {-1}, .child = child};
	sigset_t set = control_signals();

	c.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (c.signals < 0)
		return 1;
	watch_open(&c.watch);
	watch_policy(&c);
	while (c.stage != STAGE_OVER) {
		struct pollfd fds[3] = {{c.signals, POLLIN, 0}, {s->control_fd, POLLIN, 0}, {c.watch.fd, POLLIN, 0}};
		if (poll(fds, c.watch.fd >= 0 ? 3 : 2, wait_ms(&c)) < 0 && errno != EINTR)
			break;
		on_signals(&c);
		if (c.watch.fd >= 0 && watch_read(&c.watch))
			files_changed(&c);
		step_reload(&c);
		if (fds[1].revents)
			step_orders(&c);
		step_stage(&c);
	}
	watch_close(&c.watch);
	close(c.signals);
	return c.child_status;
}
