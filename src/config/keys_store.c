/* SPDX-License-Identifier: Apache-2.0 */
/* keys_store: where state is kept, and what happens when it cannot be reached. */
#include "config/keys.h"

#define STORE_ITEMS(member)                                                                        \
	.stored = true, .offset = offsetof(struct conf, store.member),                             \
	.width = sizeof(*((struct conf *)0)->store.member),                                        \
	.count_offset = offsetof(struct conf, store.n_##member)

static const struct directive sentinel_keys[] = {
        {KEY("master", TEXT, "the name by which sentinels know the master"), .required = true,
                DIRECTIVE_AT(struct conf, store.master)},
        {KEY("addresses", TEXT, "of sentinels, as HOST or HOST:PORT"), ONE_OR_LIST,
                .required = true, STORE_ITEMS(sentinels)},
        {KEY("username", TEXT, "at the sentinels"),
                DIRECTIVE_AT(struct conf, store.sentinel_username)},
        {KEY("password", SECRET, "at the sentinels"),
                DIRECTIVE_AT(struct conf, store.sentinel_password)},
        {0},
};

static const struct directive tls_keys[] = {
        {KEY("ca", TEXT, "PEM file with the CAs to trust instead of the system's"),
                DIRECTIVE_AT(struct conf, store.tls_ca)},
        {KEY("certificate", TEXT, "PEM file with our own certificate"),
                DIRECTIVE_AT(struct conf, store.tls_certificate)},
        {KEY("key", TEXT, "PEM file with its private key"),
                DIRECTIVE_AT(struct conf, store.tls_key)},
        {KEY("server_name", TEXT, "the name its certificate has to be for, if not the host's"),
                DIRECTIVE_AT(struct conf, store.tls_server_name)},
        {0},
};

static const struct directive outage_keys[] = {
        {KEY("rate_limits", CHOICE,
                 "local: each process counts for itself; closed: refused; open: not counted"),
                DIRECTIVE_AT(struct conf, store.rates_on_outage), .words = "local closed open",
                .fallback = "local"},
        {KEY("budgets", CHOICE, "calls that a budget applies to are refused"), .words = "closed",
                .fallback = "closed"},
        {KEY("approvals", CHOICE, "nothing is approved"), .words = "closed", .fallback = "closed"},
        {0},
};

const struct directive store_directives[] = {
        {KEY("kind", CHOICE, "embedded: in this process; redis: shared by all that use it"),
                DIRECTIVE_AT(struct conf, store.kind), .words = "embedded redis",
                .fallback = "embedded"},
        {KEY("path", TEXT, "directory of this process's own state, with redis too"),
                DIRECTIVE_AT(struct conf, state_path)},
        {KEY("url", TEXT,
                 "redis://HOST:PORT/DB, rediss://… or unix:/PATH; of a cluster, some of its nodes"),
                ONE_OR_LIST, STORE_ITEMS(urls)},
        {KEY("sentinel", BLOCK, "how the master is found, instead of url"), OF_BLOCK(sentinel_keys),
                OFF("none"), .present = offsetof(struct conf, store.has_sentinel)},
        {KEY("cluster", BOOL, "url names nodes of a cluster"),
                DIRECTIVE_AT(struct conf, store.cluster), .fallback = "false"},
        {KEY("username", TEXT, "of the ACL"), DIRECTIVE_AT(struct conf, store.username)},
        {KEY("password", SECRET, "of the ACL's user, or of the server"),
                DIRECTIVE_AT(struct conf, store.password)},
        {KEY("tls", BLOCK, "whom to trust with rediss://, and who we are; with sentinel: speak it"),
                OF_BLOCK(tls_keys), OFF("none"), .present = offsetof(struct conf, store.has_tls)},
        {KEY("replicas", COUNT, "that have to know before a call goes on"),
                DIRECTIVE_AT(struct conf, store.replicas), .fallback = "0", .max = 5, OFF("none")},
        {KEY("on_outage", BLOCK, "what happens while the store cannot be asked"),
                OF_BLOCK(outage_keys)},
        {0},
};
