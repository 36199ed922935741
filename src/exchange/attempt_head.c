/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_head: the request's head as it goes upstream: the agent's own headers without its credentials and without what
 * is Weir's, the upstream's host, and the upstream's credential. */
#include <errno.h>
#include "exchange/attempt_head.h"
#include "exchange/header_set.h"

#define TARGET_MAX (16u << 10)

/* What no upstream gets, whichever it is, or what stands there anew. */
static uint64_t set_never(void)
{
	return header_set_of_weir() | HEADER_BIT(HOST) | HEADER_BIT(CONTENT_LENGTH) | HEADER_BIT(ACCEPT_ENCODING) |
	       HEADER_BIT(VIA) | HEADER_BIT(BAGGAGE) | HEADER_BIT(COOKIE);
}

/* Where agents put what proves who they are. */
static uint64_t set_credentials(void)
{
	return HEADER_BIT(AUTHORIZATION) | HEADER_BIT(X_API_KEY) | HEADER_BIT(API_KEY) | HEADER_BIT(X_GOOG_API_KEY) |
	       HEADER_BIT(PROXY_AUTHORIZATION);
}

/* The known headers that stay here. own is the header of the upstream's credential, for which the agent may not stand in;
 * where the agent's credentials are passed on, it decides nothing about those. */
static uint64_t set_left_out(const struct exchange *x, const struct upstream_conf *u, enum header_id own)
{
	if (u->credential != CREDENTIAL_PASSTHROUGH)
		return set_never() | set_credentials() | (uint64_t)1 << own;
	return set_never() | (x->own_credentials & set_credentials()) | ((uint64_t)1 << own & ~set_credentials());
}

/* By what a service behind several proxies may be talked into another path, method or caller than was judged. A key against
 * repeats counts within one agent and user; the tool would mix those of all. */
static bool name_is_of_proxies(struct slice name)
{
	static const struct slice names[] = {
		SLICE_INIT("forwarded"), SLICE_INIT("x-http-method"), SLICE_INIT("x-method-override"), SLICE_INIT("x-original-url"),
		SLICE_INIT("x-original-method"), SLICE_INIT("x-original-uri"), SLICE_INIT("x-rewrite-url"), SLICE_INIT("x-real-ip"),
	};
	struct slice prefix = SLICE("x-forwarded-");

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_equals_nocase(name, names[i]))
			return true;
	return name.len >= prefix.len && slice_equals_nocase((struct slice){name.at, prefix.len}, prefix);
}

static uint64_t set_of_tool(const struct call *c)
{
	return HEADER_BIT(IDEMPOTENCY_KEY) | (c->facts.tool.bodiless ? HEADER_BIT(CONTENT_TYPE) | HEADER_BIT(CONTENT_ENCODING) : 0);
}

/* Of names that are not known. One prefix for what is Weir's, whatever follows. */
static bool name_is_left_out(const struct call *c, const struct upstream_conf *u, struct slice name)
{
	if (u->credential_header.len && slice_equals_nocase(name, u->credential_header))
		return true;
	if (c->tool && name_is_of_proxies(name))
		return true;
	return name_is_of_weir(name) || slice_equals_nocase(name, SLICE("x-http-method-override"));
}

static char *put(char *to, struct slice s)
{
	if (s.len)
		memcpy(to, s.at, s.len);
	return to + s.len;
}

/* The upstream's own base path takes the place of the API's "/v1"; a tool's form says what follows it. */
static struct slice target_of(struct exchange *x, const struct endpoint_conf *e)
{
	struct slice path = x->path, v1 = SLICE("/v1");

	if (x->calls[0].tool)
		path = x->calls[0].facts.tool.target;
	else if (slice_starts(path, v1))
		path = slice_skip(path, v1.len);
	size_t len = e->base_path.len + path.len + (x->query.at ? 1 + x->query.len : 0);
	char *at = len <= TARGET_MAX ? arena_alloc(&x->arena, len) : NULL;
	if (!at)
		return (struct slice){NULL, 0};
	char *to = put(at, e->base_path);
	to = put(to, path);
	if (x->query.at) {
		*to++ = '?';
		put(to, x->query);
	}
	return slice_from(at, len);
}

static int add_credential(struct head *to, const struct upstream_conf *u, enum header_id id)
{
	if (u->credential != CREDENTIAL_API_KEY && u->credential != CREDENTIAL_HEADER)
		return 0;
	return head_add_header(to, (struct header){u->credential_header, secret_slice(u->credential_value), id});
}

int attempt_head_agents(struct exchange *x, struct head *to)
{
	const struct upstream_conf *u = call_upstream(&x->calls[0]);
	const struct call *c = &x->calls[0];
	uint64_t left_out = set_left_out(x, u, header_id_of(u->credential_header)) | (c->tool ? set_of_tool(c) : 0);

	for (unsigned i = 0; i < x->head->n_headers; i++) {
		const struct header *h = &x->head->headers[i];
		bool stays = h->id == HEADER_OTHER ? name_is_left_out(c, u, h->name) : header_set_has(left_out, h->id);
		if (!stays && head_add_header(to, *h) < 0)
			return -ENOMEM;
	}
	return 0;
}

int attempt_head(struct exchange *x, const struct endpoint_conf *e, struct head *to)
{
	const struct upstream_conf *u = call_upstream(&x->calls[0]);
	enum header_id own = header_id_of(u->credential_header);

	head_reset(to);
	to->method = x->calls[0].tool ? x->calls[0].tool->form.method : x->head->method;
	to->method_text = x->calls[0].tool ? method_name(to->method) : x->head->method_text;
	to->target = target_of(x, e);
	to->framing = x->calls[0].facts.tool.bodiless ? FRAMING_NONE : FRAMING_LENGTH;
	to->length = x->sending_len;
	to->keep_alive = true;
	to->minor = 1;
	if (!to->target.at || head_add_id(to, HEADER_HOST, e->authority) < 0)
		return -ENOMEM;
	if (attempt_head_agents(x, to) < 0 || head_add_id(to, HEADER_ACCEPT_ENCODING, SLICE("identity")) < 0 ||
		head_add_id(to, HEADER_VIA, SLICE("1.1 weir")) < 0)
		return -ENOMEM;
	return add_credential(to, u, own);
}
