/* SPDX-License-Identifier: Apache-2.0 */
/* framing: one pass over the fields gathers facts, then a few lines decide. */
#include "http/framing.h"
#include <assert.h>
#include "base/mem.h"
#include "http/chars.h"
#include "http/target.h"

#define OPTIONS_MAX 32u /* of Connection: more is no one's honest request */
#define LENGTH_DIGITS 19u

struct facts {
	unsigned hosts, lengths, codings, options;
	uint64_t length;
	bool length_is_bad, coding_is_chunked, host_is_bad;
	bool close, keep_alive, option_is_bad;
	bool expects, expectation_is_bad;
	bool upgrades, websocket;
};

static_assert(HEADER_N <= 64, "a set of header ids is one word");

#define BIT(id) (UINT64_C(1) << HEADER_##id)

/* Two of these would let two readers believe two things. */
#define ALONE                                                                                      \
	(BIT(AUTHORIZATION) | BIT(API_KEY) | BIT(CONTENT_ENCODING) | BIT(CONTENT_TYPE) |           \
	        BIT(EXPECT) | BIT(ORIGIN) | BIT(PROXY_AUTHORIZATION) | BIT(SEC_FETCH_SITE) |       \
	        BIT(TRACEPARENT) | BIT(X_API_KEY) | BIT(X_GOOG_API_KEY) | BIT(X_REQUEST_ID) |      \
	        BIT(X_CLAUDE_CODE_SESSION_ID) | BIT(X_WEIR_KEY) | BIT(X_WEIR_USER) |               \
	        BIT(X_WEIR_WORKFLOW) | BIT(X_WEIR_WORKFLOW_TYPE) | BIT(X_WEIR_SESSION) |           \
	        BIT(X_WEIR_INCLUDE) | BIT(X_WEIR_MAX_COST) | BIT(X_WEIR_MAX_TOKENS) |              \
	        BIT(X_WEIR_TIMEOUT) | BIT(X_WEIR_CACHE) | BIT(X_WEIR_APPROVAL) |                   \
	        BIT(IDEMPOTENCY_KEY))

/* Connection may not make a neighbour drop these. */
#define KEPT                                                                                       \
	(BIT(HOST) | BIT(CONTENT_LENGTH) | BIT(CONTENT_TYPE) | BIT(CONTENT_ENCODING) |             \
	        BIT(TRANSFER_ENCODING) | BIT(AUTHORIZATION) | BIT(COOKIE) | BIT(API_KEY) |         \
	        BIT(X_API_KEY) | BIT(X_GOOG_API_KEY) | BIT(EXPECT) | BIT(ORIGIN) |                 \
	        BIT(IDEMPOTENCY_KEY))

/* Between two neighbours only (RFC 9110 7.6.1). */
#define HOP_BY_HOP                                                                                 \
	(BIT(CONNECTION) | BIT(EXPECT) | BIT(HTTP2_SETTINGS) | BIT(KEEP_ALIVE) |                   \
	        BIT(PROXY_AUTHORIZATION) | BIT(PROXY_AUTHENTICATE) | BIT(PROXY_CONNECTION) |       \
	        BIT(TE) | BIT(TRAILER) | BIT(TRANSFER_ENCODING) | BIT(UPGRADE))

/* Those that facts are gathered from. */
#define JUDGED                                                                                     \
	(BIT(CONNECTION) | BIT(CONTENT_LENGTH) | BIT(EXPECT) | BIT(HOST) | BIT(PROXY_CONNECTION) | \
	        BIT(TRANSFER_ENCODING) | BIT(UPGRADE))

/* The next member of a comma-separated list, without blanks; empty ones are passed over. */
static bool list_next(struct slice *rest, struct slice *ret)
{
	while (rest->len) {
		const char *comma = memchr(rest->at, ',', rest->len);
		size_t len = comma ? (size_t)(comma - rest->at) : rest->len;
		struct slice member = slice_trim(slice_from(rest->at, len));

		*rest = slice_skip(*rest, len + 1);
		if (member.len) {
			*ret = member;
			return true;
		}
	}
	return false;
}

static bool starts_nocase(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && slice_equals_nocase(slice_from(s.at, prefix.len), prefix);
}

static bool option_is_kept(struct slice option)
{
	return (UINT64_C(1) << header_id_of(option) & KEPT) ||
	       starts_nocase(option, SLICE("x-weir-")) || starts_nocase(option, SLICE("mcp-"));
}

static void facts_of_connection(struct facts *f, struct slice list)
{
	struct slice option;

	f->options++;
	while (list_next(&list, &option)) {
		if (++f->options > OPTIONS_MAX || !chars_are(option, CHAR_TOKEN))
			f->option_is_bad = true;
		else if (slice_equals_nocase(option, SLICE("close")))
			f->close = true;
		else if (slice_equals_nocase(option, SLICE("keep-alive")))
			f->keep_alive = true;
		else if (option_is_kept(option))
			f->option_is_bad = true;
		if (f->option_is_bad)
			return;
	}
}

static void facts_of_upgrade(struct facts *f, struct slice list)
{
	struct slice protocol;

	f->upgrades = true;
	while (list_next(&list, &protocol))
		f->websocket |= slice_equals_nocase(protocol, SLICE("websocket"));
}

static void facts_of_length(struct facts *f, struct slice value)
{
	f->lengths++;
	if (value.len > LENGTH_DIGITS || slice_to_u64(value, UINT64_MAX, &f->length))
		f->length_is_bad = true;
}

static void facts_of_field(struct facts *f, const struct header *field)
{
	switch (field->id) {
	case HEADER_CONTENT_LENGTH:
		facts_of_length(f, field->value);
		break;
	case HEADER_TRANSFER_ENCODING:
		f->codings++;
		f->coding_is_chunked = slice_equals_nocase(field->value, SLICE("chunked"));
		break;
	case HEADER_CONNECTION:
		facts_of_connection(f, field->value);
		break;
	case HEADER_PROXY_CONNECTION: /* an old neighbour's: its connection is used once */
		f->close = true;
		break;
	case HEADER_HOST:
		f->hosts++;
		f->host_is_bad |= !authority_is_valid(field->value);
		break;
	case HEADER_EXPECT:
		f->expects = true;
		f->expectation_is_bad |= !slice_equals_nocase(field->value, SLICE("100-continue"));
		break;
	case HEADER_UPGRADE:
		facts_of_upgrade(f, field->value);
		break;
	default:
		break;
	}
}

static struct facts facts_of(const struct head *h)
{
	struct facts f = {0};

	for (unsigned i = 0; i < h->n_headers; i++) {
		if (UINT64_C(1) << h->headers[i].id & JUDGED)
			facts_of_field(&f, &h->headers[i]);
	}
	return f;
}

/* What is wrong with the two fields that frame content, or NULL. */
static const char *framing_check(const struct head *h, const struct facts *f)
{
	if (f->codings && f->lengths)
		return "Content-Length and Transfer-Encoding stand together.";
	if (f->codings > 1)
		return "Transfer-Encoding stands more than once.";
	if (f->codings && !f->coding_is_chunked)
		return "The transfer coding is not chunked alone.";
	if (f->codings && !h->minor)
		return "HTTP/1.0 has no Transfer-Encoding.";
	if (f->lengths > 1)
		return "Content-Length stands more than once.";
	if (f->length_is_bad)
		return "Content-Length is not a number of at most 19 digits.";
	if (f->option_is_bad)
		return "Connection names a field that it may not, or is not a list of names.";
	return NULL;
}

static const char *request_check(const struct head *h, const struct facts *f)
{
	const char *note = framing_check(h, f);

	if (note)
		return note;
	if (f->hosts > 1 || f->host_is_bad)
		return "Host is not one host and port.";
	if (!f->hosts && h->minor)
		return "Host is missing.";
	return h->twice & ALONE ? "A field that must be alone stands twice." : NULL;
}

static void head_frame(struct head *h, const struct facts *f, enum framing otherwise)
{
	h->framing = f->codings ? FRAMING_CHUNKED : f->lengths ? FRAMING_LENGTH : otherwise;
	h->length = h->framing == FRAMING_LENGTH ? f->length : 0;
	h->keep_alive = !f->close && (h->minor || f->keep_alive) && h->framing != FRAMING_CLOSE;
}

enum fault framing_of_request(struct head *h, const char **ret_note)
{
	struct facts f = facts_of(h);
	const char *note = request_check(h, &f);

	if (note) {
		*ret_note = note;
		return FAULT_REQUEST_INVALID;
	}
	if (f.expectation_is_bad) {
		*ret_note = "Expect asks for something else than 100-continue.";
		return FAULT_EXPECTATION_FAILED;
	}
	if (f.websocket) {
		*ret_note = "The caller asks for a WebSocket.";
		return FAULT_UPGRADE_REQUIRED;
	}
	head_frame(h, &f, FRAMING_NONE);
	if (f.upgrades) /* what follows may already be the other protocol's */
		h->keep_alive = false;
	h->expects_continue = f.expects && h->minor && h->framing != FRAMING_NONE;
	return FAULT_NONE;
}

enum fault framing_of_answer(struct head *h, enum method asked, const char **ret_note)
{
	struct facts f = facts_of(h);
	const char *note = framing_check(h, &f);

	if (note) {
		*ret_note = note;
		return FAULT_UPSTREAM_MALFORMED;
	}
	head_frame(h, &f, FRAMING_CLOSE);
	if (asked == METHOD_HEAD || h->status < 200 || h->status == 204 || h->status == 304) {
		h->framing = FRAMING_NONE;
		h->length = 0;
		h->keep_alive = !f.close && (h->minor || f.keep_alive);
	}
	return FAULT_NONE;
}

static bool list_has(struct slice list, struct slice name)
{
	struct slice member;

	while (list_next(&list, &member))
		if (slice_equals_nocase(member, name))
			return true;
	return false;
}

/* Is it named by one of the Connection fields that stand at the end of the list? */
static bool field_is_named(const struct slice *lists, unsigned n, struct slice name)
{
	for (unsigned i = 0; i < n; i++)
		if (list_has(lists[i], name))
			return true;
	return false;
}

/* Connection's usual values name no field. */
static bool connection_names_fields(struct slice value)
{
	return !slice_equals_nocase(value, SLICE("keep-alive")) &&
	       !slice_equals_nocase(value, SLICE("close"));
}

static void head_strip_named(struct head *h, const struct slice *lists, unsigned n_lists)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < h->n_headers; i++)
		if (!field_is_named(lists, n_lists, h->headers[i].name))
			h->headers[kept++] = h->headers[i];
	h->n_headers = kept;
}

void head_strip_hop_by_hop(struct head *h)
{
	UNINIT struct slice lists[OPTIONS_MAX];
	unsigned n_lists = 0, kept = 0;

	if (!(h->seen & HOP_BY_HOP))
		return;
	for (unsigned i = 0; i < h->n_headers; i++) {
		const struct header *field = &h->headers[i];

		if (UINT64_C(1) << field->id & HOP_BY_HOP) {
			if (field->id == HEADER_CONNECTION && n_lists < OPTIONS_MAX &&
			        connection_names_fields(field->value))
				lists[n_lists++] = field->value;
			continue;
		}
		if (kept != i)
			h->headers[kept] = *field;
		kept++;
	}
	h->n_headers = kept;
	if (n_lists)
		head_strip_named(h, lists, n_lists);
}
