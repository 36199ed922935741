/* SPDX-License-Identifier: Apache-2.0 */
/* allowance_rig: see allowance_rig.h. */
#include "rig/unit.h"
#include "rig/allowance_rig.h"
#include <stdio.h>
#include <stdlib.h>
#include "policy/registry.h"

static const char policy_yaml[] =
        "version: 1\n"
        "listeners:\n"
        "  agents: {address: \"127.0.0.1:4000\", default_agent: tester}\n"
        "upstreams:\n"
        "  up: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: none}\n"
        "  shop: {api: http, url: \"http://127.0.0.1:9\", credential: none}\n"
        "models:\n"
        "  m: {upstream: up, price: {input: 1, output: 2}}\n"
        "  capped: {upstream: up, price: {input: 1, output: 2}, max_output: 500}\n"
        "  dear: {upstream: up}\n"
        "%s"
        "agents:\n"
        "  other: {models: [m]}\n"
        "  tester: {models: [m, capped, dear]%s%s}\n";

int allowance_begin(struct allowance_rig *r, const char *agent, const char *top, bool embedded)
{
	static const char trust[] = ", trust_claimed: [user, workflow, session]";
	const struct table_limits limits = {1000, 1 << 20};
	char yaml[4096];
	struct view *view;
	int e;

	assert_true((size_t)snprintf(yaml, sizeof(yaml), policy_yaml, top,
	                    strstr(agent, "trust_claimed") ? "" : trust, agent) < sizeof(yaml));
	memset(r, 0, sizeof(*r));
	view = rig_view(yaml);
	e = rig_begin(&r->x, view, policy_registry, POLICY_COUNT);
	if (e < 0)
		return e;
	fake_store_init(&r->fake, &r->x.turn);
	r->x.env.store = &r->fake.store;
	if (!embedded)
		return 0;
	r->embedded = embedded_new(limits, &r->x.clock.clock);
	if (r->embedded)
		r->x.env.store = embedded_store(r->embedded);
	return r->embedded ? 0 : -ENOMEM;
}

void allowance_end(struct allowance_rig *r)
{
	rig_end(&r->x);
	embedded_free(r->embedded);
	r->embedded = NULL;
}

void allowance_post(
        struct allowance_rig *r, const char *path, const char *body, const char *headers)
{
	char text[8192];
	int n = snprintf(text, sizeof(text),
	        "POST %s HTTP/1.1\r\nhost: 127.0.0.1:4000\r\ncontent-type: application/json\r\n"
	        "content-length: %zu\r\n%s\r\n%s",
	        path, strlen(body), headers ? headers : "", body);

	assert_true(n > 0 && (size_t)n < sizeof(text));
	rig_reconnect(&r->x);
	r->x.n_records = r->x.n_reached = 0;
	r->x.source.n_closed = 0;
	loopback_feed(&r->x.down, slice_from(text, (size_t)n));
}

void allowance_ask(struct allowance_rig *r, const char *more, const char *headers)
{
	char body[2048];

	assert_true(
	        (size_t)snprintf(body, sizeof(body),
	                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}",
	                more) < sizeof(body));
	allowance_post(r, "/v1/chat/completions", body, headers);
}

void allowance_reply(struct allowance_rig *r, int input, int output)
{
	char usage[120] = "", body[400];

	if (input >= 0)
		snprintf(usage, sizeof(usage),
		        ",\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,"
		        "\"total_tokens\":%d}",
		        input, output, input + output);
	snprintf(body, sizeof(body),
	        "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\","
	        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
	        "\"hello\"},\"finish_reason\":\"stop\"}]%s}",
	        usage);
	scripted_source_head(&r->x.source, 200, "application/json");
	scripted_source_data(&r->x.source, slice_str(body));
	scripted_source_end(&r->x.source);
	rig_settle(&r->x);
}

void allowance_read(struct allowance_rig *r)
{
	rig_settle(&r->x);
	loopback_read(&r->x.down, &r->answer);
}

unsigned allowance_call(struct allowance_rig *r, const char *more, const char *headers)
{
	allowance_ask(r, more, headers);
	if (r->x.n_reached)
		allowance_reply(r, 10, 20);
	allowance_read(r);
	return r->answer.status;
}

const char *allowance_header(const struct allowance_rig *r, const char *name)
{
	const char *value = loopback_header(&r->answer, name);

	return value ? value : "";
}

const char *allowance_code(const struct allowance_rig *r)
{
	return allowance_header(r, "x-weir-code");
}

unsigned long long allowance_sent(const struct allowance_rig *r, const char *member)
{
	char name[60];
	const char *at;

	snprintf(name, sizeof(name), "\"%s\":", member);
	at = strstr(r->x.sending, name);
	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

const struct admitted *allowance_admitted(const struct allowance_rig *r)
{
	return r->x.down.exchange ? r->x.down.exchange->calls[0].admitted : NULL;
}

uint64_t allowance_held(const struct allowance_rig *r, const char *prefix)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < FAKE_STORE_KEYS; i++)
		if (!strncmp(r->fake.counters[i].key, prefix, strlen(prefix)))
			n += r->fake.counters[i].held;
	return n;
}
