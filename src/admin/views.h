/* SPDX-License-Identifier: Apache-2.0 */
/* views: what the admin API shows, as JSON. Never a key, a secret or what a call said. */
#pragma once
#include "base/json_write.h"
#include "config/conf.h"
#include "observe/metrics.h"

/* All append one document to out: 0, -ENOMEM or -ENOBUFS. */
int view_agents(const struct conf *c, uint64_t wall_ns, struct buf *out);
int view_budgets(const struct budget_gauge *rows, unsigned n, struct buf *out);
int view_upstreams(const struct conf *c, struct buf *out);
int view_openapi(const char *version, struct buf *out);

struct view_policy {
	const struct conf *conf;
	uint64_t loaded_wall_ns;
	bool last_reload_good;
};
int view_policy(const struct view_policy *v, struct buf *out);

/* One that runs. */
struct view_call {
	char id[27], agent[64], model[64], action[24]; /* as much as there is room for */
	const char *phase, *waits_for;                 /* static; NULL: for nobody */
	uint64_t wall_ns, running_ns;
	unsigned attempts;
};

struct recent;
struct view_calls {
	const struct conf *conf;
	struct recent *recent;
	uint64_t wall_ns;
	unsigned in_flight, limit;
	const struct view_call *running; /* some of them */
	unsigned n_running;
};
int view_calls(const struct view_calls *v, struct buf *out);

/* RFC 9457, application/problem+json. */
struct problem {
	unsigned status;
	const char *code, *detail;
	struct slice request_id;
	struct slice problems; /* what is wrong with a policy, line by line; may be empty */
};
int view_problem(const struct problem *p, struct buf *out);
