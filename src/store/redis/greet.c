/* SPDX-License-Identifier: Apache-2.0 */
/* greet: AUTH, SELECT, CLIENT SETNAME, the scripts and INFO leave together; the answers are judged
 * when the last has come, by the first that was refused. A name or a script that is refused spoils
 * nothing yet. */
#include "store/redis/greet.h"
#include <errno.h>
#include <stdio.h>
#include "store/redis/error.h"

static void greet_refused(struct redis_link *l, const struct redis_reply *reply)
{
	char note[160];

	snprintf(note, sizeof(note), "it said: %.*s",
	        (int)(reply->text.len < 120 ? reply->text.len : 120), reply->text.at);
	link_greeted(l, redis_error_of(reply), note);
}

static int greet_judge(const struct redis_link *l, const char **ret_note)
{
	if (l->info.is_loading) {
		*ret_note = "it is still loading its data";
		return -EAGAIN;
	}
	if (!l->info.is_master && !l->place->any_role) {
		*ret_note = "it is a replica, not the master";
		return -EROFS;
	}
	return 0;
}

static void greet_on_done(struct redis_ask *a, int result, const struct redis_reply *reply)
{
	(void)a;
	(void)result;
	(void)reply;
}

static void greet_on_answer(
        struct redis_ask *a, struct redis_link *l, int result, const struct redis_reply *reply)
{
	bool is_last = a == &l->greet[GREET_INFO];
	const char *note = "it does not say who it is";
	int r;

	ask_end(a, result, reply);
	if (l->state != LINK_GREETING)
		return;
	if (reply->type == REPLY_ERROR) {
		greet_refused(l, reply);
		return;
	}
	if (!is_last)
		return;
	r = l->place->is_sentinel ? 0 : info_parse(reply_text(reply), &l->info);
	if (!r && !l->place->is_sentinel)
		r = greet_judge(l, &note);
	link_greeted(l, r, note);
}

static int greet_ask(struct redis_link *l, enum link_greeting which, unsigned n)
{
	struct redis_ask *a = &l->greet[which];

	a->args = l->greet_words[which];
	a->n_args = n;
	a->reads = true;
	a->timeout = 3600 * NS_PER_S; /* the link's patience ends first */
	a->done = greet_on_done;
	a->answer = greet_on_answer;
	ask_begin(a, l->dialler->loop);
	return link_put(l, a);
}

static int greet_auth(struct redis_link *l)
{
	const struct redis_place *p = l->place;
	struct slice *words = l->greet_words[GREET_AUTH];
	unsigned n = 0;

	if (!p->password.len)
		return 0;
	words[n++] = SLICE("AUTH");
	if (p->user.len)
		words[n++] = p->user;
	words[n++] = p->password;
	return greet_ask(l, GREET_AUTH, n);
}

static int greet_select(struct redis_link *l)
{
	struct slice *words = l->greet_words[GREET_SELECT];
	char number[16];
	int r;

	if (!l->place->db)
		return 0;
	words[0] = SLICE("SELECT");
	words[1] = slice_from(number, (size_t)snprintf(number, sizeof(number), "%u", l->place->db));
	r = greet_ask(l, GREET_SELECT, 2);
	words[1] = SLICE("");
	return r;
}

static int greet_name(struct redis_link *l)
{
	const struct slice words[] = {SLICE("CLIENT"), SLICE("SETNAME"), l->place->name};

	return l->place->name.len ? link_tell(l, words, 3) : 0;
}

static int greet_scripts(struct redis_link *l)
{
	int r = 0;

	for (unsigned i = 0; !r && i < redis_scripts_n && !l->place->is_sentinel; i++) {
		const struct slice words[] = {
		        SLICE("SCRIPT"), SLICE("LOAD"), redis_scripts[i]->text};

		r = link_tell(l, words, 3);
	}
	return r;
}

static int greet_info(struct redis_link *l)
{
	l->greet_words[GREET_INFO][0] = l->place->is_sentinel ? SLICE("PING") : SLICE("INFO");
	return greet_ask(l, GREET_INFO, 1);
}

int link_greet(struct redis_link *l)
{
	int r = greet_auth(l);

	if (!r)
		r = greet_select(l);
	if (!r)
		r = greet_name(l);
	if (!r)
		r = greet_scripts(l);
	return r ? r : greet_info(l);
}
