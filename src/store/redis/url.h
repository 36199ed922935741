/* SPDX-License-Identifier: Apache-2.0 */
/* url: where a store is: redis://HOST[:PORT][/DB], rediss://… (TLS), unix:PATH[?db=N]. Users and
 * passwords do not stand in it: they are secrets, which URLs leak. */
#pragma once
#include "store/redis/link.h"

#define REDIS_PORT 6379u
#define SENTINEL_PORT 26379u

/* Sets target's host, port, tls, unix_path and db; slices point into url. 0, or -EINVAL and a
 * sentence in *ret_why. */
int redis_url_parse(struct slice url, struct redis_place *ret, const char **ret_why);
/* "HOST", "HOST:PORT", "[2001:db8::1]:PORT". 0 or -EINVAL. */
int redis_host_parse(
        struct slice text, uint16_t default_port, struct slice *ret_host, uint16_t *ret_port);
