/* SPDX-License-Identifier: Apache-2.0 */
/* stage: from a request to its play. Without a ledger, answers that depend on nothing in the body
 * are made once and kept: a benchmark then waits for the proxy, not for its provider. */
#include "server.h"
#include <string.h>

#define KEPT 64

static struct {
	struct bytes key;
	struct play *play;
} kept[KEPT];

static bool says(struct text body, const char *tight, const char *loose)
{
	return text_find(body, (struct text){tight, strlen(tight)}) >= 0 ||
	       text_find(body, (struct text){loose, strlen(loose)}) >= 0;
}

/* Whether the answer is the same for every request that looks like this one. */
static bool may_be_kept(const struct server *s, const struct request *r, struct text header)
{
	static const char *const words[] = {"[[script ", "\"n\":"};
	if (!s->prepared ||
	        !(text_is(r->path, "/v1/chat/completions") || text_is(r->path, "/v1/completions")))
		return false;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (text_find(r->body, (struct text){words[i], strlen(words[i])}) >= 0)
			return false;
	return text_find(header, TEXT("fail_first")) < 0 &&
	       text_find(bytes_view(&s->defaults_text), TEXT("fail_first")) < 0;
}

static void make_key(
        struct bytes *key, const struct request *r, struct text header, const struct ask *ask)
{
	key->n = 0;
	bytes_add(key, r->path.at, r->path.n);
	bytes_format(key, " %d%d%d ", ask->stream, ask->include_usage, r->keep_alive);
	bytes_add(key, header.at, header.n);
}

static void forget_kept(void)
{
	for (unsigned i = 0; i < KEPT; i++) {
		play_unref(kept[i].play);
		kept[i].play = NULL;
	}
}

static struct play *find_kept(const struct bytes *key, unsigned *ret_place)
{
	unsigned at = (unsigned)(text_hash(bytes_view(key)) % KEPT);
	*ret_place = at;
	bool same = kept[at].play && kept[at].key.n == key->n &&
	            !memcmp(kept[at].key.at, key->at, key->n);
	return same ? play_ref(kept[at].play) : NULL;
}

static void keep(unsigned place, struct bytes *key, struct play *play)
{
	play_unref(kept[place].play);
	kept[place].play = play_ref(play);
	kept[place].key.n = 0;
	bytes_add(&kept[place].key, key->at, key->n);
}

static bool key_is_wrong(const struct server *s, struct text credential)
{
	struct bytes digest = {0};
	if (!s->expect_key)
		return false;
	bytes_sha256(&digest, credential);
	bool wrong = !text_is(bytes_view(&digest), s->expect_key);
	bytes_finish(&digest);
	return wrong;
}

static struct text find_credential(const struct request *r)
{
	for (unsigned i = 0; i < r->n_fields; i++) {
		struct text found = credential_in(r->fields[i].name, r->fields[i].value);
		if (found.at)
			return found;
	}
	return (struct text){0};
}

static struct play *make_play(
        const struct server *s, const struct request *r, struct ask *ask, bool good_script)
{
	struct answer a = {0};
	ask->credential = find_credential(r);
	if (r->bad || !good_script)
		render_error(&a, ask, 400);
	else if (key_is_wrong(s, ask->credential))
		render_error(&a, ask, 401);
	else
		render(&a, ask);
	struct play *p = play_new(&a, ask->script, r->keep_alive && !r->bad);
	answer_finish(&a);
	return p;
}

static struct play *play_prepared(
        const struct server *s, const struct request *r, struct text header)
{
	static struct bytes key;
	struct ask ask = {.path = r->path, .model = TEXT("gpt-4o"), .id = 1, .prompt_tokens = 400};
	unsigned place;
	ask.stream = says(r->body, "\"stream\":true", "\"stream\": true");
	ask.include_usage =
	        ask.stream && says(r->body, "\"include_usage\":true", "\"include_usage\": true");
	make_key(&key, r, header, &ask);
	struct play *p = find_kept(&key, &place);
	if (p)
		return p;
	struct script script;
	bool good = script_init(&script, header, NULL, server_defaults(s));
	ask.script = &script;
	p = make_play(s, r, &ask, good);
	script_finish(&script);
	keep(place, &key, p);
	return p;
}

static struct play *control(struct server *s, const struct request *r)
{
	bool good = text_is(r->path, "/_/script") && server_set_script(s, r->body);
	if (text_is(r->path, "/_/release")) {
		for (struct conn *c = s->conns; c; c = conn_next(c))
			conn_release(c);
		good = true;
	}
	struct text answer = good ? TEXT("HTTP/1.1 204 Done\r\n\r\n")
	                          : TEXT("HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n");
	return play_raw(answer, true, good ? 204 : 400);
}

struct play *stage_play(struct server *s, uint64_t id, uint64_t connection, const struct request *r)
{
	struct text header = request_field(r, "x-script");
	if (!r->bad && r->path.n > 2 && !memcmp(r->path.at, "/_/", 3))
		return control(s, r);
	if (!r->bad && may_be_kept(s, r, header))
		return play_prepared(s, r, header);
	struct json_doc *body = r->bad ? NULL : json_read(r->body);
	struct script script;
	const struct json *root = body ? body->root : NULL;
	bool good = script_init(&script, header, root, server_defaults(s));
	struct ask ask = {.script = &script,
	        .body = root,
	        .path = r->path,
	        .model = json_text(json_get(root, "model")),
	        .id = id,
	        .prompt_tokens = r->body.n / 4 + 1};
	ask.stream = json_true(json_get(root, "stream"), false);
	ask.include_usage =
	        json_true(json_get(json_get(root, "stream_options"), "include_usage"), false);
	ledger_begin(&s->ledger, id, connection, r, &ask);
	struct play *p = make_play(s, r, &ask, good);
	script_finish(&script);
	json_free(body);
	return p;
}

bool server_set_script(struct server *s, struct text t)
{
	struct bytes copy = {0};
	bytes_add(&copy, t.at, t.n);
	struct json_doc *doc = json_read(bytes_view(&copy));
	if (!doc || !json_is(doc->root, JSON_OBJECT)) {
		json_free(doc);
		bytes_finish(&copy);
		return false;
	}
	json_free(s->defaults);
	bytes_finish(&s->defaults_text);
	s->defaults = doc;
	s->defaults_text = copy;
	s->accept_faults = 0;
	forget_kept();
	return true;
}

const struct json *server_defaults(const struct server *s)
{
	return s->defaults ? s->defaults->root : NULL;
}
