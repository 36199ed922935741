/* SPDX-License-Identifier: Apache-2.0 */
/* leak: see leak.h. */
#include "exchange/leak.h"

#define SECRET_LEAST 8 /* a shorter one would be found in any text */

bool leak_is_in(const struct exchange *x, struct slice s)
{
	const struct model_conf *m = x->calls[0].model;
	struct slice secret, scheme = SLICE("Bearer ");

	if (!m || !m->upstream->credential_value)
		return false;
	secret = secret_slice(m->upstream->credential_value);
	if (slice_starts(secret, scheme))
		secret = slice_skip(secret, scheme.len);
	return secret.len >= SECRET_LEAST && slice_holds(s, secret);
}

static bool name_starts(struct slice name, struct slice with)
{
	return name.len > with.len && slice_equals_nocase((struct slice){name.at, with.len}, with);
}

/* Names that are not known: what is meant for browsers, and what only Weir may say. */
static bool name_stays(struct slice name)
{
	switch (name.len ? name.at[0] | 0x20 : 0) {
	case 'a':
		return slice_equals_nocase(name, SLICE("alt-svc")) || name_starts(name, SLICE("access-control-"));
	case 's':
		return slice_equals_nocase(name, SLICE("strict-transport-security"));
	case 'w':
		return slice_equals_nocase(name, SLICE("www-authenticate"));
	case 'x':
		return name_starts(name, SLICE("x-weir-"));
	default:
		return false;
	}
}

bool leak_keeps_header(const struct exchange *x, const struct header *h)
{
	return h->id == HEADER_SET_COOKIE || (h->id == HEADER_OTHER && name_stays(h->name)) || leak_is_in(x, h->value);
}
