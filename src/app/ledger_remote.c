/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_remote: `weir ledger`, asked of a Weir that runs. */
#include <stdio.h>
#include <string.h>
#include "app/admin_client.h"
#include "app/ledger.h"
#include "app/print.h"
#include "app/state_place.h"

#define TARGET_ROOM 4096u
#define ANSWER_MAX ((size_t)64 << 20)

const char *const ledger_words[LEDGER_WORDS] = {"by", "per", "since", "until", "top", "format"};

/* Letters, digits and what stands in times and lists; all else is escaped. */
static int put_value(struct buf *out, const char *value)
{
	static const char hex[] = "0123456789ABCDEF";
	int r = 0;

	for (; *value && !r; value++) {
		unsigned char c = (unsigned char)*value;
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("-_.,:", c);

		r = plain ? buf_put_char(out, (char)c) : buf_put(out, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
	}
	return r;
}

static int put_target(struct buf *out, const struct ledger_options *o)
{
	int r = buf_put_str(out, "/api/ledger?format=");

	if (!r)
		r = put_value(out, o->words[LEDGER_WORDS - 1] ? o->words[LEDGER_WORDS - 1] : "table");
	for (unsigned i = 0; i + 1 < LEDGER_WORDS && !r; i++) {
		if (!o->words[i])
			continue;
		r = buf_printf(out, "&%s=", ledger_words[i]);
		if (!r)
			r = put_value(out, o->words[i]);
	}
	return r;
}

static int find(struct admin_client *c, const struct ledger_options *o)
{
	struct state_place p;
	int r;

	if (o->admin)
		return admin_client_find(c, o->admin, NULL);
	r = state_place_of_policy(&p, "ledger", o->config);
	if (!r)
		r = admin_client_find(c, NULL, p.conf);
	state_place_finish(&p);
	return r;
}

static int print_reply(struct admin_reply *reply)
{
	if (print_buf(stdout, &reply->body) < 0) {
		fputs("weir ledger: the result could not be written\n", stderr);
		return 1;
	}
	if (reply->behind)
		fputs("weir ledger: the running Weir's book is behind its journal: the latest calls are not in it yet\n", stderr);
	return reply->behind;
}

int ledger_ask_running(const struct ledger_options *o)
{
	struct admin_client c = {.command = "ledger"};
	struct admin_reply reply = {.body = BUF_INIT(ANSWER_MAX)};
	struct buf target = BUF_INIT(TARGET_ROOM);
	int r = find(&c, o);

	if (!r)
		r = admin_client_take_key(&c, o->key_file);
	if (!r && put_target(&target, o) < 0)
		r = print_usage_error("ledger", "the options are too long");
	if (!r)
		r = admin_client_get(&c, buf_slice(&target), &reply);
	if (!r)
		r = print_reply(&reply);
	admin_client_finish(&c);
	buf_finish(&target);
	buf_finish(&reply.body);
	return r;
}
