/* SPDX-License-Identifier: Apache-2.0 */
/* address_rule: one table of what addresses are, the longest fitting range deciding, and the rule
 * on top of it. */
#include "net/address_rule.h"
#include <errno.h>
#include <ifaddrs.h>
#include "base/mem.h"

#define OWN_MAX 4096

struct range {
	uint8_t bytes[16];
	uint8_t bits;
	enum address_class class;
};

#define V4(a, b, c, d, n, class)                                                                   \
	{                                                                                          \
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + (n), class            \
	}
#define V6(a, b, c, d, n, class)                                                                   \
	{                                                                                          \
		{a, b, c, d}, n, class                                                             \
	}

/* IANA's special-purpose registries. Among ranges that overlap the longer one comes first. */
static const struct range ranges[] = {
        V4(255, 255, 255, 255, 32, ADDRESS_FORBIDDEN), V4(192, 88, 99, 0, 24, ADDRESS_FORBIDDEN),
        V4(192, 0, 0, 0, 24, ADDRESS_FORBIDDEN), V4(192, 0, 2, 0, 24, ADDRESS_FORBIDDEN),
        V4(198, 51, 100, 0, 24, ADDRESS_FORBIDDEN), V4(203, 0, 113, 0, 24, ADDRESS_FORBIDDEN),
        V4(192, 168, 0, 0, 16, ADDRESS_PRIVATE), V4(169, 254, 0, 0, 16, ADDRESS_FORBIDDEN),
        V4(198, 18, 0, 0, 15, ADDRESS_FORBIDDEN), V4(172, 16, 0, 0, 12, ADDRESS_PRIVATE),
        V4(100, 100, 100, 200, 32, ADDRESS_FORBIDDEN), /* a cloud's metadata service */
        V4(100, 64, 0, 0, 10, ADDRESS_PRIVATE), V4(10, 0, 0, 0, 8, ADDRESS_PRIVATE),
        V4(127, 0, 0, 0, 8, ADDRESS_LOOPBACK), V4(0, 0, 0, 0, 8, ADDRESS_FORBIDDEN),
        V4(224, 0, 0, 0, 4, ADDRESS_FORBIDDEN), V4(240, 0, 0, 0, 4, ADDRESS_FORBIDDEN),
        V4(0, 0, 0, 0, 0, ADDRESS_PUBLIC),
        {{0xfd, 0, 0x0e, 0xc2, [14] = 0x02, 0x54}, 128,
                ADDRESS_FORBIDDEN}, /* a cloud's metadata service */
        {{[15] = 1}, 128, ADDRESS_LOOPBACK},
        V6(0, 0, 0, 0, 96, ADDRESS_FORBIDDEN), /* :: and IPv4-compatible */
        V6(0x01, 0, 0, 0, 64, ADDRESS_FORBIDDEN),
        {{0, 0x64, 0xff, 0x9b, 0, 1}, 48, ADDRESS_FORBIDDEN}, /* a site's own translation prefix */
        V6(0x20, 0x01, 0x0d, 0xb8, 32, ADDRESS_FORBIDDEN),
        V6(0x20, 0x01, 0, 0, 32, ADDRESS_FORBIDDEN), /* Teredo, with an IPv4 address inside */
        V6(0x20, 0x02, 0, 0, 16, ADDRESS_FORBIDDEN), /* 6to4, likewise */
        V6(0xfe, 0x80, 0, 0, 10, ADDRESS_FORBIDDEN), V6(0xfe, 0xc0, 0, 0, 10, ADDRESS_FORBIDDEN),
        V6(0xff, 0, 0, 0, 8, ADDRESS_FORBIDDEN), V6(0xfc, 0, 0, 0, 7, ADDRESS_PRIVATE),
        V6(0x20, 0, 0, 0, 3, ADDRESS_PUBLIC), /* all that is global so far */
};

enum address_class address_class(const struct address *a)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		struct cidr c = {.bits = ranges[i].bits};

		memcpy(c.bytes, ranges[i].bytes, 16);
		if (cidr_has(&c, a))
			return ranges[i].class;
	}
	return ADDRESS_FORBIDDEN;
}

static bool name_ends(struct slice name, struct slice suffix)
{
	return name.len > suffix.len &&
	       slice_equals_nocase(slice_skip(name, name.len - suffix.len), suffix);
}

static bool name_is_inside(struct slice name)
{
	return !memchr(name.at, '.', name.len) || name_ends(name, SLICE(".svc")) ||
	       name_ends(name, SLICE(".cluster.local")) || name_ends(name, SLICE(".internal"));
}

static bool name_is_localhost(struct slice name)
{
	return slice_equals_nocase(name, SLICE("localhost")) ||
	       name_ends(name, SLICE(".localhost"));
}

static bool default_rule_allows(struct slice host, enum address_class class, const char **ret_why)
{
	struct address written;
	bool is_written = !address_parse(host, 0, &written);

	if (slice_ends(host, SLICE(".")))
		host.len--;
	if (class == ADDRESS_PUBLIC || is_written)
		return true;
	if (class == ADDRESS_LOOPBACK) {
		*ret_why = "it is this machine's own, which only localhost or a written address "
		           "may mean";
		return name_is_localhost(host);
	}
	*ret_why = "it is a private one, and the name is not an internal one; see addresses";
	return host.len > 0 && name_is_inside(host);
}

static bool own_listeners_have(const struct own_listeners *own, const struct address *a)
{
	if (!own)
		return false;
	for (unsigned i = 0; i < own->n; i++)
		if (address_equals(&own->list[i], a))
			return true;
	return false;
}

static bool address_is_wildcard(const struct address *a)
{
	static const uint8_t zero[16];

	return a->sa.sa_family == AF_INET ? a->in.sin_addr.s_addr == 0
	                                  : !memcmp(&a->in6.sin6_addr, zero, 16);
}

static bool loopback_is_own(const struct address *a, const struct own_listeners *own)
{
	if (!own || address_class(a) != ADDRESS_LOOPBACK)
		return false;
	/* A wildcard listener answers on all of 127/8, which no list of interfaces shows. */
	for (unsigned i = 0; i < own->n; i++)
		if (address_port(&own->list[i]) == address_port(a) &&
		        address_is_wildcard(&own->list[i]))
			return true;
	return false;
}

bool address_rule_allows(const struct address_rule *r, struct slice host, const struct address *a,
        const char **ret_why)
{
	enum address_class class = address_class(a);

	if (class == ADDRESS_FORBIDDEN) {
		*ret_why = "it is link-local, multicast or reserved";
		return false;
	}
	if (own_listeners_have(r->own, a) || loopback_is_own(a, r->own)) {
		*ret_why = "Weir itself listens there";
		return false;
	}
	if (!r->n_allowed)
		return default_rule_allows(host, class, ret_why);
	*ret_why = "it is outside the upstream's addresses";
	return cidrs_have(r->allowed, r->n_allowed, a);
}

static int own_add(struct own_listeners *o, const struct address *a)
{
	struct address *more;

	if (own_listeners_have(o, a))
		return 0;
	if (o->n >= OWN_MAX)
		return -ENOBUFS;
	more = mem_realloc(o->list, (o->n + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	o->list = more;
	o->list[o->n++] = *a;
	return 0;
}

static int own_add_interfaces(struct own_listeners *o, uint16_t port)
{
	struct ifaddrs *all;
	int r = 0;

	if (getifaddrs(&all))
		return -errno;
	for (struct ifaddrs *i = all; i && !r; i = i->ifa_next) {
		struct address a = {.in6 = {.sin6_family = AF_UNSPEC}};

		if (!i->ifa_addr ||
		        (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			memcpy(&a.in, i->ifa_addr, sizeof(a.in));
		else
			memcpy(&a.in6, i->ifa_addr, sizeof(a.in6));
		address_set_port(&a, port);
		r = own_add(o, &a);
	}
	freeifaddrs(all);
	return r;
}

int own_listeners_add(struct own_listeners *o, int fd)
{
	struct address a = {.in6 = {.sin6_family = AF_UNSPEC}};
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	int r;

	if (getsockname(fd, (struct sockaddr *)&bound, &len))
		return -errno;
	if (bound.ss_family != AF_INET && bound.ss_family != AF_INET6)
		return 0;
	memcpy(&a, &bound, bound.ss_family == AF_INET ? sizeof(a.in) : sizeof(a.in6));
	r = own_add(o, &a);
	if (!r && address_is_wildcard(&a))
		r = own_add_interfaces(o, address_port(&a));
	return r;
}

void own_listeners_finish(struct own_listeners *o)
{
	mem_free(o->list);
	*o = (struct own_listeners){.list = NULL};
}
