/* SPDX-License-Identifier: Apache-2.0 */
/* leak: see leak.h. */
#include "exchange/leak.h"
#include <errno.h>
#include <string.h>
#include "exchange/header_set.h"

#define SECRET_LEAST 8 /* a shorter one would be found in any text */

/* As it went upstream, without its scheme; empty: there was none that could be found again. */
static struct slice secret_sent(const struct exchange *x)
{
	const struct upstream_conf *u = call_upstream(&x->calls[0]);
	struct slice secret, scheme = SLICE("Bearer ");

	if (!u || !u->credential_value)
		return (struct slice){NULL, 0};
	secret = secret_slice(u->credential_value);
	if (slice_starts(secret, scheme))
		secret = slice_skip(secret, scheme.len);
	return secret.len >= SECRET_LEAST ? secret : (struct slice){NULL, 0};
}

bool leak_is_in(const struct exchange *x, struct slice s)
{
	struct slice secret = secret_sent(x);

	return secret.len && slice_holds(s, secret);
}

#define PIECE_SHORT 384 /* such a piece is searched together with what came before it */

int leak_streams(struct exchange *x, struct slice in)
{
	struct slice secret = secret_sent(x);
	size_t most = secret.len ? secret.len - 1 : 0;
	size_t first = in.len <= PIECE_SHORT || in.len <= most ? in.len : most;
	struct slice edge;

	if (!most || !in.len)
		return 0;
	if (!x->stream_tail)
		x->stream_tail = arena_alloc(&x->arena, most + (most > PIECE_SHORT ? most : PIECE_SHORT));
	if (!x->stream_tail)
		return -ENOMEM;
	memcpy(x->stream_tail + x->n_stream_tail, in.at, first);
	edge = slice_from(x->stream_tail, x->n_stream_tail + first);
	if (slice_holds(edge, secret) || (first < in.len && slice_holds(in, secret)))
		return 1;
	if (first < in.len)
		edge = in;
	if (edge.len > most)
		edge = slice_skip(edge, edge.len - most);
	memmove(x->stream_tail, edge.at, edge.len);
	x->n_stream_tail = edge.len;
	return 0;
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
		return name_is_of_weir(name);
	default:
		return false;
	}
}

bool leak_keeps_header(const struct exchange *x, const struct header *h)
{
	return h->id == HEADER_SET_COOKIE || (h->id == HEADER_OTHER && name_stays(h->name)) || leak_is_in(x, h->value);
}
