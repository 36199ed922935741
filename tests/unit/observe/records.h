/* SPDX-License-Identifier: Apache-2.0 */
/* records: one record of a call with everything in it, for the tests of this folder to change.
 * Included once a program. */
#pragma once
#include "weir/record.h"

#define RECORD_WALL_NS 1795336200123000000ull /* 2026-11-22T08:30:00.123Z, when the call ended */

static inline struct record sample_record(void)
{
	struct record r = {
	        .request_id = "01JD9Z5W3N6V7Q8R9S0T1V2W3X",
	        .trace_id = SLICE("4bf92f3577b34da6a3ce929d0e0e4736"),
	        .wall_ns = RECORD_WALL_NS - 812345678,
	        .agent = SLICE("support-bot"),
	        .team = SLICE("support"),
	        .user = SLICE("ann@example.com"),
	        .user_shown = SLICE("user_0123"),
	        .workflow = SLICE("wf-7"),
	        .session = SLICE("s-1"),
	        .listener = SLICE("agents"),
	        .dialect = SLICE("openai"),
	        .action = SLICE("chat"),
	        .model = SLICE("gpt-4o-mini"),
	        .upstream_model = SLICE("gpt-4o-mini-2024-07-18"),
	        .upstream = SLICE("openai"),
	        .tools_offered = 4,
	        .stream = true,
	        .status = 200,
	        .verdict = "allow",
	        .policy_version = SLICE("0123456789ab"),
	        .ended_by = "upstream",
	        .attempts = 1,
	        .latency_ns = 812345678,
	        .gateway_ns = 84999,
	        .ttft_ns = 233000000,
	        .bytes_in = 2048,
	        .bytes_out = 9000,
	        .usage_known = true,
	        .went_upstream = true,
	        .cost = 434500,
	};

	r.usage.in_uncached = 900;
	r.usage.in_cache_read = 124;
	r.usage.out_text = 70;
	r.usage.out_reasoning = 10;
	r.usage.known = true;
	return r;
}
