/* SPDX-License-Identifier: Apache-2.0 */
/* dial: look-up and trust are fetched side by side, attempts start 250 ms apart, families taking
 * turns, and the first that connects goes on to TLS. Whatever happens ends in dial_end, once. */
#include "net/dial.h"
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "net/wire_core.h"

static void dial_next(struct dial *d);
static void dial_unix_failed(struct dial *d);

static void dial_close_tries(struct dial *d)
{
	for (unsigned i = 0; i < DIAL_RACERS; i++) {
		if (d->tries[i].wire)
			wire_close(d->tries[i].wire, WIRE_CLOSE_NOW);
		d->tries[i].wire = NULL;
	}
}

/* Nothing goes on any more; a wire that is ready stays. */
static void dial_stop(struct dial *d)
{
	struct loop *l = d->dialler->loop;

	dial_close_tries(d);
	ticket_cancel(&d->lookup);
	ticket_cancel(&d->trust);
	loop_deadline_clear(l, &d->deadline);
	loop_deadline_clear(l, &d->stagger);
	addresses_unref(d->addresses);
	d->addresses = NULL;
	tls_context_unref(d->context);
	d->context = NULL;
}

static void dial_drop_wire(struct dial *d)
{
	if (d->wire)
		wire_close(d->wire, WIRE_CLOSE_NOW);
	d->wire = NULL;
}

static void dial_end(struct dial *d, enum fault fault)
{
	struct ticket *t = d->ticket;

	d->fault = fault;
	dial_stop(d);
	if (fault)
		dial_drop_wire(d);
	else
		d->ready = d->dialler->loop->now;
	d->ticket = NULL;
	ticket_complete(t, fault ? -ECONNREFUSED : 0);
}

__attribute__((format(printf, 3, 4))) static void dial_fail(
        struct dial *d, enum fault fault, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(d->note, sizeof(d->note), format, args);
	va_end(args);
	dial_end(d, fault);
}

/* ---- TLS */

static void dial_tls_failed(struct dial *d, int error)
{
	const char *why = d->wire ? wire_tls_note(d->wire) : NULL;
	char note[DIAL_NOTE];

	d->error = error;
	d->tls_failed = true;
	if (!why && error == -ECONNABORTED)
		why = "it closed the connection during the handshake";
	snprintf(note, sizeof(note), "%s", why ? why : uv_strerror(error));
	dial_fail(d, FAULT_UPSTREAM_UNREACHABLE, "no TLS with %.*s: %s", SLICE_FMT(d->target->host),
	        note);
}

static void dial_on_shaken(struct wire *w, int error)
{
	struct dial *d = w->owner;

	if (error)
		dial_tls_failed(d, error);
	else
		dial_end(d, FAULT_NONE);
}

static void dial_secure(struct dial *d)
{
	const struct dial_target *to = d->target;
	struct tls *tls;
	int r;

	if (!to->tls) {
		dial_end(d, FAULT_NONE);
		return;
	}
	if (!d->trust_done)
		return;
	r = tls_new_client(d->context, to->tls_server_name.len ? to->tls_server_name : to->host,
	        to->memory, &tls);
	if (!r)
		r = wire_start_tls(d->wire, tls, dial_on_shaken);
	if (r)
		dial_tls_failed(d, r);
}

static void dial_trust_came(struct dial *d, int result)
{
	if (result) {
		d->tls_failed = true;
		d->error = result;
		dial_fail(d, FAULT_UPSTREAM_UNREACHABLE,
		        "the trusted certificates %s%.*s%s cannot be read: %s",
		        d->target->tls_ca.len ? "in " : "of the system",
		        SLICE_FMT(d->target->tls_ca),
		        d->target->tls_certificate.len ? " or the certificate to be shown" : "",
		        uv_strerror(result));
		return;
	}
	d->trust_done = true;
	if (d->wire)
		dial_secure(d);
}

static void dial_on_trust(struct ticket *t, int result)
{
	dial_trust_came(container_of(t, struct dial, trust), result);
}

/* ---- TCP */

static void dial_exhausted(struct dial *d, const struct address *last)
{
	char text[ADDRESS_TEXT];

	address_format(last, text);
	dial_fail(d, FAULT_UPSTREAM_UNREACHABLE, "no connection to %.*s (%s%s): %s",
	        SLICE_FMT(d->target->host), d->n_order > 1 ? "last tried: " : "", text,
	        uv_strerror(d->error));
}

static void dial_on_connected(struct wire *w, int error)
{
	struct dial_try *try = w->owner;
	struct dial *d = try->dial;

	try->wire = NULL;
	if (error) {
		d->error = error;
		wire_close(w, WIRE_CLOSE_NOW);
		if (d->target->unix_path.len)
			dial_unix_failed(d);
		else
			dial_next(d);
		return;
	}
	w->owner = d;
	d->wire = w;
	d->connected = d->dialler->loop->now;
	dial_close_tries(d);
	loop_deadline_clear(d->dialler->loop, &d->stagger);
	dial_secure(d);
}

static struct dial_try *dial_free_try(struct dial *d, bool *ret_racing)
{
	struct dial_try *free = NULL;

	*ret_racing = false;
	for (unsigned i = 0; i < DIAL_RACERS; i++) {
		if (d->tries[i].wire)
			*ret_racing = true;
		else
			free = &d->tries[i];
	}
	return free;
}

/* Starts the next attempt, unless too many are under way; ends the dial when none is left and none
 * is. */
static void dial_next(struct dial *d)
{
	struct loop *l = d->dialler->loop;
	bool racing;
	struct dial_try *try = dial_free_try(d, &racing);

	while (try && d->next < d->n_order) {
		int r;

		try->dial = d;
		try->to = d->addresses->list[d->order[d->next++]];
		address_set_port(&try->to, d->target->port);
		r = wire_connect(l, &try->to, dial_on_connected, try, &try->wire);
		if (!r) {
			if (d->next < d->n_order)
				loop_deadline_after(l, &d->stagger, DIAL_STAGGER);
			return;
		}
		d->error = r;
	}
	if (!racing) {
		struct address last = d->addresses->list[d->order[d->n_order - 1]];

		address_set_port(&last, d->target->port);
		dial_exhausted(d, &last);
	}
}

static void dial_on_stagger(struct deadline *deadline)
{
	struct dial *d = container_of(deadline, struct dial, stagger);

	dial_next(d);
}

/* ---- addresses */

/* RFC 8305 section 4: the first address's family begins, then they take turns. */
static void dial_interleave(struct dial *d, const uint8_t *allowed, unsigned n)
{
	const struct address *list = d->addresses->list;
	sa_family_t turn = list[allowed[0]].sa.sa_family;
	bool used[RESOLVE_ADDRESSES] = {false};

	while (d->n_order < n) {
		unsigned pick = n;

		for (unsigned i = 0; i < n; i++) {
			if (used[i])
				continue;
			if (pick == n)
				pick = i;
			if (list[allowed[i]].sa.sa_family == turn) {
				pick = i;
				break;
			}
		}
		used[pick] = true;
		d->order[d->n_order++] = allowed[pick];
		turn = list[allowed[pick]].sa.sa_family == AF_INET ? AF_INET6 : AF_INET;
	}
}

static void dial_begin(struct dial *d)
{
	uint8_t allowed[RESOLVE_ADDRESSES];
	char text[ADDRESS_TEXT];
	const char *why = "it has no address";
	unsigned n = 0;

	d->resolved = d->dialler->loop->now;
	for (unsigned i = 0; i < d->addresses->n; i++) {
		struct address a = d->addresses->list[i];

		address_set_port(&a, d->target->port);
		if (address_rule_allows(d->target->rule, d->target->host, &a, &why))
			allowed[n++] = (uint8_t)i;
		else
			address_format(&a, text);
	}
	if (!n) {
		dial_fail(d, FAULT_DESTINATION_REFUSED, "%.*s leads to %s: %s",
		        SLICE_FMT(d->target->host), d->addresses->n ? text : "nothing", why);
		return;
	}
	dial_interleave(d, allowed, n);
	dial_next(d);
}

static void dial_unix_failed(struct dial *d)
{
	dial_fail(d, FAULT_UPSTREAM_UNREACHABLE, "no connection to %.*s: %s",
	        SLICE_FMT(d->target->unix_path), uv_strerror(d->error));
}

static void dial_begin_unix(struct dial *d)
{
	struct dial_try *try = &d->tries[0];

	d->resolved = d->dialler->loop->now;
	d->lookup_done = true;
	try->dial = d;
	d->error = wire_connect_unix(
	        d->dialler->loop, d->target->unix_path, dial_on_connected, try, &try->wire);
	if (d->error)
		dial_unix_failed(d);
}

static const char *lookup_error(int error)
{
	switch (error) {
	case -ENOENT:
		return "there is no such name";
	case -EAGAIN:
		return "the name servers do not answer";
	case -EINVAL:
		return "it is no name that can be looked up";
	default:
		return uv_strerror(error);
	}
}

static void dial_lookup_came(struct dial *d, int result)
{
	if (result) {
		d->error = result;
		dial_fail(d, FAULT_UPSTREAM_UNREACHABLE, "no address for %.*s: %s",
		        SLICE_FMT(d->target->host), lookup_error(result));
		return;
	}
	d->lookup_done = true;
	dial_begin(d);
}

static void dial_on_lookup(struct ticket *t, int result)
{
	dial_lookup_came(container_of(t, struct dial, lookup), result);
}

/* ---- from outside */

static void dial_on_deadline(struct deadline *deadline)
{
	struct dial *d = container_of(deadline, struct dial, deadline);
	const char *doing = !d->lookup_done ? "looking it up"
	                    : !d->wire      ? "connecting"
	                                    : "the TLS handshake";

	d->error = -ETIMEDOUT;
	dial_fail(d, FAULT_UPSTREAM_TIMEOUT, "%.*s was not reached in %u ms: %s took too long",
	        SLICE_FMT(d->target->host), (unsigned)(d->target->connect_ns / NS_PER_MS), doing);
}

static void dial_on_drop(struct ticket *t)
{
	struct dial *d = t->provider;

	d->ticket = NULL;
	dial_stop(d);
	dial_drop_wire(d);
}

int dial_start(struct dial *d, struct dialler *by, const struct dial_target *to, struct ticket *t)
{
	int r;

	*d = (struct dial){.dialler = by, .target = to, .ticket = t, .started = by->loop->now};
	ticket_init(&d->lookup, dial_on_lookup);
	ticket_init(&d->trust, dial_on_trust);
	deadline_init(&d->deadline, dial_on_deadline);
	deadline_init(&d->stagger, dial_on_stagger);
	ticket_arm(t, &by->loop->turn, dial_on_drop, d);
	loop_deadline_after(by->loop, &d->deadline, to->connect_ns);
	if (to->tls) {
		r = tls_contexts_get_with(by->contexts, by->loop,
		        &(struct tls_files){.ca = to->tls_ca,
		                .certificate = to->tls_certificate,
		                .key = to->tls_key,
		                .not_http = to->not_http},
		        &d->trust, &d->context);
		if (r != PENDING)
			dial_trust_came(d, r);
	}
	if (!d->ticket)
		return PENDING;
	if (to->unix_path.len) {
		dial_begin_unix(d);
		return PENDING;
	}
	r = resolver_find(by->resolver, to->host, &d->lookup, &d->addresses);
	if (r != PENDING)
		dial_lookup_came(d, r);
	return PENDING;
}

struct wire *dial_take(struct dial *d)
{
	struct wire *w = d->wire;

	assert(w && !d->ticket);
	d->wire = NULL;
	return w;
}

void dial_finish(struct dial *d)
{
	if (!d->dialler)
		return;
	if (d->ticket)
		ticket_cancel(d->ticket);
	dial_stop(d);
	dial_drop_wire(d);
}
