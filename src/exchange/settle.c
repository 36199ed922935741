/* SPDX-License-Identifier: Apache-2.0 */
/* settle: what a call cost, and the record of it. Unknown usage is never 0: it is estimated and marked. */
#include "exchange/admission.h"
#include "exchange/caching.h"
#include "exchange/embeddings.h"
#include "exchange/journaling.h"
#include "exchange/recent.h"
#include "exchange/snapshot.h"
#include "exchange/steps.h"
#include "exchange/tariff.h"
#include "exchange/unwatched.h"
#include "exchange/warnings.h"
#include "price/cost.h"

#define BYTES_A_TOKEN 4 /* of text, roughly */

/* Whether nothing ran: the provider says that it failed. Who only gave up waiting for it knows nothing. */
static bool is_refusal(unsigned status)
{
	return status >= 400 && status != 504 && status != 524;
}

/* Whether the provider may have charged for something that it did not tell. */
static bool must_estimate(const struct exchange *x, const struct call *c)
{
	const struct answer *a = &x->answer;

	if (!x->went_upstream || (is_refusal(x->upstream_status) && !c->repeats))
		return false;
	if (c->facts.action == ACTION_MODERATION)
		return false; /* free, and tells no usage */
	return !a->usage.known || !a->complete || (a->stream && a->text_bytes > a->usage_at); /* what was told may be a part only */
}

/* Nobody knows what it cost: what its budgets hold for it is charged, unless the policy takes an estimate; or that, where even
 * an estimate is more. What a budget in shadow holds bounds no answer: a caller could make it as large as it likes, and those who
 * share the budget would pay. */
static void charge_reserved(struct call *c)
{
	const struct reservation *r = c->admitted && c->admitted->bounded ? admission_reserved(c) : NULL;

	if (!r || c->agent->allowance.on_unknown_usage == UNKNOWN_USAGE_ESTIMATE)
		return;
	if (c->cost < r->cost)
		c->cost = r->cost;
	if (c->charged_tokens < r->tokens)
		c->charged_tokens = r->tokens;
}

/* An estimate may be off, so it is taken 1.15 times; from the bytes, where nobody counted. */
static uint64_t with_margin(const struct token_counter *t, const struct slice *model, uint64_t bytes)
{
	uint64_t tokens = t ? tokens_estimate(t, tokens_family(*model)) : (bytes + BYTES_A_TOKEN - 1) / BYTES_A_TOKEN;

	return tokens * 115 / 100;
}

/* What the provider told stands, where it is more. */
static void estimate(struct exchange *x, const struct call *c)
{
	struct usage *u = &x->answer.usage;
	uint64_t in = with_margin(c->tokens, &c->facts.model, c->facts.text_bytes) + 1;
	uint64_t out = with_margin(c->answer_tokens, &c->facts.model, x->answer.text_bytes);

	if (!usage_input_total(u))
		u->in_uncached = in;
	if (usage_output_total(u) < out)
		u->out_text += out - usage_output_total(u);
	u->total = usage_tokens_total(u);
	u->estimated = true;
}

/* A search costs a fee beside its tokens, which few providers count in what they tell: an answer has had one. */
static bool searches_untold(const struct exchange *x, const struct call *c, const struct price *p)
{
	const struct price_row *row = price_row_for(p, 0);

	return row && row->known >> PRICE_web_search & 1 && !x->answer.usage.web_search && tariff_searches(c);
}

/* What a class without a price of its own costs is not known, and more than what has one. */
static bool charges_unpriced(const struct exchange *x)
{
	const struct conf *conf = x->snapshot->conf;

	return !conf->unknown_price_said || conf->unknown_price == UNKNOWN_PRICE_DENY;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What was sent again may have run both times, and cost about the same. */
static void charge_repeats(struct call *c)
{
	nanousd cost;
	uint64_t tokens;

	if (!c->repeats)
		return;
	c->guessed = true;
	c->cost = __builtin_mul_overflow(c->cost, (nanousd)c->repeats + 1, &cost) ? INT64_MAX : cost;
	c->charged_tokens = __builtin_mul_overflow(c->charged_tokens, (uint64_t)c->repeats + 1, &tokens) ? UINT64_MAX : tokens;
}

/* By the usage as it stands. */
static void price_used(struct exchange *x, struct call *c)
{
	const struct price *p = tariff_due(x, c);
	uint32_t unpriced = 0;

	c->charged_tokens = most(x->answer.usage.total, usage_tokens_total(&x->answer.usage));
	if (p && searches_untold(x, c, p)) {
		x->answer.usage.web_search = 1;
		c->guessed = true;
	}
	if (p) {
		c->cost = cost_of(p, &x->answer.usage, &unpriced);
		if (c->embeddings && c->embeddings->shared)
			c->cost = c->embeddings->cost; /* the joint call was rounded once, not each part of it */
		c->priced = true;
	}
	x->price_unknown = !p || unpriced;
	if (c->estimated || (unpriced && charges_unpriced(x)))
		charge_reserved(c);
	charge_repeats(c);
}

static void price(struct exchange *x, struct call *c)
{
	if (must_estimate(x, c) && x->phase == PHASE_CLOSING) {
		estimate(x, c);
		c->estimated = true;
	} else if (c->priced) {
		return;
	}
	if (x->answer.usage.known || c->estimated)
		price_used(x, c);
}

/* A tool has one price a call, if it ran. One that says that the call was wrong did not; of one that says nothing nobody
 * knows. */
static void settle_tool(const struct exchange *x, struct call *c)
{
	bool refused = x->upstream_status >= 400 && x->upstream_status < 500;

	/* what was sent again may have run each time */
	nanousd times = (nanousd)(x->went_upstream && !refused) + (nanousd)c->repeats;
	if (__builtin_mul_overflow(c->tool->cost, times, &c->cost))
		c->cost = INT64_MAX;
	c->priced = true;
}

void settle_lost(struct exchange *x, struct call *c)
{
	if (c->tool) {
		settle_tool(x, c);
		return;
	}
	if (must_estimate(x, c)) {
		estimate(x, c);
		c->estimated = true;
	} else if (!x->answer.usage.known) {
		return;
	}
	price_used(x, c);
}

void settle_cost(struct exchange *x, struct call *c)
{
	if (caching_is_hit(c)) {
		c->priced = true; /* nothing was used for it: it costs nothing but what was lost before */
		return;
	}
	if (c->tool)
		settle_tool(x, c);
	if (!c->model)
		return;
	price(x, c);
	if (x->phase == PHASE_CLOSING && c->priced && x->went_upstream && (c->guessed || tariff_is_bound(x, c)))
		c->estimated = true;
}

static const struct slice action_names[] = {
	[ACTION_NONE] = SLICE_INIT(""),
	[ACTION_CHAT] = SLICE_INIT("chat"),
	[ACTION_COMPLETION] = SLICE_INIT("completion"),
	[ACTION_EMBEDDING] = SLICE_INIT("embedding"),
	[ACTION_MODERATION] = SLICE_INIT("moderation"),
	[ACTION_TOOL] = SLICE_INIT("tool"),
	[ACTION_MODELS] = SLICE_INIT("models"),
	[ACTION_MODEL] = SLICE_INIT("model"),
	[ACTION_ME] = SLICE_INIT("me"),
	[ACTION_CALL_STATUS] = SLICE_INIT("call"),
	[ACTION_BUDGET] = SLICE_INIT("budget"),
};

struct slice action_name(enum action a)
{
	return action_names[a];
}

/* An e-mail address names a person to everyone who reads the log; its keyed hash only to who holds the key. */
static struct slice user_shown(struct exchange *x, struct slice user)
{
	uint8_t mac[SHA256_LEN];
	char text[5 + 32 + 1] = "user_";

	if (!user.len || !memchr(user.at, '@', user.len))
		return user;
	hmac_sha256(slice_from(x->snapshot->user_key, SHA256_LEN), user, mac);
	hex_encode(mac, 16, text + 5);
	struct slice copy = arena_dup(&x->arena, slice_str(text));
	return copy.at ? copy : SLICE("user_?");
}

static void fill_who(struct record *r, struct exchange *x, const struct call *c)
{
	r->agent = c->agent ? c->agent->name : (struct slice){"", 0};
	r->team = c->agent ? c->agent->team : (struct slice){"", 0};
	r->user = c->by.user;
	r->user_shown = user_shown(x, c->by.user);
	r->workflow = c->by.workflow;
	r->workflow_type = c->by.workflow_type;
	r->session = c->by.session;
	r->listener = x->listener_name;
	r->trace_id = x->trace_id;
}

/* What did not get to the agent costs nothing. */
static void forget_unreleased(struct call *c)
{
	for (unsigned i = c->n_released; i < c->n_tools; i++)
		c->tools[i].cost = 0;
}

static void fill_what(struct record *r, const struct exchange *x, const struct call *c)
{
	r->dialect = x->route.dialect ? slice_str(x->route.dialect->name) : (struct slice){"", 0};
	r->action = action_names[x->route.action];
	r->model = c->facts.model;
	r->upstream_model = x->answer.model.len ? x->answer.model : c->upstream_model;
	r->upstream = x->upstream_name;
	r->tools = c->tools;
	r->n_tools = c->n_tools;
	r->tools_offered = c->facts.n_tools;
	r->tools_removed = buf_slice(&c->tools_removed);
	r->stream = c->facts.stream;
}

/* An agent that takes nothing while the process stops is sent away: that is not its own end. */
static const char *ended_by(const struct exchange *x)
{
	bool own = !x->went_upstream || caching_has_answered(&x->calls[0]);

	if (x->client_gone && x->fault != FAULT_SHUTTING_DOWN)
		return "client";
	if (x->fault == FAULT_NONE)
		return own ? "gateway" : "upstream";
	return fault_infos[x->fault].blame == BLAME_UPSTREAM ? "upstream" : "gateway";
}

/* Also what no policy but the dialect or the codec has refused. */
static bool is_our_no(enum fault f)
{
	return f != FAULT_CLIENT_GONE && fault_infos[f].blame == BLAME_CLIENT;
}

static void fill_how(struct record *r, const struct exchange *x, const struct call *c)
{
	uint64_t now = clock_mono(x->env->clock); /* the loop's is from before the answer's last piece was worked on */

	r->status = x->status;
	bool unheard = !x->last_sent || exchange_is_unwatched(x);
	r->fault = x->client_gone && x->fault == FAULT_NONE && unheard ? FAULT_CLIENT_GONE : x->fault;
	r->verdict = c->refused || (is_our_no(x->fault) && !x->went_upstream) ? "deny" : "allow"; /* what ran was allowed, and cut */
	r->policy_version = slice_str(x->snapshot->conf->version);
	r->note = x->note;
	r->ended_by = ended_by(x);
	r->attempts = x->attempts;
	r->latency_ns = now - x->began;
	r->gateway_ns = r->latency_ns > x->others_ns ? r->latency_ns - x->others_ns : 0;
	r->ttft_ns = x->first_byte ? x->first_byte - x->began : 0;
	r->bytes_in = x->bytes_in;
	r->bytes_out = x->bytes_out;
}

static void fill_cost(struct record *r, const struct exchange *x, const struct call *c)
{
	/* What an answer that was kept says was used was so when it was made. */
	r->cache = caching_word(c);
	r->cache_failed = r->cache && c->caching->result == CACHE_MISS && c->caching->failed_there;
	r->usage = caching_has_answered(c) ? c->caching->lost : x->answer.usage;
	r->usage_known = r->usage.known;
	r->failed = c->caching ? c->caching->failed : FAULT_NONE;
	r->failed_status = c->caching ? c->caching->failed_status : 0;
	r->estimated = c->estimated;
	r->reservation_exceeded = c->exceeded;
	r->price_unknown = x->price_unknown && (r->usage_known || r->estimated);
	r->went_upstream = x->went_upstream;
	r->tools_cost = call_tools_cost(c);
	r->cost = call_whole_cost(c);
	r->without_store = c->admitted ? c->admitted->without_store : NULL;
}

#define TOOL_SHOWN 128 /* bytes: more than any tool's name has */

/* The call of a tool, as one that an answer makes. */
static void fill_tool(struct record *r, struct exchange *x, const struct call *c)
{
	struct record_tool *tool;
	struct slice name = x->route.id;

	if (x->route.action != ACTION_TOOL || !c->agent)
		return;
	tool = arena_alloc(&x->arena, sizeof(*tool));
	if (!tool)
		return;
	if (name.len > TOOL_SHOWN)
		name.len = TOOL_SHOWN;
	*tool = (struct record_tool){.name = name, .allowed = *r->verdict == 'a', .fault = x->fault, .cost = c->cost};
	r->tools = tool;
	r->n_tools = 1;
	r->is_of_tool = true;
}

/* Those that were asked. */
static void fill_verdicts(struct record *r, const struct call *c)
{
	for (unsigned i = 0; i < c->n_verdicts; i++)
		if (c->verdicts[i].policy)
			r->verdicts[r->n_verdicts++] = c->verdicts[i];
}

void settle_record(struct exchange *x)
{
	for (unsigned i = 0; i < x->n_calls; i++) {
		struct call *c = &x->calls[i];
		struct record r = {.wall_ns = x->wall, .shadow = c->shadow};
		memcpy(r.request_id, x->request_id, sizeof(r.request_id));
		forget_unreleased(c);
		fill_verdicts(&r, c);
		fill_who(&r, x, c);
		fill_what(&r, x, c);
		fill_how(&r, x, c);
		fill_cost(&r, x, c);
		fill_tool(&r, x, c);
		r.n_warnings = warnings_of(x, c, &r.warnings);
		journaling_close(x, c, &r);
		for (struct observer *o = x->env->observers; o; o = o->next)
			o->call_ended(o, &r);
		if (x->env->recent)
			recent_add(x->env->recent, &r);
	}
}
