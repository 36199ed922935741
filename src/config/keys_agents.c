/* SPDX-License-Identifier: Apache-2.0 */
/* keys_agents: what each agent may do. defaults and teams take the same keys but those that are an
 * agent's own. */
#include "config/keys.h"

const char *const shadow_names[] = {"models", "tools", "rates", "budget", "cache", NULL};
const char shadow_words[] = "models tools rates budget cache screening approval privacy route";
static const char never_in_shadow[] = "limits identity suspension egress credentials audit";

bool agent_key_is_own(struct slice key)
{
	return slice_is(key, "identity") || slice_is(key, "suspended");
}

static const struct directive certificate_keys[] = {
        {KEY("dns", TEXT, "DNS name in the client's certificate"), .required = true},
        {0},
};

static const struct directive jwt_keys[] = {
        {KEY("issuer", NAME, "one of identity_providers"), .required = true},
        {KEY("claims", ANY, "what the token has to say")},
        {0},
};

static const struct directive service_account_keys[] = {
        {KEY("issuer", NAME, "one of identity_providers"), .required = true},
        {KEY("name", TEXT, "namespace/name"), .required = true},
        {0},
};

static const struct directive identity_keys[] = {
        {KEY("api_key", HASH, "SHA-256 of a key; weir key new prints it"),
                DIRECTIVE_AT(struct identity_conf, key_sha256)},
        {KEY("not_after", DATE, "when the key ends"),
                DIRECTIVE_AT(struct identity_conf, not_after)},
        {KEY("spiffe", TEXT, "SPIFFE id in the client's certificate"), LATER("none")},
        {KEY("certificate", BLOCK, "a client certificate"), OF_BLOCK(certificate_keys),
                LATER("none")},
        {KEY("jwt", BLOCK, "a token of an identity provider"), OF_BLOCK(jwt_keys), LATER("none")},
        {KEY("service_account", BLOCK, "a Kubernetes service account"),
                OF_BLOCK(service_account_keys), LATER("none")},
        {0},
};

/* Lists one of the attributions that callers may claim. */
static void trust_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	struct directive item = {.name = d->name, .kind = DIRECTIVE_CHOICE, .words = d->words};
	struct agent_conf *a = base;

	if (!n)
		return;
	if (n->kind != NODE_LIST) {
		diagnostics_error(r->d, n->at, "%s is a list, as [workflow]", d->name);
		return;
	}
	for (const struct node *member = n->first; member; member = member->next)
		if (value_read(r, &item, member, NULL) && a) {
			a->trust_user |= node_is(member, "user");
			a->trust_workflow |= node_is(member, "workflow");
			a->trust_session |= node_is(member, "session");
		}
}

static const struct directive privacy_keys[] = {
        {KEY("inputs", CHOICE, "personal data on its way to the model"),
                .words = "none detect mask redact tokenize hash block", LATER("none"),
                .note = "personal data in requests and answers is neither looked for nor changed"},
        {KEY("outputs", CHOICE, "personal data on its way back"),
                .words = "none detect mask redact tokenize hash block", LATER("none")},
        {KEY("logs", CHOICE, "what logs show; bodies are never logged so far"),
                .words = "mask detect redact tokenize hash block", LATER("mask")},
        {KEY("entities", TEXT, "kinds that are looked for"), LIST},
        {KEY("countries", TEXT, "whose national ids are looked for"), LIST},
        {KEY("on_error", CHOICE, "when the scanner fails"), .words = "block pass"},
        {0},
};

static const struct directive screening_keys[] = {
        {KEY("prompt_injection", CHOICE, "text that tries to instruct the model"),
                .words = "none detect block", LATER("none"),
                .note = "texts are not screened for injected instructions or hidden characters"},
        {KEY("hidden_unicode", CHOICE, "invisible characters"), .words = "none strip block",
                LATER("none")},
        {KEY("deny_patterns", TEXT, "regular expressions that refuse a call"), LIST,
                LATER("[] none")},
        {KEY("guards", NAME, "services that are asked"), LIST, LATER("[] none")},
        {0},
};

static void shadow_item(
        struct reader *r, const struct directive *d, const struct node *n, struct agent_conf *a)
{
	struct directive item = {.name = d->name, .kind = DIRECTIVE_CHOICE, .words = shadow_words};
	unsigned index = 0;

	if (n->kind == NODE_SCALAR && words_find(never_in_shadow, n->text, &index)) {
		diagnostics_error(r->d, n->at, "%.*s is always enforced", SLICE_FMT(n->text));
		return;
	}
	if (!value_read(r, &item, n, NULL) || !words_find(shadow_words, n->text, &index))
		return;
	if (index >= sizeof(shadow_names) / sizeof(shadow_names[0]) - 1)
		diagnostics_error(
		        r->d, n->at, "%.*s in shadow is not supported yet", SLICE_FMT(n->text));
	else if (a)
		a->shadow |= 1u << index;
}

static void shadow_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	if (!n)
		return;
	if (n->kind != NODE_LIST) {
		diagnostics_error(r->d, n->at, "%s is a list, as [tools]", d->name);
		return;
	}
	for (const struct node *item = n->first; item; item = item->next)
		shadow_item(r, d, item, base);
}

static const struct directive mode_keys[] = {
        {KEY("shadow", CHOICE, "policies that decide and record, but do not act"), LIST,
                .words = shadow_words, .read = shadow_read},
        {KEY("until", DATE, "when all are enforced again"),
                DIRECTIVE_AT(struct agent_conf, shadow_until)},
        {0},
};

#define ALLOWANCE_ITEMS(member)                                                                    \
	.stored = true, .offset = offsetof(struct agent_conf, allowance.member),                   \
	.width = sizeof(*((struct agent_conf *)0)->allowance.member),                              \
	.count_offset = offsetof(struct agent_conf, allowance.n_##member)

const struct directive agent_directives[] = {
        {KEY("identity", BLOCK, "how it is known; several keys overlap while they are rotated"),
                LIST, OF_BLOCK(identity_keys), DIRECTIVE_ITEMS(struct agent_conf, identities)},
        {KEY("tools", TOOL,
                 "tools it may use; globs stand for declared ones, any-local for what it runs "
                 "itself"),
                LIST},
        {KEY("data_access", TEXT, "data scopes it holds"), LIST,
                DIRECTIVE_ITEMS(struct agent_conf, data_access)},
        {KEY("models", MODEL, "models it may use; globs stand for declared ones"), LIST},
        {KEY("requires_approval", TOOL, "tools that a person has to agree to"), LIST,
                LATER("[] none"), .note = "no call waits for a person's approval"},
        {KEY("hosted_tools", TEXT, "tools of the provider that it may switch on, as web_search"),
                LIST, DIRECTIVE_ITEMS(struct agent_conf, hosted_tools)},
        {KEY("rate_limit", RATE, "requests"), ONE_OR_LIST, OFF("none []"),
                ALLOWANCE_ITEMS(rates)},
        {KEY("token_rate_limit", RATE, "tokens"), ONE_OR_LIST, OFF("none []"),
                ALLOWANCE_ITEMS(token_rates)},
        {KEY("concurrency", COUNT, "calls at once"), OFF("none"), .min = 1,
                DIRECTIVE_AT(struct agent_conf, allowance.concurrency)},
        {KEY("budget", BLOCK, "money and tokens it may spend"), OF_BLOCK(budget_directives),
                OFF("none {}"), DIRECTIVE_AT(struct agent_conf, allowance)},
        {KEY("trust_claimed", CHOICE, "attributions that callers may claim for budgets and rates"),
                LIST, .words = "user workflow session", .read = trust_read},
        {KEY("min_output", COUNT, "output tokens under which a budget refuses a call"),
                DIRECTIVE_AT(struct agent_conf, allowance.min_output), .fallback = "256", .min = 1,
                .max = 1000000000},
        {KEY("on_denied_tool", CHOICE, "strip takes a tool out of the request, refuse answers 403"),
                DIRECTIVE_AT(struct agent_conf, on_denied_tool), .words = "strip refuse",
                .fallback = "strip"},
        {KEY("privacy", BLOCK, "what is done about personal data"), OF_BLOCK(privacy_keys),
                OR_SHORT(CHOICE), .words = "none"},
        {KEY("screening", BLOCK, "what is done about suspicious text"), OF_BLOCK(screening_keys),
                OR_SHORT(CHOICE), .words = "none"},
        {KEY("team", NAME, "whose it is"), DIRECTIVE_AT(struct agent_conf, team)},
        {KEY("may_act_for", NAME, "agents whose calls it may carry"), LIST, LATER("[] none")},
        {KEY("mode", BLOCK, "enforce, or what is only recorded"), OF_BLOCK(mode_keys),
                OR_SHORT(CHOICE), .words = "enforce"},
        {KEY("suspended", BOOL, "the stop button"), DIRECTIVE_AT(struct agent_conf, suspended),
                .fallback = "false"},
        {0},
};
