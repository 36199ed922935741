/* SPDX-License-Identifier: Apache-2.0 */
/* check_upstreams: keys that exclude each other or say nothing together. */
#include <ctype.h>
#include "config/address.h"
#include "config/check.h"

#define OUTPUT_FIELD_MAX 40

static void check_credential(struct load *l, const struct upstream_conf *u, const struct node *n)
{
	const struct node *c = node_member(n, "credential");
	const struct node *key = node_member(c, "api_key"), *header = node_member(c, "header");
	const struct node *value = node_member(c, "value");

	if (!c || c->kind != NODE_MAP)
		return;
	if (key && (header || value)) {
		diagnostics_error(l->d, key->key_at, "api_key stands beside a header of its own");
		diagnostics_hint(l->d, "write either api_key, or header and value");
	} else if (!header != !value) {
		diagnostics_error(l->d, node_place(header ? header : value),
		        "header and value belong together");
	} else if (!key && !header && !node_member(c, "token")) {
		diagnostics_error(
		        l->d, node_place(c), "a credential holds api_key, or header and value");
	}
	for (size_t i = 0; header && i < header->text.len; i++)
		if (!isalnum((unsigned char)header->text.at[i]) && header->text.at[i] != '-') {
			diagnostics_error(l->d, header->at, "%.*s is no name of a header",
			        SLICE_FMT(header->text));
			break;
		}
	(void)u;
}

static void check_endpoints(struct load *l, const struct upstream_conf *u, const struct node *n)
{
	const struct node *url = node_member(n, "url"), *endpoints = node_member(n, "endpoints");
	const struct node *tls = node_member(n, "tls");
	bool any_tls = false, all_private = true;

	if (url && endpoints) {
		diagnostics_error(l->d, endpoints->key_at,
		        "url and endpoints stand side by side; write one of them");
		diagnostics_also(l->d, url->key_at);
	}
	if (endpoints && endpoints->kind == NODE_LIST && !endpoints->n)
		diagnostics_error(l->d, endpoints->at, "the list of endpoints is empty");
	for (unsigned i = 0; i < u->n_endpoints; i++) {
		any_tls = any_tls || u->endpoints[i].tls;
		all_private = all_private && (u->endpoints[i].tls || !u->endpoints[i].host.at ||
		                                     host_is_private(u->endpoints[i].host));
	}
	if (tls && u->n_endpoints && u->endpoints[0].host.at && !any_tls)
		diagnostics_error(
		        l->d, tls->key_at, "tls says nothing here: the URL begins with http://");
	if (all_private)
		return;
	diagnostics_warning(l->d,
	        node_place(url         ? url
	                   : endpoints ? endpoints
	                               : n),
	        "calls and credentials cross the internet in plain text to this upstream");
	diagnostics_hint(l->d, "write https://");
}

static bool is_field_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!isalnum((unsigned char)name.at[i]) && name.at[i] != '_')
			return false;
	return name.len && name.len <= OUTPUT_FIELD_MAX;
}

/* A number would be written there, over what the caller has said. */
static void check_output_field(struct load *l, const struct node *n)
{
	static const struct slice others[] = {SLICE_INIT("model"), SLICE_INIT("models"),
	        SLICE_INIT("messages"), SLICE_INIT("prompt"), SLICE_INIT("input"),
	        SLICE_INIT("suffix"), SLICE_INIT("stream"), SLICE_INIT("stream_options"),
	        SLICE_INIT("n"), SLICE_INIT("best_of"), SLICE_INIT("tools"),
	        SLICE_INIT("tool_choice"), SLICE_INIT("parallel_tool_calls"),
	        SLICE_INIT("functions"), SLICE_INIT("function_call"),
	        SLICE_INIT("response_format"), SLICE_INIT("modalities"), SLICE_INIT("audio"),
	        SLICE_INIT("prediction"), SLICE_INIT("service_tier"), SLICE_INIT("user"),
	        SLICE_INIT("metadata"), SLICE_INIT("store"), SLICE_INIT("stop"), SLICE_INIT("seed"),
	        SLICE_INIT("temperature"), SLICE_INIT("top_p"), SLICE_INIT("logprobs"),
	        SLICE_INIT("top_logprobs"), SLICE_INIT("logit_bias"),
	        SLICE_INIT("presence_penalty"), SLICE_INIT("frequency_penalty"),
	        SLICE_INIT("reasoning_effort"), SLICE_INIT("web_search_options")};
	const struct node *field = node_member(n, "output_field");
	bool is_other = false;

	if (!field || field->kind != NODE_SCALAR)
		return;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		is_other = is_other || slice_equals_nocase(field->text, others[i]);
	if (!is_other && is_field_name(field->text))
		return;
	diagnostics_error(l->d, field->at, "%.*s is no field for the bound on output tokens",
	        SLICE_FMT(field->text));
	diagnostics_hint(l->d, "write the member of its requests that holds it, as max_tokens");
}

void check_upstreams(struct load *l)
{
	for (unsigned i = 0; i < l->conf->n_upstreams; i++) {
		const struct node *n = load_entry(l, "upstreams", i);

		if (!n)
			continue;
		check_credential(l, &l->conf->upstreams[i], n);
		check_endpoints(l, &l->conf->upstreams[i], n);
		check_output_field(l, n);
	}
}
