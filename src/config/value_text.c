/* SPDX-License-Identifier: Apache-2.0 */
/* value_text: scalars that are words: names, addresses, URLs, hashes, secrets. */
#include <ctype.h>
#include "config/address.h"
#include "config/secrets.h"
#include "config/value.h"

#define NAME_LEN_MAX 63u
#define TOOL_LEN_MAX 128u
#define TEXT_LEN_MAX 4096u

static bool is_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		bool first = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!first && (!i || (c != '_' && c != '.' && c != '-')))
			return false;
	}
	return s.len && s.len <= NAME_LEN_MAX;
}

static bool is_tool(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.at[i]) && !memchr("_.-*", s.at[i], 4))
			return false;
	return s.len && s.len <= TOOL_LEN_MAX;
}

static bool is_model(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] <= 0x20 || (unsigned char)s.at[i] >= 0x7f ||
		        s.at[i] == '"')
			return false;
	return s.len && s.len <= TOOL_LEN_MAX;
}

/* What tools that read YAML 1.1 take for a boolean. */
static bool looks_boolean(struct slice s)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_equals_nocase(s, slice_str(words[i])))
			return true;
	return false;
}

bool value_text_is_meant(struct reader *r, const struct directive *d, const struct node *n)
{
	if (n->plain && looks_boolean(n->text)) {
		diagnostics_error(r->d, n->at, "%s: %.*s is a boolean where a word is meant",
		        d->name, SLICE_FMT(n->text));
		diagnostics_hint(r->d,
		        "the word for nothing is none (many tools turn off and no into false); "
		        "if it is a name, quote it");
		return false;
	}
	if (text_holds_reference(n->text)) {
		diagnostics_error(r->d, n->at, "%s: a ${…} is not replaced here", d->name);
		diagnostics_hint(
		        r->d, "references stand where secrets, addresses, URLs and hashes do");
		return false;
	}
	return true;
}

bool value_text_read(struct reader *r, const struct directive *d, enum directive_kind kind,
        const struct node *n, void *at)
{
	const char *wrong;

	if (!value_text_is_meant(r, d, n))
		return false;
	if ((kind == DIRECTIVE_NAME && !is_name(n->text)) ||
	        (kind == DIRECTIVE_TOOL && !is_tool(n->text)) ||
	        (kind == DIRECTIVE_MODEL && !is_model(n->text)) || !n->text.len ||
	        n->text.len > TEXT_LEN_MAX)
		return value_refuse(r, d, kind, n);
	wrong = kind == DIRECTIVE_CIDR ? cidr_text_check(n->text) : NULL;
	if (wrong) {
		diagnostics_error(r->d, n->at, "%s: %.*s is no range of addresses: %s", d->name,
		        SLICE_FMT(n->text), wrong);
		return false;
	}
	if (at)
		*(struct slice *)at = reader_keep(r, n->text);
	return true;
}

/* n with its references replaced, in the conf's arena. False: it was said. */
static bool expand(struct reader *r, const struct node *n, struct slice *ret)
{
	struct buf room = BUF_INIT(SECRET_MAX);
	bool good;

	if (!text_holds_reference(n->text)) {
		*ret = reader_keep(r, n->text);
		return true;
	}
	good = references_expand(r, n, &room);
	if (good)
		*ret = reader_keep(r, buf_slice(&room));
	buf_wipe(&room);
	return good;
}

bool value_place_read(struct reader *r, const struct directive *d, enum directive_kind kind,
        const struct node *n, void *at)
{
	struct address_conf address = {0};
	struct endpoint_conf endpoint = {0};
	struct slice text;
	const char *wrong;

	if (!expand(r, n, &text))
		return false;
	if (at && kind == DIRECTIVE_URL && d->width == sizeof(endpoint))
		endpoint = *(struct endpoint_conf *)at;
	wrong = kind == DIRECTIVE_URL ? endpoint_url_parse(text, &endpoint)
	                              : listen_address_parse(text, &address);
	if (wrong && memchr(n->text.at, '@', n->text.len)) {
		diagnostics_hide(r->d, n->at); /* a password may stand there */
		diagnostics_error(r->d, n->at, "%s is no %s: %s", d->name,
		        kind == DIRECTIVE_URL ? "URL" : "address", wrong);
		return false;
	}
	if (wrong) {
		/* As it is written: what a variable holds is nobody's business. */
		diagnostics_error(r->d, n->at, "%s: %.*s is no %s: %s", d->name, SLICE_FMT(n->text),
		        kind == DIRECTIVE_URL ? "URL" : "address", wrong);
		return false;
	}
	if (!at)
		return true;
	if (kind == DIRECTIVE_ADDRESS)
		*(struct address_conf *)at = address;
	else if (d->width == sizeof(endpoint))
		*(struct endpoint_conf *)at = endpoint;
	else
		*(struct slice *)at = text;
	return true;
}

bool value_hash_read(struct reader *r, const struct directive *d, const struct node *n, void *at)
{
	uint8_t hash[SHA256_LEN];
	struct slice text;

	if (!expand(r, n, &text))
		return false;
	if (slice_starts(text, SLICE("sha256:")) &&
	        !hex_decode(slice_skip(text, 7), hash, sizeof(hash))) {
		if (at)
			memcpy(at, hash, sizeof(hash));
		return true;
	}
	if (!slice_starts(n->text, SLICE("sha256:")) && !text_holds_reference(n->text))
		diagnostics_hide(r->d, n->at); /* it may be the key itself */
	diagnostics_error(r->d, n->at, "%s is not %s", d->name, kind_form(DIRECTIVE_HASH));
	diagnostics_hint(r->d, "`weir key new AGENT` makes a key and prints its hash; the key "
	                       "itself never stands here");
	return false;
}

bool value_secret_read(struct reader *r, const struct node *n, void *at)
{
	struct secret *s = secret_read(r, n, "");

	if (s && at)
		*(struct secret **)at = s;
	return s;
}
