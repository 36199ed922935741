/* SPDX-License-Identifier: Apache-2.0 */
/* entry: what the journal writes down, as C sees it; journal/shape.c says under which names. Slices
 * are borrowed by the writer until it returns; from the reader they live until the next entry is
 * read. Empty slices and zero numbers are left out of the record. */
#pragma once
#include "base/money.h"
#include "base/slice.h"

enum {
	ENTRY_TEXT_MAX = 2048, /* longer texts of a decision, an outcome or a note are cut, and the
	                          record says so ("cut") */
	ENTRY_USER_MAX = 1024, /* longer users too */
	ENTRY_BLOB_MAX = 48 << 10, /* of sealed bytes, which are never cut but put into several */
};

enum entry_kind {
	ENTRY_SEGMENT = 1, /* first of each file: who writes it, what came before */
	ENTRY_DECISION,    /* one a call, before its first byte goes upstream */
	ENTRY_RESERVATION, /* one an attempt that budgets apply to */
	ENTRY_SETTLEMENT,  /* its end */
	ENTRY_OUTCOME,     /* one a call, after its last byte */
	ENTRY_NOTE, /* something about the journal itself: a torn tail was cut, recovery charged a
	               dead call */
	ENTRY_KEPT, /* a value that the store keeps, as it stands from now on (store/keep.h) */
	/* 32 approval and 33 policy_loaded are kept for those */
	ENTRY_ADMIN_ACTION = 34, /* what an operator has done, before it is done */
	                         /* from 35 on: user_data_exported, user_data_deleted, checkpoint */
};

struct entry_segment {
	uint64_t wall_ns;        /* when it was begun */
	uint32_t format;         /* of records */
	uint32_t worker, number; /* as in the file's name */
	uint32_t previous; /* number of the worker's segment before this one; 0: there was none */
	struct slice previous_hash; /* of the last record in that one; 32 bytes */
	struct slice version;       /* Weir's */
	struct slice instance;      /* 16 bytes, random a start of the process */
	struct slice encryption;    /* "none" */
};

struct entry_who {
	struct slice request_id;
	uint64_t wall_ns;
	struct slice agent, team, user, workflow, workflow_type,
	        session;          /* user is sealed in the record */
	struct slice user_sealed; /* the reader's: the bytes of the record, equal for equal users;
	                             user is set if a key opens them. Written, they stand for
	                             user as they are */
	bool user_verified, workflow_verified, session_verified;
};

struct entry_decision {
	struct entry_who who;
	struct slice listener, dialect, action, model, upstream;
	struct slice tool;       /* that the call itself is one of */
	struct slice decision;   /* "allow", "deny" */
	struct slice code, rule; /* why: the fault's name; the policy that said so */
	struct slice reasoning;  /* its sentence */
	struct slice policy_version;
	struct slice tools_removed;
	uint32_t tools_offered;
};

struct entry_counter { /* a budget that a reservation stands in */
	struct slice group, name;
	uint64_t window, ends; /* as weir/store.h */
	struct slice lessee;   /* whose lease of it a shared store took from; empty: none */
};

struct entry_reservation {
	struct slice id, request_id;
	uint64_t wall_ns, expires;
	nanousd cost;
	uint64_t tokens;
	const struct entry_counter *counters; /* NULL and n 0 where the reader has none */
	unsigned n;
};

struct entry_settlement {
	struct slice id, request_id;
	uint64_t wall_ns;
	nanousd cost;
	uint64_t tokens;
	bool estimated;
	bool by_recovery; /* its owner had died */
};

struct entry_tool {
	struct slice name;
	bool allowed;
	struct slice code;
	nanousd cost;
};

struct entry_outcome {
	struct entry_who who;
	struct slice dialect, action, model, upstream_model, upstream;
	struct slice code, ended_by, cache;
	uint32_t status, attempts;
	uint64_t latency_ns;
	uint64_t tokens_input, tokens_cached, tokens_output, tokens_reasoning, tokens_total;
	nanousd cost;
	bool estimated, price_unknown;
	const struct entry_tool *tools;
	unsigned n_tools;
};

struct entry_kept {
	uint64_t wall_ns;
	uint32_t type, state; /* enum kept_type, enum kept_state */
	struct slice group, name, id, mark;
	uint64_t version; /* of two that say something else, this says which is later */
	uint64_t until, ends;
	struct slice
	        bytes; /* the writer's: they are sealed into records of their own, before this */
	uint32_t part, parts; /* of those: which one (from 1), and nothing else but type, group,
	                         name and version; of this one: how many went before it */
	struct slice sealed;  /* of a part: the reader's to put together and open */
};

struct entry_note {
	uint64_t wall_ns;
	struct slice text;
	/* What had been written and is gone: of this worker's segment, from one byte to another. 0:
	 * nothing is. */
	uint32_t lost_worker, lost_segment;
	uint64_t lost_from, lost_to;
};

struct entry_admin_action {
	uint64_t wall_ns;
	struct slice request_id;
	struct slice operator;      /* who, by the name in the policy */
	struct slice action, value; /* what: "reload"; "log_level" and the level */
	struct slice listener;      /* where they came in, and from where */
	struct slice peer;
	struct slice policy_version; /* that was in force */
};

struct entry {
	uint32_t kind; /* enum entry_kind, or one that this version does not know: then nothing else
	                  is set */
	union {
		struct entry_segment segment;
		struct entry_decision decision;
		struct entry_reservation reservation;
		struct entry_settlement settlement;
		struct entry_outcome outcome;
		struct entry_note note;
		struct entry_admin_action admin_action;
		struct entry_kept kept;
	};
};
