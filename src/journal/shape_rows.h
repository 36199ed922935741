/* SPDX-License-Identifier: Apache-2.0 */
/* shape_rows: the table of all records, for shape.c, and for who walks one kind so often that its
 * walk is compiled for it. Numbers are places: a row is never moved nor taken out, and a new one is
 * the last of its list (what WHO has is the same in all that begin with it). Times are integers,
 * not text: exact, nine bytes, and nothing to format on a call's path; commands show them as RFC
 * 3339. */
#pragma once
#include <stddef.h>
#include "journal/shape.h"

#define FIELD(s, member, key, kind)                                                                \
	{                                                                                          \
		.name = (key), .len = sizeof(key) - 1, .type = (kind),                             \
		.offset = offsetof(struct s, member)                                               \
	}
#define SHOWN(s, member, key, kind, as)                                                            \
	{                                                                                          \
		.name = (key), .shown = (as), .len = sizeof(key) - 1, .type = (kind),              \
		.offset = offsetof(struct s, member)                                               \
	}
#define LIST(s, member, count, key, shape)                                                         \
	{                                                                                          \
		.name = (key), .len = sizeof(key) - 1, .type = FIELD_LIST,                         \
		.offset = offsetof(struct s, member), .other = offsetof(struct s, count),          \
		.of = &(shape)                                                                     \
	}
#define CALL(s, member, id, key)                                                                   \
	{                                                                                          \
		.name = (key), .len = sizeof(key) - 1, .type = FIELD_CALL,                         \
		.offset = offsetof(struct s, member), .other = offsetof(struct s, id)              \
	}
#define SHAPE(s, kind, list, cut)                                                                  \
	{                                                                                          \
		.name = (kind), .fields = (list), .n = sizeof(list) / sizeof(*(list)),             \
		.size = sizeof(struct s), .may_be_cut = (cut)                                      \
	}

#define WHO(s)                                                                                     \
	FIELD(s, who.wall_ns, "timestamp", FIELD_TIME),                                            \
	        FIELD(s, who.request_id, "request_id", FIELD_TEXT),                                \
	        FIELD(s, who.agent, "agent", FIELD_TEXT), FIELD(s, who.team, "team", FIELD_TEXT),  \
	        {.name = "user_id",                                                                \
	                .len = 7,                                                                  \
	                .type = FIELD_USER,                                                        \
	                .offset = offsetof(struct s, who.user),                                    \
	                .other = offsetof(struct s, who.user_sealed)},                             \
	        FIELD(s, who.user_verified, "user_verified", FIELD_BOOL),                          \
	        FIELD(s, who.workflow, "workflow_id", FIELD_TEXT),                                 \
	        FIELD(s, who.workflow_verified, "workflow_verified", FIELD_BOOL),                  \
	        FIELD(s, who.workflow_type, "workflow_type", FIELD_TEXT),                          \
	        FIELD(s, who.session, "session", FIELD_TEXT),                                      \
	        FIELD(s, who.session_verified, "session_verified", FIELD_BOOL)

static const struct field segment[] = {
        FIELD(entry_segment, wall_ns, "timestamp", FIELD_TIME),
        FIELD(entry_segment, format, "format", FIELD_U32),
        FIELD(entry_segment, version, "version", FIELD_TEXT),
        FIELD(entry_segment, instance, "instance", FIELD_BYTES),
        FIELD(entry_segment, worker, "worker", FIELD_U32),
        FIELD(entry_segment, number, "segment", FIELD_U32),
        FIELD(entry_segment, previous, "previous_segment", FIELD_U32),
        FIELD(entry_segment, previous_hash, "previous_hash", FIELD_BYTES),
        FIELD(entry_segment, encryption, "encryption", FIELD_TEXT),
};

static const struct field decision[] = {
        WHO(entry_decision),
        FIELD(entry_decision, listener, "listener", FIELD_TEXT),
        FIELD(entry_decision, dialect, "dialect", FIELD_TEXT),
        FIELD(entry_decision, action, "action", FIELD_TEXT),
        FIELD(entry_decision, model, "model", FIELD_TEXT),
        FIELD(entry_decision, tool, "tool", FIELD_TEXT),
        FIELD(entry_decision, upstream, "upstream", FIELD_TEXT),
        FIELD(entry_decision, decision, "decision", FIELD_TEXT),
        FIELD(entry_decision, code, "code", FIELD_TEXT),
        FIELD(entry_decision, rule, "rule", FIELD_TEXT),
        FIELD(entry_decision, reasoning, "reasoning", FIELD_TEXT),
        FIELD(entry_decision, policy_version, "policy_version", FIELD_TEXT),
        FIELD(entry_decision, tools_offered, "tools_offered", FIELD_U32),
        FIELD(entry_decision, tools_removed, "tools_removed", FIELD_TEXT),
};

static const struct field counter[] = {
        FIELD(entry_counter, group, "group", FIELD_TEXT),
        FIELD(entry_counter, name, "name", FIELD_TEXT),
        FIELD(entry_counter, window, "window", FIELD_U64),
        FIELD(entry_counter, ends, "ends", FIELD_U64),
        FIELD(entry_counter, lessee, "lessee", FIELD_TEXT),
};
static const struct shape counters = SHAPE(entry_counter, "counter", counter, false);

static const struct field reservation[] = {
        FIELD(entry_reservation, wall_ns, "timestamp", FIELD_TIME),
        FIELD(entry_reservation, id, "id", FIELD_TEXT),
        CALL(entry_reservation, request_id, id, "request_id"),
        FIELD(entry_reservation, expires, "expires", FIELD_TIME),
        SHOWN(entry_reservation, cost, "cost_nanousd", FIELD_MONEY, "cost_usd"),
        FIELD(entry_reservation, tokens, "tokens", FIELD_U64),
        LIST(entry_reservation, counters, n, "counters", counters),
};

static const struct field settlement[] = {
        FIELD(entry_settlement, wall_ns, "timestamp", FIELD_TIME),
        FIELD(entry_settlement, id, "id", FIELD_TEXT),
        CALL(entry_settlement, request_id, id, "request_id"),
        SHOWN(entry_settlement, cost, "cost_nanousd", FIELD_MONEY, "cost_usd"),
        FIELD(entry_settlement, tokens, "tokens", FIELD_U64),
        FIELD(entry_settlement, estimated, "estimated", FIELD_BOOL),
        FIELD(entry_settlement, by_recovery, "by_recovery", FIELD_BOOL),
};

static const struct field tool[] = {
        FIELD(entry_tool, name, "name", FIELD_TEXT),
        FIELD(entry_tool, allowed, "allowed", FIELD_BOOL),
        FIELD(entry_tool, code, "code", FIELD_TEXT),
        SHOWN(entry_tool, cost, "cost_nanousd", FIELD_MONEY, "cost_usd"),
};
static const struct shape tools = SHAPE(entry_tool, "tool", tool, true);

static const struct field outcome[] = {
        WHO(entry_outcome),
        FIELD(entry_outcome, dialect, "dialect", FIELD_TEXT),
        FIELD(entry_outcome, action, "action", FIELD_TEXT),
        FIELD(entry_outcome, model, "model", FIELD_TEXT),
        FIELD(entry_outcome, upstream_model, "upstream_model", FIELD_TEXT),
        FIELD(entry_outcome, upstream, "upstream", FIELD_TEXT),
        FIELD(entry_outcome, status, "status", FIELD_U32),
        FIELD(entry_outcome, code, "code", FIELD_TEXT),
        FIELD(entry_outcome, ended_by, "ended_by", FIELD_TEXT),
        FIELD(entry_outcome, cache, "cache", FIELD_TEXT),
        FIELD(entry_outcome, attempts, "attempts", FIELD_U32),
        SHOWN(entry_outcome, latency_ns, "latency_ns", FIELD_DURATION, "latency_ms"),
        FIELD(entry_outcome, tokens_input, "tokens_input", FIELD_U64),
        FIELD(entry_outcome, tokens_cached, "tokens_cached", FIELD_U64),
        FIELD(entry_outcome, tokens_output, "tokens_output", FIELD_U64),
        FIELD(entry_outcome, tokens_reasoning, "tokens_reasoning", FIELD_U64),
        FIELD(entry_outcome, tokens_total, "tokens_used", FIELD_U64),
        SHOWN(entry_outcome, cost, "cost_nanousd", FIELD_MONEY, "cost_usd"),
        FIELD(entry_outcome, estimated, "estimated", FIELD_BOOL),
        FIELD(entry_outcome, price_unknown, "price_unknown", FIELD_BOOL),
        LIST(entry_outcome, tools, n_tools, "tools", tools),
};

static const struct field note[] = {
        FIELD(entry_note, wall_ns, "timestamp", FIELD_TIME),
        FIELD(entry_note, text, "text", FIELD_TEXT),
        FIELD(entry_note, lost_worker, "lost_worker", FIELD_U32),
        FIELD(entry_note, lost_segment, "lost_segment", FIELD_U32),
        FIELD(entry_note, lost_from, "lost_from", FIELD_U64),
        FIELD(entry_note, lost_to, "lost_to", FIELD_U64),
};

static const struct field admin_action[] = {
        FIELD(entry_admin_action, wall_ns, "timestamp", FIELD_TIME),
        FIELD(entry_admin_action, request_id, "request_id", FIELD_TEXT),
        FIELD(entry_admin_action, operator, "operator", FIELD_TEXT),
        FIELD(entry_admin_action, action, "action", FIELD_TEXT),
        FIELD(entry_admin_action, value, "value", FIELD_TEXT),
        FIELD(entry_admin_action, listener, "listener", FIELD_TEXT),
        FIELD(entry_admin_action, peer, "peer", FIELD_TEXT),
        FIELD(entry_admin_action, policy_version, "policy_version", FIELD_TEXT),
};

static const struct field kept[] = {
        FIELD(entry_kept, wall_ns, "timestamp", FIELD_TIME),
        FIELD(entry_kept, type, "type", FIELD_U32),
        FIELD(entry_kept, group, "group", FIELD_TEXT),
        FIELD(entry_kept, name, "name", FIELD_TEXT),
        FIELD(entry_kept, version, "version", FIELD_U64),
        FIELD(entry_kept, state, "state", FIELD_U32),
        FIELD(entry_kept, id, "id", FIELD_TEXT),
        FIELD(entry_kept, mark, "mark", FIELD_BYTES),
        FIELD(entry_kept, until, "until", FIELD_TIME),
        FIELD(entry_kept, ends, "ends", FIELD_TIME),
        FIELD(entry_kept, part, "part", FIELD_U32),
        FIELD(entry_kept, parts, "parts", FIELD_U32),
        SHOWN(entry_kept, sealed, "sealed", FIELD_BLOB, "sealed_bytes"),
};

static const struct shape shapes[] = {
        [ENTRY_SEGMENT] = SHAPE(entry_segment, "segment", segment, false),
        [ENTRY_DECISION] = SHAPE(entry_decision, "decision", decision, true),
        [ENTRY_RESERVATION] = SHAPE(entry_reservation, "reservation", reservation, false),
        [ENTRY_SETTLEMENT] = SHAPE(entry_settlement, "settlement", settlement, false),
        [ENTRY_OUTCOME] = SHAPE(entry_outcome, "outcome", outcome, true),
        [ENTRY_NOTE] = SHAPE(entry_note, "note", note, true),
        [ENTRY_ADMIN_ACTION] = SHAPE(entry_admin_action, "admin_action", admin_action, true),
        [ENTRY_KEPT] = SHAPE(entry_kept, "kept", kept, false),
};
