/* SPDX-License-Identifier: Apache-2.0 */
/* listener, its sockets: bound before any loop runs, made anew or taken over from a service
 * manager. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "net/listener.h"

#define INHERITED_FIRST 3
#define INHERITED_MAX 64

static int unix_address(struct slice path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!path.len || path.len >= sizeof(ret->sun_path) || memchr(path.at, 0, path.len))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, path.at, path.len);
	return 0;
}

static int note_error(char note[LISTEN_NOTE], struct slice where, int error)
{
	if (error == -EADDRINUSE)
		snprintf(note, LISTEN_NOTE, "another program already listens on %.*s",
		        SLICE_FMT(where));
	else if (error == -EACCES)
		snprintf(note, LISTEN_NOTE, "listening on %.*s is not permitted", SLICE_FMT(where));
	else if (error == -EADDRNOTAVAIL)
		snprintf(note, LISTEN_NOTE, "this machine does not have the address of %.*s",
		        SLICE_FMT(where));
	else if (error == -ENAMETOOLONG)
		snprintf(note, LISTEN_NOTE, "the path %.*s is too long for a socket (107 bytes)",
		        SLICE_FMT(where));
	else
		snprintf(note, LISTEN_NOTE, "cannot listen on %.*s: %s", SLICE_FMT(where),
		        strerror(-error));
	return error;
}

/* Somebody answers, or the question cannot be asked. */
static bool unix_is_answered(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered = fd < 0 || !connect(fd, (const struct sockaddr *)at, sizeof(*at)) ||
	                (errno != ECONNREFUSED && errno != ENOENT);

	if (fd >= 0)
		close(fd);
	return answered;
}

/* The mode is set before listen, while nobody can connect yet. */
static int unix_bind(int fd, const struct sockaddr_un *at, uint32_t mode)
{
	struct stat old;
	int r = bind(fd, (const struct sockaddr *)at, sizeof(*at)) ? -errno : 0;

	if (r == -EADDRINUSE && !lstat(at->sun_path, &old) && S_ISSOCK(old.st_mode) &&
	        !unix_is_answered(at)) {
		r = unlink(at->sun_path) || bind(fd, (const struct sockaddr *)at, sizeof(*at))
		            ? -errno
		            : 0;
	}
	if (!r && chmod(at->sun_path, (mode_t)(mode & 0777)))
		r = -errno;
	return r;
}

static int listen_bind_unix(const struct listen_address *a, int *ret_fd, char note[LISTEN_NOTE])
{
	struct sockaddr_un at;
	int fd, r = unix_address(a->unix_path, &at);

	if (r)
		return note_error(note, a->unix_path, r);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return note_error(note, a->unix_path, -errno);
	r = unix_bind(fd, &at, a->mode);
	if (r) {
		close(fd);
		return note_error(note, a->unix_path, r);
	}
	*ret_fd = fd;
	return 0;
}

static int listen_resolve(const struct listen_address *a, struct address *ret)
{
	struct slice host =
	        slice_equals_nocase(a->host, SLICE("localhost")) ? SLICE("127.0.0.1") : a->host;

	return address_parse(host, a->port, ret);
}

static int listen_bind_tcp(const struct address *at, int *ret_fd)
{
	int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, r = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	        bind(fd, &at->sa, address_len(at)))
		r = -errno;
	if (r)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

int listen_bind(const struct listen_address *a, int *ret_fd, char ret_note[LISTEN_NOTE])
{
	char text[ADDRESS_TEXT];
	struct address at;
	int r;

	if (a->unix_path.len)
		return listen_bind_unix(a, ret_fd, ret_note);
	r = listen_resolve(a, &at);
	if (r) {
		snprintf(ret_note, LISTEN_NOTE, "\"%.*s\" is not a numeric address",
		        SLICE_FMT(a->host));
		return r;
	}
	address_format(&at, text);
	r = listen_bind_tcp(&at, ret_fd);
	return r ? note_error(ret_note, slice_str(text), r) : 0;
}

static bool fd_is_bound_to(int fd, const struct listen_address *a)
{
	struct sockaddr_storage bound;
	struct sockaddr_un path;
	struct address wanted, is = {.in6 = {.sin6_family = AF_UNSPEC}};
	socklen_t len = sizeof(bound);
	int listening = 0;
	socklen_t listening_len = sizeof(listening);

	memset(&bound, 0, sizeof(bound));
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &listening_len) || !listening ||
	        getsockname(fd, (struct sockaddr *)&bound, &len))
		return false;
	if (a->unix_path.len)
		return bound.ss_family == AF_UNIX && !unix_address(a->unix_path, &path) &&
		       !strcmp(path.sun_path, ((struct sockaddr_un *)&bound)->sun_path);
	if ((bound.ss_family != AF_INET && bound.ss_family != AF_INET6) ||
	        listen_resolve(a, &wanted))
		return false;
	memcpy(&is, &bound, bound.ss_family == AF_INET ? sizeof(is.in) : sizeof(is.in6));
	return address_equals(&wanted, &is);
}

static unsigned inherited_count(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t for_pid, n;

	if (!pid || !fds || slice_to_u64(slice_str(pid), INT32_MAX, &for_pid) ||
	        for_pid != (uint64_t)getpid() || slice_to_u64(slice_str(fds), INHERITED_MAX, &n))
		return 0;
	return (unsigned)n;
}

int listen_inherited(const struct listen_address *a, int *ret_fd)
{
	unsigned n = inherited_count();

	for (unsigned i = 0; i < n; i++) {
		int fd = INHERITED_FIRST + (int)i;

		if (!fd_is_bound_to(fd, a))
			continue;
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, O_NONBLOCK))
			return -errno;
		*ret_fd = fd;
		return 0;
	}
	return -ENOENT;
}

int listen_duplicate(int fd, int *ret_fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return -errno;
	*ret_fd = copy;
	return 0;
}

void listen_unlink(const struct listen_address *a, int fd)
{
	struct sockaddr_un at, bound = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(bound);

	if (unix_address(a->unix_path, &at) || getsockname(fd, (struct sockaddr *)&bound, &len))
		return;
	if (!strcmp(at.sun_path, bound.sun_path))
		unlink(at.sun_path);
}

uint16_t listen_port(int fd)
{
	struct address a = {.in6 = {.sin6_family = AF_UNSPEC}};
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);

	if (getsockname(fd, (struct sockaddr *)&bound, &len) ||
	        (bound.ss_family != AF_INET && bound.ss_family != AF_INET6))
		return 0;
	memcpy(&a, &bound, bound.ss_family == AF_INET ? sizeof(a.in) : sizeof(a.in6));
	return address_port(&a);
}
