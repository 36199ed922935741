/* SPDX-License-Identifier: Apache-2.0 */
/* admin: see admin.h. A request is judged (admin/judge.h), then answered from what is in memory, or handed on. */
#include <errno.h>
#include <stdio.h>
#include "admin/judge.h"
#include "admin/query.h"
#include "admin/views.h"
#include "app/admin.h"
#include "app/budget_gauges.h"
#include "app/server.h"
#include "base/id.h"
#include "base/log.h"
#include "exchange/strangers.h"
#include "json/json.h"
#include "observe/ledger_ask.h"

#define BODY_MAX 4096u
#define CALLS_SHOWN 100u
#define CALLS_MAX 1000u
#define JSON_TYPE SLICE("application/json")

static struct server *server_of(const struct served *q)
{
	const struct worker *w = q->gate->owner;

	return w->server;
}

static const struct conf *conf_of(const struct served *q)
{
	return q->gate->view->snapshot->conf;
}

static uint64_t wall_now(void)
{
	return clock_wall(&clock_system);
}

/* ---- answers ---- */

void admin_answer(struct served *q, unsigned status, struct slice type)
{
	q->answer.status = (uint16_t)status;
	head_add_id(&q->answer, HEADER_CONTENT_TYPE, type);
	head_add_id(&q->answer, HEADER_CACHE_CONTROL, SLICE("no-store"));
	head_add(&q->answer, HEADER_OTHER, SLICE("x-content-type-options"), SLICE("nosniff"));
	head_add(&q->answer, HEADER_OTHER, SLICE("x-weir-request-id"), slice_str(q->request_id));
	head_add_id(&q->answer, HEADER_X_REQUEST_ID, slice_str(q->request_id));
}

int admin_refuse(struct served *q, unsigned status, const char *code, const char *detail, struct slice problems)
{
	struct problem p = {status, code, detail, slice_str(q->request_id), problems};

	buf_clear(&q->out);
	admin_answer(q, status, SLICE("application/problem+json"));
	head_add(&q->answer, HEADER_OTHER, SLICE("x-weir-code"), slice_str(code));
	if (status == 401)
		head_add(&q->answer, HEADER_OTHER, SLICE("www-authenticate"), SLICE("Bearer"));
	if (status == 429 || status == 503)
		head_add(&q->answer, HEADER_OTHER, SLICE("retry-after"), SLICE("1"));
	if (view_problem(&p, &q->out) < 0)
		buf_clear(&q->out);
	return READY;
}

static int refuse_fault(struct served *q, enum fault why, const char *detail)
{
	const struct fault_info *f = &fault_infos[why];

	return admin_refuse(q, f->status, f->code, detail ? detail : f->text, SLICE(""));
}

static int refuse(struct served *q, const struct admin_request *a, const struct admin_refusal *why)
{
	struct buf methods = BUF_INIT(sizeof(q->text) - 1);
	int r;

	if (why->is_strangers &&
		strangers_are_too_many(q->gate->env->strangers, why->fault, q->peer, q->gate->loop->now))
		return refuse_fault(q, FAULT_RATE_LIMITED, STRANGER_TOLD);
	if (why->fault == FAULT_NONE)
		return admin_refuse(q, 403, "role_required", why->detail, SLICE(""));
	r = refuse_fault(q, why->fault, why->detail);
	if (why->fault == FAULT_METHOD_NOT_ALLOWED && admin_route_methods(a->path, &methods) == 0) {
		memcpy(q->text, buf_at(&methods), buf_len(&methods));
		head_add(&q->answer, HEADER_OTHER, SLICE("allow"), slice_from(q->text, buf_len(&methods)));
	}
	buf_finish(&methods);
	return r;
}

static int finish(struct served *q, int r)
{
	if (r < 0)
		return refuse_fault(q, FAULT_OVERLOADED, "There is not enough memory for this answer; ask for less.");
	admin_answer(q, 200, JSON_TYPE);
	return READY;
}

/* ---- what is at hand ---- */

static int show_budgets(struct served *q)
{
	struct worker *w = q->gate->owner;
	struct metrics_gauges g = {0};

	budget_gauges_read(w->budgets, w->env.store, q->gate->view->snapshot, wall_now(), &g);
	return view_budgets(g.budgets, g.n_budgets, &q->out);
}

static int show_policy(struct served *q)
{
	struct server *s = server_of(q);
	struct view_policy v = {conf_of(q), atomic_load(&s->last_reload_wall), atomic_load(&s->last_reload_good)};

	return view_policy(&v, &q->out);
}

static int show_level(struct served *q)
{
	return buf_printf(&q->out, "{\"level\":\"%s\"}", log_level_name(log_level_now()));
}

/* ---- parameters ---- */

struct parameters {
	struct ledger_ask ledger;
	unsigned limit;
	char note[160];
};

static const char *set_one(const struct admin_route *r, struct parameters *p, const struct query_pair *pair)
{
	uint64_t n;

	if (!admin_route_takes(r, pair->name))
		return "is no parameter of this path";
	if (r->endpoint == ADMIN_LEDGER)
		return ledger_ask_set(&p->ledger, pair->name, pair->value);
	if (slice_to_u64(pair->value, CALLS_MAX, &n) || !n)
		return "is a number from 1 to 1000";
	p->limit = (unsigned)n;
	return NULL;
}

/* False: p->note says what is wrong. */
static bool read_parameters(const struct admin_request *a, struct parameters *p)
{
	struct slice rest = a->query;
	struct query_pair pair;
	const char *wrong;
	int r;

	ledger_ask_init(&p->ledger, wall_now() / NS_PER_S);
	p->ledger.format = LEDGER_JSON;
	p->limit = CALLS_SHOWN;
	while ((r = query_next(&rest, &pair)) == 1) {
		wrong = set_one(a->route, p, &pair);
		if (wrong) {
			snprintf(p->note, sizeof(p->note), "%.*s %s.", (int)(pair.name.len < 32 ? pair.name.len : 32), pair.name.at,
				wrong);
			return false;
		}
	}
	snprintf(p->note, sizeof(p->note), "Parameters are NAME=VALUE, joined by &, in visible ASCII.");
	return r == 0;
}

/* ---- what is handed on ---- */

static int hand_on(struct served *q, int r)
{
	if (r == -EBUSY)
		return refuse_fault(q, FAULT_OVERLOADED, "Another request like this is being worked on; wait for its end.");
	return r < 0 ? refuse_fault(q, FAULT_OVERLOADED, NULL) : PENDING;
}

/* {"level": "debug"} and nothing else. */
static bool read_level(const struct served *q, enum log_level *ret)
{
	struct json_doc doc;
	bool good;

	if (json_read(json_scratch_mine(), buf_slice(&q->body), &json_limits_default, &doc, NULL) < 0)
		return false;
	const struct json_value *level = json_get(doc.root, "level");
	good = json_count(doc.root) == 1 && json_type(level) == JSON_STRING && log_level_parse(json_text(level), ret) == 0;
	json_done(&doc);
	return good;
}

static int act(struct served *q, const struct admin_request *a)
{
	struct slice value = SLICE("");
	enum log_level level;

	if (a->route->endpoint == ADMIN_LOG_LEVEL_PUT) {
		if (!read_level(q, &level))
			return refuse_fault(q, FAULT_REQUEST_INVALID,
				"Send {\"level\": \"debug\"}, or info, warn or error, as JSON.");
		value = slice_str(log_level_name(level));
	} else if (buf_len(&q->body)) {
		return refuse_fault(q, FAULT_REQUEST_INVALID, "This takes no body.");
	} else if (a->route->endpoint == ADMIN_RELOAD && !server_of(q)->n_paths) {
		return admin_refuse(q, 409, "no_policy_file", "This Weir was started without a policy file: there is none to read.",
			SLICE(""));
	}
	return hand_on(q, admin_action_begin(q, a, value));
}

static int answer(struct served *q, const struct admin_request *a, const struct parameters *p)
{
	const struct conf *c = conf_of(q);

	switch (a->route->endpoint) {
	case ADMIN_AGENTS:
		return finish(q, view_agents(c, wall_now(), &q->out));
	case ADMIN_BUDGETS:
		return finish(q, show_budgets(q));
	case ADMIN_CALLS:
		return hand_on(q, admin_calls_ask(q, p->limit));
	case ADMIN_LEDGER:
		return hand_on(q, admin_ledger_ask(q, &p->ledger));
	case ADMIN_LOG_LEVEL:
		return finish(q, show_level(q));
	case ADMIN_OPENAPI:
		return finish(q, view_openapi(WEIR_VERSION, &q->out));
	case ADMIN_POLICY:
		return finish(q, show_policy(q));
	case ADMIN_UPSTREAMS:
		return finish(q, view_upstreams(c, &q->out));
	case ADMIN_LOG_LEVEL_PUT:
	case ADMIN_RELOAD:
	case ADMIN_ENDPOINTS:
		break;
	}
	return act(q, a);
}

static int serve(struct served *q)
{
	const struct server *s = server_of(q);
	const struct conf *c = conf_of(q);
	struct admin_realm realm = {q->listener, c->public_url, c->operators, c->n_operators};
	struct admin_request a;
	struct admin_refusal why;
	struct parameters p;

	id_new(wall_now(), q->request_id);
	if (!realm.n_operators) {
		realm.operators = &s->first_operator;
		realm.n_operators = s->first_operator.roles != 0;
	}
	if (!admin_judge(&realm, q->head, &a, &why))
		return refuse(q, &a, &why);
	if (!read_parameters(&a, &p))
		return refuse_fault(q, FAULT_REQUEST_INVALID, p.note);
	return answer(q, &a, &p);
}

static void forget(struct served *q)
{
	struct admin_wait *w = q->job;

	if (!w)
		return;
	w->q = NULL;
	if (w->forgotten)
		w->forgotten(w);
}

const struct service admin_service = {.body_max = BODY_MAX, .serve = serve, .forget = forget};
