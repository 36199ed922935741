/* SPDX-License-Identifier: Apache-2.0 */
/* call: what is judged, charged and recorded. Mostly one an exchange; a batch has several. It holds the facts, the chain
 * with its cursor, and what was decided; the bytes are the exchange's. */
#pragma once
#include "config/conf.h"
#include "price/price_table.h"
#include "weir/charge.h"
#include "weir/dialect.h"
#include "weir/policy.h"
#include "weir/record.h"

struct caching;
struct repeat;
struct toll;
struct embeddings;
struct exchange;

struct attribution {
	struct slice user, workflow, workflow_type, session; /* empty: not said */
};

struct call {
	struct exchange *exchange; /* borrowed */
	unsigned index;            /* among its exchange's calls */
	/* who asks: set by identity */
	const struct agent_conf *agent; /* borrowed from the snapshot; NULL until known */
	const uint8_t *key_sha256;      /* of the key that it showed, in the snapshot; NULL: none */
	struct attribution by;
	/* what for: set by the dialect, then by models */
	struct request_facts facts;
	const struct model_conf *model; /* NULL: not known yet, or it is the call of a tool */
	const struct tool_conf *tool;   /* it is itself the call of this tool, which has an upstream; NULL: none */
	struct slice upstream_model; /* the upstream's name for it; at == NULL: as asked */
	struct token_counter *tokens; /* in the arena: of what is asked, set before the body is read; NULL: nobody wants to know */
	struct token_counter *answer_tokens; /* the same of the answer, set before it comes */
	uint64_t output_bound;       /* tokens that an answer may have at most; 0: as many as were asked for */
	const struct price *fixed_price;       /* the policy's own; or NULL */
	const struct price_model *table_price; /* the table's, which may change with the hour; or NULL */
	const struct price *due;     /* that it is settled by, as the answer says so far, for due_model and due_tier; or NULL */
	const struct price_model *due_model;
	unsigned due_tier;
	uint64_t timeout_ns;         /* the caller's own, lower than the upstream's; 0: none */
	uint64_t max_tokens;         /* input and output, the caller's own; 0: none */
	nanousd max_cost;            /* the caller's own, */
	bool has_max_cost;           /* if it has one */
	/* the chain */
	struct policy *policies;     /* in the exchange's arena */
	unsigned n_policies;
	unsigned at;                 /* request: the next one to ask; answer: one past it */
	unsigned part;               /* answer: the part of the lap that is being judged */
	struct policy *parked;       /* the one that is waited for */
	bool resumed;                /* parked has settled, its verdict not yet heeded */
	bool judged;                 /* its request has passed every policy */
	bool in_lap, in_part;        /* facts of their own: a cursor at its end looks like one at its start */
	struct buf hand[2];          /* text passed from one policy to the next */
	/* what was decided */
	bool refused;
	struct refusal refusal;
	struct list charges;
	struct admitted *admitted;   /* exchange/admission.h, in the exchange's arena; NULL: the store was not asked */
	struct caching *caching;     /* exchange/caching.h, in the exchange's arena; NULL: no cache was asked */
	struct embeddings *embeddings; /* exchange/embeddings.h, in the exchange's arena; NULL: they are not told apart */
	bool asks_again;             /* it gave back what it was admitted with, and asks for it anew */
	struct repeat *repeat;       /* exchange/repeats.h, in the exchange's arena; NULL: it has no idempotency-key */
	bool runs_once;              /* what is held for it is for one attempt, whoever holds it */
	uint64_t charged_tokens;     /* that its budgets are charged with */
	bool unplanned;              /* there was no memory to work out what its budgets have to hold */
	struct record_verdict verdicts[RECORD_POLICIES];
	unsigned n_verdicts;
	struct record_tool *tools;   /* called in the answer, in arena */
	unsigned n_tools, cap_tools;
	unsigned n_released;         /* of these went to the agent, or would have, had they not been denied */
	struct toll *tolls;          /* policy/tolls.h, in the exchange's arena: what its budgets hold for them; NULL: nothing */
	struct buf tools_removed;    /* "a, b" */
	bool shadow;
	nanousd cost;
	bool priced;                 /* cost is that of the usage as it stands */
	bool estimated;
	unsigned repeats;            /* attempts before the last one that may have run: nobody will tell what they cost */
	bool guessed;                /* there is a part of cost that the provider did not tell */
	bool exceeded;               /* it used more than its budgets held for it */
};

/* Where it goes; NULL: that is not known yet. */
static inline const struct upstream_conf *call_upstream(const struct call *c)
{
	return c->tool ? c->tool->upstream : c->model ? c->model->upstream : NULL;
}

/* How long all of it may take, once it is known where it goes: its caller's word, where that is less. */
static inline uint64_t call_total_ns(const struct call *c)
{
	uint64_t total = c->tool && c->tool->timeout_ns ? c->tool->timeout_ns : call_upstream(c)->total_ns;

	return c->timeout_ns && c->timeout_ns < total ? c->timeout_ns : total;
}

/* And how long until its answer begins: a tool's own timeout is for both. */
static inline uint64_t call_first_byte_ns(const struct call *c)
{
	return c->tool && c->tool->timeout_ns ? c->tool->timeout_ns : call_upstream(c)->first_byte_ns;
}

/* Whether its user may select a budget or a rate: only who is verified, or whom the policy trusts to say so. */
static inline bool call_user_counts(const struct call *c)
{
	return c->by.user.len && c->agent->trust_user;
}

static inline bool call_price_is_known(const struct call *c)
{
	return c->fixed_price || c->table_price;
}

/* What the calls of tools cost that went to the agent, beside what the answer itself does. */
nanousd call_tools_cost(const struct call *c);
nanousd call_whole_cost(const struct call *c); /* both */
/* Says why a call is refused; param is the field at fault or NULL; the sentence is the fault's own when format is NULL.
 * Returns VERDICT_ANSWER. */
enum verdict call_refuse(struct call *c, enum fault fault, const char *param, const char *format, ...)
	__attribute__((cold, format(printf, 4, 5)));
/* Says why a call of a tool in an answer is not let through. Returns VERDICT_ANSWER. */
enum verdict call_deny_tool(struct call *c, struct toolcall *tc, enum fault fault, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
