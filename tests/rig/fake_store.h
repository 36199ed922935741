/* SPDX-License-Identifier: Apache-2.0 */
/* fake_store: counters that answer when the test says so, and remember what was taken and settled.
 * It knows no time: a rate grants its burst once and for all. It does not lower an output. */
#pragma once
#include "weir/store.h"

#define FAKE_STORE_KEYS 8
#define FAKE_STORE_WAITERS 8

struct fake_store {
	struct store store; /* hand &f->store to whoever wants one */
	struct turn *turn;  /* borrowed */
	bool pending;       /* false: it answers READY */
	int fails;          /* a negative errno that it answers with; 0: it works */
	struct {
		char key[64]; /* a demand's name, whatever its group */
		uint64_t held;
	} counters[FAKE_STORE_KEYS];
	struct fake_waiter {
		struct fake_store *store;    /* its own */
		struct ticket *ticket;       /* borrowed; NULL: free place */
		struct admission *admission; /* borrowed; NULL: it only looks */
		struct demand *demands;      /* borrowed: at these */
		unsigned n;
	} waiters[FAKE_STORE_WAITERS];
	unsigned admits, settles, drops;
};

void fake_store_init(struct fake_store *f, struct turn *turn);
unsigned fake_store_waiting(const struct fake_store *f);
/* Completes the oldest ticket that waits, as the counters say; result < 0: with that errno. False:
 * none waits. */
bool fake_store_answer(struct fake_store *f, int result);
/* Units of a rate, slots, or nano-dollars spent and reserved. */
uint64_t fake_store_held(const struct fake_store *f, const char *key);
