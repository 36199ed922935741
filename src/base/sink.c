/* SPDX-License-Identifier: Apache-2.0 */
/* sink: two buffers, one that is filled under the lock and one that the thread writes out. The
 * thread sleeps 20 ms after each round unless much waits, so that many puts share one write and at
 * most one wake-up. */
#include "base/sink.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"

#define ROUND_NS (20 * NS_PER_MS)
#define SOON (64u * 1024) /* bytes that do not wait for the round's end: memory is spared */
#define KEPT (2 * SOON)   /* memory that a buffer keeps; what a busy moment needed goes back */
#define FAREWELL_NS NS_PER_S
#define POLL_MS 50
#define STACK_SIZE (256u * 1024)

struct sink {
	int fd;
	size_t room;
	pthread_t thread;
	pthread_mutex_t lock; /* over waiting, writing, is_idle, leaves_at */
	pthread_cond_t wake;
	struct buf waiting; /* owned */
	size_t writing;     /* bytes that the thread has taken and not finished with */
	bool is_idle;       /* the thread waits for a signal */
	_Atomic uint64_t
	        leaves_at; /* monotonic ns by which the thread is to end; 0 while it is not */
	_Atomic uint64_t dropped;
	/* the thread's own */
	struct buf out; /* owned */
	bool is_torn;   /* the last line that was written has lost its end */
};

static bool sink_must_leave(const struct sink *s)
{
	uint64_t at = atomic_load(&s->leaves_at);

	return at && clock_mono(&clock_system) >= at;
}

/* How much one write may take without waiting for a reader. A pipe that has room at all takes
 * PIPE_BUF at once. The flag may be set or cleared by whoever shares the descriptor, so it is read
 * each time. */
static size_t sink_step(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags >= 0 && (flags & O_NONBLOCK))
		return SSIZE_MAX;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return SSIZE_MAX;
	return PIPE_BUF;
}

/* False when nobody reads in time. */
static bool sink_wait_writable(const struct sink *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};

	while (!sink_must_leave(s))
		if (poll(&p, 1, POLL_MS) > 0)
			return true;
	return false;
}

static void sink_drop_rest(struct sink *s)
{
	struct slice rest = buf_slice(&s->out);
	uint64_t n = 0;

	for (size_t i = 0; i < rest.len; i++)
		n += rest.at[i] == '\n';
	atomic_fetch_add(&s->dropped, n);
	buf_clear(&s->out);
}

/* Writes out, or drops what cannot be written: the reader is gone, the disk is full, the time is
 * over. */
static void sink_write_out(struct sink *s)
{
	size_t step = sink_step(s->fd);

	if (s->is_torn && sink_wait_writable(s) && write(s->fd, "\n", 1) == 1)
		s->is_torn = false;
	while (buf_len(&s->out) && sink_wait_writable(s)) {
		size_t len = buf_len(&s->out);
		ssize_t n = write(s->fd, buf_at(&s->out), len < step ? len : step);

		if (n > 0) {
			s->is_torn = buf_at(&s->out)[n - 1] != '\n';
			buf_take(&s->out, (size_t)n);
		} else if (n < 0 && errno != EINTR && errno != EAGAIN) {
			break;
		}
	}
	sink_drop_rest(s);
	if (s->out.cap > KEPT)
		buf_finish(&s->out);
}

/* Both under the lock. */
static void sink_sleep(struct sink *s)
{
	uint64_t until = clock_mono(&clock_system) + ROUND_NS;
	struct timespec at = {(time_t)(until / NS_PER_S), (long)(until % NS_PER_S)};

	while (!atomic_load(&s->leaves_at) && buf_len(&s->waiting) < SOON)
		if (pthread_cond_timedwait(&s->wake, &s->lock, &at))
			return;
}

static bool sink_take_waiting(struct sink *s)
{
	struct buf empty = s->out;

	while (!buf_len(&s->waiting)) {
		if (atomic_load(&s->leaves_at))
			return false;
		s->is_idle = true;
		pthread_cond_wait(&s->wake, &s->lock);
	}
	s->is_idle = false;
	s->out = s->waiting;
	s->waiting = empty;
	s->writing = buf_len(&s->out);
	return true;
}

static void *sink_main(void *arg)
{
	struct sink *s = arg;

	prctl(PR_SET_NAME, "weir-sink");
	pthread_mutex_lock(&s->lock);
	while (sink_take_waiting(s)) {
		pthread_mutex_unlock(&s->lock);
		sink_write_out(s);
		pthread_mutex_lock(&s->lock);
		s->writing = 0;
		sink_sleep(s);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Signals are the other threads' business; SIGPIPE above all is not to end the process. */
static int sink_start(struct sink *s)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int r;

	if (pthread_attr_init(&attr))
		return -ENOMEM;
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&s->thread, &attr, sink_main, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

static void sink_finish(struct sink *s)
{
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	buf_finish(&s->waiting);
	buf_finish(&s->out);
	mem_free(s);
}

struct sink *sink_new(int fd, size_t room)
{
	struct sink *s = mem_zalloc(sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	s->fd = fd;
	s->room = room;
	buf_init(&s->waiting, room);
	buf_init(&s->out, room);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (sink_start(s)) {
		sink_finish(s);
		return NULL;
	}
	return s;
}

void sink_free(struct sink *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->leaves_at, clock_mono(&clock_system) + FAREWELL_NS);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	sink_finish(s);
}

void sink_put(struct sink *s, struct buf *lines, unsigned n_lines)
{
	struct slice text = buf_slice(lines);
	bool fits, wake;
	size_t before;

	if (!text.len)
		return;
	assert(text.at[text.len - 1] == '\n');
	pthread_mutex_lock(&s->lock);
	before = buf_len(&s->waiting);
	fits = text.len <= s->room - s->writing &&
	       buf_len(&s->waiting) <= s->room - s->writing - text.len &&
	       !buf_put_slice(&s->waiting, text);
	wake = fits && (s->is_idle || (before < SOON && before + text.len >= SOON));
	s->is_idle = s->is_idle && !wake;
	pthread_mutex_unlock(&s->lock);
	if (wake)
		pthread_cond_signal(&s->wake);
	if (!fits)
		sink_drop(s, n_lines);
	buf_clear(lines);
}

void sink_drop(struct sink *s, unsigned n_lines)
{
	atomic_fetch_add(&s->dropped, n_lines);
}

uint64_t sink_dropped(const struct sink *s)
{
	return atomic_load(&s->dropped);
}
