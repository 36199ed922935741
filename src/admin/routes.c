/* SPDX-License-Identifier: Apache-2.0 */
/* routes: see routes.h. */
#include "admin/routes.h"

static const struct admin_parameter ledger_query[] = {
        {"by", "agent, team, user, workflow, workflow_type, session, model, upstream, tool; "
               "several "
               "with commas"},
        {"per", "hour, day, month or total, in UTC"},
        {"since", "7d, 12h, 2w ago, or 2026-11-22 or 2026-11-22T08:00Z; whole hours are counted"},
        {"until", "the same; by default now"},
        {"top", "only so many rows, the dearest; the total is still that of all"},
        {"format", "json, csv or table"},
        {0},
};

static const struct admin_parameter calls_query[] = {
        {"limit", "at most so many, the latest first; 100 unless said, at most 1000"},
        {0},
};

static const char level_schema[] = "{\"type\":\"object\",\"additionalProperties\":false,"
                                   "\"required\":[\"level\"],\"properties\":{"
                                   "\"level\":{\"enum\":[\"debug\",\"info\",\"warn\",\"error\"]}}}";

/* clang-format off */
const struct admin_route admin_routes[ADMIN_ENDPOINTS] = {
	{ADMIN_AGENTS, METHOD_GET, "/api/agents", ROLE_READ, "The agents of the policy in force"},
	{ADMIN_BUDGETS, METHOD_GET, "/api/budgets", ROLE_READ, "Budgets in US dollars: limit, spent, reserved"},
	{ADMIN_CALLS, METHOD_GET, "/api/calls", ROLE_READ, "Calls that run, with their phase and what they wait for, and those of the last ten minutes",
		.query = calls_query},
	{ADMIN_LEDGER, METHOD_GET, "/api/ledger", ROLE_READ, "Who spent what", .query = ledger_query,
		.media = "text/csv"},
	{ADMIN_LOG_LEVEL, METHOD_GET, "/api/log-level", ROLE_READ, "The least that Weir logs about itself"},
	{ADMIN_LOG_LEVEL_PUT, METHOD_PUT, "/api/log-level", ROLE_OPERATE, "Sets it, until Weir starts again",
		.action = "log_level", .body = level_schema},
	{ADMIN_OPENAPI, METHOD_GET, "/api/openapi.json", ROLE_READ, "This description"},
	{ADMIN_POLICY, METHOD_GET, "/api/policy", ROLE_READ, "The policy in force: version, files, hash, what is inactive"},
	{ADMIN_RELOAD, METHOD_POST, "/api/reload", ROLE_OPERATE, "Reads the policy again and puts it in force if it is good",
		.action = "reload"},
	{ADMIN_UPSTREAMS, METHOD_GET, "/api/upstreams", ROLE_READ, "Where calls go"},
};
/* clang-format on */

static bool route_answers(const struct admin_route *r, enum method m)
{
	return r->method == m || (m == METHOD_HEAD && r->method == METHOD_GET);
}

const struct admin_route *admin_route_find(struct slice path, enum method method, bool *ret_known)
{
	*ret_known = false;
	for (unsigned i = 0; i < ADMIN_ENDPOINTS; i++) {
		if (!slice_is(path, admin_routes[i].path))
			continue;
		if (route_answers(&admin_routes[i], method))
			return &admin_routes[i];
		*ret_known = true;
	}
	return NULL;
}

int admin_route_methods(struct slice path, struct buf *out)
{
	int r = 0;

	for (unsigned i = 0; i < ADMIN_ENDPOINTS && !r; i++) {
		const struct admin_route *a = &admin_routes[i];

		if (slice_is(path, a->path))
			r = buf_printf(out, "%s%.*s%s", buf_len(out) ? ", " : "",
			        SLICE_FMT(method_name(a->method)),
			        a->method == METHOD_GET ? ", HEAD" : "");
	}
	return r;
}

bool admin_route_takes(const struct admin_route *r, struct slice parameter)
{
	for (const struct admin_parameter *p = r->query; p && p->name; p++)
		if (slice_is(parameter, p->name))
			return true;
	return false;
}
