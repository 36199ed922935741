/* SPDX-License-Identifier: Apache-2.0 */
/* lease: what leases of one budget promise, in whatever order things are said, lost and said twice.

   Two groups share a pool's LIMIT. A call takes from its group's lease; where that lacks room, what the
   lease was like is said to the pool, which grants more, and what was granted is said to the lease. Each
   of these is one step, as each is one script in src/store/redis/scripts, and between two of them anything
   may happen: others ask, who asked dies, the question is carried out twice. Others tell the pool at any
   later moment what a lease was like when they looked, or return first what was free; a reservation may
   expire before its call is settled. With LOSS the first group's lease is lost once, with the records of
   its calls or without, and an instance may say again what it knew of it.

   At every step: cost <= LIMIT; cost <= spent + leased, as the pool has them; and unless a lease was lost
   spent + leased <= LIMIT. In the end, unless one was lost, nothing is leased and spent is the cost. What
   is lost by the way is what comes after all else here. Every WRONG design breaks one of these;
   tests/model/run expects it to. */

#ifndef LOSS
#define LOSS 0 /* whether a lease is lost */
#endif
#ifndef WRONG
#define WRONG 0
#endif

#define RELEASE_DEAD 1    /* what a group has leased is released when an instance that asked dies */
#define GRANTS_ADD 2      /* what is granted is added to the lease, however often it is heard */
#define FORGET_LOST 3     /* a lease that is born anew begins with the old one forgotten */
#define RETURN_RUNNING 4  /* what running calls have reserved is returned with what is free */
#define NO_BIRTHS 5       /* a lease that is made anew is not told from the one that was lost */
#define LAST_HEARD 6      /* the pool believes what comes last to be what a lease has spent */
#define TELL_FIRST 7      /* the pool is told of a return before the lease has returned it */
#define GRANTED_SHRINKS 8 /* the pool believes what comes last to be what a lease was granted */
/* Whoever says it need not know all that was spent. */
#define SAID_UNSPENT 9    /* one that was lost is made anew under its old birth, with nothing spent */

#define CALLS 3
#define group_of(c) ((c) == 2 -> 1 : 0)
#define LIMIT 2
#define CHUNK 2

#define NONE 0
#define RESERVED 1
#define EXPIRED 2 /* charged at worst */
#define SETTLED 3

/* Leases; born 0: there is none. at: how often it has changed, for the server's clock. */
byte born[2], births[2], granted[2], returned[2], spent[2], reserved[2], at[2];
byte state[CALLS]; /* records */

/* The pool, by group what it knows of its lease. */
byte pool_spent, known_born[2], known_granted[2], known_returned[2], known_spent[2], known_at[2];

byte cost; /* the truth: what the provider charged */
byte over; /* calls that have ended */
bool lost;

#define max(a, b) ((a) > (b) -> (a) : (b))
#define stands_for(g) max(known_granted[g] - known_returned[g] - known_spent[g], 0)
#define rest (LIMIT - pool_spent - stands_for(0) - stands_for(1))
#define free(g) (granted[g] - returned[g] - spent[g] - reserved[g])

inline check() {
	assert(cost <= LIMIT);
	assert(cost <= LIMIT - rest);
	assert(lost || rest >= 0)
}

/* What a lease was like when somebody looked. */
typedef Seen { byte s_born, s_granted, s_returned, s_spent, s_used, s_at }

inline see(s, g) {
	s.s_born = born[g]; s.s_granted = granted[g]; s.s_returned = returned[g];
	s.s_spent = spent[g]; s.s_used = spent[g] + reserved[g]; s.s_at = at[g]
}

inline unsee(s) {
	s.s_born = 0; s.s_granted = 0; s.s_returned = 0; s.s_spent = 0; s.s_used = 0; s.s_at = 0
}

/* ---- the pool */

/* Of one that is older than one that is known nothing is heard. */
inline hear(s, g) {
	if
	:: s.s_born > known_born[g] ->
		pool_spent = pool_spent + (WRONG == FORGET_LOST -> 0 : stands_for(g));
		known_born[g] = s.s_born;
		known_granted[g] = 0; known_returned[g] = 0; known_spent[g] = 0; known_at[g] = 0
	:: else
	fi;
	if
	:: s.s_born == known_born[g] && (s.s_at >= known_at[g] || WRONG == LAST_HEARD) ->
		pool_spent = max(pool_spent + s.s_spent - known_spent[g], 0);
		known_spent[g] = s.s_spent;
		known_at[g] = s.s_at
	:: else
	fi;
	if
	:: s.s_born == known_born[g] ->
		known_granted[g] = (WRONG == GRANTED_SHRINKS -> s.s_granted : max(known_granted[g], s.s_granted));
		known_returned[g] = max(known_returned[g], s.s_returned)
	:: else
	fi;
	check()
}

#define overdrawn(s) max(s.s_used + s.s_returned - s.s_granted, 0)

/* ret: what the lease was granted in all; ret_birth 0: nothing. */
inline ask(s, g, ret, ret_birth) {
	/* A chunk, or where the rest is small what is needed; whoever comes second gets no more than that. */
	is_first = s.s_born > known_born[g] || known_granted[g] <= s.s_granted;
	hear(s, g);
	give = 1 + overdrawn(s);
	if
	:: is_first && give < CHUNK && rest >= CHUNK -> give = CHUNK
	:: LOSS || !is_first || give >= CHUNK || rest < CHUNK
	fi;
	ret_birth = 0;
	if
	:: s.s_born != known_born[g] -> give = 0
	:: s.s_born == known_born[g] && give <= rest -> ret_birth = s.s_born
	:: s.s_born == known_born[g] && give > rest && rest + s.s_granted >= s.s_returned + s.s_used + 1 -> give = max(rest, 0); ret_birth = s.s_born
	:: else -> give = 0
	fi;
	known_granted[g] = known_granted[g] + give;
	ret = (WRONG == GRANTS_ADD -> give : known_granted[g]);
	give = 0;
	is_first = false;
	check()
}

/* ---- leases */

inline lease_begin(g) {
	if
	:: !born[g] -> births[g] = (WRONG == NO_BIRTHS -> 1 : births[g] + 1); born[g] = births[g]
	:: else
	fi
}

inline take_granted(g, all, birth) {
	if
	:: birth && birth == born[g] ->
		granted[g] = (WRONG == GRANTS_ADD -> granted[g] + all : max(granted[g], all))
	:: else
	fi
}

/* Since its call was admitted the lease may have been lost, and its record with it. */
inline settle(c, g, used) {
	lease_begin(g);
	if
	:: state[c] == RESERVED -> reserved[g] = max(reserved[g] - 1, 0)
	:: state[c] == EXPIRED -> spent[g] = max(spent[g] - 1, 0)
	:: else
	fi;
	spent[g] = spent[g] + used;
	state[c] = SETTLED;
	at[g]++;
	check()
}

inline expire(c, g) {
	lease_begin(g);
	reserved[g] = max(reserved[g] - 1, 0);
	spent[g]++;
	state[c] = EXPIRED;
	at[g]++;
	check()
}

#define is_returned(g) (granted[g] - returned[g] - spent[g] - (WRONG == RETURN_RUNNING -> 0 : reserved[g]))

inline give_back(g) {
	if
	:: born[g] && is_returned(g) > 0 -> returned[g] = returned[g] + is_returned(g); at[g]++
	:: else
	fi
}

/* ---- who does all that */

proctype Call(byte c) {
	Seen seen;
	byte all, birth, rounds, give, used;
	bool is_first;

	do
	:: atomic {
		lease_begin(group_of(c));
		take_granted(group_of(c), all, birth);
		if
		:: WRONG == GRANTS_ADD && c == 1 -> take_granted(group_of(c), all, birth) /* said twice */
		:: else
		fi;
		all = 0; birth = 0;
		if
		:: free(group_of(c)) >= 1 ->
			reserved[group_of(c)]++;
			state[c] = RESERVED;
			/* It is sent, and costs a part of the worst case, here nothing, or all of it. */
			if
			:: c == 0 -> used = 0
			:: used = 1
			fi;
			cost = cost + used;
			check();
			break
		:: free(group_of(c)) < 1 && rounds == 1 -> goto ended
		:: else -> see(seen, group_of(c)); rounds++
		fi
	}
	/* A question that is lost is as if its call had not begun; with an answer goes who asked. */
	atomic {
		ask(seen, group_of(c), all, birth);
		if
		:: c == 0 && birth ->
			if
			:: WRONG == RELEASE_DEAD -> known_returned[0] = known_granted[0]; check()
			:: else
			fi;
			all = 0; birth = 0
		:: true
		fi;
		if
		:: !birth -> unsee(seen); goto ended
		:: birth && c != 1 -> unsee(seen)
		:: else
		fi
	};
	if
	:: c == 1 -> atomic {
		if
		:: ask(seen, group_of(c), all, birth) /* carried out twice */
		:: true
		fi;
		unsee(seen);
		if
		:: !birth -> goto ended
		:: else
		fi
	}
	:: else
	fi
	od;
	if
	:: atomic { c == 0 -> expire(c, group_of(c)) }
	:: true
	fi;
	atomic { settle(c, group_of(c), used); used = 0 };
ended:
	atomic { rounds = 0; over++ }
}

/* An instance tells what it knows of a lease, or returns what is free first. */
proctype Teller(byte g; bool returns) {
	Seen seen;

	if
	:: atomic { born[g] && !returns -> see(seen, g) }
	:: atomic { born[g] && returns && WRONG != TELL_FIRST -> give_back(g); see(seen, g) }
	:: atomic { born[g] && returns && WRONG == TELL_FIRST -> see(seen, g); seen.s_returned = seen.s_returned + max(free(g), 0) }
	:: atomic { !born[g] && over == CALLS -> goto ended }
	fi;
	atomic { hear(seen, g) };
	if
	:: atomic { WRONG == TELL_FIRST && returns && born[g] == seen.s_born -> returned[g] = max(returned[g], seen.s_returned) }
	:: else
	fi;
ended:
	atomic { unsee(seen) }
}

/* What an instance knew when its server became another it tells the pool, and then the lease. */
proctype Loss() {
	Seen seen;
	byte k;

	if
	:: atomic { born[0] -> see(seen, 0) }
	:: atomic { !born[0] && over == CALLS -> goto ended }
	fi;
	atomic {
		lost = true;
		born[0] = 0; granted[0] = 0; returned[0] = 0; spent[0] = 0; reserved[0] = 0;
		at[0]++;
		if
		:: state[0] = NONE; state[1] = NONE
		:: true
		fi
	};
	atomic { hear(seen, 0) };
	atomic {
		if
		:: WRONG == SAID_UNSPENT && (!born[0] || !granted[0]) ->
			born[0] = seen.s_born;
			granted[0] = seen.s_granted;
			returned[0] = seen.s_returned;
			at[0]++
		:: else /* another is born, or will be: what it stood for counts as spent */
		fi
	};
ended:
	atomic { unsee(seen) }
}

/* All have ended. A grant that was lost is found by the next who asks; what is free is returned, and told. */
inline check_sums() {
	if
	:: !lost ->
		byte g = 0;
		Seen last;
		do
		:: g < 2 && born[g] ->
			take_granted(g, known_granted[g], known_born[g]);
			give_back(g);
			see(last, g);
			hear(last, g);
			g++
		:: g < 2 && !born[g] -> g++
		:: g == 2 -> break
		od;
		assert(reserved[0] == 0 && reserved[1] == 0);
		assert(stands_for(0) == 0 && stands_for(1) == 0);
		assert(pool_spent == cost)
	:: else
	fi
}

init {
	atomic {
		run Call(0); run Call(1); run Call(2);
#if LOSS
		run Loss(); run Teller(0, true)
#else
		run Teller(0, false); run Teller(0, true); run Teller(1, true)
#endif
	};
	atomic { _nr_pr == 1 -> check_sums() }
}
