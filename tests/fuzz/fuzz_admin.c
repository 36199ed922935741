/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_admin: whatever stands in a request to the admin listener, only who shows an operator's key
 * gets through, from no foreign page and to what his role allows; and what he asks of the ledger
 * can be asked. The input is lines: method, target, host, origin, authorization, x-weir-key. */
#include <assert.h>
#include "admin/judge.h"
#include "admin/query.h"
#include "observe/ledger_ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

enum { METHOD, TARGET, HOST, ORIGIN, BEARER, KEY, LINES };

static struct operator_conf operators[2] = {
        {.name = SLICE_INIT("looks"), .roles = ROLE_READ},
        {.name = SLICE_INIT("acts"), .roles = ROLE_OPERATE},
};
static const struct slice keys[2] = {SLICE_INIT("a"), SLICE_INIT("bb")};
static const struct listener_conf listener = {
        .kind = LISTENER_ADMIN, .address = {.host = SLICE_INIT("127.0.0.1"), .port = 4001}};

static void split(struct slice text, struct slice lines[LINES])
{
	for (unsigned i = 0; i < LINES; i++) {
		const char *end = text.len ? memchr(text.at, '\n', text.len) : NULL;

		lines[i] = slice_from(text.at, end ? (size_t)(end - text.at) : text.len);
		text = slice_skip(text, lines[i].len + (end != NULL));
	}
}

static void ask_the_ledger(struct slice rest)
{
	struct query_pair pair;
	struct ledger_ask a;

	ledger_ask_init(&a, UINT64_C(1795824000));
	while (query_next(&rest, &pair) == 1) {
		assert(pair.name.len <= QUERY_VALUE_MAX && pair.value.len <= QUERY_VALUE_MAX);
		for (size_t i = 0; i < pair.value.len; i++)
			assert(pair.value.at[i] > ' ' && pair.value.at[i] < 0x7f);
		ledger_ask_set(&a, pair.name, pair.value);
	}
	assert(ledger_can(&a.query) && a.query.n_by <= BY_N);
}

static void check(const struct slice lines[LINES], const struct admin_request *a)
{
	unsigned who = a->operator== & operators[1];

	assert(slice_equals(lines[KEY], keys[who]) ||
	        slice_ends(slice_trim(lines[BEARER]), keys[who]));
	assert(a->operator->roles & a->route->role);
	assert(!lines[ORIGIN].len || slice_starts(lines[ORIGIN], SLICE("http")));
	ask_the_ledger(a->query);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct admin_realm realm = {&listener, SLICE("https://weir.example"), operators, 2};
	struct slice lines[LINES];
	struct admin_refusal why;
	struct admin_request a;
	struct head h;

	split(slice_from((const char *)at, len), lines);
	for (unsigned i = 0; i < 2; i++)
		sha256(keys[i], operators[i].key_sha256);
	head_init(&h);
	h.method = method_of(lines[METHOD]);
	h.target = lines[TARGET];
	head_add_id(&h, HEADER_HOST, lines[HOST]);
	if (lines[ORIGIN].len)
		head_add_id(&h, HEADER_ORIGIN, lines[ORIGIN]);
	if (lines[BEARER].len)
		head_add_id(&h, HEADER_AUTHORIZATION, lines[BEARER]);
	if (lines[KEY].len)
		head_add_id(&h, HEADER_X_WEIR_KEY, lines[KEY]);
	if (admin_judge(&realm, &h, &a, &why))
		check(lines, &a);
	else
		assert(why.detail && why.is_strangers == !a.operator);
	head_finish(&h);
	ask_the_ledger(lines[TARGET]);
	return 0;
}
