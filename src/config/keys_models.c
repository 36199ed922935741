/* SPDX-License-Identifier: Apache-2.0 */
/* keys_models: the names that agents ask for. */
#include "config/keys.h"

/* In pico-dollars, as the others. */
static void request_price_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	struct price_conf *p = base;
	nanousd amount = 0;
	struct directive money = {.name = d->name,
	        .kind = DIRECTIVE_MONEY,
	        .stored = true,
	        .width = sizeof(amount),
	        .max = 1000000000000};

	if (!n || !value_read(r, &money, n, &amount) || !p)
		return;
	p->request = (picousd)amount * 1000;
	p->has_request = true;
}

static const struct directive price_keys[] = {
        {KEY("input", PRICE, "USD per million tokens that are read"), .required = true,
                DIRECTIVE_AT(struct price_conf, input)},
        {KEY("output", PRICE, "USD per million tokens that are written"), .required = true,
                DIRECTIVE_AT(struct price_conf, output)},
        {KEY("cached_input", PRICE, "USD per million tokens read from the provider's cache"),
                DIRECTIVE_AT(struct price_conf, cached_input),
                .present = offsetof(struct price_conf, has_cached_input)},
        {KEY("cache_write", PRICE, "USD per million tokens written to the provider's cache"),
                DIRECTIVE_AT(struct price_conf, cache_write),
                .present = offsetof(struct price_conf, has_cache_write)},
        {KEY("request", MONEY, "USD per request"), .read = request_price_read},
        {0},
};

static const struct directive target_keys[] = {
        {KEY("upstream", NAME, "where it runs"), .required = true},
        {KEY("upstream_name", MODEL, "its name there")},
        {KEY("weight", COUNT, "its share of the calls"), .min = 1, .max = 1000},
        {0},
};

/* One upstream is resolved later, from its node; a list of them is not built. */
static void upstream_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	(void)base;
	if (!n)
		return;
	if (n->kind == NODE_SCALAR) {
		scalar_read_as(r, d, DIRECTIVE_NAME, n, NULL);
		return;
	}
	for (const struct node *item = n->kind == NODE_LIST ? n->first : NULL; item;
	        item = item->next)
		value_read(r, d, item, NULL);
	diagnostics_error(r->d, n->at, "several upstreams for one model are not supported yet");
	diagnostics_hint(r->d, "name one, as upstream: openai");
}

static const struct directive match_keys[] = {
        {KEY("input_tokens_below", COUNT, "the request is estimated below this")},
        {KEY("tools", CHOICE, "the request declares no tools"), .words = "none any"},
        {KEY("stream", BOOL, "the caller wants a stream")},
        {0},
};

/* Beside its table: "header.NAME" matches a header. */
static void match_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	(void)base;
	if (!n || n->kind != NODE_MAP) {
		if (n)
			value_read(r, d, n, NULL);
		return;
	}
	for (const struct directive *key = match_keys; key->name; key++)
		directive_read(r, key, node_member(n, key->name), NULL);
	for (const struct node *member = n->first; member; member = member->next)
		if (!directive_find(match_keys, member->key) &&
		        !slice_starts(member->key, SLICE("header.")))
			diagnostics_error(r->d, member->key_at, "there is no key named %.*s here",
			        SLICE_FMT(member->key));
}

static const struct directive route_keys[] = {
        {KEY("match", BLOCK, "which calls it is for; all when left out"), OF_BLOCK(match_keys),
                .read = match_read},
        {KEY("model", MODEL, "the model they go to"), .required = true},
        {0},
};

const struct directive model_directives[] = {
        {KEY("upstream", BLOCK, "where it runs"), ONE_OR_LIST, OF_BLOCK(target_keys),
                OR_SHORT(NAME), .required = true, .read = upstream_read},
        {KEY("upstream_name", MODEL, "its name there; by default the name that was asked for"),
                DIRECTIVE_AT(struct model_conf, upstream_name)},
        {KEY("fallback", MODEL, "models to try when this one fails before its first byte"), LIST,
                LATER("[] none"), .note = "no other model is tried when one fails"},
        {KEY("routes", BLOCK, "other models by what the call looks like"), LIST,
                OF_BLOCK(route_keys), LATER("[] none")},
        {KEY("price", BLOCK, "what it costs, instead of the built-in price"), OF_BLOCK(price_keys),
                DIRECTIVE_AT(struct model_conf, price),
                .present = offsetof(struct model_conf, price.set)},
        {KEY("max_output", COUNT, "output tokens it can write at most"),
                DIRECTIVE_AT(struct model_conf, max_output), .min = 1, .max = 1000000000},
        {KEY("expected_output", COUNT, "output tokens to expect where the caller sets no bound"),
                DIRECTIVE_AT(struct model_conf, expected_output), .fallback = "4096", .min = 1,
                .max = 1000000000},
        {KEY("cache", BLOCK, "how long an identical call is answered from the cache"),
                OF_BLOCK(reuse_keys), OR_SHORT(TIME), DIRECTIVE_AT(struct model_conf, cache),
                OFF("none false"), .read = reuse_read},
        {0},
};
