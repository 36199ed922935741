/* SPDX-License-Identifier: Apache-2.0 */
/* openai_pattern: comparing bytes is a tenth of the cost of reading them. */
#include "dialect/openai_pattern.h"
#include "base/plain.h"
#include "base/utf8.h"

/* The end of a string's inside that goes on at at, which is no plain byte. */
static const char *odd_end(const char *at, const char *end)
{
	while (at < end && *at != '"') {
		struct utf8 u = utf8_next(at, end);

		if (!u.valid || (unsigned char)*at < ' ' || *at == '\\')
			return NULL;
		at = plain_skip(at + u.len, end);
	}
	return at < end ? at : NULL;
}

/* The end of the string whose inside begins at at, NULL when it is not plain: an escape, a control
 * character or bytes that are no UTF-8 would have to be read properly. */
static inline const char *hole_end(const char *at, const char *end)
{
	at = plain_skip(at, end);
	return at < end && *at == '"' ? at : odd_end(at, end);
}

typedef long long twin __attribute__((vector_size(16)));

/* What stands behind a text is mostly short: two blocks that may overlap instead of a call. */
static inline bool goes_on_as(const char *at, const char *end, struct slice piece)
{
	twin a, b, c, d;

	if ((size_t)(end - at) < piece.len)
		return false;
	if (piece.len < sizeof(twin) || piece.len > 2 * sizeof(twin))
		return !memcmp(at, piece.at, piece.len);
	memcpy(&a, at, sizeof(a));
	memcpy(&b, piece.at, sizeof(b));
	memcpy(&c, at + piece.len - sizeof(c), sizeof(c));
	memcpy(&d, piece.at + piece.len - sizeof(d), sizeof(d));
	a = (a ^ b) | (c ^ d);
	return !(a[0] | a[1]);
}

/* Behind the head of an event: where its tail must begin, NULL: it is not like the pattern.
 * Inlined, so that a run keeps what it compares with in registers. */
static inline __attribute__((always_inline)) const char *holes_end(
        const struct openai_pattern *p, const char *at, const char *end, struct slice *ret_text)
{
	const char *to = hole_end(at, end);

	if (!to)
		return NULL;
	*ret_text = slice_from(at, (size_t)(to - at));
	if (p->n_holes == 1)
		return to;
	if (!goes_on_as(to, end, p->middle))
		return NULL;
	at = to + p->middle.len;
	to = hole_end(at, end);
	if (to && p->text_hole)
		*ret_text = slice_from(at, (size_t)(to - at));
	return to;
}

size_t pattern_length(const struct openai_pattern *p, struct slice bytes, struct slice *ret_text)
{
	const char *at, *end = bytes.at + bytes.len;

	if (!goes_on_as(bytes.at, end, p->head))
		return 0;
	at = holes_end(p, bytes.at + p->head.len, end, ret_text);
	return at && goes_on_as(at, end, p->tail) ? (size_t)(at - bytes.at) + p->tail.len : 0;
}

size_t pattern_run(
        const struct openai_pattern *p, struct slice bytes, size_t event_max, size_t *ret_text)
{
	const char *event = bytes.at, *end = bytes.at + bytes.len, *at;
	bool more = goes_on_as(event, end, p->head);
	size_t sum = 0;
	struct slice text = {NULL, 0};

	while (more && (at = holes_end(p, event + p->head.len, end, &text))) {
		/* The tail of one and the head of the next are compared as one. */
		more = goes_on_as(at, end, p->joint);
		if (!more && !goes_on_as(at, end, p->tail))
			break;
		at += p->tail.len;
		if ((size_t)(at - event) > event_max)
			break;
		sum += text.len;
		event = at;
	}
	*ret_text = sum;
	return (size_t)(event - bytes.at);
}

static bool hole_of(
        const struct json_doc *doc, size_t shift, const struct json_value *v, struct span *ret)
{
	struct span token;

	if (json_type(v) != JSON_STRING)
		return false;
	token = json_token(doc, v);
	*ret = (struct span){
	        (uint32_t)(token.start + 1 + shift), (uint32_t)(token.end - 1 + shift)};
	return true;
}

/* The event around its holes, which stand in order. It is kept twice, so that a tail stands before
 * a head. */
static void cut_pieces(struct openai_pattern *p, const struct span *holes)
{
	struct slice twice = buf_slice(&p->event);
	const struct span *first = &holes[0], *last = &holes[p->n_holes - 1];
	size_t len = twice.len / 2;

	p->head = slice_from(twice.at, first->start);
	if (p->n_holes == 2)
		p->middle = slice_from(twice.at + first->end, last->start - first->end);
	p->tail = slice_from(twice.at + last->end, len - last->end);
	p->joint = slice_from(p->tail.at, p->tail.len + p->head.len);
	p->is_set = true;
}

void pattern_learn(struct openai_pattern *p, struct slice event, const struct json_doc *doc,
        const struct json_value *text, const struct json_value *padding)
{
	size_t shift = (size_t)(doc->text.at - event.at);
	struct span holes[2], hole, other;

	p->is_set = false;
	if (p->is_off || event.len > PATTERN_MAX || !hole_of(doc, shift, text, &hole))
		return;
	buf_clear(&p->event);
	if (buf_put_slice(&p->event, event) || buf_put_slice(&p->event, event))
		return;
	holes[0] = hole;
	p->n_holes = 1;
	p->text_hole = 0;
	if (hole_of(doc, shift, padding, &other)) {
		p->text_hole = other.start < hole.start;
		holes[p->text_hole] = hole;
		holes[!p->text_hole] = other;
		p->n_holes = 2;
	}
	cut_pieces(p, holes);
}
