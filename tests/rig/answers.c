/* SPDX-License-Identifier: Apache-2.0 */
/* answers: the exchange's part of an answer's life, without an exchange. */
#include "rig/answers.h"
#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"
#include "dialect/openai_answer.h"

#define LAP_MAX (64u << 20)

static int judge(struct answer_run *run, struct part *part, struct arena *arena)
{
	struct toolcall *call = part->call;
	int r;

	if (part->kind == PART_TEXT || part->kind == PART_TEXT_END) {
		if (run->on_text)
			run->on_text(run->arg, part, arena);
		return 0;
	}
	if (part->kind != PART_CALL)
		return 0;
	run->calls++;
	r = buf_put_slice(&run->names, call->name);
	if (!r)
		r = buf_put_char(&run->names, '(');
	if (!r)
		r = buf_put_slice(&run->names, call->arguments);
	if (!r)
		r = buf_put_str(&run->names, ")\n");
	call->denied = run->deny_all || (run->denied && slice_is(call->name, run->denied));
	call->fault = FAULT_TOOL_DENIED;
	call->sentence = slice_str(run->sentence);
	return r;
}

static int feed(struct answer_run *run, struct answer *a, struct slice piece, bool last)
{
	struct arena arena;
	struct lap lap = {.arena = &arena, .last = last};
	char *copy = malloc(piece.len + 1);
	int r;

	arena_init(&arena, LAP_MAX);
	memcpy(copy, piece.at, piece.len);
	r = a->dialect->answer_feed(a, slice_from(copy, piece.len), last, &lap, &run->why);
	for (unsigned i = 0; !r && i < lap.n; i++)
		r = judge(run, &lap.parts[i], &arena);
	if (!r && run->keep) {
		r = lap_keep(&lap);
		memset(copy, '!', piece.len);
	}
	a->cost_known = run->cost > 0;
	a->cost = run->cost;
	if (!r)
		r = a->dialect->answer_render(a, &lap);
	if (lap.n_out > run->most_out)
		run->most_out = lap.n_out;
	for (unsigned i = 0; !r && i < lap.n_out; i++)
		r = buf_put_slice(&run->out, lap.out[i]);
	arena_finish(&arena);
	free(copy);
	return r;
}

static int feed_all(
        struct answer_run *run, struct answer *a, const struct slice *pieces, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct slice left = pieces[i];

		do {
			size_t len = run->chunk && run->chunk < left.len ? run->chunk : left.len;
			bool last = i + 1 == n && len == left.len;
			int r = feed(run, a, slice_from(left.at, len), last);

			if (r)
				return r;
			left = slice_skip(left, len);
		} while (left.len);
	}
	return 0;
}

int answer_run(struct answer_run *run, const struct slice *pieces, unsigned n)
{
	struct arena arena;
	struct answer a = {.dialect = &dialect_openai,
	        .facts = &run->facts,
	        .arena = &arena,
	        .stream = run->stream,
	        .want_text = run->want_text,
	        .include_cost = run->include_cost,
	        .tokens = run->tokens,
	        .status = run->status ? run->status : 200};
	int r;

	if (!run->facts.action)
		run->facts.action = ACTION_CHAT;
	if (!run->facts.n)
		run->facts.n = 1;
	run->out.max = run->names.max = LAP_MAX;
	arena_init(&arena, LAP_MAX);
	a.state = mem_zalloc(a.dialect->answer_size);
	r = a.state ? a.dialect->answer_open(&a) : -ENOMEM;
	if (!r)
		((struct openai_answer *)a.state)->pattern.is_off = run->read_all;
	if (!r)
		r = feed_all(run, &a, pieces, n);
	run->usage = a.usage;
	run->calls_denied = a.calls_denied;
	run->text_bytes = a.text_bytes;
	run->complete = a.complete;
	if (a.model.len && a.model.len < sizeof(run->model))
		memcpy(run->model, a.model.at, a.model.len);
	if (a.state)
		a.dialect->answer_close(&a);
	mem_free(a.state);
	arena_finish(&arena);
	return r;
}

int answer_run_whole(struct answer_run *run, struct slice bytes)
{
	return answer_run(run, &bytes, 1);
}

void answer_run_finish(struct answer_run *run)
{
	buf_finish(&run->out);
	buf_finish(&run->names);
}
