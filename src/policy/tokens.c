/* SPDX-License-Identifier: Apache-2.0 */
/* tokens: see tokens.h. */
#include "policy/tokens.h"
#include "text/tokens_learn.h"
#include "weir/exchange.h"

#define BYTES_A_TOKEN 4      /* of text, roughly: where nobody counted */
#define WINDOW (1u << 20)    /* tokens: of what is more than text, no more is read than that beside the text */

/* What c->tokens is the first member of: the factor of the call's agent and model is looked for once. */
struct counted {
	struct token_counter counter;
	struct tokens_factor *factor; /* NULL: nothing is learned */
	bool factor_is_known;
};

uint64_t tokens_input_bound(const struct call *c)
{
	if (c->tool)
		return 0; /* no model reads it */
	uint64_t of_text = request_input_bound(&c->facts, 0);

	return of_text < UINT64_MAX ? of_text : request_text_bound(&c->facts) + WINDOW;
}

/* Of a call whose text is counted, once it is known what model is asked. */
static struct tokens_factor *factor_of(const struct call *c)
{
	struct counted *k = (struct counted *)c->tokens;
	struct tokens_learn *all = c->exchange->env->learn;

	if (!k->factor_is_known) {
		k->factor = all ? tokens_learn_factor(all, c->agent->name, c->facts.model) : NULL;
		k->factor_is_known = true;
	}
	return k->factor;
}

uint64_t tokens_input_estimate(const struct call *c)
{
	uint64_t estimate;

	if (c->tool)
		return 0;
	if (!c->tokens)
		return c->facts.text_bytes / BYTES_A_TOKEN + 1;
	estimate = request_input_estimate(&c->facts, c->tokens, tokens_family(c->facts.model));
	return tokens_corrected(factor_of(c), estimate);
}

void tokens_count(struct call *c)
{
	const struct allowance_conf *a = &c->agent->allowance;

	if (a->n_token_rates || a->of[BUDGET_REQUEST].n)
		c->tokens = arena_zalloc(&c->exchange->arena, sizeof(struct counted));
}

void tokens_count_answer(struct call *c)
{
	if (c->facts.stream && c->output_bound)
		c->answer_tokens = arena_zalloc(&c->exchange->arena, sizeof(*c->answer_tokens));
}

void tokens_settle(const struct call *c)
{
	const struct usage *u = &c->exchange->answer.usage;

	if (c->tokens && u->known && !c->estimated && !c->facts.has_media)
		tokens_learned(factor_of(c), request_input_estimate(&c->facts, c->tokens, tokens_family(c->facts.model)),
			usage_input_total(u));
}

uint64_t tokens_output_wanted(const struct call *c)
{
	const struct request_facts *f = &c->facts;

	if (f->action != ACTION_CHAT && f->action != ACTION_COMPLETION)
		return 0;
	uint64_t wanted = f->max_output ? f->max_output : c->model->expected_output;
	return c->model->max_output && wanted > c->model->max_output ? c->model->max_output : wanted;
}

uint64_t tokens_expected(const struct call *c)
{
	uint64_t input = tokens_input_estimate(c), output;

	if (__builtin_mul_overflow(tokens_output_wanted(c), c->facts.n ? c->facts.n : 1, &output) || output > UINT64_MAX - input)
		return UINT64_MAX;
	return input + output;
}
