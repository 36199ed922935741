/* SPDX-License-Identifier: Apache-2.0 */
/* head: a message's first part, whichever HTTP version it came in. Requests and answers use the same one. */
#pragma once
#include "base/buf.h"
#include "base/stock.h"

/* Names that Weir itself reads or writes. Others are HEADER_OTHER and pass through by name. */
#define HEADERS(H)                                                                                 \
	H(ACCEPT, "accept") H(ACCEPT_ENCODING, "accept-encoding")                                  \
	H(AUTHORIZATION, "authorization") H(API_KEY, "api-key")                                    \
	H(CACHE_CONTROL, "cache-control") H(CONNECTION, "connection")                              \
	H(CONTENT_ENCODING, "content-encoding") H(CONTENT_LENGTH, "content-length")                \
	H(CONTENT_TYPE, "content-type") H(COOKIE, "cookie") H(DATE, "date")                        \
	H(EXPECT, "expect") H(HOST, "host") H(HTTP2_SETTINGS, "http2-settings")                    \
	H(KEEP_ALIVE, "keep-alive") H(LOCATION, "location") H(ORIGIN, "origin")                    \
	H(PROXY_AUTHORIZATION, "proxy-authorization")                                              \
	H(PROXY_AUTHENTICATE, "proxy-authenticate")                                                \
	H(PROXY_CONNECTION, "proxy-connection") H(REQUEST_ID, "request-id")                        \
	H(RETRY_AFTER, "retry-after") H(SEC_FETCH_SITE, "sec-fetch-site")                          \
	H(SET_COOKIE, "set-cookie") H(SERVER, "server") H(TE, "te") H(TRAILER, "trailer")          \
	H(TRANSFER_ENCODING, "transfer-encoding") H(UPGRADE, "upgrade") H(VIA, "via")              \
	H(USER_AGENT, "user-agent") H(TRACEPARENT, "traceparent") H(BAGGAGE, "baggage")            \
	H(X_API_KEY, "x-api-key") H(X_GOOG_API_KEY, "x-goog-api-key")                              \
	H(X_REQUEST_ID, "x-request-id") H(X_CLAUDE_CODE_SESSION_ID, "x-claude-code-session-id")    \
	H(X_WEIR_KEY, "x-weir-key") H(X_WEIR_USER, "x-weir-user")                                  \
	H(X_WEIR_WORKFLOW, "x-weir-workflow") H(X_WEIR_WORKFLOW_TYPE, "x-weir-workflow-type")      \
	H(X_WEIR_SESSION, "x-weir-session") H(X_WEIR_INCLUDE, "x-weir-include")                    \
	H(X_WEIR_MAX_COST, "x-weir-max-cost") H(X_WEIR_MAX_TOKENS, "x-weir-max-tokens")            \
	H(X_WEIR_TIMEOUT, "x-weir-timeout") H(X_WEIR_CACHE, "x-weir-cache")                        \
	H(X_WEIR_APPROVAL, "x-weir-approval") H(IDEMPOTENCY_KEY, "idempotency-key")                \
	H(X_STAINLESS_RETRY_COUNT, "x-stainless-retry-count")

enum header_id {
	HEADER_OTHER,
#define H(id, name) HEADER_##id,
	HEADERS(H)
#undef H
	HEADER_N
};

struct header {
	struct slice name;  /* as it was written */
	struct slice value; /* without blanks around it */
	enum header_id id;
};

enum method {
	METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_PATCH, METHOD_DELETE, METHOD_OPTIONS,
};

enum framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

struct head {
	struct buf block;        /* owned: the bytes that slices of a received head point into */
	struct header *headers;  /* owned */
	unsigned n_headers, cap_headers;
	uint64_t seen;           /* a bit for each id that stands there, or stood */
	uint64_t twice;          /* a bit for each id that came when it had been seen */
	/* a request's */
	enum method method;
	struct slice method_text;
	struct slice target;     /* as received */
	struct slice path, query; /* its canonical form (http/target.h), where the reader took it apart; path.at == NULL: it did not */
	bool key_in_query;
	bool expects_continue;
	/* an answer's */
	uint16_t status;
	/* both */
	uint8_t minor;           /* of HTTP/1.minor */
	bool keep_alive;         /* the sender wants to go on using the connection */
	enum framing framing;
	uint64_t length;         /* FRAMING_LENGTH */
};

void head_init(struct head *h);
void head_finish(struct head *h);
/* Blocks for its bytes and its list: taken from stock before it is filled, given back when it is done with.
 * What has outgrown its block is kept. Either call may be left out. */
void head_take_memory(struct head *h, struct stock *stock);
void head_give_memory(struct head *h, struct stock *stock);
void head_reset(struct head *h); /* empty again, memory kept */
int head_reserve(struct head *h, unsigned n); /* room for n headers in all: 0, -ENOMEM or -ENOBUFS */
static inline void head_saw(struct head *h, enum header_id id)
{
	uint64_t bit = UINT64_C(1) << id;

	h->twice |= h->seen & bit;
	h->seen |= bit;
}

/* Slices are borrowed. 0 or -ENOMEM. The id is looked up when it is HEADER_OTHER and the name is known. */
int head_add(struct head *h, enum header_id id, struct slice name, struct slice value);
int head_add_id(struct head *h, enum header_id id, struct slice value); /* under its own name */
/* The id is right: one of another head, or a name that is not known. 0 or -ENOMEM. */
static inline int head_add_header(struct head *h, struct header header)
{
	if (h->n_headers == h->cap_headers) {
		int r = head_reserve(h, h->n_headers + 1);

		if (r)
			return r;
	}
	h->headers[h->n_headers++] = header;
	head_saw(h, header.id);
	return 0;
}
enum header_id header_id_of(struct slice name); /* case does not matter */
struct slice header_name(enum header_id id);
const struct header *head_search(const struct head *h, enum header_id id); /* for head_find */
/* The first, or NULL. */
static inline const struct header *head_find(const struct head *h, enum header_id id)
{
	return h->seen >> id & 1 ? head_search(h, id) : NULL;
}
/* Of the first; at == NULL when absent. */
static inline struct slice head_value(const struct head *h, enum header_id id)
{
	const struct header *found = head_find(h, id);

	return found ? found->value : (struct slice){0};
}
/* Whether more than one stands there, of an id that was found. */
static inline bool head_is_twice(const struct head *h, enum header_id id)
{
	return h->twice >> id & 1;
}
/* What a header that may carry a credential shows: authorization its bearer token, empty with another scheme; any other
 * its value. */
struct slice header_credential(enum header_id id, struct slice value);
unsigned head_count(const struct head *h, enum header_id id);
const struct header *head_find_name(const struct head *h, struct slice name);
enum method method_of(struct slice text);
struct slice method_name(enum method m); /* empty for METHOD_OTHER */
/* The registered reason phrase, "" when there is none. */
const char *status_phrase(unsigned status);
