/* SPDX-License-Identifier: Apache-2.0 */
/* times: how long a store took to answer, by what it was asked and how that ended. Counted on one
 * thread, read from any. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Inclusive bounds of the counts, in ns, rising; a last one has none. */
#define STORE_TIMES_BOUNDS 10u
#define STORE_TIMES_NS                                                                             \
	{                                                                                          \
		100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 25000000, 50000000,   \
		        100000000                                                                  \
	}

enum store_op {
	STORE_ADMIT,
	STORE_SETTLE,
	STORE_LOOK,
	STORE_CLAIM,
	STORE_FINISH,
	STORE_GET,
	STORE_PUT,
	STORE_OPS
};

/* Everything but OK is an error: nobody knows what the store would have said. */
enum store_outcome {
	STORE_OK,
	STORE_TIMEOUT,   /* no answer in time */
	STORE_LOST,      /* the connection broke before the answer */
	STORE_DOWN,      /* not asked: there is no connection, or it rests after failures */
	STORE_FENCED,    /* not asked: it has failed over, and is told first what calls hold */
	STORE_READ_ONLY, /* it is a replica now */
	STORE_FULL,      /* its memory, or its disk */
	STORE_NOT_NOW,   /* it loads, is busy, lacks replicas or slots */
	STORE_DENIED,    /* we may not */
	STORE_ERROR,     /* anything else */
	STORE_OUTCOMES
};

extern const char *const store_op_names[STORE_OPS];
extern const char *const store_outcome_names[STORE_OUTCOMES];

struct store_times {
	_Atomic uint64_t n[STORE_OPS][STORE_OUTCOMES][STORE_TIMES_BOUNDS + 1];
	_Atomic uint64_t sum_ns[STORE_OPS][STORE_OUTCOMES];
	atomic_bool up;             /* it can be asked, and admits */
	_Atomic uint64_t forgotten; /* so often it had lost its data */
};

enum store_outcome store_outcome_of(int result); /* of an ask; negative: an errno */
void store_times_count(
        struct store_times *t, enum store_op op, enum store_outcome how, uint64_t ns);
