/* SPDX-License-Identifier: Apache-2.0 */
/* strangers: how often an address was refused before we knew who it was: ten a second, then it is told to wait, so that
 * keys cannot be guessed at speed. Shared by all workers; a fixed table of atomic cells, so it cannot grow. Two addresses
 * may meet in one cell: they then share its ten. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include "base/slice.h"
#include "weir/fault.h"

#define STRANGER_CELLS 4096
#define STRANGER_RATE 10 /* refusals a second */
#define STRANGER_WAIT_MS 1000u
#define STRANGER_TOLD "Too many requests from this address without a valid credential; wait a second."

struct strangers {
	_Atomic uint64_t cells[STRANGER_CELLS]; /* theoretical arrival time, monotonic ns */
};

/* Counts one refusal; false: it is one too many. address: as address_format writes it, whose port is left aside. */
bool strangers_count(struct strangers *s, struct slice address, uint64_t now_ns);
/* Whether a refusal for why, before it is known who calls, is one too many. What the caller is to blame for counts, but not
 * silence, which has limits of its own. s may be NULL: nobody counts. */
bool strangers_are_too_many(struct strangers *s, enum fault why, struct slice address, uint64_t now_ns);
