/* SPDX-License-Identifier: Apache-2.0 */
/* openai_render: one document on its way back into bytes, shared by the files that do it. */
#pragma once
#include "dialect/openai_answer.h"

struct openai_render {
	struct answer *a;
	struct openai_answer *s;
	struct lap *lap;
	unsigned first, closing; /* parts of this document; closing holds its bytes */
	unsigned text;           /* the next part that may be a text */
	struct json_doc doc;     /* while it is open */
	struct places places;
	struct edits edits;
	bool kept_role; /* of a held event: there is something left without its calls */
	unsigned kept_calls;
};

/* All return 0 or a negative errno unless they say otherwise. */

/* openai_render.c. bytes or text with at == NULL: memory was refused for it. */
int render_replace(struct openai_render *r, const struct json_value *v, struct slice bytes);
int render_insert(struct openai_render *r, uint32_t at, struct slice bytes);
struct slice render_join(struct arena *arena, struct slice a, struct slice b);
int render_open_document(
        struct openai_render *r, struct slice json); /* for edits; json_done follows */

/* openai_release.c */
/* Verdicts go to the calls; in a stream, what was held of them goes out. *ret_edit is set when the
 * document itself changes too. */
int render_settle_calls(struct openai_render *r, bool *ret_edit);
/* The message without denied calls, the others numbered. last: index of the walk's last call. */
int render_edit_calls(
        struct openai_render *r, const struct openai_view *v, int64_t *last, unsigned *ret_left);
/* The message without its calls, or without one kind of them. */
int render_trim_message(struct openai_render *r, const struct openai_view *v, bool calls_go,
        bool function_goes, unsigned *ret_left);
/* What denied calls of a choice are replaced by: a sentence each; empty when none is. */
int render_denial_text(struct openai_render *r, uint32_t choice, struct slice *ret);
enum openai_field render_denial_field(const struct answer *a);
