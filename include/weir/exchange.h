/* SPDX-License-Identifier: Apache-2.0 */
/* exchange: one HTTP message pair and what it needs from both sides. Callbacks report to it, its step decides: see
 * exchange/steps.c for its life from top to bottom. It never changes thread. */
#pragma once
#include "net/deadline.h"
#include "weir/call.h"
#include "weir/codec.h"
#include "weir/pause.h"
#include "weir/ticket.h"

enum phase {
	PHASE_READING,  /* the request's head is judged, its body collected */
	PHASE_JUDGING,  /* what it asks for is judged */
	PHASE_REACHING, /* an attempt is on its way; no answer yet */
	PHASE_RELAYING, /* the answer flows back through the chain */
	PHASE_CLOSING,  /* accounts are settled, the record is written */
	PHASE_DONE,
	PHASE_N
};

/* downstream: the agent's side, whatever carries it: a session over a socket, or a test's loopback. */
struct downstream;
struct key_memo;
struct downstream_ops {
	bool (*is_full)(struct downstream *d);                          /* more waits to be sent than the high water */
	void (*pause)(struct downstream *d, enum pause_reason why, bool on);   /* reading the request */
	void (*wrote)(struct downstream *d);                            /* the codec has put something out */
	void (*ended)(struct downstream *d, struct exchange *x, bool keep); /* x is done with it; keep: it may carry another */
};

struct downstream {
	const struct downstream_ops *ops;
	struct codec *codec;                      /* borrowed */
	const struct listener_conf *listener;     /* borrowed from the snapshot the session began under */
	struct slice peer;                        /* address as text, for refusals before authentication */
	struct key_memo *key;                     /* owned: the last key that named an agent here; NULL: none is kept */
};

/* source: where an answer comes from: an attempt upstream, a local reply, the cache. It reports with exchange_on_*. */
struct source;
struct source_ops {
	const char *name; /* the record's ended_by: "upstream", "gateway" */
	void (*pause)(struct source *s, enum pause_reason why, bool on);
	/* The exchange wants no more of it; it frees itself. Nothing is reported afterwards. */
	void (*close)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	struct exchange *exchange; /* borrowed */
};

/* What an exchange needs from the place it runs in; one a worker. */
struct store;
struct cache;
struct flights;
struct joints;
struct journal;
struct loop;
struct tokens_learn;
struct warnings;
struct exchange_env {
	struct turn *turn;
	void (*set_deadline)(struct exchange_env *env, struct deadline *d, uint64_t at); /* monotonic ns */
	void (*clear_deadline)(struct exchange_env *env, struct deadline *d);
	struct clock *clock;
	uint64_t *now;                              /* monotonic ns, refreshed by the loop */
	const struct policy_ops *const *policies;   /* in order */
	unsigned n_policies;
	struct observer *observers;
	const struct snapshot *current;             /* the newest policy: what it revokes holds for calls that run too */
	struct journal *journal;                    /* the worker's own; NULL: nothing is written down */
	struct list deciding, syncing;              /* exchanges that were let go in this turn; that wait for the disk */
	struct list settling;                       /* admissions whose settlement is written down in this turn */
	struct list holding, holding_disk;          /* journaling_hold: until this turn is in the file; until it is on the disk */
	struct tokens_learn *learn;                 /* how far estimates are off; NULL: nothing is learned */
	struct store *store;                        /* what calls take of rates and budgets; NULL: nothing can be asked */
	struct store *local;                        /* this process's own, for when the one that is shared cannot be asked; or NULL */
	struct cache *cache;                        /* answers that may be given again; NULL: there is none */
	struct store *answers;                      /* where other instances have left theirs; NULL: nowhere */
	struct flights *flights;                    /* which of them are on their way; NULL: calls share none */
	struct loop *loop;                          /* borrowed: where other threads post what is for its exchanges; NULL: nowhere */
	struct list unwatched;                      /* exchanges that go on although their agents have left */
	struct joints *joints;                      /* calls for embeddings that are made together; NULL: each is by itself */
	struct warnings *warnings;                  /* which budgets have warned; NULL: none does */
	struct recent *recent;                      /* what became of earlier calls; may be NULL */
	struct strangers *strangers;                /* who was refused before we knew him; may be NULL */
	/* Opens the attempt that carries x's request upstream; 0 and x->source set, or a negative errno. */
	int (*reach)(struct exchange_env *env, struct exchange *x);
	struct list spare;                          /* finished exchanges, kept for their memory */
	unsigned n_spare;
	_Atomic unsigned sessions, in_flight;       /* open connections, exchanges that have not ended: for other threads to read */
	bool draining;                              /* answers say that the connection ends with them */
	struct head scratch;                        /* for heads on their way out */
	void *owner;                                /* the worker */
};

struct view;
struct exchange {
	struct reapable reapable;
	struct list spare;             /* in env->spare while it waits for its next life */
	struct exchange_env *env;      /* borrowed */
	struct view *view;             /* counted: the policy that this exchange is judged by, from start to end */
	const struct snapshot *snapshot; /* the view's */
	struct downstream *down;       /* borrowed; NULL once it has ended */
	uint32_t stream;
	struct arena arena;            /* owned */
	char request_id[27];
	uint64_t began, first_byte, wall; /* monotonic ns but wall */
	uint64_t body_from;            /* monotonic ns: since when the body may come */
	uint64_t others_ns;            /* time spent waiting for a side: the agent, or the source and the way to it */
	uint64_t waits_since;          /* one of them is being waited for; 0: Weir or a policy has the word */
	bool waits_for_source;         /* what was sent is to be answered, and it is listened to */

	enum phase phase;
	uint64_t phase_at;             /* when it was entered */
	bool running, again;           /* the step runs; it is to run once more */
	bool aborted;                  /* no more can be sent: reset */
	bool client_gone;
	struct list unwatched;         /* in env->unwatched: its agent has left, and it goes on (exchange/unwatched.h) */

	/* request */
	struct head *head;             /* borrowed from the codec until it ends */
	enum fault target_fault;       /* the target is not canonical: why */
	const char *target_note;       /* static */
	bool key_in_query;
	struct slice path, query, trace_id;
	struct route route;
	struct buf body;               /* owned */
	bool body_ended, head_judged, continued;
	struct edits edits;
	struct slice *sending;         /* the body as it goes upstream, in arena or body */
	unsigned n_sending;
	uint64_t sending_len;

	/* What is judged, charged and recorded; not tool calls, which are parts of a lap. One today, made with the exchange; where
	 * there are several each is asked before, and the answer is the first's: its chain judges every lap and all parts of it. */
	struct call *calls;            /* in arena */
	unsigned n_calls;

	struct looking *looking;       /* exchange/local_budget.c, in arena: what it asks the store to show; or NULL */

	/* what is written down of it */
	struct list journal_link;      /* in env->deciding or env->syncing */
	uint64_t written_at;           /* bytes of the journal when its decision was in the file */
	bool decided;                  /* the decision is written down */
	bool waits_for_turn;           /* nothing is answered before the decision is in the file, */
	struct ticket written;         /* which is done then, in the turn's next round */
	bool waits_for_disk;           /* nothing goes upstream before the decision is on the disk */

	/* answer */
	struct source *source;         /* owned through its close */
	enum fault source_fault;
	const char *source_note;
	bool source_local;             /* it is a reply: neither read nor judged */
	unsigned upstream_status;      /* of an upstream's answer; 0: none came */
	struct slice listener_name;
	struct head *answer_head;      /* borrowed from the source */
	struct answer answer;
	bool answer_open;
	struct slice arriving;         /* lent by the source for this turn: what it reports right now */
	struct buf arrived;            /* owned: what could not be taken at once */
	bool last_arrived, end_arrived;
	struct arena lap_arena;        /* owned: what is made for laps */
	uint64_t lap_turn;             /* in which some of it was lent to the agent's side: until that has ended it stays */
	struct lap lap;
	char *stream_tail;             /* in arena: what a stream's bytes ended with, where our credential may begin */
	size_t n_stream_tail;
	bool in_lap;
	bool lap_kept;                 /* a policy has waited in it: nothing of it is lent by the source any more */
	bool collect;                  /* the answer is one document: taken whole, so that its head can carry the cost */
	bool head_sent, last_sent;
	unsigned status;               /* sent to the agent */
	uint64_t bytes_in, bytes_out;
	unsigned attempts;
	bool went_upstream;            /* at least a byte of an attempt may have been read there */
	bool price_unknown;            /* what was used could not all be priced */
	uint64_t own_credentials;      /* by header_id: headers that hold a key of ours; never forwarded */
	struct slice upstream_name;
	enum fault fault;              /* how it ended */
	struct slice note;
	struct deadline deadline;      /* the one that matters in this phase */
	uint64_t quiet_ns, quiet_until; /* how long the source may be silent */
	uint64_t give_up_at;           /* total deadline; of a reply: until when the agent may make it wait; monotonic ns */
	uint64_t comment_at;           /* when a silent stream gets a comment; 0: it is no stream */
};

/* The agent's side reports. */
struct exchange *exchange_new(struct exchange_env *env, struct view *view, struct downstream *down,
	uint32_t stream, struct head *head, bool last); /* NULL: no memory */
void exchange_on_body(struct exchange *x, struct slice data);
void exchange_on_body_end(struct exchange *x);
void exchange_on_room(struct exchange *x); /* the agent has taken what was sent */
void exchange_on_client_gone(struct exchange *x);
/* The request cannot be read to its end (framing, time, size): refuse it if nothing was sent yet. */
void exchange_on_request_fault(struct exchange *x, enum fault why, const char *note);
/* The process stops now: end well-formed. */
void exchange_on_shutdown(struct exchange *x);

/* The source reports. data is lent until the end of the turn, head until the source is closed. */
void exchange_on_answer_head(struct exchange *x, struct head *head);
void exchange_on_answer_data(struct exchange *x, struct slice data);
void exchange_on_answer_end(struct exchange *x);
void exchange_on_source_fault(struct exchange *x, enum fault why, const char *note);

void exchange_wake(struct exchange *x);
/* From now on Weir waits for one of the sides; what comes from it ends that. The time between is not Weir's own. */
void exchange_waits(struct exchange *x);
void exchange_works(struct exchange *x);
void exchange_env_finish(struct exchange_env *env); /* frees what was kept */
const char *phase_name(enum phase p);
uint64_t exchange_now(const struct exchange *x);
uint64_t exchange_wall(const struct exchange *x); /* now: when it began, and on from there by the clock that does not jump */
