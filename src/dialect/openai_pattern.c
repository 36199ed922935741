/* SPDX-License-Identifier: Apache-2.0 */
/* openai_pattern: comparing bytes is a tenth of the cost of reading them. */
#include "dialect/openai_pattern.h"
#include "base/plain.h"
#include "base/utf8.h"

/* The length of the string whose inside begins at at, -1 when it is not plain: an escape, a control
 * character or bytes that are no UTF-8 would have to be read properly. */
static long plain_length(const char *at, const char *end)
{
	const char *p = plain_skip(at, end);

	while (p < end && *p != '"') {
		struct utf8 u = utf8_next(p, end);

		if (!u.valid || (unsigned char)*p < ' ' || *p == '\\')
			return -1;
		p = plain_skip(p + u.len, end);
	}
	return p < end ? (long)(p - at) : -1;
}

static bool goes_on_as(const char *at, const char *end, const char *model, size_t len)
{
	return (size_t)(end - at) >= len && !memcmp(at, model, len);
}

size_t pattern_length(const struct openai_pattern *p, struct slice bytes, struct slice *ret_text)
{
	const char *at = bytes.at, *end = bytes.at + bytes.len, *model = buf_at(&p->event);
	size_t from = 0, len;
	struct slice text = {0};

	for (unsigned i = 0; i < p->n_holes; i++) {
		long hole;

		len = p->holes[i].start - from;
		if (!goes_on_as(at, end, model + from, len))
			return 0;
		at += len;
		hole = plain_length(at, end);
		if (hole < 0)
			return 0;
		if (i == p->text_hole)
			text = slice_from(at, (size_t)hole);
		at += hole;
		from = p->holes[i].end;
	}
	len = buf_len(&p->event) - from;
	if (!goes_on_as(at, end, model + from, len))
		return 0;
	*ret_text = text;
	return (size_t)(at - bytes.at) + len;
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

void pattern_learn(struct openai_pattern *p, struct slice event, const struct json_doc *doc,
        const struct json_value *text, const struct json_value *padding)
{
	size_t shift = (size_t)(doc->text.at - event.at);
	struct span hole, other;

	p->is_set = false;
	if (p->is_off || event.len > PATTERN_MAX || !hole_of(doc, shift, text, &hole))
		return;
	buf_clear(&p->event);
	if (buf_put_slice(&p->event, event))
		return;
	p->holes[0] = hole;
	p->n_holes = 1;
	p->text_hole = 0;
	if (hole_of(doc, shift, padding, &other)) {
		p->text_hole = other.start < hole.start;
		p->holes[p->text_hole] = hole;
		p->holes[!p->text_hole] = other;
		p->n_holes = 2;
	}
	p->is_set = true;
}
