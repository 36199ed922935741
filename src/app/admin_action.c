/* SPDX-License-Identifier: Apache-2.0 */
/* admin_action: what an operator does. First a worker's journal has it, then it is done: what cannot be written down is not
 * done. */
#include <errno.h>
#include <stdio.h>
#include "admin/judge.h"
#include "app/admin.h"
#include "app/server.h"
#include "base/log.h"
#include "base/mem.h"

struct action_job {
	struct journal_errand errand;
	struct reload_order order;
	struct admin_wait wait;
	struct server *server;
	enum admin_endpoint endpoint;
	enum log_level level;
	/* what the record points to, while another thread writes it */
	char request_id[27], operator[64], value[16], listener[64], peer[64], policy_version[17];
};

static void keep(char *to, size_t room, struct slice text)
{
	snprintf(to, room, "%.*s", (int)(text.len < room ? text.len : room - 1), text.at ? text.at : "");
}

static void end(struct action_job *j)
{
	if (j->endpoint == ADMIN_RELOAD)
		j->server->desk.reloading = false;
	buf_finish(&j->order.problems);
	mem_free(j);
}

static void say(const struct action_job *j)
{
	log_write(LEVEL_INFO,
		LOG_FIELDS(LOG_STR("operator", j->operator), LOG_STR("action", j->errand.entry.action.at), LOG_STR("value", j->value),
			LOG_STR("request_id", j->request_id)),
		"an operator acts");
}

/* ---- afterwards ---- */

static void deliver_reloaded(struct letter *l)
{
	struct action_job *j = container_of(l, struct action_job, order.back);

	loop_enter(j->order.loop);
	if (j->wait.q && j->order.good) {
		buf_printf(&j->wait.q->out, "{\"policy_version\":\"%s\"}", j->order.version);
		admin_answer(j->wait.q, 200, SLICE("application/json"));
	} else if (j->wait.q) {
		admin_refuse(j->wait.q, 422, "policy_invalid", "The policy was not taken and the old one stays in force.",
			buf_slice(&j->order.problems));
	}
	if (j->wait.q)
		served_answer(j->wait.q);
	end(j);
}

static void set_level(struct action_job *j)
{
	log_set_level(j->level);
	if (j->wait.q) {
		buf_printf(&j->wait.q->out, "{\"level\":\"%s\"}", log_level_name(j->level));
		admin_answer(j->wait.q, 200, SLICE("application/json"));
		served_answer(j->wait.q);
	}
	end(j);
}

static void on_written(struct journal_errand *e)
{
	struct action_job *j = container_of(e, struct action_job, errand);

	if (e->result < 0) {
		if (j->wait.q) {
			admin_refuse(j->wait.q, 503, "audit_unavailable", "This cannot be written down, so it is not done; see to the disk.",
				SLICE(""));
			served_answer(j->wait.q);
		}
		end(j);
		return;
	}
	say(j);
	if (j->endpoint == ADMIN_RELOAD)
		server_order_reload(j->server, &j->order);
	else
		set_level(j);
}

/* ---- before ---- */

static struct action_job *make(struct served *q, const struct admin_request *a, struct slice value)
{
	struct worker *w = q->gate->owner;
	const struct conf *c = q->gate->view->snapshot->conf;
	struct action_job *j = mem_zalloc(sizeof(*j));

	if (!j)
		return NULL;
	j->wait.q = q;
	j->server = w->server;
	j->endpoint = a->route->endpoint;
	keep(j->request_id, sizeof(j->request_id), slice_str(q->request_id));
	keep(j->operator, sizeof(j->operator), a->operator->name);
	keep(j->value, sizeof(j->value), value);
	keep(j->listener, sizeof(j->listener), q->listener->name);
	keep(j->peer, sizeof(j->peer), q->peer);
	keep(j->policy_version, sizeof(j->policy_version), slice_str(c->version));
	j->order = (struct reload_order){.back = {.deliver = deliver_reloaded}, .loop = w->loop, .problems = BUF_INIT(256u << 10)};
	j->errand = (struct journal_errand){
		.home = w->loop,
		.done = on_written,
		.strict = c->audit.strict,
		.entry = {
			.wall_ns = clock_wall(&clock_system),
			.request_id = slice_str(j->request_id),
			.operator = slice_str(j->operator),
			.action = slice_str(a->route->action),
			.value = slice_str(j->value),
			.listener = slice_str(j->listener),
			.peer = slice_str(j->peer),
			.policy_version = slice_str(j->policy_version),
		},
	};
	return j;
}

int admin_action_begin(struct served *q, const struct admin_request *a, struct slice value)
{
	struct worker *w = q->gate->owner;
	struct admin_desk *desk = &w->server->desk;
	struct action_job *j;

	if (a->route->endpoint == ADMIN_RELOAD && desk->reloading)
		return -EBUSY;
	j = make(q, a, value);
	if (!j)
		return -ENOMEM;
	if (a->route->endpoint == ADMIN_LOG_LEVEL_PUT)
		log_level_parse(value, &j->level);
	else
		desk->reloading = true;
	q->job = &j->wait;
	worker_journal_write(&w->server->workers[0].journal, &j->errand);
	return 0;
}
