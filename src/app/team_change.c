/* SPDX-License-Identifier: Apache-2.0 */
/* team_change: see team_change.h. */
#include "app/team_change.h"
#include "base/log.h"
#include "base/map.h"
#include "config/conf.h"

#define SAID_MAX 20u

/* What others of its team do not share. */
static bool has_own_counters(const struct allowance_conf *a)
{
	for (unsigned i = 0; i < a->n_budgets; i++)
		if (a->budgets[i].scope >= BUDGET_WORKFLOW && a->budgets[i].scope <= BUDGET_AGENT)
			return true;
	return a->n_rates || a->n_token_rates || a->concurrency;
}

static struct slice place_of(const struct agent_conf *a)
{
	return a->team.len ? a->team : SLICE("(none)");
}

static void say(const struct agent_conf *before, const struct agent_conf *now)
{
	log_write(LEVEL_WARN, LOG_FIELDS(LOG_TEXT("agent", now->name), LOG_TEXT("team_before", place_of(before)),
		LOG_TEXT("team", place_of(now))),
		"an agent has another team: its rates, and its budgets by agent, user, workflow and session, begin anew");
}

void team_changes_say(const struct conf *before, const struct conf *now)
{
	struct map agents;
	unsigned n = 0;

	map_init(&agents);
	for (unsigned i = 0; i < before->n_agents; i++)
		if (map_add(&agents, before->agents[i].name, &before->agents[i]) < 0)
			break;
	for (unsigned i = 0; i < now->n_agents; i++) {
		const struct agent_conf *a = &now->agents[i], *was = map_get(&agents, a->name);

		if (!was || slice_equals(was->allowance.group, a->allowance.group) || !has_own_counters(&a->allowance))
			continue;
		if (n++ < SAID_MAX)
			say(was, a);
	}
	if (n > SAID_MAX)
		log_warn("%u more agents have another team, and their rates and budgets begin anew", n - SAID_MAX);
	map_finish(&agents);
}
