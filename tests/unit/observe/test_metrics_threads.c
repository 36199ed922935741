/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of observe/metrics with workers that count while pages are made; for ThreadSanitizer above
 * all. */
#include "rig/unit.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
#include "observe/metrics_core.h"
#include "unit/observe/page.h"
#include "unit/observe/records.h"

#define WORKERS 3
#define CALLS 4000
#define AGENTS 300 /* some leave and come back, since the clock runs fast */

static struct metrics *metrics;
static atomic_uint working;

static uint64_t fast_mono(struct clock *c)
{
	static atomic_ulong minutes;

	(void)c;
	return (atomic_fetch_add(&minutes, 1) + 1) * 60 * NS_PER_S;
}

static struct clock fast_clock = {.mono = fast_mono};

static void *work(void *arg)
{
	unsigned index = (unsigned)(uintptr_t)arg;
	struct observer *o = metrics_observer(metrics_part(metrics, index));
	struct record r = sample_record();
	char name[40], tool_name[40];
	struct record_tool tool = {.allowed = true};

	r.tools = &tool;
	r.n_tools = 1;
	r.verdicts[0] = (struct record_verdict){"models", VERDICT_PASS, MODE_ENFORCE};
	r.n_verdicts = 1;
	for (unsigned i = 0; i < CALLS; i++) {
		snprintf(name, sizeof(name), "agent-%u", i * AGENTS / CALLS);
		snprintf(tool_name, sizeof(tool_name), "tool-%u", i % 1700);
		r.agent = i % 2 ? slice_str(name) : SLICE("always");
		tool.name = slice_str(tool_name);
		o->call_ended(o, &r);
	}
	atomic_fetch_sub(&working, 1);
	return NULL;
}

static void pages_made_meanwhile_are_whole_and_nothing_is_lost(void **state)
{
	pthread_t workers[WORKERS];
	struct page_read p;
	uint64_t last = 0;

	(void)state;
	metrics = metrics_new(WORKERS);
	metrics->clock = &fast_clock;
	atomic_store(&working, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&workers[i], NULL, work, (void *)(uintptr_t)i), 0);
	while (atomic_load(&working)) {
		const char *always;

		p = page_of(metrics, true);
		always = page_value(&p, "agent_requests_total", "agent=\"always\"");
		assert_true(!always || strtoull(always, NULL, 10) >= last);
		last = always ? strtoull(always, NULL, 10) : last;
		page_close(&p);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	p = page_of(metrics, false);
	assert_sample(&p, "agent_requests_total", "agent=\"always\"", "6000");
	assert_sample(&p, "weir_policy_verdicts_total",
	        "policy=\"models\",verdict=\"allow\",mode=\"enforce\"", "12000");
	assert_sample(&p, "weir_attempts_total", "upstream=\"openai\",outcome=\"ok\"", "12000");
	assert_true(page_count(&p, "agent_tool_calls_total") <= METRIC_SERIES_MAX + 1);
	page_close(&p);
	metrics_free(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(pages_made_meanwhile_are_whole_and_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
