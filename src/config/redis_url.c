/* SPDX-License-Identifier: Apache-2.0 */
/* redis_url: three schemes and a number. */
#include "config/redis_url.h"
#include <errno.h>
#include <string.h>

static struct slice cut(struct slice s, const char *at)
{
	return slice_from(s.at, (size_t)(at - s.at));
}

static const char *find(struct slice s, char c)
{
	return s.len ? memchr(s.at, c, s.len) : NULL;
}

int redis_host_parse(
        struct slice text, uint16_t default_port, struct slice *ret_host, uint16_t *ret_port)
{
	struct slice host = text, port = {0};
	uint64_t number = default_port;
	const char *end;

	if (slice_starts(text, SLICE("["))) {
		end = find(text, ']');
		if (!end)
			return -EINVAL;
		host = slice_skip(cut(text, end), 1);
		port = slice_skip(text, host.len + 2);
	} else if ((end = find(text, ':'))) {
		host = cut(text, end);
		port = slice_skip(text, host.len);
	}
	if (!host.len || host.len > 253 || find(host, '@') || find(host, '/'))
		return -EINVAL;
	if (port.len && (port.at[0] != ':' ||
	                        slice_to_u64(slice_skip(port, 1), UINT16_MAX, &number) || !number))
		return -EINVAL;
	*ret_host = host;
	*ret_port = (uint16_t)number;
	return 0;
}

static int db_parse(struct slice text, unsigned *ret)
{
	uint64_t db;

	if (slice_to_u64(text, 1u << 20, &db))
		return -EINVAL;
	*ret = (unsigned)db;
	return 0;
}

static int unix_parse(struct slice path, struct redis_url *to, const char **ret_why)
{
	const char *query = find(path, '?');

	*ret_why = "after unix: comes the absolute path of a socket, and perhaps ?db=N";
	if (query) {
		struct slice rest = slice_skip(path, (size_t)(query - path.at) + 1);

		if (!slice_starts(rest, SLICE("db=")) || db_parse(slice_skip(rest, 3), &to->db))
			return -EINVAL;
		path = cut(path, query);
	}
	if (slice_starts(path, SLICE("//")))
		path = slice_skip(path, 2);
	if (path.len < 2 || path.at[0] != '/' || path.len > 107)
		return -EINVAL;
	to->unix_path = path;
	to->host = SLICE("localhost");
	return 0;
}

int redis_url_parse(struct slice url, struct redis_url *ret, const char **ret_why)
{
	struct redis_url to = {.tls = slice_starts(url, SLICE("rediss://"))};
	struct slice rest;
	const char *slash;

	if (slice_starts(url, SLICE("unix:"))) {
		if (unix_parse(slice_skip(url, 5), &to, ret_why))
			return -EINVAL;
		*ret = to;
		return 0;
	}
	*ret_why = "it begins with redis://, rediss:// or unix:";
	if (!to.tls && !slice_starts(url, SLICE("redis://")))
		return -EINVAL;
	rest = slice_skip(url, to.tls ? 9 : 8);
	*ret_why = "user and password do not belong in the URL: they have keys of their own";
	if (find(rest, '@'))
		return -EINVAL;
	slash = find(rest, '/');
	*ret_why = "after the host comes at most /N, the number of a database";
	if (slash && slash + 1 < rest.at + rest.len &&
	        db_parse(slice_skip(rest, (size_t)(slash - rest.at) + 1), &to.db))
		return -EINVAL;
	*ret_why = "after redis:// comes a host, and perhaps :PORT";
	if (redis_host_parse(slash ? cut(rest, slash) : rest, REDIS_PORT, &to.host, &to.port))
		return -EINVAL;
	*ret = to;
	return 0;
}
