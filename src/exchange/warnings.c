/* SPDX-License-Identifier: Apache-2.0 */
/* warnings: see warnings.h. */
#include "base/log.h"
#include "base/map.h"
#include "exchange/admission.h"
#include "exchange/warnings.h"

#define PROBES 16u
#define WHOLE 10000u /* warn_at in hundredths of a percent */

struct slice budget_owner(const struct agent_conf *a, enum budget_scope scope)
{
	switch (scope) {
	case BUDGET_AGENT:
		return a->name;
	case BUDGET_TEAM:
		return a->team;
	case BUDGET_GATEWAY:
		return SLICE("gateway");
	default:
		return (struct slice){"", 0};
	}
}

/* The place of a budget, taken for it if it has none; NULL: there is none left. */
static struct warned *place_of(struct warnings *w, uint64_t budget)
{
	budget += !budget;
	for (unsigned i = 0; i < PROBES; i++) {
		struct warned *at = &w->at[(budget + i) % WARNINGS_MAX];
		uint64_t whose = 0;
		if (atomic_compare_exchange_strong(&at->budget, &whose, budget) || whose == budget)
			return at;
	}
	return NULL;
}

bool warnings_are_first(struct warnings *w, uint64_t budget, uint64_t window)
{
	struct warned *at = place_of(w, budget);
	uint64_t last = at ? atomic_load(&at->window) : UINT64_MAX;

	while (last <= window)
		if (atomic_compare_exchange_weak(&at->window, &last, window + 1))
			return true;
	return false;
}

static bool is_beyond(uint64_t used, uint64_t limit, uint32_t warn_at)
{
	return (picosum)used * WHOLE >= (picosum)limit * warn_at;
}

static bool warns(const struct call *c, const struct demand *d)
{
	uint32_t warn_at = c->agent->allowance.warn_at;
	uint64_t cost = (uint64_t)d->spent_cost + (uint64_t)c->cost + (uint64_t)call_tools_cost(c), tokens = d->spent_tokens + c->charged_tokens;

	if (d->budget.limit_cost != BUDGET_NO_COST && is_beyond(cost, (uint64_t)d->budget.limit_cost, warn_at))
		return true;
	return d->budget.limit_tokens != BUDGET_NO_TOKENS && is_beyond(tokens, d->budget.limit_tokens, warn_at);
}

/* A limit that is raised is another one, which warns again. */
static uint64_t budget_hash(const struct call *c, const struct demand *d)
{
	const uint64_t limits[] = {
		(uint64_t)d->budget.limit_cost, d->budget.limit_tokens, c->agent->allowance.warn_at,
	};

	return hash_bytes(d->group) ^ (hash_bytes(d->name) << 1) ^ hash_bytes(slice_from((const char *)limits, sizeof(limits)));
}

static void log_warning(const struct call *c, const struct record_warning *w)
{
	log_write(LEVEL_WARN,
		LOG_FIELDS(LOG_STR("scope", w->scope), LOG_TEXT("name", w->name), LOG_STR("window", w->window),
			LOG_NUMBER("warn_at_percent", c->agent->allowance.warn_at / 100)),
		"a budget is used up so far that its policy asks for a warning");
}

unsigned warnings_of(struct exchange *x, const struct call *c, const struct record_warning **ret)
{
	const struct admitted *a = c->admitted;
	struct record_warning *list = NULL;
	unsigned n = 0;

	if (!a || !a->in_force || !x->went_upstream || !x->env->warnings)
		return 0;
	for (unsigned i = a->n_rates; i < a->ask.n; i++) {
		const struct demand *d = &a->ask.demands[i];
		const struct budget_conf *b = a->budgets[i - a->n_rates];
		struct slice owner = budget_owner(c->agent, b->scope);
		if (!owner.len || !warns(c, d) || !warnings_are_first(x->env->warnings, budget_hash(c, d), d->budget.window))
			continue;
		struct record_warning w = {budget_scope_names[b->scope], budget_per_names[b->per], owner};
		log_warning(c, &w);
		list = list ? list : arena_alloc(&x->arena, (a->ask.n - i) * sizeof(*list));
		if (list)
			list[n++] = w;
	}
	*ret = list;
	return n;
}
