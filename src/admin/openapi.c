/* SPDX-License-Identifier: Apache-2.0 */
/* openapi: the table of routes as an OpenAPI 3.1 document. */
#include "admin/routes.h"
#include "admin/views.h"

/* JSON's own words for a member. */
static void put_raw(struct json_writer *w, const char *key, const char *json)
{
	json_key(w, key);
	json_raw(w, slice_str(json));
}

static void put_parameters(struct json_writer *w, const struct admin_route *r)
{
	json_key(w, "parameters");
	json_open(w, '[');
	for (const struct admin_parameter *p = r->query; p && p->name; p++) {
		json_open(w, '{');
		json_put_str(w, "name", p->name);
		json_put_str(w, "in", "query");
		json_put_str(w, "description", p->help);
		put_raw(w, "schema", "{\"type\":\"string\"}");
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void put_body(struct json_writer *w, const struct admin_route *r)
{
	json_key(w, "requestBody");
	json_open(w, '{');
	json_put_bool(w, "required", true);
	json_key(w, "content");
	json_open(w, '{');
	json_key(w, "application/json");
	json_open(w, '{');
	put_raw(w, "schema", r->body);
	json_close(w, '}');
	json_close(w, '}');
	json_close(w, '}');
}

static void put_answers(struct json_writer *w, const struct admin_route *r)
{
	json_key(w, "responses");
	json_open(w, '{');
	json_key(w, "200");
	json_open(w, '{');
	json_put_str(w, "description", r->summary);
	json_key(w, "content");
	json_open(w, '{');
	put_raw(w, "application/json", "{}");
	if (r->media)
		put_raw(w, r->media, "{}");
	json_close(w, '}');
	json_close(w, '}');
	put_raw(w, "default",
	        "{\"description\":\"why "
	        "not\",\"content\":{\"application/problem+json\":{\"schema\":{"
	        "\"$ref\":\"#/components/schemas/Problem\"}}}}");
	json_close(w, '}');
}

static void put_operation(struct json_writer *w, const struct admin_route *r)
{
	static const char *const methods[] = {
	        [METHOD_GET] = "get", [METHOD_POST] = "post", [METHOD_PUT] = "put"};
	const char *role = r->role == ROLE_READ      ? role_names[0]
	                   : r->role == ROLE_APPROVE ? role_names[1]
	                                             : role_names[2];

	json_key(w, methods[r->method]);
	json_open(w, '{');
	json_put_str(w, "summary", r->summary);
	json_put_str(w, "x-weir-role", role);
	if (r->query)
		put_parameters(w, r);
	if (r->body)
		put_body(w, r);
	put_answers(w, r);
	json_close(w, '}');
}

static void put_paths(struct json_writer *w)
{
	json_key(w, "paths");
	json_open(w, '{');
	for (unsigned i = 0; i < ADMIN_ENDPOINTS; i++) {
		const struct admin_route *r = &admin_routes[i];
		bool first = !i || !slice_is(slice_str(r->path), admin_routes[i - 1].path);
		bool last = i + 1 == ADMIN_ENDPOINTS ||
		            !slice_is(slice_str(r->path), admin_routes[i + 1].path);

		if (first) {
			json_key(w, r->path);
			json_open(w, '{');
		}
		put_operation(w, r);
		if (last)
			json_close(w, '}');
	}
	json_close(w, '}');
}

int view_openapi(const char *version, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	json_put_str(&w, "openapi", "3.1.0");
	json_key(&w, "info");
	json_open(&w, '{');
	json_put_str(&w, "title", "Weir's admin API");
	json_put_str(&w, "version", version);
	json_close(&w, '}');
	put_raw(&w, "security", "[{\"operator\":[]},{\"x-weir-key\":[]}]");
	put_paths(&w);
	put_raw(&w, "components",
	        "{\"securitySchemes\":{\"operator\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
	        "\"x-weir-key\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"x-weir-key\"}},"
	        "\"schemas\":{\"Problem\":{\"type\":\"object\",\"required\":[\"status\",\"code\","
	        "\"detail\"],\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":"
	        "\"string\"},\"status\":{\"type\":\"integer\"},\"code\":{\"type\":\"string\"},"
	        "\"detail\":{\"type\":\"string\"},\"request_id\":{\"type\":\"string\"},"
	        "\"problems\":{\"type\":\"string\"}}}}}");
	json_close(&w, '}');
	return json_end(&w);
}
