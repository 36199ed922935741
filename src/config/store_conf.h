/* SPDX-License-Identifier: Apache-2.0 */
/* store_conf: where counters are kept that outlive a call, and what happens when they cannot be
 * asked. */
#pragma once
#include "config/redis_url.h"

#define STORE_SEEDS_MAX 16u

struct secret;

enum store_kind { STORE_EMBEDDED, STORE_REDIS };
enum store_finding { STORE_BY_URL, STORE_BY_SENTINEL, STORE_BY_CLUSTER };

/* Rates, without the store. Budgets and approvals have no choice: such calls are refused. */
enum store_outage {
	OUTAGE_LOCAL,  /* each process counts for itself */
	OUTAGE_CLOSED, /* refused */
	OUTAGE_OPEN,   /* not counted */
};

struct store_seed {
	struct slice host;
	uint16_t port;
};

struct store_conf {
	uint8_t kind; /* enum store_kind; the rest is for redis */
	struct slice *urls;
	unsigned n_urls;
	bool has_sentinel, cluster;
	struct slice master, *sentinels; /* the name that they know it by, and where they are */
	unsigned n_sentinels;
	struct slice sentinel_username;
	struct secret *sentinel_password; /* NULL: none */
	struct slice username;
	struct secret *password; /* NULL: none */
	bool has_tls;
	struct slice tls_ca, tls_certificate, tls_key, tls_server_name; /* paths, and a name */
	uint32_t replicas;
	uint8_t rates_on_outage; /* enum store_outage */
	/* after resolving */
	bool is_needed; /* some agent's calls are refused without it */
	enum store_finding finding;
	struct redis_url place; /* by url: all of it; else whether TLS is spoken */
	struct store_seed seeds[STORE_SEEDS_MAX]; /* sentinels, or nodes of a cluster */
	unsigned n_seeds;
};
