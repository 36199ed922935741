/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of observe/metrics_page: both formats, to the letter where a reader cares. */
#include "rig/unit.h"
#include <unistd.h>
#include "base/clock.h"
#include "observe/metrics_table.h"
#include "unit/observe/page.h"
#include "unit/observe/records.h"

static struct metrics *filled(void)
{
	struct metrics *m = metrics_new(1);
	struct record r = sample_record();
	struct record_warning warning = {"agent", "day", SLICE("support-bot")};
	struct record_tool tool = {.name = SLICE("a\"b\\c"), .allowed = true};
	struct observer *o = metrics_observer(metrics_part(m, 0));

	r.tools = &tool;
	r.n_tools = 1;
	r.verdicts[0] = (struct record_verdict){"models", VERDICT_PASS, MODE_ENFORCE};
	r.n_verdicts = 1;
	r.usage.mismatch = true;
	r.warnings = &warning;
	r.n_warnings = 1;
	r.cache = "hit";
	r.without_store = "local";
	o->call_ended(o, &r);
	r.price_unknown = r.reservation_exceeded = true;
	o->call_ended(o, &r);
	return m;
}

static void each_declared_metric_stands_on_the_page(void **state)
{
	struct metrics *m = filled();

	(void)state;
	for (unsigned om = 0; om < 2; om++) {
		struct page_read p = page_of(m, om);

		for (unsigned i = 0; i < metric_table_len; i++) {
			const char *name = metric_table[i].name;
			char sum[100];

			snprintf(sum, sizeof(sum), "%s_sum", name);
			if (!page_count(&p, name) && !page_count(&p, sum))
				fail_msg("%s is not on the page", name);
		}
		page_close(&p);
	}
	metrics_free(m);
}

static void a_budget_is_shown_as_it_stands(void **state)
{
	struct metrics *m = filled();

	(void)state;
	for (unsigned om = 0; om < 2; om++) {
		struct page_read p = page_of(m, om);
		const char *agent = "scope=\"agent\",name=\"support-bot\",window=\"day\"";
		const char *all = "scope=\"gateway\",name=\"gateway\",window=\"total\"";

		assert_sample(&p, "weir_budget_limit_usd", agent, "20");
		assert_sample(&p, "weir_budget_spent_usd", agent, "1.500000001");
		assert_sample(&p, "weir_budget_reserved_usd", agent, "0");
		assert_sample(&p, "weir_budget_limit_usd", all, "500");
		assert_sample(&p, "weir_budget_reserved_usd", all, "0.00007");
		assert_sample(&p, "weir_budget_warnings_total", agent, "2");
		assert_int_equal(page_count(&p, "weir_budget_warnings_total"), 1);
		page_close(&p);
	}
	metrics_free(m);
}

static void ways_to_a_shared_store_are_summed_by_what_was_asked(void **state)
{
	struct metrics *m = filled();

	(void)state;
	for (unsigned om = 0; om < 2; om++) {
		struct page_read p = page_of(m, om);
		const char *good = "op=\"admit\",outcome=\"ok\"";

		assert_sample(&p, "weir_store_seconds_count", good, "2");
		assert_sample(&p, "weir_store_seconds_sum", good, "0.001");
		assert_sample(&p, "weir_store_seconds_bucket",
		        "op=\"admit\",outcome=\"ok\",le=\"0.0005\"", "1");
		assert_sample(&p, "weir_store_seconds_count",
		        "op=\"admit\",outcome=\"timeout\"", "1");
		assert_int_equal(page_count(&p, "weir_store_seconds_count"), 2);
		assert_sample(&p, "weir_store_ways", "", "2");
		assert_sample(&p, "weir_store_ways_up", "", "1");
		assert_sample(
		        &p, "weir_store_outage_calls_total", "decision=\"local\"", "2");
		page_close(&p);
	}
	metrics_free(m);
}

static void a_page_without_calls_is_a_page(void **state)
{
	struct metrics *m = metrics_new(2);

	(void)state;
	for (unsigned om = 0; om < 2; om++) {
		struct page_read p = page_of(m, om);

		assert_int_equal(page_count(&p, "agent_requests_total"), 0);
		assert_sample(&p, "weir_records_dropped_total", "sink=\"log\"", "0");
		page_close(&p);
	}
	metrics_free(m);
}

static void labels_are_escaped(void **state)
{
	struct metrics *m = filled();
	struct page_read p = page_of(m, true);

	(void)state;
	assert_sample(&p, "agent_tool_calls_total",
	        "agent=\"support-bot\",tool=\"a\\\"b\\\\c\",verdict=\"allow\"", "2");
	assert_sample(&p, "weir_build_info", "version=\"1.2.3\",policy_version=\"abc\\\"d\"", "1");
	page_close(&p);
	metrics_free(m);
}

static void gauges_are_what_they_were_told(void **state)
{
	struct metrics *m = metrics_new(1);
	struct metrics_gauges g = {
	        .last_reload_good = true,
	        .last_reload_wall_ns = RECORD_WALL_NS,
	        .reloads_failed = 2,
	        .log_lines_dropped = 3,
	        .sessions = 4,
	        .in_flight = 5,
	        .book_lag_ns = 1500000000,
	        .shadow_agents = 6,
	        .nothing_is_bounded = true,
	        .version = "1",
	};
	struct buf out = BUF_INIT(PAGE_MAX);
	struct page_read p;

	(void)state;
	assert_int_equal(metrics_write(m, &g, false, &out), 0);
	p = page_parse(buf_slice(&out), false);
	assert_sample(&p, "weir_config_last_reload_successful", "", "1");
	assert_sample(&p, "weir_config_last_reload_timestamp_seconds", "", "1795336200.123");
	assert_sample(&p, "weir_config_reload_failures_total", "", "2");
	assert_sample(&p, "weir_records_dropped_total", "sink=\"log\"", "3");
	assert_sample(&p, "weir_connections", "", "4");
	assert_sample(&p, "weir_calls_in_flight", "", "5");
	assert_sample(&p, "weir_book_lag_seconds", "", "1.5");
	assert_sample(&p, "weir_shadow_agents", "", "6");
	assert_sample(&p, "weir_reservations_unbounded", "", "1");
	page_close(&p);
	buf_finish(&out);
	metrics_free(m);
}

static void openmetrics_has_exemplars_and_points_in_whole_bounds(void **state)
{
	struct metrics *m = filled();
	struct page_read p = page_of(m, true);
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < p.n; i++) {
		if (!p.samples[i].exemplar)
			continue;
		assert_string_equal(p.samples[i].exemplar,
		        "trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\","
		        "request_id=\"01JD9Z5W3N6V7Q8R9S0T1V2W3X\"");
		n++;
	}
	assert_int_equal(n, 4);
	assert_sample(
	        &p, "weir_call_duration_seconds_bucket", "agent=\"support-bot\",le=\"1.0\"", "2");
	page_close(&p);
	metrics_free(m);
}

static void an_exemplar_is_written_with_value_and_time(void **state)
{
	struct metrics *m = filled();
	struct metrics_gauges g = {.version = "1"};
	struct buf out = BUF_INIT(PAGE_MAX);

	(void)state;
	assert_int_equal(metrics_write(m, &g, true, &out), 0);
	assert_int_equal(buf_put_char(&out, '\0'), 0);
	assert_non_null(strstr(buf_at(&out),
	        "weir_call_duration_seconds_bucket{agent=\"support-bot\",le=\"1.0\"} 2"
	        " # "
	        "{trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\",request_id="
	        "\"01JD9Z5W3N6V7Q8R9S0T1V2W3X\"}"
	        " 0.812345678 1795336200.123\n"));
	assert_non_null(strstr(buf_at(&out), "\n# TYPE weir_calls counter\n"));
	assert_non_null(strstr(buf_at(&out), "\n# TYPE weir_build info\n"));
	buf_finish(&out);
	metrics_free(m);
}

static void a_trace_id_that_is_none_is_left_out(void **state)
{
	struct metrics *m = metrics_new(1);
	struct record r = sample_record();
	struct observer *o = metrics_observer(metrics_part(m, 0));
	struct page_read p;

	(void)state;
	r.trace_id = SLICE("4bf92f3577b34da6a3ce929d0e0e47\"}");
	o->call_ended(o, &r);
	p = page_of(m, true);
	for (unsigned i = 0; i < p.n; i++)
		if (p.samples[i].exemplar)
			assert_string_equal(
			        p.samples[i].exemplar, "request_id=\"01JD9Z5W3N6V7Q8R9S0T1V2W3X\"");
	page_close(&p);
	metrics_free(m);
}

static void a_page_that_does_not_fit_leaves_nothing_behind(void **state)
{
	struct metrics *m = filled();
	struct metrics_gauges g = {.version = "1"};
	struct buf out = BUF_INIT(3000);

	(void)state;
	buf_put_str(&out, "before");
	assert_int_equal(metrics_write(m, &g, true, &out), -ENOBUFS);
	assert_slice(buf_slice(&out), "before");
	buf_finish(&out);
	metrics_free(m);
}

static void the_process_is_described(void **state)
{
	struct process_facts f;
	int fds[2];
	uint64_t before;

	(void)state;
	process_read(&f);
	before = f.open_fds;
	assert_true(f.resident_bytes > 4096 && f.resident_bytes <= f.virtual_bytes);
	assert_true(f.threads >= 1 && f.max_fds > f.open_fds && f.open_fds >= 3);
	assert_true(f.started_wall_ns && f.started_wall_ns <= clock_wall(&clock_system) + NS_PER_S);
	assert_true(clock_wall(&clock_system) - f.started_wall_ns < 3600 * NS_PER_S);
	assert_int_equal(pipe(fds), 0);
	process_read(&f);
	assert_int_equal(f.open_fds, before + 2);
	close(fds[0]);
	close(fds[1]);
}

static void the_start_of_the_process_does_not_wander(void **state)
{
	struct metrics *m = metrics_new(1);
	struct page_read a = page_of(m, false), b;

	(void)state;
	usleep(20000);
	b = page_of(m, false);
	assert_string_equal(page_value(&a, "process_start_time_seconds", ""),
	        page_value(&b, "process_start_time_seconds", ""));
	page_close(&a);
	page_close(&b);
	metrics_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_declared_metric_stands_on_the_page),
	        cmocka_unit_test(a_budget_is_shown_as_it_stands),
	        cmocka_unit_test(ways_to_a_shared_store_are_summed_by_what_was_asked),
	        cmocka_unit_test(a_page_without_calls_is_a_page),
	        cmocka_unit_test(labels_are_escaped),
	        cmocka_unit_test(gauges_are_what_they_were_told),
	        cmocka_unit_test(openmetrics_has_exemplars_and_points_in_whole_bounds),
	        cmocka_unit_test(an_exemplar_is_written_with_value_and_time),
	        cmocka_unit_test(a_trace_id_that_is_none_is_left_out),
	        cmocka_unit_test(a_page_that_does_not_fit_leaves_nothing_behind),
	        cmocka_unit_test(the_process_is_described),
	        cmocka_unit_test(the_start_of_the_process_does_not_wander),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
