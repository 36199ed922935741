/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of journal/pack: what was packed comes back whole; what is packed is msgpack also to
 * msgpack-c; what is not a record is refused; what a later version writes is passed over. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <msgpack.h>
#include "journal/pack.h"
#include "rig/journal_rig.h"

struct fixture {
	struct buf out;
	struct users users;
	struct seal *seals[1];
	struct unpack unpack;
	struct entry entry;
	char *record; /* owned: what entry's texts were unpacked from */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	buf_init(&f->out, 1u << 20);
	f->seals[0] = &f->users.seal;
	f->unpack = (struct unpack){.seals = f->seals, .n_seals = 1};
	buf_init(&f->unpack.lists, 1u << 20);
	return users_init(&f->users, JOURNAL_KEY);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_finish(&f->out);
	unpack_finish(&f->unpack);
	users_finish(&f->users);
	free(f->record);
	free(f);
	return 0;
}

static struct slice pack(struct fixture *f, enum entry_kind kind, const void *entry)
{
	buf_clear(&f->out);
	assert_int_equal(entry_pack(&f->out, kind, entry, &f->users), 0);
	return buf_slice(&f->out);
}

static const void *pack_and_unpack(struct fixture *f, enum entry_kind kind, const void *entry)
{
	assert_int_equal(entry_unpack(&f->unpack, pack(f, kind, entry), &f->entry), 0);
	assert_int_equal(f->entry.kind, kind);
	return &f->entry.segment;
}

static void assert_same(const struct shape *s, const void *a, const void *b);

static void assert_same_field(const struct field *f, const void *a, const void *b)
{
	const char *x = field_at(f, a), *y = field_at(f, b);
	const void *const *lists[2] = {(const void *const *)x, (const void *const *)y};
	unsigned n;

	switch ((enum field_type)f->type) {
	case FIELD_TEXT:
	case FIELD_CALL:
	case FIELD_BYTES:
	case FIELD_USER:
		assert_true(slice_equals(*(const struct slice *)x, *(const struct slice *)y));
		break;
	case FIELD_BOOL:
		assert_int_equal(*x, *y);
		break;
	case FIELD_U32:
		assert_memory_equal(x, y, 4);
		break;
	case FIELD_LIST:
		n = *(const unsigned *)((const char *)a + f->other);
		assert_int_equal(n, *(const unsigned *)((const char *)b + f->other));
		for (unsigned i = 0; i < n; i++)
			assert_same(f->of, (const char *)*lists[0] + i * f->of->size,
			        (const char *)*lists[1] + i * f->of->size);
		break;
	default:
		assert_memory_equal(x, y, 8);
	}
}

static void assert_same(const struct shape *s, const void *a, const void *b)
{
	for (unsigned i = 0; i < s->n; i++)
		assert_same_field(&s->fields[i], a, b);
}

static const struct {
	enum entry_kind kind;
	const void *entry;
} full[] = {
        {ENTRY_DECISION, &full_decision},
        {ENTRY_RESERVATION, &full_reservation},
        {ENTRY_SETTLEMENT, &full_settlement},
        {ENTRY_OUTCOME, &full_outcome},
        {ENTRY_ADMIN_ACTION, &full_admin_action},
        {ENTRY_DECISION, &usual_decision},
        {ENTRY_OUTCOME, &usual_outcome},
};

static void every_member_comes_back(void **state)
{
	for (size_t i = 0; i < sizeof(full) / sizeof(*full); i++)
		assert_same(shape_of(full[i].kind), full[i].entry,
		        pack_and_unpack(*state, full[i].kind, full[i].entry));
}

static void what_says_nothing_takes_no_room(void **state)
{
	struct entry_settlement none = {.cost = 0};
	struct slice record = pack(*state, ENTRY_SETTLEMENT, &none);

	assert_slice(record, "\xde\x00\x01\xa4kind\x04");
	assert_same(shape_of(ENTRY_SETTLEMENT), &none,
	        pack_and_unpack(*state, ENTRY_SETTLEMENT, &none));
}

static void the_extremes_of_numbers_come_back(void **state)
{
	struct entry_settlement e = {
	        .cost = INT64_MIN, .tokens = UINT64_MAX, .wall_ns = UINT64_MAX};

	for (unsigned shift = 0; shift < 64; shift++) {
		assert_same(shape_of(ENTRY_SETTLEMENT), &e,
		        pack_and_unpack(*state, ENTRY_SETTLEMENT, &e));
		e.cost = shift & 1 ? (nanousd)(UINT64_MAX >> 1 >> shift) : INT64_MIN >> shift;
		e.tokens >>= 1;
	}
}

static void msgpack_c_reads_what_is_packed(void **state)
{
	for (size_t i = 0; i < sizeof(full) / sizeof(*full); i++) {
		struct slice record = pack(*state, full[i].kind, full[i].entry);
		msgpack_unpacked result;
		size_t at = 0;

		msgpack_unpacked_init(&result);
		assert_int_equal(msgpack_unpack_next(&result, record.at, record.len, &at),
		        MSGPACK_UNPACK_SUCCESS);
		assert_int_equal(at, record.len);
		assert_int_equal(result.data.type, MSGPACK_OBJECT_MAP);
		for (uint32_t k = 0; k < result.data.via.map.size; k++) {
			msgpack_object_kv *pair = &result.data.via.map.ptr[k];
			const struct shape *s = shape_of(full[i].kind);
			uint64_t number = pair->key.via.u64;

			assert_int_equal(pair->key.type,
			        k ? MSGPACK_OBJECT_POSITIVE_INTEGER : MSGPACK_OBJECT_STR);
			if (k)
				assert_in_range(number, 1, s->n);
			if (k && !strcmp(s->fields[number - 1].name, "agent"))
				assert_int_equal(pair->val.type, MSGPACK_OBJECT_STR);
		}
		msgpack_unpacked_destroy(&result);
	}
}

static void a_user_is_nowhere_to_be_read_without_the_key(void **state)
{
	struct fixture *f = *state;
	struct slice record = pack(f, ENTRY_DECISION, &full_decision);

	assert_false(slice_holds(record, SLICE("maria")));
	f->unpack.n_seals = 0;
	assert_int_equal(entry_unpack(&f->unpack, record, &f->entry), 0);
	assert_int_equal(f->entry.decision.who.user.len, 0);
	assert_int_equal(f->entry.decision.who.user_sealed.len, 17 + SEAL_OVERHEAD);
	assert_slice(f->entry.decision.who.agent, "support");
}

/* Whoever was sealed before, and whoever took whose place: the bytes are those of the seal. */
static void a_user_that_is_remembered_is_sealed_as_anew(void **state)
{
	uint8_t room[ENTRY_USER_MAX + SEAL_OVERHEAD], want[ENTRY_USER_MAX + SEAL_OVERHEAD];
	struct fixture *f = *state;
	char name[200];
	struct seal fresh;

	assert_int_equal(seal_init(&fresh, JOURNAL_KEY, USER_LABEL), 0);
	for (unsigned i = 0; i < 3000; i++) {
		size_t len = (size_t)snprintf(name, sizeof(name), "user-%u", i % 7 ? i % 300 : 1);

		if (i % 11 == 0) {
			memset(name, 'x', 100);
			len = USER_KEPT_MAX - 1 + i % 3;
		}
		const uint8_t *got = users_seal(&f->users, slice_from(name, len), room);
		assert_non_null(got);
		assert_int_equal(seal_put(&fresh, slice_from(name, len), want), 0);
		assert_memory_equal(got, want, len + SEAL_OVERHEAD);
	}
	seal_finish(&fresh);
}

static void what_is_too_long_is_cut_and_the_record_says_so(void **state)
{
	static char text[100000];
	struct entry_outcome e = full_outcome;
	struct entry_tool tools[200];
	struct fixture *f = *state;

	memset(text, 'x', sizeof(text));
	e.who.agent = e.who.team = e.who.user = e.who.workflow = e.who.workflow_type =
	        e.who.session = e.model = e.upstream_model = e.upstream = e.code = e.ended_by =
	                e.cache = e.dialect = e.action = slice_from(text, sizeof(text));
	for (unsigned i = 0; i < 200; i++)
		tools[i] = (struct entry_tool){.name = slice_from(text, sizeof(text)), .cost = 1};
	e.tools = tools;
	e.n_tools = 200;
	struct slice record = pack(f, ENTRY_OUTCOME, &e);
	assert_in_range(record.len, 1, RECORD_MAX);
	assert_true(slice_holds(record, SLICE("\xa3"
	                                      "cut\xc3")));
	assert_int_equal(entry_unpack(&f->unpack, record, &f->entry), 0);
	assert_int_equal(f->entry.outcome.who.agent.len, ENTRY_TEXT_MAX);
	assert_int_equal(f->entry.outcome.who.user.len, ENTRY_USER_MAX);
	assert_in_range(f->entry.outcome.n_tools, 5, 199);
	assert_false(slice_holds(pack(f, ENTRY_OUTCOME, &full_outcome), SLICE("cut")));
}

static void a_list_of_many_small_things_is_cut_too(void **state)
{
	static struct entry_tool tools[20000];
	struct entry_outcome e = {.tools = tools, .n_tools = 20000};
	struct fixture *f = *state;
	struct slice record = pack(f, ENTRY_OUTCOME, &e);

	assert_in_range(record.len, 1, RECORD_MAX);
	assert_int_equal(entry_unpack(&f->unpack, record, &f->entry), 0);
	assert_in_range(f->entry.outcome.n_tools, 100, RECORD_ITEMS_MAX);
}

/* A budget has to be charged what was reserved, under the name under which it was. */
static void a_reservation_is_never_cut(void **state)
{
	static char text[ENTRY_TEXT_MAX + 1];
	static struct entry_counter counters[200];
	struct entry_reservation e = full_reservation;
	struct fixture *f = *state;

	buf_clear(&f->out);
	e.id = slice_from(text, sizeof(text));
	assert_int_equal(entry_pack(&f->out, ENTRY_RESERVATION, &e, &f->users), -EMSGSIZE);
	e = full_reservation;
	e.counters = counters;
	e.n = 200;
	for (unsigned i = 0; i < e.n; i++)
		counters[i].name = slice_from(text, ENTRY_TEXT_MAX);
	assert_int_equal(entry_pack(&f->out, ENTRY_RESERVATION, &e, &f->users), -EMSGSIZE);
	assert_int_equal(buf_len(&f->out), 0);
	e.n = 20;
	assert_int_equal(entry_pack(&f->out, ENTRY_RESERVATION, &e, &f->users), 0);
}

static int unpack_literal(struct fixture *f, struct slice record)
{
	/* In memory of exactly its size. */
	free(f->record);
	f->record = malloc(record.len ? record.len : 1);
	memcpy(f->record, record.at, record.len);
	return entry_unpack(&f->unpack, slice_from(f->record, record.len), &f->entry);
}
#define UNPACK(literal) unpack_literal(*state, SLICE(literal))

static void what_a_later_version_adds_is_passed_over(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(UNPACK("\x81\xa4kind\x20"), 0);
	assert_int_equal(f->entry.kind, 32);
	assert_int_equal(UNPACK("\x82\xa4kind\x20\xa5"
	                        "agent\x93\xc0\x81\x01\x02\xcb\0\0\0\0\0\0\0\0"),
	        0);
	assert_int_equal(UNPACK("\x84\xa4kind\x04\xa3new\xc7\x02\x05xx\xa4more\xd8\x01"
	                        "0123456789abcdef\xa6tokens\x07"),
	        0);
	assert_int_equal(f->entry.settlement.tokens, 7);
	/* A number may be written longer than it has to be. */
	assert_int_equal(UNPACK("\x82\xa4kind\xcd\0\x04\xa6tokens\xd3\0\0\0\0\0\0\0\x09"), 0);
	assert_int_equal(f->entry.settlement.tokens, 9);
	assert_int_equal(
	        UNPACK("\x84\xa4kind\x04\x00\x93\xc0\x81\x01\x02\x01\x7f\xa1x\x05\x06"), 0);
	assert_int_equal(f->entry.settlement.tokens, 6);
}

/* Weir writes them in the order of their numbers, and reads them in any. */
static void members_come_in_any_order(void **state)
{
	struct fixture *f = *state;
	const struct entry_settlement *e = &f->entry.settlement;

	assert_int_equal(
	        UNPACK("\x86\xa4kind\x04\x05\xcd\x01\x02\x02\xa3r:1\x04\xd0\xfb\x06\xc3\x01\x7f"),
	        0);
	assert_int_equal(e->tokens, 258);
	assert_slice(e->id, "r:1");
	assert_int_equal(e->cost, -5);
	assert_true(e->estimated);
	assert_int_equal(e->wall_ns, 127);
	assert_int_equal(UNPACK("\x83\xa4kind\x04\x01\x7f\x01\x7f"), -EBADMSG);
	assert_int_equal(UNPACK("\x84\xa4kind\x04\x01\x7f\x05\x01\x01\x7f"), -EBADMSG);
	assert_int_equal(
	        UNPACK("\x82\xa4kind\x04\x04\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), -EBADMSG);
	assert_int_equal(UNPACK("\x82\xa4kind\x05\x11\xcf\0\0\0\1\0\0\0\0"), -EBADMSG);
	assert_int_equal(UNPACK("\x82\xa4kind\x05\x11\xcd\1"), -EBADMSG);
	assert_int_equal(UNPACK("\xde\0\0\xa4kind\x04"), -EBADMSG);
}

static void names_are(const char *want, const struct shape *s)
{
	char names[1024] = "";

	assert_in_range(s->n, 1, SHAPE_FIELDS_MAX);
	for (unsigned i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];

		assert_int_equal(strlen(f->name), f->len);
		strncat(names, " ", 2);
		strncat(names, f->name, 64);
		if (f->type == FIELD_LIST) {
			strncat(names, "[", 2);
			for (unsigned k = 0; k < f->of->n; k++) {
				strncat(names, k ? " " : "", 2);
				strncat(names, f->of->fields[k].name, 64);
			}
			strncat(names, "]", 2);
		}
	}
	assert_string_equal(names + 1, want);
}

/* What stands in files cannot be renumbered: these lists only grow at their ends. */
static void the_numbers_of_members_stay(void **state)
{
#define WHO                                                                                        \
	"timestamp request_id agent team user_id user_verified workflow_id workflow_verified "     \
	"workflow_type session session_verified "
	(void)state;
	names_are("timestamp format version instance worker segment previous_segment previous_hash "
	          "encryption",
	        shape_of(ENTRY_SEGMENT));
	names_are(WHO "listener dialect action model tool upstream decision code rule reasoning "
	              "policy_version tools_offered tools_removed",
	        shape_of(ENTRY_DECISION));
	names_are("timestamp id request_id expires cost_nanousd tokens counters[group name window "
	          "ends lessee]",
	        shape_of(ENTRY_RESERVATION));
	names_are("timestamp id request_id cost_nanousd tokens estimated by_recovery",
	        shape_of(ENTRY_SETTLEMENT));
	names_are(WHO "dialect action model upstream_model upstream status code ended_by cache "
	              "attempts latency_ns tokens_input tokens_cached tokens_output "
	              "tokens_reasoning tokens_used cost_nanousd estimated price_unknown "
	              "tools[name allowed code cost_nanousd]",
	        shape_of(ENTRY_OUTCOME));
	names_are(
	        "timestamp text lost_worker lost_segment lost_from lost_to", shape_of(ENTRY_NOTE));
	names_are("timestamp request_id operator action value listener peer policy_version",
	        shape_of(ENTRY_ADMIN_ACTION));
	names_are("timestamp type group name version state id mark until ends part parts sealed",
	        shape_of(ENTRY_KEPT));
}

/* As format 1 wrote them. */
static void members_by_name_are_read(void **state)
{
	struct fixture *f = *state;
	const struct entry_reservation *e = &f->entry.reservation;
	static const char old[] =
	        "\xde\x00\x06\xa4kind\x03\xa9timestamp\x05\xa2id\xa3r:1\xaarequest_id"
	        "\xa1s\xa6tokens\x07\xa8"
	        "counters\xdd\x00\x00\x00\x01\xde\x00\x02\xa5group\xa1g\xa4"
	        "ends\x09";

	assert_int_equal(entry_unpack(&f->unpack, slice_from(old, sizeof(old) - 1), &f->entry), 0);
	assert_slice(e->id, "r:1");
	assert_slice(e->request_id, "s");
	assert_int_equal(e->wall_ns, 5);
	assert_int_equal(e->tokens, 7);
	assert_int_equal(e->n, 1);
	assert_slice(e->counters[0].group, "g");
	assert_int_equal(e->counters[0].ends, 9);
}

/* An attempt is named by its call: so the call is not written again, unless it is another one. */
static void the_call_of_an_attempt_comes_back(void **state)
{
	static const struct {
		const char *id, *call;
		bool left_out;
	} cases[] = {{"r:1", "r", true}, {"a:b:2", "a:b", true}, {"a:b:2", "a", false},
	        {"r:1", "rr", false}, {"r1", "r1", false}, {":1", "", true}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct entry_settlement e = {
		        .id = slice_str(cases[i].id), .request_id = slice_str(cases[i].call)};
		size_t room = sizeof("\xde\x00\x02\xa4kind\x04\x02\xa0") - 1 + e.id.len;

		assert_same(
		        shape_of(ENTRY_SETTLEMENT), &e, pack_and_unpack(f, ENTRY_SETTLEMENT, &e));
		assert_int_equal(
		        buf_len(&f->out) - room, cases[i].left_out ? 0 : 2 + e.request_id.len);
	}
}

static void what_is_no_record_is_refused(void **state)
{
	assert_int_equal(UNPACK(""), -EBADMSG);
	assert_int_equal(UNPACK("\x80"), -EBADMSG);
	assert_int_equal(UNPACK("\x91\xa4kind"), -EBADMSG);
	assert_int_equal(UNPACK("\x81\xa4kinD\x04"), -EBADMSG);
	assert_int_equal(UNPACK("\x81\xa4kind\xff"), -EBADMSG);
	assert_int_equal(UNPACK("\x81\xa4kind\x04\xc0"), -EBADMSG); /* something follows */
	assert_int_equal(UNPACK("\x82\xa4kind\x04\xa6tokens\xff"), -EBADMSG);  /* negative */
	assert_int_equal(UNPACK("\x82\xa4kind\x04\xa6tokens\xa1x"), -EBADMSG); /* another type */
	assert_int_equal(UNPACK("\x82\xa4kind\x04\xa9"
	                        "estimated\x01"),
	        -EBADMSG);
	assert_int_equal(UNPACK("\x82\xa4kind\x04\xa2id\xc4\x01x"), -EBADMSG);
	assert_int_equal(
	        UNPACK("\x83\xa4kind\x04\xa6tokens\x01\xa6tokens\x01"), -EBADMSG); /* twice */
	assert_int_equal(UNPACK("\x82\xa4kind\x04\xc0\x02"), -EBADMSG); /* a key that is none */
	assert_int_equal(UNPACK("\x82\xa4kind\x04\xff\x02"), -EBADMSG); /* nor is a negative one */
	assert_int_equal(UNPACK("\x83\xa4kind\x04\x05\x01\x05\x01"), -EBADMSG); /* twice */
	assert_int_equal(UNPACK("\x83\xa4kind\x04\x05\x01\xa6tokens\x01"), -EBADMSG);
	assert_int_equal(UNPACK("\x82\xa4kind\x04\x05"), -EBADMSG);
	assert_int_equal(UNPACK("\x82\xa4kind\x04\xa1x\xc1"), -EBADMSG); /* no msgpack */
	assert_int_equal(UNPACK("\x82\xa4kind\x05\xa8"
	                        "attempts\xcf\0\0\0\1\0\0\0\0"),
	        -EBADMSG);
}

static void what_is_declared_costs_nothing_until_it_is_there(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(UNPACK("\x82\xa4kind\x03\xa8"
	                        "counters\xdd\xff\xff\xff\xff"),
	        -EBADMSG);
	assert_int_equal(UNPACK("\x82\xa4kind\x03\xa1x\xdd\xff\xff\xff\xff"), -EBADMSG);
	assert_int_equal(UNPACK("\x82\xa4kind\x03\xa1x\xdf\xff\xff\xff\xff"), -EBADMSG);
	assert_int_equal(UNPACK("\x82\xa4kind\x03\xa1x\xdb\xff\xff\xff\xff"), -EBADMSG);
	assert_int_equal(UNPACK("\x82\xa4kind\x03\xa1x\xc9\xff\xff\xff\xff"), -EBADMSG);
	assert_int_equal(UNPACK("\xdf\xff\xff\xff\xff\xa4kind\x03"), -EBADMSG);
	assert_in_range(f->unpack.lists.cap, 0, 64u << 10);
}

static void depth_has_an_end(void **state)
{
	char record[200] = "\x82\xa4kind\x04\xa1x";
	size_t len = strlen(record);

	for (unsigned depth = 1; depth < 100; depth++) {
		memset(record + len, 0x91, depth);
		record[len + depth] = 0;
		assert_int_equal(unpack_literal(*state, slice_from(record, len + depth + 1)),
		        depth > RECORD_DEPTH_MAX ? -EBADMSG : 0);
	}
}

/* Cut anywhere it is no record; changed anywhere it is read or refused, and nothing beyond it is
 * looked at. */
static void any_cut_is_seen_and_any_change_is_survived(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(full) / sizeof(*full); i++) {
		struct slice record = pack(f, full[i].kind, full[i].entry);
		char *copy = malloc(record.len);

		for (size_t len = 0; len < record.len; len++)
			assert_int_equal(unpack_literal(f, slice_from(record.at, len)), -EBADMSG);
		memcpy(copy, record.at, record.len);
		for (size_t at = 0; at < record.len; at++) {
			for (unsigned value = 0; value < 256; value += 5) {
				copy[at] = (char)value;
				int r = unpack_literal(f, slice_from(copy, record.len));
				assert_true(r == 0 || r == -EBADMSG);
			}
			copy[at] = record.at[at];
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	        T(every_member_comes_back),
	        T(what_says_nothing_takes_no_room),
	        T(the_extremes_of_numbers_come_back),
	        T(msgpack_c_reads_what_is_packed),
	        T(a_user_is_nowhere_to_be_read_without_the_key),
	        T(a_user_that_is_remembered_is_sealed_as_anew),
	        T(what_is_too_long_is_cut_and_the_record_says_so),
	        T(a_list_of_many_small_things_is_cut_too),
	        T(a_reservation_is_never_cut),
	        T(what_a_later_version_adds_is_passed_over),
	        T(members_come_in_any_order),
	        T(the_numbers_of_members_stay),
	        T(members_by_name_are_read),
	        T(the_call_of_an_attempt_comes_back),
	        T(what_is_no_record_is_refused),
	        T(what_is_declared_costs_nothing_until_it_is_there),
	        T(depth_has_an_end),
	        T(any_cut_is_seen_and_any_change_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
