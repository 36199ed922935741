/* SPDX-License-Identifier: Apache-2.0 */
/* conf: one policy as it was written, checked and resolved: inheritance done, names turned into
 * pointers. Immutable once loaded; everything in it lives in its arena and dies with it. Secrets
 * are kept apart and wiped. */
#pragma once
#include "base/arena.h"
#include "base/map.h"
#include "config/allowance.h"
#include "config/store_conf.h"
#include "crypto/digest.h"
#include "weir/dialect.h"

enum listener_kind { LISTENER_AGENTS, LISTENER_ADMIN, LISTENER_HEALTH };

struct address_conf {
	struct slice text; /* as written, after ${env:} */
	struct slice host; /* "127.0.0.1", "::1"; empty for unix sockets */
	uint16_t port;
	struct slice unix_path; /* empty for TCP */
	bool loopback;          /* 127.0.0.0/8, ::1 or a unix socket */
	bool none;              /* "none": this listener stays closed */
};

struct limits_conf { /* defaults: operations.md */
	uint32_t connections, header_bytes, header_fields, h2_streams;
	uint64_t body_bytes, answer_bytes;
	uint64_t header_timeout_ns, idle_timeout_ns;
};

struct listener_conf {
	struct slice name;
	enum listener_kind kind;
	struct address_conf address;
	struct agent_conf *default_agent; /* or NULL */
	uint32_t mode;                    /* of a unix socket, 0600 by default */
	uint32_t *peer_uids;
	unsigned n_peer_uids;
	struct slice *allow_from; /* CIDRs as written, validated */
	unsigned n_allow_from;
	struct slice *cors_origins;
	unsigned n_cors_origins;
	struct limits_conf limits;
};

enum api { API_OPENAI, API_ANTHROPIC, API_GEMINI, API_MCP, API_HTTP, API_WEIR };

const char *api_name(enum api api);

struct endpoint_conf {
	struct slice url; /* as written */
	bool tls;
	struct slice host; /* without brackets */
	uint16_t port;
	struct slice base_path; /* "/v1" or ""; no trailing slash */
	struct slice authority; /* what Host says: host, and port unless it is the scheme's */
	uint32_t weight;
};

enum credential_kind {
	CREDENTIAL_NONE,
	CREDENTIAL_API_KEY,
	CREDENTIAL_HEADER,
	CREDENTIAL_PASSTHROUGH
};

struct upstream_conf {
	struct slice name;
	unsigned index;
	enum api api;
	struct endpoint_conf *endpoints;
	unsigned n_endpoints;
	enum credential_kind credential;
	struct slice credential_header;  /* lower case: "authorization", "x-api-key" ... */
	struct secret *credential_value; /* with its scheme: "Bearer sk-..."; counted in the conf's
	                                    secrets */
	struct slice tls_ca;             /* path of a PEM file; empty: the system's */
	struct slice tls_server_name;    /* empty: the endpoint's host */
	uint64_t connect_ns, first_byte_ns, stream_idle_ns, total_ns;
	struct slice *addresses; /* CIDRs its name may resolve to; n == 0: the default rule */
	unsigned n_addresses;
	struct slice output_field; /* empty: by api */
	bool stream_usage_never;   /* it refuses include_usage */
	uint32_t concurrency_limit;
};

struct price_conf {
	bool set;
	bool has_cached_input, has_cache_write, has_request;
	picousd input, output, cached_input, cache_write; /* a token */
	picousd request;                                  /* a request */
};

/* Who shares an answer that is given again. */
enum cache_share { CACHE_SHARE_USER, CACHE_SHARE_AGENT, CACHE_SHARE_TEAM };

struct reuse_conf {
	uint64_t ttl_ns;   /* how long an answer is given again; 0: never */
	uint64_t stale_ns; /* how much longer it may stand in for an upstream that fails */
	enum cache_share share;
};

struct model_conf {
	struct slice name; /* may hold '*' */
	bool is_glob;
	unsigned index;
	struct upstream_conf *upstream;
	struct slice upstream_name; /* empty: the name that was asked for */
	struct price_conf price;
	uint64_t max_output, expected_output;
	struct reuse_conf cache;
};

struct tool_conf {
	struct slice name;
	unsigned index;
	struct upstream_conf *upstream; /* NULL: the agent runs it itself */
	struct slice upstream_name;
	struct slice *requires_scopes;
	unsigned n_requires_scopes;
	bool idempotent;
	nanousd cost;
	uint8_t method_word; /* as it is written */
	struct slice path;   /* as it is written; empty: "/" and its name there */
	struct tool_form form;
	struct reuse_conf cache;
	struct rate_conf *rates; /* over all agents */
	unsigned n_rates;
	uint32_t concurrency;        /* the same; 0: no limit */
	struct slice group;          /* where both are counted: "tool:NAME" */
	struct slice *rate_counters; /* one a rate */
	uint64_t timeout_ns; /* of a call, until its answer begins and until it has ended; 0: the
	                        upstream's */
};

enum identity_kind { IDENTITY_API_KEY };

struct identity_conf {
	enum identity_kind kind;
	uint8_t key_sha256[SHA256_LEN];
	uint64_t not_after; /* wall ns; 0: never */
};

enum denied_tool { DENIED_STRIP, DENIED_REFUSE };

/* What a policy may be put in shadow: bit i is the i-th name of shadow_names. */
enum shadow_bit {
	SHADOW_MODELS = 1,
	SHADOW_TOOLS = 2,
	SHADOW_RATES = 4,
	SHADOW_BUDGET = 8,
	SHADOW_CACHE = 16
};
extern const char *const shadow_names[];

struct agent_conf {
	struct slice name;
	unsigned index;
	struct identity_conf *identities;
	unsigned n_identities;
	bool *tools;            /* by tool index: on its list, scopes or not */
	bool *tool_scopes_held; /* by tool index: data_access holds all that the tool requires */
	bool any_local;         /* functions that no policy names are allowed */
	struct slice *data_access;
	unsigned n_data_access;
	bool *models;               /* by model index */
	struct slice *hosted_tools; /* "web_search", "mcp:https://..." */
	unsigned n_hosted_tools;
	enum denied_tool on_denied_tool;
	struct slice team; /* empty: none */
	bool suspended;
	bool trust_user, trust_workflow, trust_session;
	struct allowance_conf allowance;
	unsigned shadow;         /* shadow_bits */
	uint64_t shadow_until;   /* wall ns; 0: no end */
	bool privacy_hash_users; /* user ids that are e-mail addresses are hashed in logs: always
	                            true */
};

/* What an operator may do: bit i is the i-th name of role_names. Each role is by itself. */
enum operator_role { ROLE_READ = 1, ROLE_APPROVE = 2, ROLE_OPERATE = 4 };
extern const char *const role_names[];

struct operator_conf {
	struct slice name;
	uint8_t key_sha256[SHA256_LEN];
	unsigned roles; /* bits of enum operator_role */
};

struct audit_conf {
	struct slice path; /* after resolving: never empty */
	uint8_t strict;    /* 1: a decision is on the disk before its call goes on */
	uint64_t segment;  /* bytes */
};

struct cache_conf {
	uint64_t memory, max_entry; /* bytes: of all answers, of one */
	uint64_t embeddings_ns;     /* how long an embedding is given again; 0: never */
	uint64_t batch_window_ns;   /* how long small calls for embeddings are gathered; 0: not at all */
	uint32_t batch_items;       /* of one gathered call */
};

enum unknown_price { UNKNOWN_PRICE_COUNT, UNKNOWN_PRICE_DENY };

struct conf {
	struct arena arena;  /* owned */
	struct slice *files; /* paths that were read, for watching */
	unsigned n_files;
	uint8_t hash[SHA256_LEN];
	char version[17]; /* 16 hex digits of hash: policy_version in records */
	struct listener_conf *listeners;
	unsigned n_listeners;
	struct upstream_conf *upstreams;
	unsigned n_upstreams;
	struct model_conf *models;
	unsigned n_models;
	struct tool_conf *tools;
	unsigned n_tools;
	struct agent_conf *agents;
	unsigned n_agents;
	struct map tools_by_name, models_by_name,
	        agents_by_name;  /* exact names to the structs above */
	struct slice state_path; /* store.path or the default */
	struct store_conf store;
	struct secret
	        *deployment_keys[8]; /* the first seals; n == 0: made in the state directory */
	unsigned n_deployment_keys;
	struct budget_item *budgets; /* of the whole gateway */
	unsigned n_budgets;
	struct operator_conf *operators;
	unsigned n_operators;
	struct audit_conf audit;
	struct cache_conf cache;
	enum unknown_price unknown_price;
	bool unknown_price_said; /* the policy itself says what is done about it */
	uint64_t drain_quiet_ns, drain_hard_ns, keep_alive_comment_ns;
	unsigned workers; /* 0: one a core */
	int log_level;    /* 0 debug 1 info 2 warn 3 error */
	bool log_text;    /* for people, else JSON */
	struct slice public_url;
	/* What the policy language knows and this policy or this version does not switch on, one
	 * sentence each, for check, explain and the start-up line. */
	const char **inactive;
	unsigned n_inactive;
	struct secret *secrets; /* owned list; wiped when the conf is freed */
	const char **env_names; /* every NAME that ${env:NAME} was read from: kept from commands
	                           that Weir starts */
	unsigned n_env_names;
	const char **value_files; /* every /path that ${file:/path} was read from, for watching */
	unsigned n_value_files;
};

/* A value that is never printed. */
struct secret {
	struct secret *next; /* in conf->secrets */
	char *value;         /* owned, wiped */
	size_t len;
};

static inline struct slice secret_slice(const struct secret *s)
{
	return (struct slice){s->value, s->len};
}

struct diagnostics; /* config/diagnostics.h */
/* Reads, checks and resolves files and directories. NULL when there was any error; d then has at
 * least one. */
struct conf *conf_load(const char *const *paths, unsigned n, struct diagnostics *d);
/* The same for a text in memory, named as file in diagnostics. */
struct conf *conf_load_text(const char *file, struct slice text, struct diagnostics *d);
void conf_free(struct conf *c);

struct tool_conf *conf_tool(const struct conf *c, struct slice name);   /* exact; NULL */
struct agent_conf *conf_agent(const struct conf *c, struct slice name); /* exact; NULL */
/* The exact name first, then the glob with the most characters that are no star; NULL. Only models
 * that agent may use when agent is not NULL. */
struct model_conf *conf_model(
        const struct conf *c, const struct agent_conf *agent, struct slice name);
