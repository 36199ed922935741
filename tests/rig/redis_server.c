/* SPDX-License-Identifier: Apache-2.0 */
/* redis_server: fork and exec, then asks until it answers. */
#include "rig/redis_server.h"
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "rig/net_rig.h"

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "redis_server: %s\n", what);
	abort();
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* Debian's redis-server package would start a service beside the tests; its program is also in
 * redis-tools, where it goes by another name and is what it is called as. NULL: neither is there.
 */
static const char *server_program(void)
{
	static const char *const places[] = {"/usr/bin/redis-server", "/usr/local/bin/redis-server",
	        "/bin/redis-server", "/usr/bin/redis-check-rdb"};

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!access(places[i], X_OK))
			return places[i];
	return NULL;
}

bool redis_server_can_run(void)
{
	if (server_program())
		return true;
	fprintf(stderr, "skipped: there is no redis-server (deploy/install-packages test)\n");
	return false;
}

static uint16_t free_port(void)
{
	uint16_t port;

	close(rig_listen(&port));
	return port;
}

static void conf_write(const struct redis_server *s, const char *path)
{
	FILE *file = fopen(path, "w");

	need(file, "no configuration file");
	fprintf(file, "port %u\nbind 127.0.0.1\ndir %s\ndaemonize no\nlogfile %s/log\n", s->port,
	        s->folder, s->folder);
	if (!s->is_sentinel)
		fprintf(file,
		        "unixsocket %s\nsave \"\"\nappendonly no\nrepl-diskless-sync-delay 0\n",
		        s->socket);
	if (s->tls_port)
		fprintf(file, "tls-port %u\n", s->tls_port);
	if (s->bus)
		fprintf(file, "cluster-enabled yes\ncluster-port %u\ncluster-config-file nodes\n",
		        s->bus);
	fputs(s->conf, file);
	fclose(file);
}

static redisContext *admin_connect(struct redis_server *s)
{
	redisContext *c =
	        redisConnectWithTimeout("127.0.0.1", s->port, (struct timeval){.tv_sec = 1});
	redisReply *r = NULL;
	bool good = c && !c->err;

	if (good) {
		redisSetTimeout(c, (struct timeval){.tv_sec = 5});
		r = s->admin[0] ? redisCommand(c, "AUTH %s", s->admin) : redisCommand(c, "PING");
		good = r && r->type == REDIS_REPLY_STATUS;
	}
	if (r)
		freeReplyObject(r);
	if (good)
		return c;
	if (c)
		redisFree(c);
	return NULL;
}

void redis_server_again(struct redis_server *s)
{
	char path[128];
	redisContext *c = NULL;

	snprintf(path, sizeof(path), "%s/conf", s->folder);
	if (!s->is_sentinel || access(path, F_OK)) /* sentinels write theirs anew */
		conf_write(s, path);
	s->pid = fork();
	need(s->pid >= 0, "no process");
	if (!s->pid) {
		int null = open("/dev/null", O_RDWR);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		for (int fd = 3; fd < 256; fd++)
			close(fd);
		execl(server_program(), "redis-server", path, s->is_sentinel ? "--sentinel" : NULL,
		        NULL);
		_exit(127);
	}
	for (unsigned i = 0; i < 2000 && !c; i++) {
		c = admin_connect(s);
		if (!c)
			nap();
	}
	need(c, "it does not start");
	redisFree(c);
}

void redis_server_start(struct redis_server *s, const char *conf)
{
	snprintf(s->folder, sizeof(s->folder), "/tmp/weir-redis-XXXXXX");
	need(mkdtemp(s->folder), "no folder");
	snprintf(s->socket, sizeof(s->socket), "%s/socket", s->folder);
	snprintf(s->conf, sizeof(s->conf), "%s", conf ? conf : "");
	if (!s->port)
		s->port = free_port();
	redis_server_again(s);
}

void redis_server_kill(struct redis_server *s, int signal)
{
	if (!s->pid)
		return;
	kill(s->pid, signal);
	if (signal != SIGKILL && signal != SIGTERM)
		return;
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void redis_server_remove(struct redis_server *s)
{
	static const char *const files[] = {"conf", "log", "socket", "nodes", "dump.rdb"};
	char path[128];

	redis_server_kill(s, SIGKILL);
	for (unsigned i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->folder, files[i]);
		unlink(path);
	}
	rmdir(s->folder);
}

static redisReply *do_with(struct redis_server *s, const char *format, va_list args)
{
	redisContext *c = admin_connect(s);
	redisReply *r;

	need(c, "it does not answer");
	r = redisvCommand(c, format, args);
	need(r, "no reply");
	redisFree(c);
	return r;
}

struct redisReply *redis_server_do(struct redis_server *s, const char *format, ...)
{
	va_list args;
	redisReply *r;

	va_start(args, format);
	r = do_with(s, format, args);
	va_end(args);
	return r;
}

void redis_server_must(struct redis_server *s, const char *format, ...)
{
	va_list args;
	redisReply *r;

	va_start(args, format);
	r = do_with(s, format, args);
	va_end(args);
	if (r->type == REDIS_REPLY_ERROR)
		fprintf(stderr, "%s: %s\n", format, r->str);
	need(r->type != REDIS_REPLY_ERROR, "it refused a command");
	freeReplyObject(r);
}
