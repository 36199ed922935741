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
	return secret.len >= SECRET_LEAST && s.len >= secret.len && memmem(s.at, s.len, secret.at, secret.len);
}

bool leak_keeps_header(const struct exchange *x, const struct header *h)
{
	static const struct slice browsers[] = {
		SLICE_INIT("alt-svc"), SLICE_INIT("www-authenticate"), SLICE_INIT("strict-transport-security"),
	};
	struct slice cors = SLICE("access-control-");

	if (h->id == HEADER_SET_COOKIE || leak_is_in(x, h->value))
		return true;
	if (h->id != HEADER_OTHER)
		return false;
	for (unsigned i = 0; i < sizeof(browsers) / sizeof(browsers[0]); i++)
		if (slice_equals_nocase(h->name, browsers[i]))
			return true;
	return h->name.len > cors.len && slice_equals_nocase((struct slice){h->name.at, cors.len}, cors);
}
