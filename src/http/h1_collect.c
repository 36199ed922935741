/* SPDX-License-Identifier: Apache-2.0 */
/* h1_collect: llhttp's callbacks note places, and nothing else. A name that does not follow its
 * predecessor's last byte is a new field; a value's pieces must touch (a gap would be a folded
 * line). */
#include "http/h1_collect.h"
#include <assert.h>
#include "http/chars.h"

static_assert(LLHTTP_VERSION_MAJOR >= 9, "an older llhttp reads loosely");

static __attribute__((cold)) int collect_refuse(
        struct h1_collect *c, enum fault fault, const char *note)
{
	if (!c->fault) {
		c->fault =
		        c->answers && fault != FAULT_OVERLOADED ? FAULT_UPSTREAM_MALFORMED : fault;
		c->note = note;
		c->head->n_headers = 0; /* they may hold offsets */
	}
	return -1;
}

static __attribute__((cold)) int collect_no_memory(struct h1_collect *c)
{
	return collect_refuse(c, FAULT_OVERLOADED, "There is no memory for a head.");
}

/* Slices hold offsets until the head is whole: memory may move as it grows. */
static inline struct slice place_of(const struct h1_collect *c, const char *at, size_t len)
{
	return slice_from((const char *)((uintptr_t)at + c->shift), len);
}

/* Once no more bytes follow. base: where offsets are counted from. */
static inline struct slice slice_settle(struct slice s, const char *base)
{
	return slice_from(base + (uintptr_t)s.at, s.len);
}

/* Whether s goes on where span ended; if so it is made part of it. */
static bool span_goes_on(struct slice *span, struct slice s)
{
	if ((uintptr_t)s.at != (uintptr_t)span->at + span->len)
		return false;
	span->len += s.len;
	return true;
}

static int on_target(llhttp_t *parser, const char *at, size_t len)
{
	struct h1_collect *c = parser->data;
	struct slice place = place_of(c, at, len);

	if (!c->head->target.at)
		c->head->target = place;
	else if (!span_goes_on(&c->head->target, place))
		return collect_refuse(c, FAULT_REQUEST_INVALID, "The target is in pieces.");
	return 0;
}

static int field_begin(struct h1_collect *c, struct slice name)
{
	struct head *h = c->head;

	if (h->n_headers == c->limits->fields)
		return collect_refuse(c, FAULT_HEADER_TOO_LARGE, "There are too many fields.");
	if (h->n_headers == h->cap_headers && head_reserve(h, h->n_headers + 1))
		return collect_no_memory(c);
	if (!c->fields_at)
		c->fields_at = (uintptr_t)name.at;
	c->field = &h->headers[h->n_headers++];
	c->field->name = name;
	c->field->value = (struct slice){0};
	return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
	struct h1_collect *c = parser->data;
	struct slice place = place_of(c, at, len);

	if ((!c->field || !span_goes_on(&c->field->name, place)) && field_begin(c, place))
		return -1;
	if (c->field->name.len > c->limits->name)
		return collect_refuse(c, FAULT_HEADER_TOO_LARGE, "A field's name is too long.");
	return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
	struct h1_collect *c = parser->data;
	struct slice place = place_of(c, at, len), *value = &c->field->value;

	if (!value->at)
		*value = place;
	else if (!span_goes_on(value, place))
		return collect_refuse(c, FAULT_REQUEST_INVALID, "A field's value is folded.");
	if (value->len > c->limits->value)
		return collect_refuse(c, FAULT_HEADER_TOO_LARGE, "A field's value is too long.");
	return 0;
}

static int on_whole(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
        .on_url = on_target,
        .on_header_field = on_name,
        .on_header_value = on_value,
        .on_headers_complete = on_whole,
};

void h1_collect_start(
        struct h1_collect *c, struct head *head, bool answers, const struct h1_limits *limits)
{
	llhttp_init(&c->parser, answers ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
	c->parser.data = c;
	c->limits = limits;
	c->head = head;
	c->field = NULL;
	c->fields_at = 0;
	c->fault = FAULT_NONE;
	c->note = NULL;
	c->answers = answers;
	head_reset(head);
	head->block.max = limits->request_line + limits->header_block + 16;
}

/* "HTTP/1.1": 11. 0: there is no complete version at the beginning of s. */
static unsigned version_at(struct slice s)
{
	if (s.len < 8 || memcmp(s.at, "HTTP/", 5) || s.at[6] != '.' || s.at[5] < '0' ||
	        s.at[5] > '9' || s.at[7] < '0' || s.at[7] > '9')
		return 0;
	return (unsigned)(s.at[5] - '0') * 10 + (unsigned)(s.at[7] - '0');
}

static struct slice skip_blanks(struct slice s)
{
	while (s.len && s.at[0] == ' ')
		s = slice_skip(s, 1);
	return s;
}

static int version_judge(struct h1_collect *c, unsigned version)
{
	if (!version)
		return collect_refuse(
		        c, FAULT_REQUEST_INVALID, "The first line has no HTTP version.");
	if (version != 10 && version != 11)
		return collect_refuse(
		        c, FAULT_VERSION_UNSUPPORTED, "The version is not HTTP/1.0 or 1.1.");
	c->head->minor = (uint8_t)(version - 10);
	return 0;
}

/* The first line, without its CRLF. */
static struct slice first_line(const struct h1_collect *c)
{
	struct slice all = buf_slice(&c->head->block);
	const char *end = memchr(all.at, '\r', all.len);

	return slice_from(all.at, end ? (size_t)(end - all.at) : all.len);
}

/* Method, target and version must fill the line; the target's slice already points at it. */
static int request_line_judge(struct h1_collect *c)
{
	struct head *h = c->head;
	struct slice line = first_line(c), rest;
	const char *space = memchr(line.at, ' ', line.len);
	size_t target_at = (uintptr_t)h->target.at;

	h->target = slice_settle(h->target, line.at);
	if (!space || !target_at || h->target.at < space || target_at + h->target.len > line.len)
		return collect_refuse(
		        c, FAULT_REQUEST_INVALID, "The request line is not well formed.");
	h->method_text = slice_from(line.at, (size_t)(space - line.at));
	rest = skip_blanks(slice_skip(line, h->method_text.len));
	if (rest.at != h->target.at)
		return collect_refuse(
		        c, FAULT_REQUEST_INVALID, "The request line is not well formed.");
	rest = skip_blanks(slice_skip(rest, h->target.len));
	if (version_judge(c, version_at(rest)))
		return -1;
	if (rest.len != 8)
		return collect_refuse(
		        c, FAULT_REQUEST_INVALID, "Something follows the HTTP version.");
	h->method = method_of(h->method_text);
	if (h->method == METHOD_OTHER)
		return collect_refuse(
		        c, FAULT_METHOD_NOT_ALLOWED, "The method is not one that is served.");
	return 0;
}

static int status_line_judge(struct h1_collect *c)
{
	struct slice line = first_line(c), rest = slice_skip(line, 9);
	unsigned status;

	if (version_judge(c, version_at(line)))
		return -1;
	if (line.at[8] != ' ' || rest.len < 3 || (rest.len > 3 && rest.at[3] != ' '))
		return collect_refuse(
		        c, FAULT_UPSTREAM_MALFORMED, "The status line is not well formed.");
	for (unsigned i = 0; i < 3; i++)
		if (rest.at[i] < '0' || rest.at[i] > '9')
			return collect_refuse(
			        c, FAULT_UPSTREAM_MALFORMED, "The status is not a number.");
	status = (unsigned)(rest.at[0] - '0') * 100 + (unsigned)(rest.at[1] - '0') * 10 +
	         (unsigned)(rest.at[2] - '0');
	if (status < 100 || status > 599)
		return collect_refuse(c, FAULT_UPSTREAM_MALFORMED, "There is no such status.");
	c->head->status = (uint16_t)status;
	return 0;
}

/* Of a head without other control characters: a blank or a tab. */
static inline bool is_blank(char c)
{
	return (unsigned char)c <= ' ';
}

/* A name is followed by its colon at once. Answers may use all of RFC 9110's names; those that a
 * request could not have are left out, so that they cannot be taken for their twins
 * (content_length). */
static int fields_judge(struct h1_collect *c)
{
	struct head *h = c->head;
	struct header *kept = h->headers, *end = h->headers + h->n_headers;
	const char *base = buf_at(&h->block);
	uint64_t seen = 0, twice = 0;

	for (const struct header *field = h->headers; field < end; field++) {
		struct slice name = slice_settle(field->name, base),
		             value = slice_settle(field->value, base);
		enum header_id id;

		if (!name.len || name.at[name.len] != ':')
			return collect_refuse(
			        c, FAULT_REQUEST_INVALID, "A field's name is empty or spaced.");
		id = header_id_of(name);
		if (id == HEADER_OTHER && !chars_are_name(name)) {
			if (!c->answers || !chars_are(name, CHAR_TOKEN))
				return collect_refuse(c, FAULT_REQUEST_INVALID,
				        "A field's name has an odd character.");
			continue;
		}
		if (value.len && (is_blank(value.at[0]) || is_blank(value.at[value.len - 1])))
			value = slice_trim(value);
		twice |= seen & UINT64_C(1) << id;
		seen |= UINT64_C(1) << id;
		*kept++ = (struct header){name, value, id};
	}
	h->n_headers = (unsigned)(kept - h->headers);
	h->seen = seen;
	h->twice = twice;
	return 0;
}

/* Each field has exactly one line: nothing is folded, no CR or LF stands alone. */
static int bytes_judge(struct h1_collect *c)
{
	struct chars_scan scan = chars_scan(buf_slice(&c->head->block));

	if (scan.control || (scan.high && !c->answers))
		return collect_refuse(
		        c, FAULT_REQUEST_INVALID, "The head has a byte that it may not have.");
	if (scan.lf != c->head->n_headers + 2u || scan.cr != scan.lf)
		return collect_refuse(
		        c, FAULT_REQUEST_INVALID, "The head's lines are folded or cut.");
	return 0;
}

static void head_judge(struct h1_collect *c)
{
	if (bytes_judge(c))
		return;
	if (c->answers ? status_line_judge(c) : request_line_judge(c))
		return;
	fields_judge(c);
}

/* llhttp knows no version but its own few: whether one stands there is seen again, to tell 505 from
 * 400. */
static __attribute__((cold)) void collect_syntax(struct h1_collect *c)
{
	struct head *h = c->head;
	struct slice all = buf_slice(&h->block);
	unsigned version = 0;

	if (!c->answers && h->target.at && llhttp_get_errno(&c->parser) == HPE_INVALID_VERSION)
		version = version_at(
		        skip_blanks(slice_skip(all, (uintptr_t)h->target.at + h->target.len)));
	if (version && version_judge(c, version))
		return;
	collect_refuse(c, FAULT_REQUEST_INVALID, llhttp_get_error_reason(&c->parser));
}

static void collect_measure(struct h1_collect *c)
{
	size_t have = buf_len(&c->head->block);

	if (!c->fields_at && have > c->limits->request_line)
		collect_refuse(c, FAULT_TARGET_TOO_LONG, "The first line is too long.");
	if (c->fields_at > c->limits->request_line)
		collect_refuse(c, FAULT_TARGET_TOO_LONG, "The first line is too long.");
	if (c->fields_at && have - c->fields_at > c->limits->header_block)
		collect_refuse(c, FAULT_HEADER_TOO_LARGE, "The fields are too long together.");
}

/* No more than one byte over the next limit is looked at, so that it does not matter how the bytes
 * are cut. */
static size_t collect_allowance(const struct h1_collect *c, size_t len)
{
	size_t end =
	        c->fields_at ? c->fields_at + c->limits->header_block : c->limits->request_line;
	size_t most = end + 1 - buf_len(&c->head->block);

	return len < most ? len : most;
}

size_t h1_collect_feed(struct h1_collect *c, struct slice in, bool *ret_whole)
{
	llhttp_errno_t error;

	c->shift = buf_len(&c->head->block) - (uintptr_t)in.at;
	in.len = collect_allowance(c, in.len);
	error = llhttp_execute(&c->parser, in.at, in.len);
	if (error != HPE_OK) {
		size_t at = (size_t)(llhttp_get_error_pos(&c->parser) - in.at);

		if (error != HPE_PAUSED && at < in.len)
			at++; /* the byte that was wrong */
		in.len = at;
	}
	if (buf_put(&c->head->block, in.at, in.len))
		collect_no_memory(c);
	if (!c->fault)
		collect_measure(c);
	if (!c->fault && error == HPE_PAUSED) {
		head_judge(c);
		*ret_whole = true;
	} else if (!c->fault && error != HPE_OK) {
		collect_syntax(c);
	}
	return in.len;
}
