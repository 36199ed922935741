/* SPDX-License-Identifier: Apache-2.0 */
/* budget: what a budget promises, in whatever order things happen, fail and come back.

   CALLS calls share one budget, some of them a second one. A call reserves its worst case in all its
   budgets, says so in its journal, is sent, and settles what the provider charged. A reservation may
   expire at any moment, before and after it is sent. In the embedded store one process has counters,
   journals and a database that journals are folded into; it may be killed once, and starts again from
   what was written. With Redis two instances share a server whose replica lags by any number of
   writes and may take over once; either instance may die.

   At every step: cost <= spent + reserved (once the store can be asked), spent + reserved <= limit,
   cost <= limit. In the end nothing is reserved, and spent is the cost of what was settled and the
   worst case of what was not. Every WRONG design breaks one of them; tests/model/run expects it to. */

#ifndef REDIS
#define REDIS 0
#endif
#ifndef WRONG
#define WRONG 0
#endif

/* Wrong designs of both stores, */
#define CHECK_THEN_TAKE 1     /* looks whether there is room, and takes it later */
#define TAKE_SOME 2           /* budget by budget; what it took stays when one has no room */
#define RELEASE_EXPIRED 3     /* what expires is given back, not charged */
#define SETTLE_TWICE 4        /* a late settlement is added to what expiring charged */
/* of the embedded one, */
#define SEND_BEFORE_JOURNAL 5
#define ROOM_BEFORE_JOURNAL 6 /* room that a settlement gives back is used before it is journaled */
#define REPLAY_RELEASES 7     /* a reservation whose owner died is not taken up again */
#define FOLD_IN_TWO 8         /* sums, and how far they go, by two transactions */
/* and with Redis. */
#define NO_FENCE 9            /* admits at once after a fail-over */
#define FENCE_FOR_LIVING 10   /* does not wait for the journal of an instance that died */
#define ASSERT_OPEN_ONLY 11   /* asserts again what is open, not what was settled */
#define OLD_ANSWERS 12        /* believes a reservation that was made before the fail-over */
#define NO_TOMBSTONE 13       /* what is cancelled before it comes is taken when it comes */

#define CALLS 3
#define WORST 1
#define AGENT 0
#define USER 1
#define in_user(c) ((c) < 2) /* the third call is another user's */
#define LIMIT_AGENT 2
#define LIMIT_USER 1

/* A call as a store knows it. */
#define NONE 0
#define RESERVED 1
#define EXPIRED 2 /* charged at worst */
#define SETTLED 3
#define CANCELLED 4

byte spent[2], reserved[2], state[CALLS]; /* the store */
byte cost[CALLS], costs[2];               /* the truth: what the provider charged */
bool no_more;                             /* nothing fails any more */
bool open = true;                         /* whether the store can be asked to reserve */
byte over;                                /* calls that have ended */

#define fits(c) (spent[AGENT] + reserved[AGENT] + WORST <= LIMIT_AGENT && \
	(!in_user(c) || spent[USER] + reserved[USER] + WORST <= LIMIT_USER))

inline check() {
	assert(costs[AGENT] <= LIMIT_AGENT && costs[USER] <= LIMIT_USER);
	assert(!open || (costs[AGENT] <= spent[AGENT] + reserved[AGENT] &&
		costs[USER] <= spent[USER] + reserved[USER]));
	assert(!open || (spent[AGENT] + reserved[AGENT] <= LIMIT_AGENT &&
		spent[USER] + reserved[USER] <= LIMIT_USER))
}

#define add(sum, c, n) \
	sum[AGENT] = sum[AGENT] + (n); \
	sum[USER] = sum[USER] + (in_user(c) -> (n) : 0)

inline take(c) {
	add(reserved, c, WORST);
	state[c] = RESERVED
}

/* What a provider charges: a part of the worst case, here nothing, or all of it. */
inline send(c) {
	if
	:: cost[c] = 0
	:: cost[c] = WORST
	fi;
	add(costs, c, cost[c]);
	check()
}

/* By the call's id, so that the same one twice is the same as once. */
inline settle(c) {
	if
	:: state[c] == RESERVED -> add(reserved, c, -WORST); add(spent, c, cost[c])
	:: state[c] == EXPIRED && WRONG == SETTLE_TWICE -> add(spent, c, cost[c])
	:: state[c] == EXPIRED && WRONG != SETTLE_TWICE && WRONG != RELEASE_EXPIRED -> add(spent, c, cost[c] - WORST)
	:: state[c] == EXPIRED && WRONG == RELEASE_EXPIRED -> add(spent, c, cost[c])
	:: state[c] == NONE -> add(spent, c, cost[c]) /* a fail-over lost it */
	:: else
	fi;
	state[c] = SETTLED;
	check()
}

inline expire(c) {
	add(reserved, c, -WORST);
	if
	:: WRONG == RELEASE_EXPIRED
	:: else -> add(spent, c, WORST)
	fi;
	state[c] = EXPIRED;
	check()
}

bool journal_reserved[CALLS], journal_expired[CALLS], journal_settled[CALLS];
bool cancelled[CALLS]; /* by Redis' instances: no cost, and never sent */
bool dead[CALLS]; /* the call's process went while it ran */

#if REDIS
/* ---- two instances, a server and its replica ---- */

#define all_are_back (seen[0] == epoch && seen[1] == epoch)
#define instance_of(c) (c == 0 -> 0 : 1)
byte copy_spent[2], copy_reserved[2], copy_state[CALLS]; /* the replica */
byte epoch, seen[2];  /* of the server; what each instance has asserted again in */
bool died[2];
byte asked_in[CALLS]; /* the epoch in which the call was admitted */

#define fence_is_open (WRONG == NO_FENCE || \
	((seen[0] == epoch || (WRONG == FENCE_FOR_LIVING && died[0])) && \
	(seen[1] == epoch || (WRONG == FENCE_FOR_LIVING && died[1]))))

/* What is cancelled before it comes leaves a mark, so that it stays away. */
inline cancel(c) {
	if
	:: state[c] == RESERVED -> add(reserved, c, -WORST); state[c] = CANCELLED
	:: state[c] == EXPIRED -> add(spent, c, -WORST); state[c] = CANCELLED
	:: state[c] == NONE && WRONG != NO_TOMBSTONE -> state[c] = CANCELLED
	:: else
	fi;
	check()
}

proctype Call(byte c) {
	bool admitted = false;

	/* One script for all budgets; its answer comes later, or never. */
	if
	:: WRONG == CHECK_THEN_TAKE ->
		atomic { open -> if :: fits(c) :: else -> goto ended fi };
		atomic { open -> asked_in[c] = epoch; take(c); admitted = true; check() }
	:: WRONG == TAKE_SOME ->
		atomic {
			open;
			if
			:: spent[AGENT] + reserved[AGENT] + WORST > LIMIT_AGENT -> goto ended
			:: else -> reserved[AGENT] = reserved[AGENT] + WORST
			fi
		};
		atomic {
			open;
			if
			:: in_user(c) && spent[USER] + reserved[USER] + WORST > LIMIT_USER -> goto ended
			:: in_user(c) && spent[USER] + reserved[USER] + WORST <= LIMIT_USER ->
				reserved[USER] = reserved[USER] + WORST
			:: else
			fi;
			asked_in[c] = epoch; state[c] = RESERVED; admitted = true
		}
	:: else ->
		/* An instance may give up waiting before the server has read the script, or after. */
		if
		:: atomic { c == 0 -> cancelled[c] = true; asked_in[c] = epoch; cancel(c) }
		:: true
		fi;
		atomic {
			open;
			if
			:: cancelled[c] && asked_in[c] != epoch /* it went with its link */
			:: !(cancelled[c] && asked_in[c] != epoch) && state[c] == NONE && fits(c) ->
				asked_in[c] = epoch; take(c); admitted = true; check()
			:: else
			fi
		};
		if
		:: atomic { c == 0 && !cancelled[c] -> cancelled[c] = true; cancel(c) }
		:: true
		fi
	fi;
	if
	:: !admitted || cancelled[c] -> goto ended
	:: else
	fi;
	/* The answer. A turn writes its journal before it sends. */
	atomic {
		if
		:: died[instance_of(c)] || (WRONG != OLD_ANSWERS && asked_in[c] != seen[instance_of(c)]) -> goto ended
		:: else -> journal_reserved[c] = true
		fi
	};
	atomic {
		if
		:: died[instance_of(c)] -> goto ended
		:: else -> send(c)
		fi
	};
	atomic {
		if
		:: died[instance_of(c)] -> goto ended
		:: else -> journal_settled[c] = true
		fi
	};
	atomic { settle(c) };
ended:
	over++
}

/* From the instance's own journal, whether it lives or was started again. */
inline assert_again(i) {
	byte k = 0;
	do
	:: k < CALLS ->
		if
		:: instance_of(k) != i
		:: instance_of(k) == i && cancelled[k] -> cancel(k)
		:: instance_of(k) == i && !cancelled[k] && journal_settled[k] && state[k] != SETTLED && WRONG != ASSERT_OPEN_ONLY -> settle(k)
		:: instance_of(k) == i && !cancelled[k] && journal_reserved[k] && !journal_settled[k] && state[k] == NONE -> take(k)
		:: else
		fi;
		k++
	:: else -> break
	od;
	k = 0
}

proctype Instance(byte i) {
	if
	:: i == 1 -> died[i] = true
	:: true
	fi;
	do
	:: atomic { seen[i] != epoch ->
		assert_again(i);
		seen[i] = epoch;
		open = fence_is_open;
		check()
	}
	:: over == CALLS && no_more && seen[i] == epoch -> break
	od
}

/* The replica has all that was written until one moment, and takes over at a later one. */
proctype Replica() {
	byte k;

	if
	:: no_more = true; goto ended
	:: true
	fi;
	atomic {
		copy_spent[AGENT] = spent[AGENT]; copy_spent[USER] = spent[USER];
		copy_reserved[AGENT] = reserved[AGENT]; copy_reserved[USER] = reserved[USER];
		do
		:: k < CALLS -> copy_state[k] = state[k]; k++
		:: else -> break
		od
	};
	atomic {
		spent[AGENT] = copy_spent[AGENT]; spent[USER] = copy_spent[USER];
		reserved[AGENT] = copy_reserved[AGENT]; reserved[USER] = copy_reserved[USER];
		copy_spent[AGENT] = 0; copy_spent[USER] = 0;
		copy_reserved[AGENT] = 0; copy_reserved[USER] = 0;
		k = 0;
		do
		:: k < CALLS -> state[k] = copy_state[k]; copy_state[k] = 0; k++
		:: else -> break
		od;
		k = 0;
		epoch = 1;
		open = fence_is_open;
		no_more = true;
		check()
	};
ended:
	skip
}

#else
/* ---- one process, its journals and its database ---- */

#define all_are_back true
byte folded_spent[2], folded_state[CALLS], folded_upto[CALLS];
	/* upto: the state that the sums go to */

proctype Call(byte c) {
	bool room = false;

	atomic {
		open;
		if
		:: fits(c) && WRONG != CHECK_THEN_TAKE && WRONG != TAKE_SOME -> take(c); check(); room = true
		:: fits(c) && WRONG == CHECK_THEN_TAKE -> room = true
		:: WRONG == TAKE_SOME && spent[AGENT] + reserved[AGENT] + WORST <= LIMIT_AGENT ->
			reserved[AGENT] = reserved[AGENT] + WORST;
			if
			:: !in_user(c) -> state[c] = RESERVED; room = true
			:: in_user(c) && spent[USER] + reserved[USER] + WORST <= LIMIT_USER ->
				reserved[USER] = reserved[USER] + WORST;
				state[c] = RESERVED;
				room = true
			:: else
			fi
		:: else
		fi
	};
	if
	:: !room -> goto ended
	:: room && WRONG == CHECK_THEN_TAKE -> atomic { open -> take(c); check() }
	:: else
	fi;
	/* A turn writes its journal before it sends. */
	if
	:: WRONG == SEND_BEFORE_JOURNAL -> atomic { if :: dead[c] -> goto ended :: else -> send(c) fi }
	:: else
	fi;
	atomic { if :: dead[c] -> goto ended :: else -> journal_reserved[c] = true fi };
	if
	:: WRONG != SEND_BEFORE_JOURNAL -> atomic { if :: dead[c] -> goto ended :: else -> send(c) fi }
	:: else
	fi;
	if
	:: WRONG == ROOM_BEFORE_JOURNAL -> atomic { if :: dead[c] -> goto ended :: else -> settle(c) fi }
	:: else
	fi;
	atomic { if :: dead[c] -> goto ended :: else -> journal_settled[c] = true fi };
	if
	:: WRONG != ROOM_BEFORE_JOURNAL -> atomic { if :: dead[c] -> goto ended :: else -> settle(c) fi }
	:: else
	fi;
ended:
	over++
}

#define state_by_journal(c) (journal_settled[c] -> SETTLED : (journal_expired[c] -> EXPIRED : \
	(journal_reserved[c] -> RESERVED : NONE)))

/* What one call adds to what was spent when it goes from one state to a later one. */
#define fold_one(sum, c, from, to) \
	if \
	:: from < EXPIRED && to == EXPIRED && WRONG != RELEASE_EXPIRED -> add(sum, c, WORST) \
	:: from == EXPIRED && to == SETTLED -> add(sum, c, cost[c] - \
		(WRONG == RELEASE_EXPIRED || WRONG == SETTLE_TWICE -> 0 : WORST)) \
	:: from < EXPIRED && to == SETTLED -> add(sum, c, cost[c]) \
	:: else \
	fi

/* The store thread, once at any moment: sums and how far they go in one transaction. */
proctype Fold() {
	byte k;

	if
	:: goto ended
	:: true
	fi;
	atomic {
		do
		:: k < CALLS ->
			fold_one(folded_spent, k, folded_upto[k], state_by_journal(k));
			if
			:: WRONG == FOLD_IN_TWO -> folded_state[k] = state_by_journal(k)
			:: else -> folded_upto[k] = state_by_journal(k)
			fi;
			k++
		:: else -> break
		od;
		k = 0
	};
	if
	:: WRONG == FOLD_IN_TWO -> atomic {
		do
		:: k < CALLS && !no_more -> folded_upto[k] = folded_state[k]; k++
		:: else -> break
		od;
		k = 0 }
	:: else
	fi;
ended:
	skip
}

/* Memory goes; what was written stays, and is read again before anyone is admitted. */
proctype Crash() {
	byte k;

	atomic {
		open = false;
		k = 0;
		do
		:: k < CALLS -> dead[k] = (state[k] != NONE); state[k] = NONE; k++
		:: else -> break
		od;
		k = 0
	};
	atomic {
		spent[AGENT] = folded_spent[AGENT]; spent[USER] = folded_spent[USER];
		reserved[AGENT] = 0; reserved[USER] = 0;
		do
		:: k < CALLS ->
			fold_one(spent, k, folded_upto[k], state_by_journal(k));
			state[k] = state_by_journal(k);
			if
			:: state[k] == RESERVED && WRONG == REPLAY_RELEASES -> state[k] = NONE
			:: state[k] == RESERVED && WRONG != REPLAY_RELEASES -> add(reserved, k, WORST)
			:: else
			fi;
			k++
		:: else -> break
		od;
		k = 0;
		open = true;
		no_more = true;
		check()
	}
}
#endif

/* A reservation outlives its call by a minute, and nobody knows how long a call takes. */
proctype Reaper() {
	byte k;

	do
	:: atomic { open && state[0] == RESERVED -> expire(0); journal_expired[0] = true }
	:: atomic { open && state[1] == RESERVED -> expire(1); journal_expired[1] = true }
	:: atomic { open && state[2] == RESERVED -> expire(2); journal_expired[2] = true }
	:: over == CALLS && no_more && all_are_back && open && state[0] != RESERVED && state[1] != RESERVED && state[2] != RESERVED -> break
	od
}

/* All have ended: what is left is exact. */
inline check_sums() {
	byte k = 0, sum[2];

	do
	:: k < CALLS ->
		if
		:: state[k] == SETTLED -> add(sum, k, cost[k])
		:: state[k] == EXPIRED && !cancelled[k] -> add(sum, k, WORST)
		:: else
		fi;
		k++
	:: else -> break
	od;
	assert(reserved[AGENT] == 0 && reserved[USER] == 0);
	assert(spent[AGENT] == sum[AGENT] && spent[USER] == sum[USER]);
	assert(costs[AGENT] <= spent[AGENT] && costs[USER] <= spent[USER])
}

init {
	atomic {
		run Call(0); run Call(1); run Call(2);
		run Reaper();
#if REDIS
		run Instance(0); run Instance(1); run Replica()
#else
		run Fold();
		if
		:: run Crash()
		:: no_more = true
		fi
#endif
	};
	atomic { _nr_pr == 1 -> check_sums() }
}
