/* SPDX-License-Identifier: Apache-2.0 */
/* address: strict forms only; what a person could read in two ways is refused. */
#include "config/address.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <sys/un.h>

#define HOST_MAX 253u /* RFC 1035 3.1, as text */

static bool is_ipv4(struct slice s, uint8_t ret[4])
{
	char text[INET_ADDRSTRLEN];

	if (s.len >= sizeof(text))
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	return inet_pton(AF_INET, text, ret) == 1;
}

static bool is_ipv6(struct slice s, uint8_t ret[16])
{
	char text[INET6_ADDRSTRLEN];

	if (s.len >= sizeof(text))
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	return inet_pton(AF_INET6, text, ret) == 1;
}

/* Letters, digits, hyphens and dots; a name of digits and dots that is no IPv4 address is a
 * mistyped one. */
static bool is_hostname(struct slice s)
{
	bool letter = false;

	if (!s.len || s.len > HOST_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i], before = i ? s.at[i - 1] : '.',
		     after = i + 1 < s.len ? s.at[i + 1] : '.';

		if (!isalnum((unsigned char)c) && c != '-' && c != '_' && c != '.')
			return false;
		if ((c == '.' && before == '.') || (c == '-' && (before == '.' || after == '.')))
			return false;
		letter = letter || isalpha((unsigned char)c);
	}
	return letter;
}

bool host_is_loopback(struct slice host)
{
	static const uint8_t one[16] = {[15] = 1};
	uint8_t v4[4], v6[16];

	if (is_ipv4(host, v4))
		return v4[0] == 127;
	if (is_ipv6(host, v6))
		return !memcmp(v6, one, sizeof(one));
	return slice_equals_nocase(host, SLICE("localhost"));
}

bool host_is_private(struct slice host)
{
	uint8_t v4[4], v6[16];

	if (host_is_loopback(host))
		return true;
	if (is_ipv4(host, v4))
		return v4[0] == 10 || (v4[0] == 172 && (v4[1] & 0xf0) == 16) ||
		       (v4[0] == 192 && v4[1] == 168) || (v4[0] == 100 && (v4[1] & 0xc0) == 64);
	if (is_ipv6(host, v6))
		return (v6[0] & 0xfe) == 0xfc;
	return !memchr(host.at, '.', host.len) || slice_ends(host, SLICE(".svc")) ||
	       slice_ends(host, SLICE(".cluster.local")) || slice_ends(host, SLICE(".internal"));
}

/* "host:port" or "[v6]:port"; ret_port stays when there is no port. */
static const char *split_host(struct slice s, struct slice *ret_host, struct slice *ret_port)
{
	const char *close, *colon;
	uint8_t room[16];

	*ret_port = (struct slice){0};
	if (s.len && s.at[0] == '[') {
		close = memchr(s.at, ']', s.len);
		if (!close)
			return "the bracket is not closed";
		*ret_host = slice_from(s.at + 1, (size_t)(close - s.at - 1));
		if (!is_ipv6(*ret_host, room))
			return "what stands in the brackets is no IPv6 address";
		s = slice_skip(s, (size_t)(close - s.at) + 1);
		if (s.len && s.at[0] != ':')
			return "after the bracket comes a colon and the port";
		*ret_port = s.len ? slice_skip(s, 1) : *ret_port;
		return NULL;
	}
	colon = s.len ? memchr(s.at, ':', s.len) : NULL;
	*ret_host = slice_from(s.at, colon ? (size_t)(colon - s.at) : s.len);
	if (colon)
		*ret_port = slice_skip(s, ret_host->len + 1);
	if (ret_port->len && memchr(ret_port->at, ':', ret_port->len))
		return "an IPv6 address is written in brackets, as [::1]:4000";
	if (!is_ipv4(*ret_host, room) && !is_hostname(*ret_host))
		return ret_host->len ? "its host is neither a name nor an address"
		                     : "it has no host";
	return NULL;
}

static const char *port_parse(struct slice s, uint16_t *ret)
{
	uint64_t port;

	if (!s.len || slice_to_u64(s, 65535, &port))
		return "a port is a number up to 65535";
	*ret = (uint16_t)port;
	return NULL;
}

static const char *unix_parse(struct slice text, struct address_conf *ret)
{
	struct slice path = slice_skip(text, 5);
	struct sockaddr_un room;

	if (!path.len || path.at[0] != '/')
		return "a unix socket is named by its whole path, as unix:/run/weir/agents.sock";
	if (path.len >= sizeof(room.sun_path))
		return "the path of a unix socket has at most 107 bytes";
	*ret = (struct address_conf){.text = text, .unix_path = path, .loopback = true};
	return NULL;
}

const char *listen_address_parse(struct slice text, struct address_conf *ret)
{
	struct address_conf a = {.text = text};
	struct slice port;
	const char *wrong;
	uint8_t room[16];

	if (slice_is(text, "none")) {
		*ret = (struct address_conf){.text = text, .none = true};
		return NULL;
	}
	if (slice_starts(text, SLICE("unix:")))
		return unix_parse(text, ret);
	wrong = split_host(text, &a.host, &port);
	if (!wrong && !port.at)
		wrong = "it has no port";
	if (!wrong)
		wrong = port_parse(port, &a.port);
	/* Resolving a name would make where Weir listens depend on DNS. */
	if (!wrong && slice_equals_nocase(a.host, SLICE("localhost")))
		a.host = SLICE("127.0.0.1");
	if (!wrong && !is_ipv4(a.host, room) && !is_ipv6(a.host, room))
		wrong = "a listener takes an IP address, not a name";
	if (wrong)
		return wrong;
	a.loopback = host_is_loopback(a.host);
	*ret = a;
	return NULL;
}

/* "/v1/": no query, no fragment, nothing that two readers could take for two paths. */
static const char *path_check(struct slice path)
{
	for (size_t i = 0; i < path.len; i++) {
		unsigned char c = (unsigned char)path.at[i];

		if (c == '?' || c == '#')
			return "a base URL has no query and no fragment";
		if (c <= 0x20 || c >= 0x7f || memchr("\"<>\\^`{|}%;", c, 11))
			return "its path holds a character that may not stand there";
		if (c == '/' && i + 1 < path.len &&
		        (path.at[i + 1] == '/' || path.at[i + 1] == '.'))
			return "its path is not in its shortest form";
	}
	return NULL;
}

const char *endpoint_url_parse(struct slice text, struct endpoint_conf *ret)
{
	struct endpoint_conf e = {.url = text, .weight = ret->weight};
	struct slice rest, port;
	const char *wrong, *slash;

	if (slice_starts(text, SLICE("https://")))
		e.tls = true;
	else if (!slice_starts(text, SLICE("http://")))
		return "it begins neither with https:// nor with http://";
	rest = slice_skip(text, e.tls ? 8 : 7);
	slash = rest.len ? memchr(rest.at, '/', rest.len) : NULL;
	e.authority = slice_from(rest.at, slash ? (size_t)(slash - rest.at) : rest.len);
	e.base_path = slice_skip(rest, e.authority.len);
	if (e.authority.len && memchr(e.authority.at, '@', e.authority.len))
		return "credentials do not stand in a URL; see credential";
	wrong = split_host(e.authority, &e.host, &port);
	e.port = e.tls ? 443 : 80;
	if (!wrong && port.at)
		wrong = port_parse(port, &e.port);
	if (!wrong && !e.port)
		wrong = "its port is 0";
	if (!wrong)
		wrong = path_check(e.base_path);
	if (wrong)
		return wrong;
	while (e.base_path.len && e.base_path.at[e.base_path.len - 1] == '/')
		e.base_path.len--;
	if (port.at && e.port == (e.tls ? 443 : 80))
		e.authority.len -= port.len + 1;
	*ret = e;
	return NULL;
}

const char *cidr_text_check(struct slice text)
{
	const char *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
	struct slice address = {text.at, slash ? (size_t)(slash - text.at) : text.len};
	uint64_t bits, most;
	uint8_t room[16];

	if (is_ipv4(address, room))
		most = 32;
	else if (is_ipv6(address, room))
		most = 128;
	else
		return "it is written as 10.0.0.0/8 or fd00::/8";
	if (!slash)
		return NULL;
	if (slice_to_u64(slice_skip(text, address.len + 1), most, &bits))
		return most == 32 ? "after the slash come up to 32 bits"
		                  : "after the slash come up to 128 bits";
	for (uint64_t i = bits; i < most; i++)
		if (room[i / 8] & (0x80 >> (i % 8)))
			return "it has bits set behind its prefix";
	return NULL;
}

static bool is_wildcard(struct slice host)
{
	return slice_is(host, "0.0.0.0") || slice_is(host, "::");
}

bool listen_addresses_conflict(const struct address_conf *a, const struct address_conf *b)
{
	bool v6_a = memchr(a->host.at ? a->host.at : "", ':', a->host.len), v6_b;

	if (a->none || b->none)
		return false;
	if (a->unix_path.len || b->unix_path.len)
		return slice_equals(a->unix_path, b->unix_path);
	if (a->port != b->port || !a->port)
		return false;
	v6_b = memchr(b->host.at, ':', b->host.len);
	if (slice_equals(a->host, b->host))
		return true;
	return v6_a == v6_b && (is_wildcard(a->host) || is_wildcard(b->host));
}
