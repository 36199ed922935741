/* SPDX-License-Identifier: Apache-2.0 */
/* redis_server: a real redis-server, or a sentinel, in a temporary folder of its own, ended by its
 * process id when the test ends or dies. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct redisReply;
struct redis_server {
	uint16_t port, bus,
	        tls_port; /* chosen when 0; bus and tls_port only where they are asked for */
	char folder[64];
	char socket[96]; /* unix socket */
	pid_t pid;       /* 0: not running */
	bool is_sentinel;
	char conf[2048]; /* lines of redis.conf besides where it listens and where it writes */
	char admin[64];  /* "user password" for redis_server_do; empty: none */
};

/* Whether there is a redis-server; if not, a line that says why tests are skipped. */
bool redis_server_can_run(void);
/* conf: more lines of its configuration; may be NULL. Port and folder stay over stop and start. */
void redis_server_start(struct redis_server *s, const char *conf);
void redis_server_again(struct redis_server *s); /* with the same configuration */
void redis_server_kill(
        struct redis_server *s, int signal);      /* SIGKILL and SIGTERM: waits until it is gone */
void redis_server_remove(struct redis_server *s); /* kills it and its folder */
/* One command, blocking; the caller frees the reply. Aborts when there is none. */
struct redisReply *redis_server_do(struct redis_server *s, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
/* The same, asserting that it is no error. */
void redis_server_must(struct redis_server *s, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
