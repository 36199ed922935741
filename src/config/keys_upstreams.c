/* SPDX-License-Identifier: Apache-2.0 */
/* keys_upstreams: where calls go. Only providers with OpenAI's API and plain HTTP tools so far. */
#include "config/keys.h"
#include "config/secrets.h"

#define MINUTE 60000000000ull

static const struct directive endpoint_keys[] = {
        {KEY("url", URL, "base URL of one replica"), .required = true, .stored = true,
                .width = sizeof(struct endpoint_conf)},
        {KEY("weight", COUNT, "its share of the calls beside the others"),
                DIRECTIVE_AT(struct endpoint_conf, weight), .fallback = "1", .min = 1, .max = 1000},
        {0},
};

/* One URL is a list of one endpoint. */
static void url_read(struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	struct directive as_endpoint = {
	        .name = d->name, .kind = DIRECTIVE_URL, .width = sizeof(struct endpoint_conf)};
	struct upstream_conf *u = base;
	struct endpoint_conf *e;

	if (!n)
		return;
	e = u ? reader_alloc(r, sizeof(*e)) : NULL;
	if (!value_read(r, &as_endpoint, n, e) || !e)
		return;
	e->weight = 1;
	u->endpoints = e;
	u->n_endpoints = 1;
}

static void api_key_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	struct upstream_conf *u = base;
	struct secret *s;

	(void)d;
	if (!n)
		return;
	s = secret_read(r, n, "Bearer ");
	if (!u)
		return;
	u->credential = CREDENTIAL_API_KEY;
	u->credential_header = SLICE("authorization");
	u->credential_value = s;
}

static void header_value_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	struct upstream_conf *u = base;
	struct secret *s;

	(void)d;
	if (!n)
		return;
	s = secret_read(r, n, "");
	if (!u)
		return;
	u->credential = CREDENTIAL_HEADER;
	u->credential_value = s;
}

static const struct directive token_keys[] = {
        {KEY("issuer", TEXT, "who the token says it is from")},
        {KEY("key", SECRET, "the private key that signs it")},
        {KEY("audience", TEXT, "whom it is for")},
        {KEY("lifetime", TIME, "how long it holds")},
        {KEY("claims", ANY, "further claims")},
        {0},
};

static const struct directive credential_keys[] = {
        {KEY("api_key", SECRET, "the provider's key, sent as its API wants it"),
                .read = api_key_read},
        {KEY("header", TEXT, "another header to send a credential in"),
                DIRECTIVE_AT(struct upstream_conf, credential_header)},
        {KEY("value", SECRET, "what stands in that header, as \"Token ${env:NAME}\""),
                .read = header_value_read},
        {KEY("token", BLOCK, "a short-lived JWT minted for each agent"), OF_BLOCK(token_keys),
                LATER("none")},
        {0},
};

static const char credential_words[] = "none passthrough";

static void credential_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	struct upstream_conf *u = base;
	unsigned index = 0;

	if (!n)
		return;
	if (n->kind != NODE_SCALAR) {
		value_read(r, d, n, base);
		return;
	}
	if (scalar_read_as(r, d, DIRECTIVE_CHOICE, n, NULL) && u &&
	        words_find(credential_words, n->text, &index))
		u->credential = index ? CREDENTIAL_PASSTHROUGH : CREDENTIAL_NONE;
}

static const struct directive tls_keys[] = {
        {KEY("ca", TEXT, "PEM file with the CAs to trust instead of the system's"),
                DIRECTIVE_AT(struct upstream_conf, tls_ca)},
        {KEY("server_name", TEXT, "the name its certificate has to be for, if it is not the URL's"),
                DIRECTIVE_AT(struct upstream_conf, tls_server_name)},
        {KEY("certificate", TEXT, "our own certificate"), LATER("none")},
        {KEY("key", TEXT, "its private key"), LATER("none")},
        {KEY("server_spiffe_id", TEXT, "the SPIFFE id its certificate has to show"), LATER("none")},
        {0},
};

static const struct directive timeout_keys[] = {
        {KEY("connect", TIME, "name, TCP and TLS together"),
                DIRECTIVE_AT(struct upstream_conf, connect_ns), .fallback = "5s", .min = 1000000,
                .max = 10 * MINUTE},
        {KEY("first_byte", TIME,
                 "from the request's end to the answer's first byte; 120s, of tools 30s"),
                DIRECTIVE_AT(struct upstream_conf, first_byte_ns), .min = 1000000,
                .max = 1440 * MINUTE},
        {KEY("stream_idle", TIME, "between two parts of an answer; 60s, of tools 300s"),
                DIRECTIVE_AT(struct upstream_conf, stream_idle_ns), .min = 1000000,
                .max = 1440 * MINUTE},
        {KEY("total", TIME, "a whole call; 15m, of tools 60s"),
                DIRECTIVE_AT(struct upstream_conf, total_ns), .min = 1000000,
                .max = 1440 * MINUTE},
        {0},
};

static const struct directive retry_keys[] = {
        {KEY("attempts", COUNT, "tries in all"), .min = 1, .max = 10},
        {KEY("base", TIME, "the first wait, doubled each time")},
        {KEY("cap", TIME, "the longest wait")},
        {KEY("budget", PERCENT, "retries beside first tries")},
        {KEY("retry_on", ANY, "statuses and failures that are tried again")},
        {KEY("replay_safe", BOOL, "calls may be sent twice even when they may have run")},
        {0},
};

static const struct directive breaker_keys[] = {
        {KEY("failures", COUNT, "in a row until it opens")},
        {KEY("success_rate", PERCENT, "under which it opens")},
        {KEY("min_calls", COUNT, "before a rate is judged")},
        {KEY("window", TIME, "over which the rate is taken")},
        {KEY("open", TIME, "the first rest")},
        {KEY("max_open", TIME, "the longest rest")},
        {0},
};

static const struct directive health_keys[] = {
        {KEY("path", TEXT, "what is asked for")},
        {KEY("interval", TIME, "how often")},
        {KEY("healthy", COUNT, "good answers until it is used again")},
        {KEY("unhealthy", COUNT, "bad answers until it is left out")},
        {0},
};

static const struct directive concurrency_keys[] = {
        {KEY("limit", COUNT, "calls at once"),
                DIRECTIVE_AT(struct upstream_conf, concurrency_limit), .fallback = "1024", .min = 1,
                .max = 1000000},
        {KEY("queue", COUNT, "calls that may wait"), LATER("none 0")},
        {KEY("queue_timeout", TIME, "how long they may wait"), LATER("none")},
        {KEY("adaptive", BOOL, "find the limit from how long answers take"), LATER("false none")},
        {0},
};

static const struct directive hedge_keys[] = {
        {KEY("after", TEXT, "a second try after this much of the usual time, as p95")},
        {KEY("budget", PERCENT, "second tries beside first ones")},
        {0},
};

static const struct directive mcp_tools_keys[] = {
        {KEY("allow", TOOL, "tools that may be used"), LIST},
        {KEY("requires_scopes", TEXT, "scopes that each of them needs"), LIST},
        {KEY("prefix", TEXT, "put before their names")},
        {0},
};

static const struct directive mcp_keys[] = {
        {KEY("prompts", CHOICE, "whether prompts pass"), .words = "allow deny"},
        {KEY("resources", CHOICE, "whether resources pass"), .words = "allow deny"},
        {KEY("sampling", CHOICE, "whether it may ask for completions"), .words = "allow deny"},
        {KEY("elicitation", CHOICE, "whether it may ask people"), .words = "allow deny"},
        {KEY("denied", CHOICE, "how a tool that is not allowed looks"), .words = "explain hide"},
        {0},
};

const struct directive upstream_directives[] = {
        {KEY("api", CHOICE, "what it speaks; by default its name says it"),
                DIRECTIVE_AT(struct upstream_conf, api),
                .words = "openai anthropic gemini mcp http weir"},
        {KEY("url", URL, "base URL; by default the provider's own"), .read = url_read},
        {KEY("endpoints", BLOCK, "equal replicas instead of one url"), LIST,
                OF_BLOCK(endpoint_keys), DIRECTIVE_ITEMS(struct upstream_conf, endpoints)},
        {KEY("credential", BLOCK, "what Weir shows there; passthrough sends the caller's own"),
                OF_BLOCK(credential_keys), OR_SHORT(CHOICE), .words = credential_words,
                .read = credential_read},
        {KEY("tls", BLOCK, "how its certificate is verified"), OF_BLOCK(tls_keys)},
        {KEY("proxy", URL, "an HTTP proxy to go out through"), LATER("none")},
        {KEY("timeouts", BLOCK, "deadlines of each stage"), OF_BLOCK(timeout_keys)},
        {KEY("retry", BLOCK, "tries after the first"), OF_BLOCK(retry_keys), LATER("none"),
                .note = "calls are not retried"},
        {KEY("breaker", BLOCK, "when it is given a rest"), OF_BLOCK(breaker_keys), LATER("none"),
                .note = "upstreams that fail are not given a rest (no circuit breaker)"},
        {KEY("balance", CHOICE, "how an endpoint is chosen"),
                .words = "p2c_ewma round_robin least_request", LATER("none")},
        {KEY("slow_start", TIME, "how slowly a new endpoint gets its share"), LATER("none")},
        {KEY("health", BLOCK, "active probes"), OF_BLOCK(health_keys), LATER("none")},
        {KEY("concurrency", BLOCK, "calls at once"), OF_BLOCK(concurrency_keys),
                .note = "an upstream's concurrency.limit is read, not held: a worker opens 1,024 "
                        "connections to an endpoint at most"},
        {KEY("rate_limit", RATE, "requests that the provider grants us"), ONE_OR_LIST,
                LATER("none")},
        {KEY("token_rate_limit", RATE, "tokens that the provider grants us"), ONE_OR_LIST,
                LATER("none")},
        {KEY("hedge", BLOCK, "a second try while the first is slow"), OF_BLOCK(hedge_keys),
                LATER("none")},
        {KEY("addresses", CIDR, "addresses that its name may lead to"), LIST,
                DIRECTIVE_ITEMS(struct upstream_conf, addresses)},
        {KEY("output_field", TEXT, "its name for the bound on output tokens"),
                DIRECTIVE_AT(struct upstream_conf, output_field)},
        {KEY("stream_usage", CHOICE, "never: it refuses to be asked for usage in streams"),
                DIRECTIVE_AT(struct upstream_conf, stream_usage_never), .words = "always never",
                .fallback = "always"},
        {KEY("anthropic_betas", TEXT, "beta flags that may pass"), LIST, LATER("[]")},
        {KEY("stored", CHOICE, "background and stored responses"), .words = "deny allow",
                LATER("deny")},
        {KEY("tools", BLOCK, "tools of an MCP server"), OF_BLOCK(mcp_tools_keys), LATER("none")},
        {KEY("pin", TEXT, "how the definitions of its tools are held fast"), LATER("none")},
        {KEY("mcp", BLOCK, "what else of MCP passes"), OF_BLOCK(mcp_keys), LATER("none")},
        {0},
};
