/* SPDX-License-Identifier: Apache-2.0 */
/* openai_pattern: comparing bytes is a tenth of the cost of reading them. */
#include "dialect/openai_pattern.h"
#include "base/utf8.h"

/* The length of the string whose inside begins at at, -1 when it is not plain: an escape, a control
 * character or bytes that are no UTF-8 would have to be read properly. */
static long plain_length(const char *at, const char *end)
{
	const char *p = at;

	while (p < end && *p != '"') {
		unsigned char c = (unsigned char)*p;

		if (c < ' ' || c == '\\')
			return -1;
		if (c < 128) {
			p++;
		} else {
			struct utf8 u = utf8_next(p, end);

			if (!u.valid)
				return -1;
			p += u.len;
		}
	}
	return p < end ? (long)(p - at) : -1;
}

/* Whether the event is the pattern with other plain strings in its holes. The pattern was read,
 * checked and found to be text of one choice that goes on and nothing else. An event that equals it
 * outside the inside of these strings, and holds in them no quote, backslash, control character or
 * bad UTF-8, is the same tree with other text in these two values: the same keys, the same single
 * choice, no call, no usage, no finish. */
bool pattern_matches(const struct openai_pattern *p, struct slice event, struct slice *ret_text)
{
	const char *at = event.at, *end = event.at + event.len, *model = buf_at(&p->event);
	size_t from = 0, len;
	struct slice text = {0};

	for (unsigned i = 0; i < p->n_holes; i++) {
		long hole;

		len = p->holes[i].start - from;
		if ((size_t)(end - at) < len || memcmp(at, model + from, len))
			return false;
		at += len;
		hole = plain_length(at, end);
		if (hole < 0)
			return false;
		if (i == p->text_hole)
			text = slice_from(at, (size_t)hole);
		at += hole;
		from = p->holes[i].end;
	}
	len = buf_len(&p->event) - from;
	*ret_text = text;
	return (size_t)(end - at) == len && !memcmp(at, model + from, len);
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
