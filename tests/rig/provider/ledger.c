/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: see ledger.h. Each line is one write to a file opened for appending. */
#include "ledger.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static int open_log(const char *path)
{
	return path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
}

bool ledger_open(struct ledger *l, const char *path, const char *bodies_path)
{
	*l = (struct ledger){open_log(path), open_log(bodies_path), {0}};
	return (!path || l->lines >= 0) && (!bodies_path || l->bodies >= 0);
}

static void write_line(int fd, struct bytes *line)
{
	bytes_text(line, "\n");
	if (write(fd, line->at, line->n) != (ssize_t)line->n) {
		perror("scripted-provider: ledger");
		exit(1); /* a ledger with holes proves nothing */
	}
	line->n = 0;
}

struct text credential_in(struct text name, struct text value)
{
	static const char *const names[] = {"authorization", "x-api-key", "api-key",
	        "x-goog-api-key", "x-weir-key", "proxy-authorization", "cookie"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (text_is_nocase(name, names[i])) {
			if (i == 0 && value.n > 7 && !strncasecmp(value.at, "bearer ", 7))
				return (struct text){value.at + 7, value.n - 7};
			return value;
		}
	return (struct text){0};
}

static void add_member(struct bytes *b, const char *name, struct text value)
{
	bytes_format(b, ",\"%s\":", name);
	bytes_json(b, value);
}

static void add_headers(struct bytes *b, const struct request *r)
{
	bytes_text(b, ",\"headers\":[");
	for (unsigned i = 0; i < r->n_fields; i++) {
		const struct field *f = &r->fields[i];
		struct text credential = credential_in(f->name, f->value);
		bytes_text(b, i ? ",[" : "[");
		bytes_json(b, f->name);
		bytes_text(b, ",");
		if (credential.at) {
			bytes_text(b, "\"sha256:");
			bytes_sha256(b, credential);
			bytes_text(b, "\"]");
		} else {
			bytes_json(b, f->value);
			bytes_text(b, "]");
		}
	}
	bytes_text(b, "]");
}

/* A tool's name in any shape; its type's where it has no other. */
static void add_tool(struct bytes *b, const struct json *t, unsigned *n)
{
	struct text name = json_text(json_get(json_get(t, "function"), "name"));
	name = name.at ? name : json_text(json_get(json_get(t, "custom"), "name"));
	name = name.at ? name : json_text(json_get(t, "name"));
	name = name.at ? name : json_text(json_get(t, "type"));
	bytes_text(b, (*n)++ ? "," : "");
	bytes_json(b, name);
}

/* The tools that the request declares, also those inside a namespace. */
static void add_tools(struct bytes *b, const struct json *body)
{
	const struct json *lists[] = {json_get(body, "tools"), json_get(body, "functions")};
	unsigned n = 0;
	bytes_text(b, ",\"tools\":[");
	for (unsigned i = 0; i < 2; i++)
		for (const struct json *t = lists[i] ? lists[i]->first : NULL; t; t = t->next) {
			const struct json *inner = json_get(t, "tools");
			add_tool(b, t, &n);
			for (const struct json *m = inner ? inner->first : NULL; m; m = m->next)
				add_tool(b, m, &n);
		}
	bytes_text(b, "]");
}

void ledger_begin(struct ledger *l, uint64_t id, uint64_t connection, const struct request *r,
        const struct ask *ask)
{
	struct bytes *b = &l->line;
	if (l->lines < 0)
		return;
	bytes_format(b,
	        "{\"at\":\"begin\",\"id\":%lu,\"connection\":%lu,\"time_us\":%lu,\"monotonic_ns\":%"
	        "lu",
	        id, connection, wall_us(), now_ns());
	add_member(b, "method", r->method);
	add_member(b, "target", r->target);
	if (r->bad)
		add_member(b, "bad", (struct text){r->bad, strlen(r->bad)});
	add_headers(b, r);
	bytes_text(b, ",\"body_sha256\":\"");
	bytes_sha256(b, r->body);
	bytes_format(b, "\",\"body_length\":%zu", r->body.n);
	add_member(b, "model", ask->model);
	bytes_format(b, ",\"stream\":%s,\"include_usage\":%s", ask->stream ? "true" : "false",
	        ask->include_usage ? "true" : "false");
	add_tools(b, ask->body);
	bytes_text(b, "}");
	write_line(l->lines, b);
	if (l->bodies < 0)
		return;
	bytes_format(b, "{\"id\":%lu,\"body\":\"", id);
	bytes_base64(b, r->body.n ? r->body.at : "", r->body.n);
	bytes_text(b, "\"}");
	write_line(l->bodies, b);
}

void ledger_end(struct ledger *l, uint64_t id, const struct outcome *o)
{
	struct bytes *b = &l->line;
	if (l->lines < 0)
		return;
	bytes_format(b,
	        "{\"at\":\"end\",\"id\":%lu,\"time_us\":%lu,\"monotonic_ns\":%lu,\"status\":%u,"
	        "\"ended\":\"%s\"",
	        id, wall_us(), now_ns(), o->status, o->ended);
	if (o->fault)
		bytes_format(b, ",\"fault\":\"%s\"", o->fault);
	bytes_format(b, ",\"bytes_sent\":%lu,\"usage_sent\":%s,\"usage\":", o->octets,
	        o->usage_sent ? "true" : "false");
	bytes_add(b, o->usage->n ? o->usage->at : "null", o->usage->n ? o->usage->n : 4);
	bytes_text(b, ",\"called\":[");
	bytes_add(b, o->called->at, o->called->n);
	bytes_text(b, "]}");
	write_line(l->lines, b);
}
