/* SPDX-License-Identifier: Apache-2.0 */
/* cidr: every address is compared as 16 bytes, so that IPv4 in any disguise is the IPv4 address it
 * leads to. */
#include "net/cidr.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};

int address_parse(struct slice host, uint16_t port, struct address *ret)
{
	struct address a = {.in6 = {.sin6_family = AF_UNSPEC}};
	char text[INET6_ADDRSTRLEN];

	if (!host.len || host.len >= sizeof(text) || memchr(host.at, 0, host.len))
		return -EINVAL;
	memcpy(text, host.at, host.len);
	text[host.len] = 0;
	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1)
		a.in.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1)
		a.in6.sin6_family = AF_INET6;
	else
		return -EINVAL;
	address_set_port(&a, port);
	*ret = a;
	return 0;
}

socklen_t address_len(const struct address *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
}

uint16_t address_port(const struct address *a)
{
	return ntohs(a->sa.sa_family == AF_INET6 ? a->in6.sin6_port : a->in.sin_port);
}

void address_set_port(struct address *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
	else
		a->in.sin_port = htons(port);
}

void address_bytes(const struct address *a, uint8_t ret[16])
{
	memcpy(ret, v4_mapped, 12);
	if (a->sa.sa_family == AF_INET) {
		memcpy(ret + 12, &a->in.sin_addr, 4);
		return;
	}
	if (memcmp(&a->in6.sin6_addr, nat64, 12) != 0)
		memcpy(ret, &a->in6.sin6_addr, 12);
	memcpy(ret + 12, a->in6.sin6_addr.s6_addr + 12, 4);
}

bool address_equals(const struct address *a, const struct address *b)
{
	uint8_t x[16], y[16];

	address_bytes(a, x);
	address_bytes(b, y);
	return address_port(a) == address_port(b) && !memcmp(x, y, 16);
}

void address_format(const struct address *a, char ret[ADDRESS_TEXT])
{
	char text[INET6_ADDRSTRLEN];

	if (a->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->in.sin_addr, text, sizeof(text));
		snprintf(ret, ADDRESS_TEXT, "%s:%u", text, address_port(a));
	} else if (a->sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->in6.sin6_addr, text, sizeof(text));
		snprintf(ret, ADDRESS_TEXT, "[%s]:%u", text, address_port(a));
	} else {
		snprintf(ret, ADDRESS_TEXT, "unix");
	}
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return !rest || !((a[whole] ^ b[whole]) >> (8 - rest));
}

static bool bits_are_clear_after(const uint8_t *at, unsigned bits)
{
	for (unsigned i = bits; i < 128; i++)
		if (at[i / 8] & 0x80 >> i % 8)
			return false;
	return true;
}

int cidr_parse(struct slice text, struct cidr *ret)
{
	const char *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
	struct slice host = slash ? slice_from(text.at, (size_t)(slash - text.at)) : text;
	struct address a;
	struct cidr c;
	unsigned most;
	uint64_t bits;

	if (address_parse(host, 0, &a))
		return -EINVAL;
	most = a.sa.sa_family == AF_INET ? 32 : 128;
	bits = most;
	if (slash && slice_to_u64(slice_skip(text, host.len + 1), most, &bits))
		return -EINVAL;
	/* A range is meant as it is written: nothing is unwrapped here. */
	if (most == 32)
		address_bytes(&a, c.bytes);
	else
		memcpy(c.bytes, &a.in6.sin6_addr, 16);
	c.bits = (uint8_t)(bits + 128 - most);
	if (!bits_are_clear_after(c.bytes, c.bits))
		return -EINVAL;
	*ret = c;
	return 0;
}

bool cidr_has(const struct cidr *c, const struct address *a)
{
	uint8_t bytes[16];

	if (a->sa.sa_family != AF_INET && a->sa.sa_family != AF_INET6)
		return false;
	address_bytes(a, bytes);
	return bits_equal(c->bytes, bytes, c->bits);
}

bool cidrs_have(const struct cidr *list, unsigned n, const struct address *a)
{
	for (unsigned i = 0; i < n; i++)
		if (cidr_has(&list[i], a))
			return true;
	return false;
}
