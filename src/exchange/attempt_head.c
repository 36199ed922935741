/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_head: the request's head as it goes upstream: the agent's own headers without its credentials and without what
 * is Weir's, the upstream's host, and the upstream's credential. */
#include <errno.h>
#include "exchange/attempt_head.h"

#define TARGET_MAX (16u << 10)

static bool is_credential(enum header_id id)
{
	return id == HEADER_AUTHORIZATION || id == HEADER_X_API_KEY || id == HEADER_API_KEY ||
	       id == HEADER_X_GOOG_API_KEY || id == HEADER_PROXY_AUTHORIZATION || id == HEADER_COOKIE;
}

_Static_assert(HEADER_N <= 64, "own_credentials has a bit for each known header");

/* One prefix for what is Weir's, whatever follows. */
static bool is_ours(struct slice name)
{
	return name.len >= 6 && slice_equals_nocase((struct slice){name.at, 6}, SLICE("x-weir"));
}

static bool is_left_out(const struct exchange *x, const struct upstream_conf *u, const struct header *h)
{
	bool passthrough = u->credential == CREDENTIAL_PASSTHROUGH;

	switch (h->id) {
	case HEADER_HOST:
	case HEADER_CONTENT_LENGTH:
	case HEADER_ACCEPT_ENCODING:
	case HEADER_VIA:
	case HEADER_BAGGAGE:
		return true;
	default:
		break;
	}
	if (is_credential(h->id))
		return !passthrough || h->id == HEADER_COOKIE || (x->own_credentials >> h->id & 1);
	if (u->credential_header.len && slice_equals_nocase(h->name, u->credential_header))
		return true; /* the agent may not stand in for the upstream's own credential */
	return is_ours(h->name) || slice_equals_nocase(h->name, SLICE("x-http-method-override"));
}

static char *put(char *to, struct slice s)
{
	if (s.len)
		memcpy(to, s.at, s.len);
	return to + s.len;
}

/* The upstream's own base path takes the place of the API's "/v1". */
static struct slice target_of(struct exchange *x, const struct endpoint_conf *e)
{
	struct slice path = x->path, v1 = SLICE("/v1");

	if (slice_starts(path, v1))
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

static int add_credential(struct head *to, const struct upstream_conf *u)
{
	if (u->credential != CREDENTIAL_API_KEY && u->credential != CREDENTIAL_HEADER)
		return 0;
	return head_add(to, HEADER_OTHER, u->credential_header, secret_slice(u->credential_value));
}

int attempt_head(struct exchange *x, const struct endpoint_conf *e, struct head *to)
{
	const struct upstream_conf *u = x->calls[0].model->upstream;
	head_reset(to);
	to->method = x->head->method;
	to->method_text = x->head->method_text;
	to->target = target_of(x, e);
	to->framing = FRAMING_LENGTH;
	to->length = x->sending_len;
	to->keep_alive = true;
	to->minor = 1;
	if (!to->target.at || head_add_id(to, HEADER_HOST, e->authority) < 0)
		return -ENOMEM;
	for (unsigned i = 0; i < x->head->n_headers; i++) {
		const struct header *h = &x->head->headers[i];
		if (!is_left_out(x, u, h) && head_add_header(to, *h) < 0)
			return -ENOMEM;
	}
	if (head_add_id(to, HEADER_ACCEPT_ENCODING, SLICE("identity")) < 0 ||
		head_add_id(to, HEADER_VIA, SLICE("1.1 weir")) < 0)
		return -ENOMEM;
	return add_credential(to, u);
}
