/* SPDX-License-Identifier: Apache-2.0 */
/* outcome: how a call ended, in the words that the log and the metrics share. */
#pragma once
#include "weir/record.h"

/* The fault's code; "ok" where all went well; "upstream_4xx" and "upstream_5xx" where the provider
 * answered with an error that was passed on as it came. */
const char *outcome_code(const struct record *r);
/* "info", "warn" where the caller or its policy is the cause, "error" where the gateway or the
 * provider is. */
const char *outcome_level(const struct record *r);
/* Of the last attempt: "ok", "cancelled" where it was this side that ended it, else a code as
 * above. */
const char *outcome_of_attempt(const struct record *r);
const char *verdict_name(enum verdict v); /* "allow", "wait", "deny", "abort" */

static inline uint64_t record_ended_wall(const struct record *r)
{
	return r->wall_ns + r->latency_ns;
}

static inline uint64_t record_tokens_cached(const struct record *r)
{
	return r->usage.in_cache_read + r->usage.in_audio_cached + r->usage.in_image_cached;
}
