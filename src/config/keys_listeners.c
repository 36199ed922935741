/* SPDX-License-Identifier: Apache-2.0 */
/* keys_listeners: where Weir can be reached. */
#include "config/keys.h"

static const struct directive certificate_keys[] = {
        {KEY("certificate", TEXT, "PEM file with the certificate and its chain"), .required = true},
        {KEY("key", TEXT, "PEM file with its private key"), .required = true},
        {0},
};

static const struct directive tls_keys[] = {
        {KEY("certificate", TEXT, "PEM file with the certificate and its chain")},
        {KEY("key", TEXT, "PEM file with its private key")},
        {KEY("certificates", BLOCK, "several, chosen by SNI"), LIST, OF_BLOCK(certificate_keys)},
        {KEY("client_ca", TEXT, "PEM file with the CAs that sign clients' certificates")},
        {KEY("client_certificate", CHOICE, "whether clients show a certificate"),
                .words = "none optional required"},
        {KEY("crl", TEXT, "PEM file with revoked client certificates")},
        {KEY("min_version", CHOICE, "the oldest TLS that is spoken"), .words = "1.3 1.2"},
        {0},
};

static const struct directive cors_keys[] = {
        {KEY("origins", TEXT, "web pages that may call, as \"https://app.example.com\""), LIST,
                DIRECTIVE_ITEMS(struct listener_conf, cors_origins)},
        {0},
};

static const struct directive limit_keys[] = {
        {KEY("connections", COUNT,
                 "open at once; by default 10,000 or 45% of the file descriptors, if that is less"),
                DIRECTIVE_AT(struct limits_conf, connections), .min = 1, .max = 10000000},
        {KEY("header_bytes", SIZE, "all header lines of a request together"),
                DIRECTIVE_AT(struct limits_conf, header_bytes), .fallback = "32KiB", .min = 1024,
                .max = 1 << 20},
        {KEY("header_fields", COUNT, "header lines of a request"),
                DIRECTIVE_AT(struct limits_conf, header_fields), .fallback = "100", .min = 16,
                .max = 1000},
        {KEY("body_bytes", SIZE, "the body of a request"),
                DIRECTIVE_AT(struct limits_conf, body_bytes), .fallback = "32MiB", .min = 1024,
                .max = 1ull << 30},
        {KEY("header_timeout", TIME, "from the first byte of a request to the end of its header"),
                DIRECTIVE_AT(struct limits_conf, header_timeout_ns), .fallback = "10s",
                .min = 1000000, .max = 3600000000000},
        {KEY("idle_timeout", TIME, "how long a connection without a request stays open"),
                DIRECTIVE_AT(struct limits_conf, idle_timeout_ns), .fallback = "60s",
                .min = 1000000, .max = 86400000000000},
        {KEY("h2_streams", COUNT, "requests at once on one HTTP/2 connection"),
                DIRECTIVE_AT(struct limits_conf, h2_streams), .fallback = "100", .min = 1,
                .max = 10000},
        {0},
};

static const char protocol_words[] = "h2 http/1.1";

/* A list that names what is spoken anyway says nothing new. */
static void protocols_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	struct directive plain = {
	        .name = d->name, .kind = DIRECTIVE_CHOICE, .shape = SHAPE_LIST, .words = d->words};

	(void)base;
	if (!n)
		return;
	directive_read(r, &plain, n, NULL);
	for (const struct node *item = n->kind == NODE_LIST ? n->first : NULL; item;
	        item = item->next)
		if (node_is(item, "h2")) {
			diagnostics_error(r->d, item->at, "protocols: h2 is not supported yet");
			diagnostics_hint(r->d, "leave it out, or write [\"http/1.1\"]");
		}
}

const struct directive listener_directives[] = {
        {KEY("kind", CHOICE, "what it serves; by default its name says it, else agents"),
                DIRECTIVE_AT(struct listener_conf, kind), .words = "agents admin health"},
        {KEY("address", ADDRESS, "where it listens; none keeps it closed"),
                DIRECTIVE_AT(struct listener_conf, address)},
        {KEY("tls", BLOCK, "certificates, so that callers speak TLS"), OF_BLOCK(tls_keys),
                LATER("none"),
                .note = "listeners speak plain text: there is no TLS towards agents"},
        {KEY("protocols", CHOICE, "versions of HTTP; only http/1.1 so far"), LIST,
                .words = protocol_words, .read = protocols_read,
                .note = "listeners speak HTTP/1.1: there is no HTTP/2"},
        {KEY("default_agent", NAME,
                "who a caller is that shows no key of ours; loopback and unix sockets only")},
        {KEY("allow_from", CIDR, "addresses that may connect"), LIST,
                DIRECTIVE_ITEMS(struct listener_conf, allow_from)},
        {KEY("peer_uid", COUNT, "user ids that may connect to a unix socket"), ONE_OR_LIST,
                DIRECTIVE_ITEMS(struct listener_conf, peer_uids)},
        {KEY("mode", FILE_MODE, "file mode of a unix socket"),
                DIRECTIVE_AT(struct listener_conf, mode), .fallback = "0600"},
        {KEY("cors", BLOCK, "browsers that may call; others get 403"), OF_BLOCK(cors_keys)},
        {KEY("limits", BLOCK, "ceilings for what callers send"), OF_BLOCK(limit_keys),
                DIRECTIVE_AT(struct listener_conf, limits)},
        {0},
};
