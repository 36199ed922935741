/* SPDX-License-Identifier: Apache-2.0 */
/* net_rig: a real loop over loopback, and ends of wires that write down what they are told. */
#pragma once
#include "net/loop.h"
#include "net/wire.h"

/* Turns the loop until *done, at most ms milliseconds; false when the time was up. */
bool rig_run(struct loop *l, const bool *done, unsigned ms);
/* Turns the loop for that long whatever happens. */
void rig_rest(struct loop *l, unsigned ms);
/* A connected TCP pair over 127.0.0.1, non-blocking; small: with buffers of a few KiB. */
void rig_tcp_pair(int fd[2], bool small);
/* A listening, non-blocking TCP socket on 127.0.0.1. */
int rig_listen(uint16_t *ret_port);

/* One end: counts and hashes what comes in. */
struct rig_end {
	struct wire *wire; /* owned until it is closed */
	uint64_t n_in;
	uint64_t hash;  /* FNV-1a of what came */
	char head[256]; /* its first bytes */
	unsigned n_data, n_end, n_drained;
	int error; /* of end */
	bool ended, drained;
	uint64_t want; /* got is set when so many bytes have come */
	bool got;
	void (*on_data)(struct rig_end *e, struct slice in); /* may be NULL */
	void *arg;
};
extern const struct wire_events rig_end_events;
void rig_end_open(struct rig_end *e, struct wire *w);
/* Both ends of a pair, opened. */
void rig_pair(struct loop *l, struct rig_end *a, struct rig_end *b, bool small);
void rig_send(struct rig_end *e, struct slice s);
void rig_close(struct rig_end *e, enum wire_close_how how);
uint64_t rig_hash(uint64_t before, struct slice s);
#define RIG_HASH 1469598103934665603ull
