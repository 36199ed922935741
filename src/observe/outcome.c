/* SPDX-License-Identifier: Apache-2.0 */
/* outcome: words derived from the fault table and the status. */
#include "observe/outcome.h"

const char *outcome_code(const struct record *r)
{
	if (r->fault != FAULT_NONE || r->status < 400)
		return fault_infos[r->fault].code;
	return r->status < 500 ? "upstream_4xx" : "upstream_5xx";
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
