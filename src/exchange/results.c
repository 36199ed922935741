/* SPDX-License-Identifier: Apache-2.0 */
/* results: see results.h. */
#include <errno.h>
#include "exchange/results.h"
#include "json/canonical.h"
#include "weir/exchange.h"

#define BODY_MAX (256u << 10)    /* bytes: sorting more of them would keep the loop from its other calls */
#define CANONICAL_MAX (2u << 20) /* the same, each of which may become six of an escape, and the target */

int results_digest(struct call *c, uint8_t ret[SHA256_LEN])
{
	struct exchange *x = c->exchange;
	struct buf text = BUF_INIT(CANONICAL_MAX);
	struct json_doc doc;
	if (buf_len(&x->body) > BODY_MAX)
		return -ENOBUFS;
	int e = json_read(json_scratch_mine(), buf_slice(&x->body), &json_limits_default, &doc, NULL);

	if (e)
		return e;
	e = buf_put_part(&text, c->facts.tool.target);
	if (!e)
		e = json_canonical(&doc, &x->arena, &text);
	if (!e)
		sha256(buf_slice(&text), ret);
	json_done(&doc);
	buf_finish(&text);
	return e;
}

/* One member of a list in a field, without what it is set to. */
static struct slice next_directive(struct slice *rest)
{
	const char *end = memchr(rest->at, ',', rest->len), *is;
	struct slice one = slice_from(rest->at, end ? (size_t)(end - rest->at) : rest->len);

	*rest = slice_skip(*rest, one.len + (end != NULL));
	is = one.len ? memchr(one.at, '=', one.len) : NULL;
	return slice_trim(slice_from(one.at, is ? (size_t)(is - one.at) : one.len));
}

/* RFC 9111 5.2.2: no-cache asks for a validation that nobody does here. */
static bool forbids(struct slice directive, enum cache_share share)
{
	if (slice_equals_nocase(directive, SLICE("no-store")) || slice_equals_nocase(directive, SLICE("no-cache")))
		return true;
	return share != CACHE_SHARE_USER && slice_equals_nocase(directive, SLICE("private"));
}

bool results_may_be_kept(const struct head *answer, enum cache_share share)
{
	for (unsigned i = 0; i < answer->n_headers; i++) {
		struct slice rest = answer->headers[i].value;
		if (!slice_equals_nocase(answer->headers[i].name, SLICE("cache-control")))
			continue;
		while (rest.len)
			if (forbids(next_directive(&rest), share))
				return false;
	}
	return true;
}
