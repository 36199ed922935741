/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_core: what metrics.c fills and metrics_page.c reads. Locks are taken in this order: page,
 * table, parts. */
#pragma once
#include <pthread.h>
#include "base/clock.h"
#include "observe/histogram.h"
#include "observe/label.h"
#include "observe/series.h"

/* One for each set of labels that something is counted by. */
enum table {
	TABLE_AGENT,    /* agent */
	TABLE_CALLS,    /* agent, dialect, upstream, code */
	TABLE_TOOLS,    /* agent, tool; columns: allowed, denied */
	TABLE_TOKENS,   /* agent, model; columns: kinds of tokens */
	TABLE_COST,     /* agent, kind, name */
	TABLE_ATTEMPTS, /* upstream, outcome */
	TABLE_UNPRICED, /* model */
	TABLE_MISMATCH, /* model */
	TABLE_EXCEEDED, /* model */
	TABLE_CACHE,    /* kind, result */
	TABLE_WARNINGS, /* scope, name, window */
	TABLE_OUTAGE,   /* decision */
	TABLES
};

/* The counts of TABLE_AGENT. */
struct agent_counts {
	uint64_t requests, estimated;
	uint64_t cost; /* nano-dollars */
	struct histogram call, gateway, first_token;
};

/* The columns of TABLE_TOKENS. Every token stands in one of them. */
enum token_kind {
	TOKEN_INPUT,
	TOKEN_CACHED_INPUT,
	TOKEN_CACHE_WRITE,
	TOKEN_INPUT_AUDIO,
	TOKEN_INPUT_IMAGE,
	TOKEN_INPUT_VIDEO,
	TOKEN_OUTPUT,
	TOKEN_REASONING,
	TOKEN_OUTPUT_AUDIO,
	TOKEN_OUTPUT_IMAGE,
	TOKEN_OUTPUT_VIDEO,
	TOKEN_KINDS
};

enum tool_column { TOOL_ALLOWED, TOOL_DENIED, TOOL_COLUMNS };

#define MODES 2
#define VERDICTS 4
#define POLICY_KINDS_MAX 32 /* kinds of policies that the program has */

struct policy_counts {
	const char *policy; /* borrowed from its ops; NULL: a free place */
	uint64_t n[MODES][VERDICTS];
};

struct metrics_part {
	struct observer observer;
	struct metrics *metrics; /* borrowed */
	unsigned index;
	pthread_mutex_t lock; /* over this part's cells in every table, and policies */
	struct policy_counts policies[POLICY_KINDS_MAX];
	struct label_key key; /* the writer's own: the one that it asks for just now */
	char apart[64];       /* so that two parts share no cache line */
};

struct metrics {
	pthread_mutex_t page_lock; /* one page at a time; rows are dropped under it only, sums
	                              belong to it */
	pthread_mutex_t lock;      /* over the rows of every table */
	struct series_table tables[TABLES];
	struct clock *clock;      /* borrowed; for what is idle. Tests set their own */
	uint64_t started_wall_ns; /* of the process, as the first page found it; under page_lock */
	unsigned n_parts;
	struct metrics_part parts[]; /* in place */
};

static inline void count(uint64_t *n, uint64_t more)
{
	if (__builtin_add_overflow(*n, more, n))
		*n = UINT64_MAX;
}

/* The place of a policy's counts; NULL when all are taken by others. */
struct policy_counts *policy_place(struct policy_counts of[POLICY_KINDS_MAX], const char *policy);

/* What all parts have counted, as of one moment for each part. */
struct gathered {
	const struct series_row *rows[TABLES];  /* borrowed; the newest first */
	const struct series_row *other[TABLES]; /* borrowed; NULL where nothing ever went there */
	struct policy_counts policies[POLICY_KINDS_MAX];
};

/* Under page_lock, and ret holds until that is let go. Also drops what has been idle. */
void metrics_gather(struct metrics *m, struct gathered *ret);
