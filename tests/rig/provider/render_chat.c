/* SPDX-License-Identifier: Apache-2.0 */
/* render_chat: chat completions and text completions, whole or as a stream. What a choice says is
 * first a list of deltas, so that text and tool calls can be cut up and mixed as the script wants;
 * every choice says the same. */
#include "answer.h"

struct deltas {
	struct bytes text; /* of all, one after the other */
	size_t *ends;      /* owned */
	unsigned n, cap;
};

static void delta_end(struct deltas *d)
{
	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 32;
		d->ends = mem_grow(d->ends, d->cap * sizeof *d->ends);
	}
	d->ends[d->n++] = d->text.n;
}

static struct text delta_at(const struct deltas *d, unsigned i)
{
	size_t begin = i ? d->ends[i - 1] : 0;
	return (struct text){d->text.at + begin, d->ends[i] - begin};
}

static void deltas_finish(struct deltas *d)
{
	bytes_finish(&d->text);
	mem_give(d->ends);
}

static void add_text_deltas(
        struct deltas *d, const char *member, struct text said, const struct json *how)
{
	if (json_is(how, JSON_ARRAY)) {
		for (const struct json *part = how->first; part; part = part->next) {
			bytes_format(&d->text, "{\"%s\":", member);
			bytes_json(&d->text, part->string);
			bytes_text(&d->text, "}");
			delta_end(d);
		}
		return;
	}
	int64_t parts = json_int(how, 20);
	size_t step = said.n / (size_t)(parts < 1 ? 1 : parts) + 1;
	for (size_t n; said.n; said.at += n, said.n -= n) {
		n = delta_length(said, step);
		bytes_format(&d->text, "{\"%s\":", member);
		bytes_json(&d->text, (struct text){said.at, n});
		bytes_text(&d->text, "}");
		delta_end(d);
	}
}

/* A call's arguments as the text that a model would have written. */
static struct text call_arguments(const struct json *call)
{
	const struct json *said = json_get(call, "arguments");
	return !said ? TEXT("{}") : said->type == JSON_STRING ? said->string : said->raw;
}

static bool call_is_custom(const struct json *call)
{
	return text_is(json_text(json_get(call, "type")), "custom");
}

static void add_call_id(struct bytes *b, const struct json *call, const struct ask *ask, size_t i)
{
	struct text id = json_text(json_get(call, "id"));
	if (id.at)
		bytes_json(b, id);
	else
		bytes_format(b, "\"call_%lu_%zu\"", ask->id, i);
}

struct call_plan {
	const struct json *call;
	const struct ask *ask;
	size_t index;
	bool begun;
};

static void add_call_delta(
        struct deltas *d, struct call_plan *p, struct text name, struct text arguments)
{
	const char *what = call_is_custom(p->call) ? "custom" : "function";
	int64_t index = json_int(json_get(p->call, "index"), (int64_t)p->index);
	bytes_format(&d->text, "{\"tool_calls\":[{\"index\":%ld,", (long)index);
	if (!p->begun) {
		bytes_text(&d->text, "\"id\":");
		add_call_id(&d->text, p->call, p->ask, p->index);
		bytes_format(&d->text, ",\"type\":\"%s\",", what);
	}
	bytes_format(&d->text, "\"%s\":{", what);
	if (name.at) {
		bytes_text(&d->text, "\"name\":");
		bytes_json(&d->text, name);
	}
	if (arguments.at) {
		bytes_format(&d->text, "%s\"%s\":", name.at ? "," : "",
		        call_is_custom(p->call) ? "input" : "arguments");
		bytes_json(&d->text, arguments);
	}
	bytes_text(&d->text, "}}]}");
	delta_end(d);
	p->begun = true;
}

static void add_call_name(struct deltas *d, struct call_plan *p)
{
	struct text name = json_text(json_get(p->call, "name")), none = {0};
	int64_t step = script_int(p->ask->script, "name_fragment", 0);
	size_t n = step > 0 ? delta_length(name, (size_t)step) : name.n;
	bool arguments_first = script_says(p->ask->script, "order", "arguments_first");
	add_call_delta(d, p, (struct text){name.at, n}, arguments_first ? none : TEXT(""));
	for (name.at += n, name.n -= n; name.n; name.at += n, name.n -= n) {
		n = delta_length(name, (size_t)step);
		add_call_delta(d, p, (struct text){name.at, n}, none);
	}
}

static void add_call_arguments(struct deltas *d, struct call_plan *p)
{
	struct text left = call_arguments(p->call);
	int64_t step = script_int(p->ask->script, "fragment", 16);
	for (size_t n; left.n; left.at += n, left.n -= n) {
		n = delta_length(left, step < 1 ? left.n : (size_t)step);
		add_call_delta(d, p, (struct text){0}, (struct text){left.at, n});
	}
}

static void add_call(struct deltas *d, struct call_plan *p)
{
	if (script_says(p->ask->script, "order", "arguments_first")) {
		add_call_arguments(d, p);
		add_call_name(d, p);
	} else {
		add_call_name(d, p);
		add_call_arguments(d, p);
	}
}

/* Takes from each list in turn until all are empty. */
static void mix(struct deltas *out, const struct deltas *lists, size_t n)
{
	bool any = true;
	for (unsigned round = 0; any; round++) {
		any = false;
		for (size_t i = 0; i < n; i++)
			if (round < lists[i].n) {
				struct text t = delta_at(&lists[i], round);
				bytes_add(&out->text, t.at, t.n);
				delta_end(out);
				any = true;
			}
	}
}

static void add_calls(struct deltas *out, const struct ask *ask, const struct json *calls)
{
	size_t n = json_count(calls), i = 0;
	struct deltas *lists = mem_take((n + 1) * sizeof *lists);
	bool interleaved = script_says(ask->script, "order", "interleaved");
	for (const struct json *call = calls->first; call; call = call->next, i++)
		add_call(interleaved ? &lists[i] : out, &(struct call_plan){call, ask, i, false});
	if (interleaved)
		mix(out, lists, n);
	for (i = 0; i < n; i++)
		deltas_finish(&lists[i]);
	mem_give(lists);
}

static void add_function_call(struct deltas *d, const struct json *call, const struct ask *ask)
{
	struct text left = call_arguments(call);
	int64_t step = script_int(ask->script, "fragment", 16);
	bytes_text(&d->text, "{\"function_call\":{\"name\":");
	bytes_json(&d->text, json_text(json_get(call, "name")));
	bytes_text(&d->text, ",\"arguments\":\"\"}}");
	delta_end(d);
	for (size_t n; left.n; left.at += n, left.n -= n) {
		n = delta_length(left, step < 1 ? left.n : (size_t)step);
		bytes_text(&d->text, "{\"function_call\":{\"arguments\":");
		bytes_json(&d->text, (struct text){left.at, n});
		bytes_text(&d->text, "}}");
		delta_end(d);
	}
}

static void list_deltas(struct deltas *out, const struct ask *ask)
{
	const struct json *calls = script_get(ask->script, "tool_calls");
	const struct json *function = script_get(ask->script, "function_call");
	struct deltas lists[2] = {0};
	bytes_text(&out->text, "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}");
	delta_end(out);
	add_text_deltas(
	        &lists[0], "reasoning_content", script_text(ask->script, "reasoning"), NULL);
	add_text_deltas(&lists[0], "refusal", script_text(ask->script, "refusal"), NULL);
	add_text_deltas(
	        &lists[0], "content", render_default_text(ask), script_get(ask->script, "deltas"));
	if (calls)
		add_calls(&lists[1], ask, calls);
	if (function)
		add_function_call(&lists[1], function, ask);
	if (script_true(ask->script, "mix", false)) {
		mix(out, lists, 2);
	} else {
		mix(out, &lists[0], 1);
		mix(out, &lists[1], 1);
	}
	deltas_finish(&lists[0]);
	deltas_finish(&lists[1]);
}

static void add_finish_reason(struct bytes *b, const struct ask *ask)
{
	struct text said = script_text(ask->script, "finish_reason");
	if (said.at)
		bytes_json(b, said);
	else if (script_get(ask->script, "tool_calls"))
		bytes_text(b, "\"tool_calls\"");
	else
		bytes_text(b, script_get(ask->script, "function_call") ? "\"function_call\""
		                                                       : "\"stop\"");
}

static void add_id(struct bytes *b, const struct ask *ask, const char *prefix, const char *object)
{
	bytes_format(b,
	        "{\"id\":\"%s-%lu\",\"object\":\"%s\",\"created\":1764000000,\"model\":", prefix,
	        ask->id, object);
	bytes_json(b, ask->model);
	bytes_text(b, ",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[");
}

/* The usage of a chunk that is not the last: what has been made so far, or null where it was asked
 * for. */
static void add_running_usage(struct answer *a, const struct ask *ask)
{
	if (script_says(ask->script, "usage_at", "every"))
		bytes_format(&a->body,
		        ",\"usage\":{\"prompt_tokens\":%lu,\"completion_tokens\":%u,\"total_"
		        "tokens\":%lu}",
		        ask->prompt_tokens, a->n_pieces, ask->prompt_tokens + a->n_pieces);
	else if (ask->include_usage)
		bytes_text(&a->body, ",\"usage\":null");
}

static void add_last_usage(struct answer *a)
{
	bytes_text(&a->body, ",\"usage\":");
	bytes_add(&a->body, a->usage.at, a->usage.n);
}

static void stream_usage(struct answer *a, const struct ask *ask, const char *object)
{
	bool said = script_says(ask->script, "usage_at", "every") ||
	            script_true(ask->script, "usage_always", false);
	if (!a->usage.n || !(ask->include_usage || said) ||
	        script_says(ask->script, "usage_at", "with_choices") ||
	        script_says(ask->script, "usage_at", "none"))
		return;
	event_begin(a);
	add_id(&a->body, ask, "chatcmpl", object);
	bytes_text(&a->body, "]");
	add_last_usage(a);
	bytes_text(&a->body, "}");
	event_end(a, ask);
	a->usage_end = a->body.n;
}

static void stream_finish(struct answer *a, const struct ask *ask, const char *object, int64_t n)
{
	bool chat = object[0] == 'c';
	for (int64_t choice = 0; choice < n; choice++) {
		event_begin(a);
		add_id(&a->body, ask, "chatcmpl", object);
		bytes_format(&a->body,
		        "{\"index\":%ld,%s,\"logprobs\":null,\"finish_reason\":", (long)choice,
		        chat ? "\"delta\":{}" : "\"text\":\"\"");
		add_finish_reason(&a->body, ask);
		bytes_text(&a->body, "}]");
		if (script_says(ask->script, "usage_at", "with_choices") && a->usage.n &&
		        choice == n - 1) {
			add_last_usage(a);
			bytes_text(&a->body, "}");
			event_end(a, ask);
			a->usage_end = a->body.n;
			continue;
		}
		add_running_usage(a, ask);
		bytes_text(&a->body, "}");
		event_end(a, ask);
	}
}

static void stream_chat(struct answer *a, const struct ask *ask, int64_t n)
{
	static const char object[] = "chat.completion.chunk";
	struct deltas list = {0};
	stream_head(a);
	list_deltas(&list, ask);
	for (unsigned i = 0; i < list.n; i++)
		for (int64_t choice = 0; choice < n; choice++) {
			struct text delta = delta_at(&list, i);
			event_begin(a);
			add_id(&a->body, ask, "chatcmpl", object);
			bytes_format(&a->body, "{\"index\":%ld,\"delta\":", (long)choice);
			bytes_add(&a->body, delta.at, delta.n);
			bytes_text(&a->body, ",\"logprobs\":null,\"finish_reason\":null}]");
			add_running_usage(a, ask);
			bytes_text(&a->body, "}");
			event_end(a, ask);
		}
	deltas_finish(&list);
	stream_finish(a, ask, object, n);
	stream_usage(a, ask, object);
	stream_done(a, ask);
}

static void add_message(struct answer *a, const struct ask *ask)
{
	const struct json *calls = script_get(ask->script, "tool_calls");
	const struct json *function = script_get(ask->script, "function_call");
	struct text said = render_default_text(ask),
	            reasoning = script_text(ask->script, "reasoning");
	size_t i = 0;
	bytes_text(&a->body, "\"message\":{\"role\":\"assistant\",\"content\":");
	if (said.n)
		bytes_json(&a->body, said);
	else
		bytes_text(&a->body, "null");
	if (reasoning.at) {
		bytes_text(&a->body, ",\"reasoning_content\":");
		bytes_json(&a->body, reasoning);
	}
	for (const struct json *c = calls ? calls->first : NULL; c; c = c->next, i++) {
		const char *what = call_is_custom(c) ? "custom" : "function";
		bytes_text(&a->body, i ? ",{\"id\":" : ",\"tool_calls\":[{\"id\":");
		add_call_id(&a->body, c, ask, i);
		bytes_format(&a->body, ",\"type\":\"%s\",\"%s\":{\"name\":", what, what);
		bytes_json(&a->body, json_text(json_get(c, "name")));
		bytes_format(&a->body, ",\"%s\":", call_is_custom(c) ? "input" : "arguments");
		bytes_json(&a->body, call_arguments(c));
		bytes_text(&a->body, "}}");
	}
	bytes_text(&a->body, i ? "]" : "");
	if (function) {
		bytes_text(&a->body, ",\"function_call\":{\"name\":");
		bytes_json(&a->body, json_text(json_get(function, "name")));
		bytes_text(&a->body, ",\"arguments\":");
		bytes_json(&a->body, call_arguments(function));
		bytes_text(&a->body, "}");
	}
	bytes_text(&a->body, ",\"refusal\":null}");
}

static void end_unary(struct answer *a)
{
	bytes_text(&a->body, "]");
	if (a->usage.n)
		add_last_usage(a);
	bytes_text(&a->body, "}");
	a->usage_end = a->usage.n ? a->body.n : 0;
	answer_piece(a, 0);
}

static void unary_chat(struct answer *a, const struct ask *ask, int64_t n)
{
	bytes_text(&a->headers, "content-type: application/json\r\n");
	add_id(&a->body, ask, "chatcmpl", "chat.completion");
	for (int64_t choice = 0; choice < n; choice++) {
		bytes_format(&a->body, "%s{\"index\":%ld,", choice ? "," : "", (long)choice);
		add_message(a, ask);
		bytes_text(&a->body, ",\"logprobs\":null,\"finish_reason\":");
		add_finish_reason(&a->body, ask);
		bytes_text(&a->body, "}");
	}
	end_unary(a);
}

static void note_called(struct answer *a, const struct json *call)
{
	bytes_text(&a->called, a->called.n ? "," : "");
	bytes_json(&a->called, json_text(json_get(call, "name")));
}

/* Events as the script wrote them: strings word for word, other values as JSON. */
static void stream_own_events(struct answer *a, const struct ask *ask, const struct json *events)
{
	stream_head(a);
	for (const struct json *e = events->first; e; e = e->next) {
		struct text said = e->type == JSON_STRING ? e->string : e->raw;
		event_begin(a);
		bytes_add(&a->body, said.at, said.n);
		event_end(a, ask);
	}
	if (!script_get(ask->script, "usage"))
		a->usage.n = 0;
	else
		a->usage_end = a->body.n;
	stream_done(a, ask);
}

void render_chat(struct answer *a, const struct ask *ask)
{
	const struct json *calls = script_get(ask->script, "tool_calls");
	const struct json *function = script_get(ask->script, "function_call");
	const struct json *events = script_get(ask->script, "events");
	bool stream = script_says(ask->script, "as", "sse") ||
	              (ask->stream && !script_says(ask->script, "as", "json"));
	int64_t n = script_int(ask->script, "n", json_int(json_get(ask->body, "n"), 1));
	uint64_t made = render_default_text(ask).n;
	for (const struct json *c = calls ? calls->first : NULL; c; c = c->next) {
		note_called(a, c);
		made += call_arguments(c).n;
	}
	if (function)
		note_called(a, function);
	render_usage(a, ask, (made / 4 + 1) * (uint64_t)(n < 1 ? 1 : n));
	if (events)
		stream_own_events(a, ask, events);
	else if (stream)
		stream_chat(a, ask, n);
	else
		unary_chat(a, ask, n);
}

void render_text_completion(struct answer *a, const struct ask *ask)
{
	static const char object[] = "text_completion";
	struct text said = render_default_text(ask);
	bool stream = script_says(ask->script, "as", "sse") ||
	              (ask->stream && !script_says(ask->script, "as", "json"));
	render_usage(a, ask, said.n / 4 + 1);
	if (!stream) {
		bytes_text(&a->headers, "content-type: application/json\r\n");
		add_id(&a->body, ask, "cmpl", object);
		bytes_text(&a->body, "{\"index\":0,\"text\":");
		bytes_json(&a->body, said);
		bytes_text(&a->body, ",\"logprobs\":null,\"finish_reason\":\"stop\"}");
		end_unary(a);
		return;
	}
	stream_head(a);
	for (size_t n, step = said.n / 20 + 1; said.n; said.at += n, said.n -= n) {
		n = delta_length(said, step);
		event_begin(a);
		add_id(&a->body, ask, "cmpl", object);
		bytes_text(&a->body, "{\"index\":0,\"text\":");
		bytes_json(&a->body, (struct text){said.at, n});
		bytes_text(&a->body, ",\"logprobs\":null,\"finish_reason\":null}]");
		add_running_usage(a, ask);
		bytes_text(&a->body, "}");
		event_end(a, ask);
	}
	stream_finish(a, ask, object, 1);
	stream_usage(a, ask, object);
	stream_done(a, ask);
}
