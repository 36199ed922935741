/* SPDX-License-Identifier: Apache-2.0 */
/* play: see play.h. */
#include "play.h"
#include <string.h>

struct staging {
	struct play *play;
	const struct answer *answer;
	const struct script *script;
	struct piece *pieces; /* owned: the content as it is cut up */
	unsigned n_pieces, cap_pieces;
	bool chunked, apart;
	size_t head_at, head_end;
	ptrdiff_t fault_at; /* in content; -1: not there */
	size_t cut;         /* fault_at as a place in octets */
};

static void add_act(struct play *p, size_t end, uint32_t wait_us, enum act_then then, bool apart)
{
	struct act *last = p->n_acts ? &p->acts[p->n_acts - 1] : NULL;
	if (last && !wait_us && !apart && last->then == THEN_GO_ON && then == THEN_GO_ON) {
		last->end = end;
		return;
	}
	if (p->n_acts == p->cap_acts) {
		p->cap_acts = p->cap_acts ? p->cap_acts * 2 : 4;
		p->acts = mem_grow(p->acts, p->cap_acts * sizeof *p->acts);
	}
	p->acts[p->n_acts++] = (struct act){.end = end, .wait_us = wait_us, .then = (uint8_t)then};
}

/* `held`: true: nothing is said until somebody releases it; a number: after so many pieces. */
static bool is_held(const struct staging *st, unsigned pieces)
{
	const struct json *held = script_get(st->script, "held");
	return pieces ? json_int(held, 0) == (int64_t)pieces : json_true(held, false);
}

static void add_piece(struct staging *st, size_t end, uint32_t wait_us)
{
	if (st->n_pieces == st->cap_pieces) {
		st->cap_pieces = st->cap_pieces ? st->cap_pieces * 2 : 32;
		st->pieces = mem_grow(st->pieces, st->cap_pieces * sizeof *st->pieces);
	}
	st->pieces[st->n_pieces++] = (struct piece){end, wait_us};
}

/* `chunking`: {"bytes": n}, {"random": seed, "max": n}, {"split_at": k}, {"whole": true}; an event
 * a piece otherwise. */
static void cut_into_pieces(struct staging *st)
{
	const struct json *how = script_get(st->script, "chunking");
	const struct answer *a = st->answer;
	int64_t bytes = json_int(json_get(how, "bytes"), 0),
	        split_at = json_int(json_get(how, "split_at"), -1);
	int64_t max = json_int(json_get(how, "max"), 64);
	uint64_t seed = (uint64_t)json_int(json_get(how, "random"), 0);
	uint32_t gap = (uint32_t)json_int(json_get(how, "gap_us"), 0);
	st->apart = how && !json_true(json_get(how, "together"), false);
	if (json_true(json_get(how, "whole"), false)) {
		add_piece(st, a->body.n, 0);
		return;
	}
	if (bytes > 0 || json_get(how, "random")) {
		for (size_t at = 0; at < a->body.n;) {
			size_t n = bytes > 0 ? (size_t)bytes
			                     : 1 + chance(&seed) % (uint64_t)(max < 1 ? 1 : max);
			at = a->body.n - at < n ? a->body.n : at + n;
			add_piece(st, at, gap);
		}
		return;
	}
	for (unsigned i = 0; i < a->n_pieces; i++) {
		size_t begin = i ? a->pieces[i - 1].end : 0;
		if (split_at > 0 && begin + (size_t)split_at < a->pieces[i].end) {
			add_piece(st, begin + (size_t)split_at, a->pieces[i].wait_us);
			add_piece(st, a->pieces[i].end, gap);
		} else {
			add_piece(st, a->pieces[i].end, a->pieces[i].wait_us);
		}
	}
}

/* Where the fault strikes, in content; head places are negative. */
enum { AT_NOWHERE = -4, AT_HEAD = -3, AT_MID_HEAD = -2 };

static ptrdiff_t find_fault_place(const struct staging *st, const struct json *fault)
{
	const struct json *at = json_get(fault, "at");
	struct text word = json_text(at);
	int64_t event = json_int(json_get(fault, "event"), -1);
	size_t whole = st->answer->body.n;
	if (event >= 0) {
		unsigned i = event > st->answer->n_pieces ? st->answer->n_pieces : (unsigned)event;
		return i ? (ptrdiff_t)st->answer->pieces[i - 1].end : 0;
	}
	if (json_is(at, JSON_NUMBER)) {
		int64_t n = json_int(at, 0);
		return n < 0 ? 0 : n > (int64_t)whole ? (ptrdiff_t)whole : (ptrdiff_t)n;
	}
	return text_is(word, "head")       ? AT_HEAD
	       : text_is(word, "mid_head") ? AT_MID_HEAD
	       : text_is(word, "body")     ? 0
	       : text_is(word, "mid")      ? (ptrdiff_t)(whole / 2)
	                                   : (ptrdiff_t)whole;
}

static void put_interim(struct staging *st)
{
	const struct json *list = script_get(st->script, "interim");
	for (const struct json *m = list ? list->first : NULL; m; m = m->next) {
		bytes_format(&st->play->octets, "HTTP/1.1 %ld Interim\r\n", (long)json_int(m, 103));
		bytes_text(
		        &st->play->octets, json_int(m, 103) == 103 ? "link: </x>\r\n\r\n" : "\r\n");
		add_act(st->play, st->play->octets.n, 0, THEN_GO_ON, true);
	}
}

static void put_head(struct staging *st, bool keep_alive, int64_t length_error)
{
	struct play *p = st->play;
	const struct answer *a = st->answer;
	struct text version = script_text(st->script, "version");
	struct text framing = script_text(st->script, "framing");
	int64_t delay = script_int(st->script, "delay_ms", 0) * 1000 +
	                script_int(st->script, "delay_us", 0);
	bool plain_close = text_is(framing, "close");
	st->chunked = !plain_close && !text_is(framing, "length") &&
	              (a->stream || text_is(framing, "chunked"));
	p->keep_alive = keep_alive && !plain_close && !script_true(st->script, "close", false);
	put_interim(st);
	st->head_at = p->octets.n;
	bytes_add(&p->octets, version.at ? version.at : "HTTP/1.1", version.at ? version.n : 8);
	bytes_format(&p->octets, " %u %s\r\n", a->status, a->status == 200 ? "OK" : "Scripted");
	bytes_add(&p->octets, a->headers.at, a->headers.n);
	if (st->chunked)
		bytes_text(&p->octets, "transfer-encoding: chunked\r\n");
	else if (!plain_close)
		bytes_format(&p->octets, "content-length: %ld\r\n",
		        (long)a->body.n + (long)length_error);
	if (!p->keep_alive)
		bytes_text(&p->octets, "connection: close\r\n");
	bytes_text(&p->octets, "\r\n");
	st->head_end = p->octets.n;
	add_act(p, p->octets.n, (uint32_t)delay, THEN_GO_ON,
	        is_held(st, 0) || script_true(st->script, "head_apart", false));
	p->acts[p->n_acts - 1].held = is_held(st, 0);
}

/* Content goes out; where the fault's place is passed, it is noted as a place in octets. */
static void put_content(struct staging *st)
{
	struct play *p = st->play;
	const char *body = st->answer->body.at;
	size_t begin = 0;
	for (unsigned i = 0; i < st->n_pieces; i++) {
		size_t end = st->pieces[i].end;
		bool holds_fault =
		        st->fault_at >= (ptrdiff_t)begin && st->fault_at <= (ptrdiff_t)end;
		if (holds_fault && st->fault_at == (ptrdiff_t)begin && !st->cut)
			st->cut = p->octets.n;
		if (st->chunked)
			bytes_format(&p->octets, "%zx\r\n", end - begin);
		if (holds_fault && !st->cut)
			st->cut = p->octets.n + (size_t)st->fault_at - begin;
		bytes_add(&p->octets, body + begin, end - begin);
		if (st->chunked)
			bytes_text(&p->octets, "\r\n");
		if (holds_fault && st->fault_at == (ptrdiff_t)end)
			st->cut = p->octets.n;
		if (!p->usage_end && st->answer->usage_end && end >= st->answer->usage_end)
			p->usage_end = p->octets.n;
		bool held = i && is_held(st, i);
		add_act(p, p->octets.n, st->pieces[i].wait_us, THEN_GO_ON, st->apart || held);
		p->acts[p->n_acts - 1].held |= held;
		begin = end;
	}
	if (st->chunked)
		bytes_text(&p->octets, "0\r\n\r\n");
	add_act(p, p->octets.n, 0, THEN_GO_ON, false);
}

/* Keeps what is sent up to the cut. */
static void cut_short(struct staging *st)
{
	struct play *p = st->play;
	while (p->n_acts && p->acts[p->n_acts - 1].end > st->cut)
		p->n_acts--;
	p->octets.n = st->cut;
	uint32_t wait = p->n_acts ? 0 : (uint32_t)script_int(st->script, "delay_ms", 0) * 1000;
	add_act(p, st->cut, wait, THEN_GO_ON, true);
	if (p->usage_end > st->cut)
		p->usage_end = 0;
}

static void drip(struct staging *st, const struct json *fault)
{
	struct play *p = st->play;
	size_t step = (size_t)json_int(json_get(fault, "bytes"), 1), whole = p->octets.n,
	       usage_end = p->usage_end;
	uint32_t wait = (uint32_t)json_int(json_get(fault, "every_ms"), 100) * 1000;
	cut_short(st);
	p->octets.n = whole;
	p->usage_end = usage_end;
	for (size_t at = st->cut; at < whole;) {
		at = whole - at < step ? whole : at + step;
		add_act(p, at, wait, THEN_GO_ON, true);
	}
}

static void garbage(struct staging *st, const struct json *fault)
{
	struct play *p = st->play;
	struct text said = json_text(json_get(fault, "text"));
	uint64_t seed = (uint64_t)json_int(json_get(fault, "seed"), 1);
	cut_short(st);
	if (said.at)
		bytes_add(&p->octets, said.at, said.n);
	else
		bytes_text(&p->octets, "SSH-2.0-OpenSSH_9.2p1\r\n");
	for (int64_t i = json_int(json_get(fault, "bytes"), 512); i > 0; i--)
		bytes_add(&p->octets, &(char){(char)chance(&seed)}, 1);
	add_act(p, p->octets.n, 0, THEN_CLOSE, true);
}

static void surplus(struct play *p, const struct json *fault)
{
	struct text said = json_text(json_get(fault, "text"));
	static const char poison[] =
	        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n"
	        "{\"poison\":\"yes!\"}";
	bytes_add(&p->octets, said.at ? said.at : poison, said.at ? said.n : sizeof poison - 1);
	bool apart = json_true(json_get(fault, "apart"), false);
	add_act(p, p->octets.n, (uint32_t)json_int(json_get(fault, "after_ms"), 0) * 1000,
	        THEN_GO_ON, apart);
}

static void strike(struct staging *st, const struct json *fault)
{
	static const struct {
		const char *name;
		enum act_then then;
	} ends[] = {{"reset", THEN_RESET}, {"close", THEN_CLOSE}, {"half_close", THEN_HALF_CLOSE},
	        {"stall", THEN_STALL}};
	struct text kind =
	        json_is(fault, JSON_STRING) ? fault->string : json_text(json_get(fault, "kind"));
	if (st->fault_at == AT_HEAD)
		st->cut = st->head_at;
	else if (st->fault_at == AT_MID_HEAD)
		st->cut = st->head_at + (st->head_end - st->head_at) / 2;
	else if (!st->cut)
		st->cut = st->head_end;
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (text_is(kind, ends[i].name)) {
			st->play->fault = ends[i].name;
			cut_short(st);
			add_act(st->play, st->cut,
			        (uint32_t)json_int(json_get(fault, "after_ms"), 0) * 1000,
			        ends[i].then, true);
		}
	if (text_is(kind, "drip")) {
		st->play->fault = "drip";
		drip(st, fault);
	} else if (text_is(kind, "garbage")) {
		st->play->fault = "garbage";
		garbage(st, fault);
	} else if (text_is(kind, "surplus")) {
		st->play->fault = "surplus";
		surplus(st->play, fault);
	}
}

/* A content-length that is wrong by this much; a longer one than there is content ends in silence,
 * or with the connection. */
static int64_t find_length_error(struct play *p, const struct json *fault)
{
	struct text kind = json_text(json_get(fault, "kind"));
	int64_t by = json_int(json_get(fault, "by"), 10);
	if (text_is(kind, "length_short"))
		p->fault = "length_short";
	else if (text_is(kind, "length_long"))
		p->fault = "length_long";
	else
		return 0;
	return p->fault[7] == 's' ? -by : by;
}

static struct play *raw_from_script(const struct script *s, struct text octets, bool keep_alive)
{
	struct play *p = play_raw(octets, keep_alive && !script_true(s, "close", false), 0);
	const struct json *chunking = script_get(s, "chunking");
	int64_t step = json_int(json_get(chunking, "bytes"), 0);
	if (step > 0) {
		p->n_acts = 0;
		for (size_t at = 0; at < p->octets.n;) {
			at = p->octets.n - at < (size_t)step ? p->octets.n : at + (size_t)step;
			add_act(p, at, (uint32_t)json_int(json_get(chunking, "gap_us"), 0),
			        THEN_GO_ON, true);
		}
	}
	return p;
}

struct play *play_new(struct answer *a, const struct script *s, bool keep_alive)
{
	struct text raw = script_text(s, "raw"), raw64 = script_text(s, "raw64");
	if (raw.at)
		return raw_from_script(s, raw, keep_alive);
	if (raw64.at) {
		struct bytes plain = {0};
		bytes_unbase64(&plain, raw64);
		struct play *decoded = raw_from_script(s, bytes_view(&plain), keep_alive);
		bytes_finish(&plain);
		return decoded;
	}
	struct play *p = mem_take(sizeof *p);
	struct staging st = {.play = p, .answer = a, .script = s, .fault_at = AT_NOWHERE};
	const struct json *fault = script_get(s, "fault");
	p->refs = 1;
	p->status = a->status;
	p->usage = a->usage;
	p->called = a->called;
	a->usage = a->called = (struct bytes){0};
	cut_into_pieces(&st);
	if (fault)
		st.fault_at = find_fault_place(&st, fault);
	put_head(&st, keep_alive, fault ? find_length_error(p, fault) : 0);
	put_content(&st);
	if (fault && !p->fault)
		strike(&st, fault);
	if (p->fault && p->fault[0] == 'l')
		p->keep_alive = json_true(json_get(fault, "open"), false);
	mem_give(st.pieces);
	return p;
}

struct play *play_raw(struct text octets, bool keep_alive, unsigned status)
{
	struct play *p = mem_take(sizeof *p);
	*p = (struct play){.refs = 1, .status = status, .keep_alive = keep_alive};
	bytes_add(&p->octets, octets.at, octets.n);
	add_act(p, octets.n, 0, THEN_GO_ON, false);
	return p;
}

struct play *play_ref(struct play *p)
{
	p->refs++;
	return p;
}

void play_unref(struct play *p)
{
	if (!p || --p->refs)
		return;
	bytes_finish(&p->octets);
	bytes_finish(&p->usage);
	bytes_finish(&p->called);
	mem_give(p->acts);
	mem_give(p);
}
