/* SPDX-License-Identifier: Apache-2.0 */
/* outcome: words derived from the fault table and the status. */
#include "observe/outcome.h"

static const char *code_of(enum fault fault, unsigned status)
{
	if (fault != FAULT_NONE || status < 400)
		return fault_infos[fault].code;
	return status < 500 ? "upstream_4xx" : "upstream_5xx";
}

const char *outcome_code(const struct record *r)
{
	return code_of(r->fault, r->status);
}

const char *outcome_level(const struct record *r)
{
	if (r->fault == FAULT_CLIENT_GONE)
		return "info";
	if (r->fault == FAULT_NONE)
		return r->status >= 500 ? "error" : r->status >= 400 ? "warn" : "info";
	return fault_infos[r->fault].blame == BLAME_CLIENT ? "warn" : "error";
}

const char *outcome_of_attempt(const struct record *r)
{
	if (r->failed != FAULT_NONE || r->failed_status)
		return code_of(r->failed, r->failed_status);
	if (r->fault != FAULT_NONE && fault_infos[r->fault].blame != BLAME_UPSTREAM)
		return "cancelled";
	return outcome_code(r);
}

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {
	        [VERDICT_PASS] = "allow",
	        [VERDICT_WAIT] = "wait",
	        [VERDICT_ANSWER] = "deny",
	        [VERDICT_ABORT] = "abort",
	};

	return names[v];
}
