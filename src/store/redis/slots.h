/* SPDX-License-Identifier: Apache-2.0 */
/* slots: which of a cluster's 16,384 slots a key belongs to, and who holds them, as CLUSTER SLOTS
 * says. Pure. */
#pragma once
#include "store/redis/reply.h"

#define SLOTS 16384u

/* CRC-16/XMODEM, as the cluster's specification has it. */
uint16_t slot_crc16(struct slice s);
/* What stands between the first { and the next } counts alone, unless that is nothing. */
unsigned slot_of(struct slice key);

struct slot_range {
	unsigned first, last;
	struct slice host; /* empty: the server that was asked */
	uint16_t port;
};
/* The i-th entry of an answer. 0, -ENOENT (no such entry), -EPROTO. */
int slots_range(const struct redis_reply *reply, unsigned i, struct slot_range *ret);
