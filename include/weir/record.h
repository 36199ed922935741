/* SPDX-License-Identifier: Apache-2.0 */
/* record: what is written down of one finished call. Every sink (log, metrics, recent calls; later ledger, audit, traces)
 * is a view of it. Slices are borrowed and gone when the observer returns. */
#pragma once
#include "base/money.h"
#include "price/usage.h"
#include "weir/fault.h"
#include "weir/policy.h"

#define RECORD_POLICIES 16

/* What a policy said in this call, its gravest word. */
struct record_verdict {
	const char *policy;
	enum verdict verdict;
	enum mode mode;
};

struct record_tool {
	struct slice name;
	bool allowed;
	enum fault fault;
	nanousd cost;  /* that it is charged with; of a tool with an upstream where it is called, not where an answer asks for it */
};

/* A budget that is used up beyond its warn_at. */
struct record_warning {
	const char *scope, *window; /* as the policy language has them */
	struct slice name;          /* whose it is */
};

struct record {
	char request_id[27];
	struct slice trace_id;
	uint64_t wall_ns;        /* when the call began */
	/* who */
	struct slice agent, team, user, workflow, workflow_type, session;
	struct slice user_shown; /* user as sinks may write it: an e-mail address as a keyed hash */
	/* what */
	struct slice listener, dialect, action, model, upstream_model, upstream;
	const struct record_tool *tools; /* called in the answer, judged */
	unsigned n_tools;
	bool is_of_tool;                 /* the call is itself one of tools[0], and has no model */
	unsigned tools_offered;
	struct slice tools_removed;      /* "a, b" */
	bool stream;
	/* how it went */
	unsigned status;         /* that the agent got; 0: none was sent */
	enum fault fault;
	const char *verdict;     /* "allow", "deny" */
	struct slice policy_version;
	struct slice note;       /* one sentence for the operator; empty: none */
	const char *ended_by;    /* "upstream", "gateway", "client" */
	unsigned attempts;
	uint64_t latency_ns;     /* first byte of the request to last of the answer */
	uint64_t gateway_ns;     /* of those, spent in Weir itself, its policies' waits included: neither reaching the upstream,
	                          * nor waiting for its answer, for the rest of the request or for the agent to take the answer */
	uint64_t ttft_ns;        /* to the first byte of the answer's content; 0: none */
	uint64_t bytes_in, bytes_out;
	/* what it cost */
	struct usage usage;
	bool usage_known, estimated, price_unknown, went_upstream;
	bool reservation_exceeded; /* it cost more than its budgets held for it */
	nanousd cost;            /* all of it */
	nanousd tools_cost;      /* of that, for tools that its answer calls */
	const char *cache;       /* "hit", "stale", "miss", "bypass"; NULL: no cache was asked */
	bool cache_failed;       /* a miss: the cache could not say, or what it had could not be read */
	enum fault failed;       /* stale: how the attempt ended for which an old answer stands in, */
	unsigned failed_status;  /* or the status that it brought */
	const char *without_store; /* the shared store could not be asked: "local", "open", "closed"; NULL: it could */
	/* what the policies said */
	struct record_verdict verdicts[RECORD_POLICIES];
	unsigned n_verdicts;
	bool shadow;             /* some verdict was recorded and not applied */
	const struct record_warning *warnings; /* that this call is the first to see in their window */
	unsigned n_warnings;
};

struct observer {
	struct observer *next;
	const char *name;
	void (*call_ended)(struct observer *o, const struct record *r); /* never blocks */
};
