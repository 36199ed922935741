/* SPDX-License-Identifier: Apache-2.0 */
/* carrier: see carrier.h. Downstream it has itself, which takes whatever comes; its one policy gives its call what those for
 * whom it is made were judged to have. */
#include <errno.h>
#include "exchange/attempt_head.h"
#include "exchange/carrier.h"
#include "exchange/nowhere.h"
#include "exchange/steps.h"

#define ARENA_MAX (1u << 20)

/* ---- what is asked ---- */

static enum verdict carry(struct policy *p)
{
	struct call *c = p->call;
	const struct call *like = container_of(c->exchange->down, struct carrier, down)->like;

	c->agent = like->agent;
	c->model = like->model;
	c->upstream_model = like->upstream_model;
	c->fixed_price = like->fixed_price;
	c->table_price = like->table_price;
	c->runs_once = true;
	return VERDICT_PASS;
}

static const struct policy_ops policy_carry = {.name = "carry", .on_request = carry};
static const struct policy_ops *const carriers_policies[] = {&policy_carry};

static struct exchange_env *others_of(struct exchange_env *env)
{
	return env->owner;
}

static void set_deadline(struct exchange_env *env, struct deadline *d, uint64_t at)
{
	others_of(env)->set_deadline(others_of(env), d, at);
}

static void clear_deadline(struct exchange_env *env, struct deadline *d)
{
	others_of(env)->clear_deadline(others_of(env), d);
}

static int reach(struct exchange_env *env, struct exchange *x)
{
	return others_of(env)->reach(others_of(env), x);
}

void carrier_env_init(struct exchange_env *env, struct exchange_env *others)
{
	*env = (struct exchange_env){
		.turn = others->turn,
		.set_deadline = set_deadline,
		.clear_deadline = clear_deadline,
		.clock = others->clock,
		.now = others->now,
		.policies = carriers_policies,
		.n_policies = 1,
		.reach = reach,
		.owner = others,
	};
	head_init(&env->scratch);
}

void carrier_env_finish(struct exchange_env *env)
{
	exchange_env_finish(env);
	head_finish(&env->scratch);
}

/* ---- what is answered ---- */

static int copy_headers(struct carrier *c, struct head *to, const struct head *from)
{
	int r = 0;

	for (unsigned i = 0; !r && i < from->n_headers; i++) {
		struct header h = from->headers[i];
		h.name = arena_dup(&c->arena, h.name);
		h.value = arena_dup(&c->arena, h.value);
		r = h.name.at && h.value.at ? head_add_header(to, h) : -ENOMEM;
	}
	return r;
}

/* What is kept is upstream's own head: those for whom it is make their own of it. */
static int put_head(struct codec *codec, uint32_t stream, const struct head *head, bool last)
{
	struct carrier *c = container_of(codec, struct carrier, codec);
	const struct exchange *x = c->exchange;

	(void)stream, (void)head, (void)last;
	if (x->source_local)
		return 0;
	c->answer.status = x->answer_head->status;
	return copy_headers(c, &c->answer, x->answer_head);
}

static int put_data(struct codec *codec, uint32_t stream, const struct slice *data, unsigned n, bool last)
{
	struct carrier *c = container_of(codec, struct carrier, codec);
	int r = 0;

	(void)stream, (void)last;
	for (unsigned i = 0; !r && i < n; i++)
		r = buf_put_slice(&c->body, data[i]);
	return r;
}

static int put_interim(struct codec *codec, uint32_t stream, unsigned status)
{
	(void)codec, (void)stream, (void)status;
	return 0;
}

static const struct codec_ops codec_ops = {
	.name = "carrier", .put_head = put_head, .put_data = put_data, .put_interim = put_interim,
};

static void down_ended(struct downstream *d, struct exchange *x, bool keep)
{
	struct carrier *c = container_of(d, struct carrier, down);

	(void)keep;
	c->exchange = NULL;
	c->fault = x->fault;
	c->note = arena_dup(&c->arena, x->note);
	c->usage = x->answer.usage;
	c->cost = x->calls[0].cost;
	c->price_unknown = x->price_unknown;
	c->went_upstream = x->went_upstream;
	c->attempts = x->attempts;
	c->upstream_status = x->upstream_status;
	if (c->done)
		c->done(c);
}

static const struct downstream_ops down_ops = {nowhere_is_full, nowhere_pause, nowhere_wrote, down_ended};

/* ---- its life ---- */

/* The agent's own headers as they go upstream: they are read once more on their way, and lose nothing by it. */
static int make_request(struct carrier *c, struct exchange *x)
{
	struct head *scratch = &x->env->scratch;
	struct head *h = &c->request;

	head_reset(scratch);
	if (attempt_head_agents(x, scratch) < 0 || copy_headers(c, h, scratch) < 0)
		return -ENOMEM;
	h->method = x->head->method;
	h->method_text = arena_dup(&c->arena, x->head->method_text);
	h->target = h->path = arena_dup(&c->arena, x->path);
	h->query = x->query.at ? arena_dup(&c->arena, x->query) : x->query;
	h->framing = FRAMING_LENGTH;
	return h->method_text.at && h->path.at && (h->query.at || !x->query.at) ? 0 : -ENOMEM;
}

int carrier_open(struct carrier *c, struct exchange_env *env, struct exchange *x, struct slice body,
	void (*done)(struct carrier *c))
{
	*c = (struct carrier){.like = &x->calls[0]};
	c->down = (struct downstream){.ops = &down_ops, .codec = &c->codec, .listener = x->down->listener};
	c->codec.ops = &codec_ops;
	arena_init(&c->arena, ARENA_MAX);
	head_init(&c->request);
	head_init(&c->answer);
	buf_init(&c->body, x->down->listener->limits.answer_bytes);
	int r = make_request(c, x);
	if (!r)
		c->exchange = exchange_new(env, x->view, &c->down, 1, &c->request, true);
	if (!c->exchange)
		return -ENOMEM;
	r = buf_put_slice(&c->exchange->body, body);
	if (r < 0)
		carrier_cancel(c);
	else
		exchange_wake(c->exchange);
	c->like = NULL;
	c->done = done;
	return r;
}

void carrier_cancel(struct carrier *c)
{
	c->done = NULL;
	if (c->exchange)
		exchange_on_client_gone(c->exchange);
}

void carrier_finish(struct carrier *c)
{
	arena_finish(&c->arena);
	head_finish(&c->request);
	head_finish(&c->answer);
	buf_finish(&c->body);
}
