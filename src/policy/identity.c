/* SPDX-License-Identifier: Apache-2.0 */
/* identity: which agent is this? What is a credential of ours and does not hold is refused, never passed over for the next;
 * any other string is nobody's, since SDKs always send something. Also: on whose behalf it says it calls. */
#include "crypto/key.h"
#include "exchange/snapshot.h"
#include "http/target.h"
#include "policy/registry.h"
#include "weir/exchange.h"

/* Where a credential may stand, in the order in which they are looked at. */
static const enum header_id places[] = {
	HEADER_X_WEIR_KEY, HEADER_AUTHORIZATION, HEADER_X_API_KEY, HEADER_X_GOOG_API_KEY, HEADER_API_KEY,
};

static enum verdict refuse_unknown(struct call *c, const char *why)
{
	return call_refuse(c, FAULT_UNAUTHENTICATED, NULL, why ? "%s" : NULL, why);
}

/* Looks at one header; *found is whose key was seen so far. */
static const char *look_at(struct call *c, enum header_id id, const struct snapshot_key **found)
{
	struct exchange *x = c->exchange;
	const struct header *h = head_find(x->head, id);
	uint8_t sha[SHA256_LEN];

	if (!h)
		return NULL;
	if (head_is_twice(x->head, id))
		return "A header that carries a credential stands more than once; send it once.";
	struct slice text = header_credential(id, h->value);
	if (!text.len)
		return NULL;
	bool known = key_memo_knows(x->down->key, text, sha);
	if (!known)
		sha256(text, sha);
	const struct snapshot_key *key = snapshot_find_key(x->snapshot, sha);
	if (!key)
		return key_has_prefix(text) ? "This key names no agent here; it was mistyped or revoked." : NULL;
	if (key->not_after && key->not_after <= x->wall)
		return "This key has expired; use the agent's new one.";
	if (*found && (*found)->agent != key->agent)
		return "The request carries the keys of two different agents; send one.";
	if (!known && !*found)
		key_memo_keep(&x->down->key, text, sha);
	*found = key;
	x->own_credentials |= (uint64_t)1 << id;
	return NULL;
}

/* Browsers reach loopback too: where nobody shows a credential, only what a browser cannot send without asking passes. */
static enum verdict guard_default(struct call *c)
{
	struct exchange *x = c->exchange;
	const struct address_conf *a = &x->down->listener->address;
	struct slice site = head_value(x->head, HEADER_SEC_FETCH_SITE);
	struct slice host = head_value(x->head, HEADER_HOST);
	struct slice own[] = {a->host, SLICE("localhost"), SLICE("127.0.0.1"), SLICE("[::1]")};

	if (site.at && !slice_is(site, "same-origin") && !slice_is(site, "none"))
		return call_refuse(c, FAULT_ORIGIN_DENIED, "sec-fetch-site", NULL);
	if (a->unix_path.len)
		return VERDICT_PASS;
	struct slice name = host;
	const char *colon = host.len ? memrchr(host.at, ':', host.len) : NULL;
	if (colon && memchr(colon, ']', host.len - (size_t)(colon - host.at)) == NULL)
		name.len = (size_t)(colon - host.at);
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i].len && slice_equals_nocase(name, own[i]))
			return VERDICT_PASS;
	return call_refuse(c, FAULT_MISDIRECTED, "host", NULL);
}

static bool is_attribution(struct slice s)
{
	if (!s.len || s.len > 128)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char ch = s.at[i];
		bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
		if (!letter && (!ch || !strchr("_.@:+=-", ch)))
			return false;
	}
	return true;
}

static enum verdict read_attribution(struct call *c)
{
	const struct head *h = c->exchange->head;
	const struct {
		enum header_id id;
		struct slice *to;
	} all[] = {
		{HEADER_X_WEIR_USER, &c->by.user},
		{HEADER_X_WEIR_WORKFLOW, &c->by.workflow},
		{HEADER_X_WEIR_WORKFLOW_TYPE, &c->by.workflow_type},
		{HEADER_X_WEIR_SESSION, &c->by.session},
		{HEADER_X_CLAUDE_CODE_SESSION_ID, &c->by.session},
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct slice value = head_value(h, all[i].id);
		if (!value.at || (all[i].to->len && all[i].id == HEADER_X_CLAUDE_CODE_SESSION_ID))
			continue;
		if (!is_attribution(value) || head_is_twice(h, all[i].id))
			return call_refuse(c, FAULT_REQUEST_INVALID, header_name(all[i].id).at,
				"The header %s must stand once and hold 1 to 128 of A-Z a-z 0-9 _ . @ : + = -",
				header_name(all[i].id).at);
		*all[i].to = value;
	}
	return VERDICT_PASS;
}

static enum verdict identity_head(struct policy *p)
{
	struct call *c = p->call;
	struct exchange *x = c->exchange;
	const struct snapshot_key *found = NULL;

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *why = look_at(c, places[i], &found);
		if (why)
			return refuse_unknown(c, why);
	}
	c->agent = found ? found->agent : x->down->listener->default_agent;
	c->key_sha256 = found ? found->sha256 : NULL;
	if (!c->agent)
		return refuse_unknown(c, NULL);
	if (!found) {
		enum verdict v = guard_default(c);
		if (v != VERDICT_PASS)
			return v;
	}
	if (c->agent->suspended)
		return call_refuse(c, FAULT_AGENT_SUSPENDED, NULL, NULL);
	return read_attribution(c);
}

/* What the body claims labels the record where no header did. */
static enum verdict identity_request(struct policy *p)
{
	struct call *c = p->call;

	if (!c->by.user.len && c->facts.user.len && is_attribution(c->facts.user))
		c->by.user = c->facts.user;
	return VERDICT_PASS;
}

const struct policy_ops policy_identity = {
	.name = "identity", .on_head = identity_head, .on_request = identity_request,
};
