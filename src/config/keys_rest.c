/* SPDX-License-Identifier: Apache-2.0 */
/* keys_rest: the top of a policy, and the sections of a few keys each. */
#include "config/inherit.h"
#include "config/keys.h"
#include "config/secrets.h"

#define MINUTE 60000000000ull
#define MAX_DEPLOYMENT_KEYS (sizeof(((struct conf *)0)->deployment_keys) / sizeof(struct secret *))

static const struct directive claim_keys[] = {
        {KEY("agent", TEXT, "claim that names the agent")},
        {KEY("user", TEXT, "claim that names the user")},
        {KEY("workflow", TEXT, "claim that names the workflow")},
        {KEY("session", TEXT, "claim that names the session")},
        {0},
};

static const struct directive provider_keys[] = {
        {KEY("issuer", TEXT, "iss of its tokens"), .required = true},
        {KEY("audience", TEXT, "aud that its tokens have to name"), ONE_OR_LIST},
        {KEY("jwks", TEXT, "URL or file with its public keys")},
        {KEY("ca", TEXT, "PEM file with the CAs to trust there")},
        {KEY("token", TEXT, "file with a token to ask with")},
        {KEY("algorithms", TEXT, "signatures that are taken"), LIST},
        {KEY("max_lifetime", TIME, "the longest a token may live")},
        {KEY("claims", BLOCK, "which claims say what"), OF_BLOCK(claim_keys)},
        {0},
};

static const struct directive examples_keys[] = {
        {KEY("match", TEXT, "what it has to find"), LIST},
        {KEY("miss", TEXT, "what it must not find"), LIST},
        {0},
};

static const struct directive detector_keys[] = {
        {KEY("pattern", TEXT, "regular expression"), .required = true},
        {KEY("validate", TEXT, "a check of what was found, as luhn")},
        {KEY("context", TEXT, "words that stand near"), LIST},
        {KEY("examples", BLOCK, "tests of it"), OF_BLOCK(examples_keys)},
        {0},
};

static const struct directive guard_keys[] = {
        {KEY("url", URL, "where it is asked"), .required = true},
        {KEY("at", CHOICE, "what it sees"), LIST, .words = "input output tool_result"},
        {KEY("timeout", TIME, "how long it may take")},
        {KEY("on_error", CHOICE, "when it fails"), .words = "block pass"},
        {0},
};

static const struct directive checkpoint_keys[] = {
        {KEY("every", TIME, "how often")},
        {KEY("key", SECRET, "the private key that signs it")},
        {KEY("send_to", TEXT, "where it goes")},
        {0},
};

static const struct directive audit_keys[] = {
        {KEY("path", TEXT, "directory of the journal; by default beside the state"),
                DIRECTIVE_AT(struct conf, audit.path)},
        {KEY("reasoning", CHOICE, "what is written about why"), .words = "rule model",
                LATER("rule")},
        {KEY("durability", CHOICE,
                 "batch: written before a call goes on; strict: also on the disk"),
                DIRECTIVE_AT(struct conf, audit.strict), .words = "batch strict",
                .fallback = "batch"},
        {KEY("encryption_key", SECRET, "seals it"), LATER("none"),
                .note = "the journal is sealed only where it names a user, and no checkpoint is "
                        "signed"},
        {KEY("retention", TIME, "how long it is kept"), LATER("none")},
        {KEY("segment", SIZE, "of one file"), DIRECTIVE_AT(struct conf, audit.segment),
                .fallback = "64MiB", .min = 1 << 20, .max = (uint64_t)4 << 30},
        {KEY("checkpoint", BLOCK, "signed heads of the chain"), OF_BLOCK(checkpoint_keys),
                LATER("none")},
        {0},
};

static const struct directive otlp_keys[] = {
        {KEY("endpoint", URL, "where traces go"), .required = true},
        {KEY("protocol", TEXT, "how they go there")},
        {KEY("headers", ANY, "headers to send along")},
        {0},
};

static const struct directive telemetry_keys[] = {
        {KEY("otlp", BLOCK, "traces"), OF_BLOCK(otlp_keys)},
        {KEY("sample", ANY, "share of calls that are traced")},
        {KEY("from_env", BOOL, "read the usual OTEL variables"), LATER("false")},
        {0},
};

static const struct directive log_keys[] = {
        {KEY("level", CHOICE, "the least that is written"), DIRECTIVE_AT(struct conf, log_level),
                .words = "debug info warn error", .fallback = "info"},
        {KEY("format", CHOICE, "for programs or for people"), DIRECTIVE_AT(struct conf, log_text),
                .words = "json text", .fallback = "json"},
        {KEY("arguments", TEXT, "arguments of tool calls to log"), LIST, LATER("[] none")},
        {KEY("bodies", CHOICE, "whether bodies are logged"), .words = "none masked", LATER("none")},
        {0},
};

static const struct directive alert_keys[] = {
        {KEY("webhook", URL, "where alerts go")},
        {KEY("rules", ANY, "what raises one")},
        {0},
};

static const struct directive batch_keys[] = {
        {KEY("window", TIME, "how long small calls are gathered"),
                DIRECTIVE_AT(struct conf, cache.batch_window_ns), .fallback = "5ms",
                .max = MINUTE / 6},
        {KEY("max_items", COUNT, "in one gathered call"),
                DIRECTIVE_AT(struct conf, cache.batch_items), .fallback = "256", .min = 2,
                .max = 512},
        {0},
};

static const struct directive cache_keys[] = {
        {KEY("memory", SIZE, "for all entries"), DIRECTIVE_AT(struct conf, cache.memory),
                .fallback = "64MiB", .min = 1 << 16, .max = (uint64_t)1 << 40},
        {KEY("max_entry", SIZE, "for one entry"), DIRECTIVE_AT(struct conf, cache.max_entry),
                .fallback = "1MiB", .min = 1 << 10, .max = 1 << 30},
        {KEY("embeddings", TIME, "how long an embedding is kept"),
                DIRECTIVE_AT(struct conf, cache.embeddings_ns), .fallback = "24h",
                OFF_NOTHING("none false"), .min = 1000000},
        {KEY("batch", BLOCK, "gathering of embeddings"), OF_BLOCK(batch_keys),
                OFF_NOTHING("none false")},
        {0},
};

static const struct directive approval_keys[] = {
        {KEY("hold", TIME, "how long a call waits for a person")},
        {KEY("expire", TIME, "when nobody said anything")},
        {KEY("four_eyes", BOOL, "nobody approves their own")},
        {KEY("webhook", URL, "who is told")},
        {0},
};

static const struct directive drain_keys[] = {
        {KEY("quiet", TIME, "how long a stopping Weir goes on serving"),
                DIRECTIVE_AT(struct conf, drain_quiet_ns), .fallback = "30s", .max = 60 * MINUTE},
        {KEY("hard", TIME, "when what is still open is ended"),
                DIRECTIVE_AT(struct conf, drain_hard_ns), .fallback = "120s", .max = 60 * MINUTE},
        {0},
};

static void deployment_key_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	const struct node *item = !n ? NULL : n->kind == NODE_LIST ? n->first : n;
	struct conf *c = base;

	for (; item; item = n->kind == NODE_LIST ? item->next : NULL) {
		struct secret *s = secret_read(r, item, "");

		if (!s || !c)
			continue;
		if (c->n_deployment_keys == MAX_DEPLOYMENT_KEYS) {
			diagnostics_error(r->d, item->at, "%s: more than %zu keys", d->name,
			        MAX_DEPLOYMENT_KEYS);
			return;
		}
		c->deployment_keys[c->n_deployment_keys++] = s;
	}
}

const struct directive root_directives[] = {
        {KEY("version", CHOICE, "of the policy language"), .required = true, .words = "1"},
        {KEY("listeners", BLOCK, "where Weir can be reached"), MAP_OF(NAME),
                OF_BLOCK(listener_directives), DIRECTIVE_ITEMS(struct conf, listeners)},
        {KEY("upstreams", BLOCK, "where calls go"), MAP_OF(NAME), OF_BLOCK(upstream_directives),
                DIRECTIVE_ITEMS(struct conf, upstreams)},
        {KEY("models", BLOCK, "the names that agents ask for"), MAP_OF(MODEL),
                OF_BLOCK(model_directives), DIRECTIVE_ITEMS(struct conf, models)},
        {KEY("tools", BLOCK, "every tool any agent may use"), MAP_OF(TOOL),
                OF_BLOCK(tool_directives), DIRECTIVE_ITEMS(struct conf, tools)},
        {KEY("defaults", BLOCK, "what every agent starts from"), OF_BLOCK(agent_directives),
                .definition = "agent", .read = defaults_read},
        {KEY("teams", BLOCK, "what the agents of a team start from"), MAP_OF(NAME),
                OF_BLOCK(agent_directives), .definition = "agent", .read = teams_read},
        {KEY("agents", BLOCK, "least privilege, agent by agent"), MAP_OF(NAME),
                OF_BLOCK(agent_directives), DIRECTIVE_ITEMS(struct conf, agents),
                .definition = "agent", .read = agents_read},
        {KEY("budget", BLOCK, "for the whole gateway"), ONE_OR_LIST, OF_BLOCK(gateway_budget_keys),
                OFF("none {} []"), DIRECTIVE_ITEMS(struct conf, budgets)},
        {KEY("admin", BLOCK, "who may use the admin API"), OF_BLOCK(admin_directives),
                OFF("none {}")},
        {KEY("deployment_key", SECRET, "seals state and keys hashes; the first seals, the last hashes, all open"),
                ONE_OR_LIST, .read = deployment_key_read},
        {KEY("public_url", URL, "how people reach the admin listener"),
                DIRECTIVE_AT(struct conf, public_url)},
        {KEY("identity_providers", BLOCK, "issuers of tokens"), MAP_OF(NAME),
                OF_BLOCK(provider_keys), LATER("none {}")},
        {KEY("store", BLOCK, "where state is kept"), OF_BLOCK(store_directives)},
        {KEY("prices", TEXT, "file with prices"), LATER("none")},
        {KEY("unknown_price", CHOICE, "calls to models without a price"),
                DIRECTIVE_AT(struct conf, unknown_price), .words = "count deny",
                .fallback = "count", .present = offsetof(struct conf, unknown_price_said)},
        {KEY("detectors", BLOCK, "own kinds of personal data"), MAP_OF(NAME),
                OF_BLOCK(detector_keys), LATER("none {}")},
        {KEY("guards", BLOCK, "services that are asked about texts"), MAP_OF(NAME),
                OF_BLOCK(guard_keys), LATER("none {}")},
        {KEY("audit", BLOCK, "the journal of decisions"), OF_BLOCK(audit_keys)},
        {KEY("telemetry", BLOCK, "traces"), OF_BLOCK(telemetry_keys), LATER("none {}")},
        {KEY("log", BLOCK, "a line about each call"), OF_BLOCK(log_keys)},
        {KEY("alerts", BLOCK, "who is told what"), OF_BLOCK(alert_keys), LATER("none {}")},
        {KEY("cache", BLOCK, "room for answers"), OF_BLOCK(cache_keys), OFF("none")},
        {KEY("approvals", BLOCK, "how people are asked"), OF_BLOCK(approval_keys), LATER("none")},
        {KEY("drain", BLOCK, "how Weir stops"), OF_BLOCK(drain_keys)},
        {KEY("keep_alive_comment", TIME, "on a silent stream, a comment this often"),
                DIRECTIVE_AT(struct conf, keep_alive_comment_ns), .fallback = "15s",
                .min = 100000000, .max = 60 * MINUTE},
        {KEY("workers", COUNT, "threads; by default one a core"),
                DIRECTIVE_AT(struct conf, workers), .max = 256},
        {0},
};
