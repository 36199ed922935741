/* SPDX-License-Identifier: Apache-2.0 */
/* routes: everything that the admin API answers, in one table. Which role a request needs, what it
 * may say and how /api/openapi.json describes it all derive from it. */
#pragma once
#include "config/conf.h"
#include "weir/head.h"

enum admin_endpoint {
	ADMIN_AGENTS,
	ADMIN_BUDGETS,
	ADMIN_CALLS,
	ADMIN_LEDGER,
	ADMIN_LOG_LEVEL,
	ADMIN_LOG_LEVEL_PUT,
	ADMIN_OPENAPI,
	ADMIN_POLICY,
	ADMIN_RELOAD,
	ADMIN_UPSTREAMS,
	ADMIN_ENDPOINTS
};

struct admin_parameter {
	const char *name, *help; /* NULL ends a list */
};

struct admin_route {
	enum admin_endpoint endpoint;
	enum method method; /* HEAD is answered wherever GET is */
	const char *path;
	enum operator_role role;
	const char *summary;
	const struct admin_parameter *query; /* NULL: there is none */
	const char *action; /* what the journal calls it; NULL: it changes nothing */
	const char *body;   /* JSON schema of what is sent; NULL: nothing is */
	const char *media;  /* of the answer, where it may be other than JSON */
};

extern const struct admin_route admin_routes[ADMIN_ENDPOINTS]; /* by path */

/* The path's route for this method; NULL: *ret_known says whether the path has another. */
const struct admin_route *admin_route_find(struct slice path, enum method method, bool *ret_known);
/* "GET, HEAD, PUT": what a path takes, for the Allow header. */
int admin_route_methods(struct slice path, struct buf *out);
bool admin_route_takes(const struct admin_route *r, struct slice parameter);
