/* SPDX-License-Identifier: Apache-2.0 */
/* cidr: a range of IP addresses, and addresses as the net folder passes them about. */
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include "base/slice.h"

struct address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
};

struct cidr {
	uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t bits;      /* of 128 */
};

/* "10.0.0.0/8", "fd00::/8", or a single address. 0 or -EINVAL (also when bits beyond the length are
 * set). */
int cidr_parse(struct slice text, struct cidr *ret);
bool cidr_has(const struct cidr *c, const struct address *a);
bool cidrs_have(const struct cidr *list, unsigned n, const struct address *a);

/* Strictly a dotted quad or an IPv6 address without brackets and zone; 0 or -EINVAL. */
int address_parse(struct slice host, uint16_t port, struct address *ret);
bool address_equals(const struct address *a, const struct address *b); /* with port */
socklen_t address_len(const struct address *a);
uint16_t address_port(const struct address *a);
void address_set_port(struct address *a, uint16_t port);
/* The 16 bytes that count: IPv4 as ::ffff:a.b.c.d, and what hides in ::ffff:0:0/96 or 64:ff9b::/96
 * taken out as that. */
void address_bytes(const struct address *a, uint8_t ret[16]);
#define ADDRESS_TEXT 64
/* "192.0.2.1:443", "[2001:db8::1]:443" */
void address_format(const struct address *a, char ret[ADDRESS_TEXT]);
