/* SPDX-License-Identifier: Apache-2.0 */
/* target: one pass over path and query. An escape is canonical when it is needed and harmless: it
 * stands neither for a byte that could be written plainly nor for one that splits, ends or climbs a
 * path, nor for an escape's own mark. */
#include "http/target.h"
#include <arpa/inet.h>
#include "base/utf8.h"
#include "http/chars.h"

#define HOST_MAX 255u

static enum fault refuse(const char **ret_note, const char *note)
{
	*ret_note = note;
	return FAULT_REQUEST_INVALID;
}

/* The byte that the escape at s stands for, or -1. */
static int escape_byte(struct slice s)
{
	int high, low;

	if (s.len < 3 || s.at[0] != '%')
		return -1;
	high = char_hex(s.at[1]);
	low = char_hex(s.at[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* A character over U+007F as escapes of its UTF-8 bytes: how long it is in s, 0 when it is none. */
static size_t escaped_character(struct slice s)
{
	char bytes[4];
	unsigned n = 0;

	for (; n < sizeof(bytes); n++) {
		int byte = escape_byte(slice_skip(s, 3u * n));
		struct utf8 c;

		if (byte < 0x80)
			return 0;
		bytes[n] = (char)byte;
		c = utf8_next(bytes, bytes + n + 1);
		if (c.valid)
			return 3u * (n + 1);
	}
	return 0;
}

/* How long the escape at s is; 0: it has no place in a canonical path. */
static size_t path_escape(struct slice s)
{
	int byte = escape_byte(s);

	if (byte >= 0x80)
		return escaped_character(s);
	if (byte <= 0x20 || byte == 0x7f)
		return byte == 0x20 ? 3 : 0;
	return char_is((char)byte, CHAR_PLAIN) || strchr("/\\%;", byte) ? 0 : 3;
}

static size_t query_escape(struct slice s)
{
	int byte = escape_byte(s);

	return byte > 0 && byte != '\r' && byte != '\n' ? 3 : 0;
}

static bool segment_is_dots(struct slice s)
{
	return (s.len == 1 && s.at[0] == '.') || (s.len == 2 && s.at[0] == '.' && s.at[1] == '.');
}

/* text begins with '/'. */
static const char *path_check(struct slice text)
{
	const char *at = text.at + 1, *from = at, *end = text.at + text.len;

	for (;;) {
		while (at < end && char_is(*at, CHAR_PATH))
			at++;
		if (at < end && *at == '%') {
			size_t n = path_escape(slice_from(at, (size_t)(end - at)));

			if (!n)
				return "The path has an escape that is invalid or not needed.";
			at += n;
			continue;
		}
		if (segment_is_dots(slice_from(from, (size_t)(at - from))))
			return "The path has a dot segment.";
		if (at == end)
			return NULL;
		if (*at != '/')
			return "The path has a byte that has no place in one.";
		if (at == from)
			return "The path has an empty segment.";
		from = ++at;
	}
}

static const char *query_check(struct slice text)
{
	size_t i = 0;

	while (i < text.len) {
		size_t n = char_is(text.at[i], CHAR_QUERY) ? 1 : query_escape(slice_skip(text, i));

		if (!n)
			return "The query has a byte or an escape that has no place in one.";
		i += n;
	}
	return NULL;
}

/* name may be escaped, and is longer than any of these when it does not fit. */
static bool parameter_is_key(struct slice name)
{
	static const char *const keys[] = {
	        "key",
	        "api_key",
	        "api-key",
	        "apikey",
	        "access_token",
	        "token",
	        "auth",
	        "authorization",
	        "x-api-key",
	        "x-goog-api-key",
	        "x-weir-key",
	};
	char plain[16];
	size_t len = 0;

	while (name.len) {
		int byte = escape_byte(name);

		if (len == sizeof(plain))
			return false;
		plain[len++] = byte < 0 ? name.at[0] : (char)byte;
		name = slice_skip(name, byte < 0 ? 1 : 3);
	}
	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (slice_equals_nocase(slice_from(plain, len), slice_str(keys[i])))
			return true;
	return false;
}

static size_t span_to(struct slice s, const char *stops)
{
	size_t i = 0;

	while (i < s.len && s.at[i] != stops[0] && s.at[i] != stops[1])
		i++;
	return i;
}

static size_t span_to_byte(struct slice s, char stop)
{
	const char *at = s.len ? memchr(s.at, stop, s.len) : NULL;

	return at ? (size_t)(at - s.at) : s.len;
}

static bool query_has_key(struct slice query)
{
	while (query.len) {
		struct slice parameter = slice_from(query.at, span_to(query, "&;"));

		if (parameter_is_key(slice_from(parameter.at, span_to_byte(parameter, '='))))
			return true;
		query = slice_skip(query, parameter.len + 1);
	}
	return false;
}

/* The port of an authority that ends in one: where its colon is; len when there is none. */
static size_t port_at(struct slice s)
{
	size_t i = s.len;

	while (i && s.at[i - 1] >= '0' && s.at[i - 1] <= '9')
		i--;
	return i && s.at[i - 1] == ':' ? i - 1 : s.len;
}

static bool ipv6_is_valid(struct slice s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr ignored;

	if (s.len >= sizeof(text))
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = 0;
	return inet_pton(AF_INET6, text, &ignored) == 1;
}

bool authority_is_valid(struct slice text)
{
	size_t colon = port_at(text);
	struct slice host = slice_from(text.at, colon), port = slice_skip(text, colon + 1);
	uint64_t number;

	if (!host.len || host.len > HOST_MAX)
		return false;
	if (colon < text.len && slice_to_u64(port, 65535, &number))
		return false;
	if (host.at[0] != '[')
		return chars_are(host, CHAR_HOST);
	return host.len > 2 && host.at[host.len - 1] == ']' &&
	       ipv6_is_valid(slice_from(host.at + 1, host.len - 2));
}

static void authority_split(
        struct slice text, unsigned default_port, struct slice *host, uint64_t *port)
{
	size_t colon = port_at(text);

	*host = slice_from(text.at, colon);
	*port = default_port;
	if (colon < text.len)
		(void)slice_to_u64(slice_skip(text, colon + 1), 65535, port);
}

bool authority_equals(struct slice a, struct slice b, unsigned default_port)
{
	struct slice host_a, host_b;
	uint64_t port_a, port_b;

	authority_split(a, default_port, &host_a, &port_a);
	authority_split(b, default_port, &host_b, &port_b);
	return port_a == port_b && slice_equals_nocase(host_a, host_b);
}

/* Cuts scheme and authority off an absolute-form target. */
static enum fault authority_take(struct slice *text, struct slice host, const char **ret_note)
{
	unsigned port = 80;
	struct slice rest, authority;

	if (text->len > 7 && slice_equals_nocase(slice_from(text->at, 7), SLICE("http://"))) {
		rest = slice_skip(*text, 7);
	} else if (text->len > 8 &&
	           slice_equals_nocase(slice_from(text->at, 8), SLICE("https://"))) {
		rest = slice_skip(*text, 8);
		port = 443;
	} else {
		return refuse(ret_note, "The target is neither a path nor an http URL.");
	}
	authority = slice_from(rest.at, span_to(rest, "/?"));
	if (!authority_is_valid(authority))
		return refuse(ret_note, "The target's authority is not a host and a port.");
	if (!host.at || !authority_equals(authority, host, port)) {
		*ret_note = "The target's authority is not the one in Host.";
		return FAULT_MISDIRECTED;
	}
	*text = slice_skip(rest, authority.len);
	return FAULT_NONE;
}

enum fault target_parse(
        struct slice text, struct slice host, struct target *ret, const char **ret_note)
{
	struct target t = {0};
	const char *note;
	size_t len;

	if (text.len > TARGET_MAX) {
		*ret_note = "The target is too long.";
		return FAULT_TARGET_TOO_LONG;
	}
	if (!text.len || text.at[0] != '/') {
		enum fault fault = authority_take(&text, host, ret_note);

		if (fault)
			return fault;
	}
	len = span_to_byte(text, '?');
	t.path = len ? slice_from(text.at, len) : SLICE("/");
	if (len < text.len)
		t.query = slice_skip(text, len + 1);
	note = path_check(t.path);
	if (!note)
		note = query_check(t.query);
	if (note)
		return refuse(ret_note, note);
	t.has_key = query_has_key(t.query);
	*ret = t;
	return FAULT_NONE;
}
