/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_ask: what people may ask for, and what is wrong with the rest. */
#include "observe/ledger_ask.h"
#include "rig/unit.h"

#define NOW UINT64_C(1795824000) /* 2026-11-28T00:00Z */
#define DAY UINT64_C(86400)

static struct ledger_ask asked(const char *name, const char *value)
{
	struct ledger_ask a;

	ledger_ask_init(&a, NOW);
	assert_null(ledger_ask_set(&a, slice_str(name), slice_str(value)));
	return a;
}

static void assert_refused(const char *name, const char *value)
{
	struct ledger_ask a, before;

	ledger_ask_init(&a, NOW);
	before = a;
	assert_non_null(ledger_ask_set(&a, slice_str(name), slice_str(value)));
	assert_memory_equal(&a, &before, sizeof(a));
}

static void nothing_said_is_a_week_of_agents(void **state)
{
	struct ledger_ask a;

	(void)state;
	ledger_ask_init(&a, NOW);
	assert_int_equal(a.query.n_by, 1);
	assert_int_equal(a.query.by[0], BY_AGENT);
	assert_int_equal(a.query.per, WINDOW_DAY);
	assert_int_equal(a.query.since, NOW - 7 * DAY);
	assert_int_equal(a.query.until, NOW + 1);
	assert_int_equal(a.format, LEDGER_TABLE);
}

static void words_are_read(void **state)
{
	struct ledger_ask a = asked("by", "team,model");

	(void)state;
	assert_int_equal(a.query.n_by, 2);
	assert_int_equal(a.query.by[0], BY_TEAM);
	assert_int_equal(a.query.by[1], BY_MODEL);
	assert_int_equal(asked("per", "total").query.per, WINDOW_TOTAL);
	assert_int_equal(asked("top", "3").query.top, 3);
	assert_int_equal(asked("format", "json").format, LEDGER_JSON);
}

static void times_are_spans_or_dates(void **state)
{
	(void)state;
	assert_int_equal(asked("since", "12h").query.since, NOW - 12 * 3600);
	assert_int_equal(asked("since", "2w").query.since, NOW - 14 * DAY);
	assert_int_equal(asked("since", "1000000w").query.since, 0);
	assert_int_equal(asked("until", "2026-11-27").query.until, NOW - DAY);
	assert_int_equal(asked("until", "2026-11-27T08:30Z").query.until, NOW - DAY + 30600);
	assert_int_equal(asked("until", "2026-11-27T08:30:10Z").query.until, NOW - DAY + 30610);
}

static void what_means_nothing_is_refused_and_changes_nothing(void **state)
{
	static const char *const times[] = {"", "d", "-1d", "7", "1000001w", "yesterday",
	        "2026-11-27T08", "2026-11-27T08:30", "2026-11-27 ", "1969-01-01",
	        "2026-11-27T08:30:10Zxxxxxxxxxxxxxxxxxxxxxxxxxx"};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		assert_refused("since", times[i]);
	assert_refused("by", "agent,agent");
	assert_refused("by", "agents");
	assert_refused("by", ",");
	assert_refused("by", "tool,model");
	assert_refused(
	        "by", "agent,team,user,workflow,workflow_type,session,model,upstream,tool,x");
	assert_refused("per", "week");
	assert_refused("top", "0");
	assert_refused("top", "1e3");
	assert_refused("format", "xml");
	assert_refused("colour", "red");
}

static void a_time_with_a_nul_in_it_is_none(void **state)
{
	struct ledger_ask a;

	(void)state;
	ledger_ask_init(&a, NOW);
	assert_non_null(ledger_ask_set(
	        &a, SLICE("since"), slice_from("2026-11-27\0zz", sizeof("2026-11-27\0zz") - 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_said_is_a_week_of_agents),
	        cmocka_unit_test(words_are_read),
	        cmocka_unit_test(times_are_spans_or_dates),
	        cmocka_unit_test(what_means_nothing_is_refused_and_changes_nothing),
	        cmocka_unit_test(a_time_with_a_nul_in_it_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
