/* SPDX-License-Identifier: Apache-2.0 */
/* input_bound: how many tokens a request has. A token has at least one byte of text; what an API
 * puts around messages and tools is covered by a share for each. */
#include "weir/dialect.h"

#define A_MESSAGE 16u
#define A_TOOL 32u
#define AROUND_MESSAGE 4u

/* What comes from the provider's own side is not in the request. */
static bool is_text_alone(const struct request_facts *f)
{
	if (f->has_media)
		return false;
	for (unsigned i = 0; i < f->n_tools; i++)
		if (f->tools[i].kind == TOOL_HOSTED && !f->tools[i].removed)
			return false;
	return true;
}

uint64_t request_text_bound(const struct request_facts *f)
{
	return f->text_bytes + A_MESSAGE * ((uint64_t)f->n_messages + f->n_texts) +
	       A_TOOL * (uint64_t)f->n_tools;
}

uint64_t request_input_bound(const struct request_facts *f, uint64_t window)
{
	uint64_t most = window ? window : UINT64_MAX;
	uint64_t bound = request_text_bound(f);

	return is_text_alone(f) && bound < most ? bound : most;
}

uint64_t request_input_estimate(
        const struct request_facts *f, const struct token_counter *t, enum token_family family)
{
	return tokens_estimate(t, family) + AROUND_MESSAGE * (uint64_t)f->n_messages;
}
