/* SPDX-License-Identifier: Apache-2.0 */
/* judge: see judge.h. */
#include "admin/judge.h"
#include <arpa/inet.h>
#include "crypto/key.h"
#include "http/target.h"

static bool refuse(struct admin_refusal *why, enum fault fault, const char *detail)
{
	*why = (struct admin_refusal){
	        .fault = fault, .detail = detail ? detail : fault_infos[fault].text};
	return false;
}

/* ---- browsers ---- */

/* "host", "host:port", "[v6]:port" without the port. */
static struct slice host_of(struct slice authority)
{
	const char *colon = authority.len ? memrchr(authority.at, ':', authority.len) : NULL;

	if (colon && !memchr(colon, ']', authority.len - (size_t)(colon - authority.at)))
		authority.len = (size_t)(colon - authority.at);
	if (authority.len > 2 && authority.at[0] == '[' && authority.at[authority.len - 1] == ']')
		return slice_from(authority.at + 1, authority.len - 2);
	return authority;
}

/* No name that a stranger's DNS could lead here. */
static bool is_address(struct slice host)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t room[16];

	if (!host.len || host.len >= sizeof(text))
		return false;
	memcpy(text, host.at, host.len);
	text[host.len] = '\0';
	return inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1;
}

/* "https://weir.example/x" is "weir.example". */
static struct slice authority_of(struct slice url)
{
	const char *at = url.len ? memmem(url.at, url.len, "://", 3) : NULL;
	const char *slash;

	if (!at)
		return (struct slice){"", 0};
	url = slice_skip(url, (size_t)(at - url.at) + 3);
	slash = url.len ? memchr(url.at, '/', url.len) : NULL;
	return slice_from(url.at, slash ? (size_t)(slash - url.at) : url.len);
}

static bool host_is_ours(const struct admin_realm *realm, struct slice authority)
{
	struct slice host = host_of(authority), ours = host_of(authority_of(realm->public_url));

	if (realm->listener->address.unix_path.len) /* no browser and no name leads there */
		return true;
	return is_address(host) || slice_equals_nocase(host, SLICE("localhost")) ||
	       (ours.len && slice_equals_nocase(host, ours));
}

/* An origin is scheme and authority. */
static bool origin_is_ours(const struct admin_realm *realm, struct slice origin, struct slice host)
{
	struct slice authority = authority_of(origin), rest;

	if (!authority.len)
		return false;
	rest = slice_from(origin.at, (size_t)(authority.at - origin.at));
	if (authority.at + authority.len != origin.at + origin.len ||
	        (!slice_is(rest, "http://") && !slice_is(rest, "https://")))
		return false;
	return slice_equals_nocase(authority, host) ||
	       slice_equals_nocase(authority, authority_of(realm->public_url));
}

static bool judge_page(
        const struct admin_realm *realm, const struct head *h, struct admin_refusal *why)
{
	struct slice site = head_value(h, HEADER_SEC_FETCH_SITE);
	struct slice origin = head_value(h, HEADER_ORIGIN), host = head_value(h, HEADER_HOST);

	if (!host_is_ours(realm, host))
		return refuse(why, FAULT_MISDIRECTED, NULL);
	if ((site.at && !slice_is(site, "same-origin") && !slice_is(site, "none")) ||
	        (origin.at &&
	                (head_is_twice(h, HEADER_ORIGIN) || !origin_is_ours(realm, origin, host))))
		return refuse(why, FAULT_ORIGIN_DENIED, NULL);
	return true;
}

/* ---- operators ---- */

/* Every key is compared, whichever fits: how long it takes says nothing. */
static const struct operator_conf *find_operator(const struct admin_realm *realm, struct slice key)
{
	const struct operator_conf *found = NULL;
	uint8_t sha[SHA256_LEN];

	if (!key.len)
		return NULL;
	sha256(key, sha);
	for (unsigned i = 0; i < realm->n_operators; i++)
		if (bytes_equal_constant(realm->operators[i].key_sha256, sha, sizeof(sha)))
			found = &realm->operators[i];
	return found;
}

/* What does not hold is refused, never passed over for the other. */
static bool judge_key(const struct admin_realm *realm, const struct head *h,
        const struct operator_conf **found, struct admin_refusal *why)
{
	static const enum header_id places[] = {HEADER_X_WEIR_KEY, HEADER_AUTHORIZATION};

	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct slice value = head_value(h, places[i]);
		const struct operator_conf *o;

		if (!value.at)
			continue;
		if (head_is_twice(h, places[i]))
			return refuse(why, FAULT_UNAUTHENTICATED,
			        "A header that carries a key stands more than once; send it once.");
		o = find_operator(realm, header_credential(places[i], value));
		if (!o)
			return refuse(why, FAULT_UNAUTHENTICATED,
			        "This key names no operator here; it was mistyped or revoked.");
		if (*found && *found != o)
			return refuse(why, FAULT_UNAUTHENTICATED,
			        "The request carries the keys of two operators; send one.");
		*found = o;
	}
	if (!*found)
		return refuse(why, FAULT_UNAUTHENTICATED,
		        "Send an operator's key as a bearer token or in x-weir-key.");
	return true;
}

/* ---- what is asked for ---- */

static bool judge_path(const struct head *h, struct admin_request *a, struct admin_refusal *why)
{
	struct target t = {.path = h->path, .query = h->query, .has_key = h->key_in_query};
	const char *note = NULL;
	enum fault fault = FAULT_NONE;

	if (!t.path.at)
		fault = target_parse(h->target, head_value(h, HEADER_HOST), &t, &note);
	if (fault != FAULT_NONE)
		return refuse(why, fault, note);
	if (t.has_key)
		return refuse(why, FAULT_REQUEST_INVALID,
		        "A key stands in the URL, where logs keep it; send it in a header.");
	a->path = t.path;
	a->query = t.query;
	return true;
}

static bool judge_route(const struct head *h, struct admin_request *a, struct admin_refusal *why)
{
	static const char *const roles[] = {
	        [ROLE_READ] = "This needs an operator with the role read.",
	        [ROLE_APPROVE] = "This needs an operator with the role approve.",
	        [ROLE_OPERATE] = "This needs an operator with the role operate.",
	};
	bool known;

	a->route = admin_route_find(a->path, h->method, &known);
	if (!a->route && known)
		return refuse(why, FAULT_METHOD_NOT_ALLOWED, NULL);
	if (!a->route)
		return refuse(why, FAULT_NOT_FOUND,
		        "There is nothing at this path; /api/openapi.json lists what there is.");
	if (a->operator->roles & a->route->role)
		return true;
	*why = (struct admin_refusal){.fault = FAULT_NONE, .detail = roles[a->route->role]};
	return false;
}

bool admin_judge(const struct admin_realm *realm, const struct head *h, struct admin_request *ret,
        struct admin_refusal *why)
{
	*ret = (struct admin_request){.route = NULL};
	if (!judge_path(h, ret, why) || !judge_page(realm, h, why) ||
	        !judge_key(realm, h, &ret->operator, why)) {
		ret->operator= NULL;
		why->is_strangers = true;
		return false;
	}
	return judge_route(h, ret, why);
}
