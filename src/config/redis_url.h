/* SPDX-License-Identifier: Apache-2.0 */
/* redis_url: where a shared store is: redis://HOST[:PORT][/DB], rediss://… (TLS), unix:PATH[?db=N].
 * Users and passwords do not stand in it: they are secrets, which URLs leak. */
#pragma once
#include <stdbool.h>
#include "base/slice.h"

#define REDIS_PORT 6379u
#define SENTINEL_PORT 26379u

struct redis_url {
	struct slice
	        host; /* name or numeric address, without brackets; of a unix socket localhost */
	uint16_t port;
	bool tls;
	struct slice unix_path; /* not empty: a unix socket */
	unsigned db;
};

/* Slices point into url. 0, or -EINVAL and a sentence in *ret_why. */
int redis_url_parse(struct slice url, struct redis_url *ret, const char **ret_why);
/* "HOST", "HOST:PORT", "[2001:db8::1]:PORT". 0 or -EINVAL. */
int redis_host_parse(
        struct slice text, uint16_t default_port, struct slice *ret_host, uint16_t *ret_port);
