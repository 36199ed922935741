/* SPDX-License-Identifier: Apache-2.0 */
/* fault: how an exchange can end. One table; the reply, the retry, the metric label, the log field and the docs derive
 * from it. The code is what users see in x-weir-code and error.weir.code, and never changes its meaning. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum blame { BLAME_NOBODY, BLAME_CLIENT, BLAME_GATEWAY, BLAME_UPSTREAM };

/* The kind of error that an API's own shape can express; each dialect has its word for it. */
enum fault_kind { KIND_INVALID, KIND_AUTHENTICATION, KIND_PERMISSION, KIND_RATE, KIND_QUOTA, KIND_SERVER };

/*        name                    code                       status blame    kind            retry  what the agent is told */
#define FAULTS(F)                                                                                                          \
	F(NONE,                   "ok",                      0,  NOBODY,   SERVER,         false, "")                      \
	F(CLIENT_GONE,            "client_gone",             499, CLIENT,  INVALID,        false, "The caller left before the answer was complete.") \
	F(REQUEST_INVALID,        "request_invalid",         400, CLIENT,  INVALID,        false, "The request is not well formed; correct it before sending it again.") \
	F(UNAUTHENTICATED,        "unauthenticated",         401, CLIENT,  AUTHENTICATION, false, "No credential here names an agent of this gateway; send the agent's key as a bearer token.") \
	F(AGENT_SUSPENDED,        "agent_suspended",         403, CLIENT,  PERMISSION,     false, "This agent has been stopped; ask an operator to resume it.") \
	F(MODEL_DENIED,           "model_denied",            403, CLIENT,  PERMISSION,     false, "This agent may not use this model; GET /v1/models lists those it may use.") \
	F(TOOL_DENIED,            "tool_denied",             403, CLIENT,  PERMISSION,     false, "This agent may not use this tool; go on without it.") \
	F(DATA_ACCESS_DENIED,     "data_access_denied",      403, CLIENT,  PERMISSION,     false, "This tool needs access to data that this agent does not have; go on without it.") \
	F(HOSTED_TOOL_DENIED,     "hosted_tool_denied",      403, CLIENT,  PERMISSION,     false, "This agent may not switch on tools that the provider runs; leave it out.") \
	F(PRICE_UNKNOWN,          "price_unknown",           403, CLIENT,  PERMISSION,     false, "The price of this model is not known; ask an operator to add one, or use another model.") \
	F(TOOL_CHANGED,           "tool_changed",            403, CLIENT,  PERMISSION,     false, "This tool's definition has changed and awaits an operator; go on without it.") \
	F(APPROVAL_REQUIRED,      "approval_required",       403, CLIENT,  PERMISSION,     false, "A person has to approve this call; repeat it once it is approved.") \
	F(APPROVAL_DENIED,        "approval_denied",         403, CLIENT,  PERMISSION,     false, "A person has refused this call; do not repeat it.") \
	F(APPROVAL_EXPIRED,       "approval_expired",        403, CLIENT,  PERMISSION,     false, "Nobody decided about this call in time; ask again if it is still needed.") \
	F(ARGUMENTS_INVALID,      "arguments_invalid",       400, CLIENT,  INVALID,        false, "The tool's arguments break its rules; correct them.") \
	F(ATTRIBUTION_REQUIRED,   "attribution_required",    400, CLIENT,  INVALID,        false, "Say for which user this call is made.") \
	F(UNTRANSLATABLE,         "untranslatable",          400, CLIENT,  INVALID,        false, "This model's provider cannot express this request; leave the named part out.") \
	F(PRIVACY_BLOCKED,        "privacy_blocked",         400, CLIENT,  INVALID,        false, "The request holds personal data that may not leave; remove it.") \
	F(PROMPT_INJECTION,       "prompt_injection",        400, CLIENT,  INVALID,        false, "The request holds text that tries to instruct the model; remove it.") \
	F(CONTENT_BLOCKED,        "content_blocked",         400, CLIENT,  INVALID,        false, "The request holds text that the policy forbids; remove it.") \
	F(RATE_LIMITED,           "rate_limited",            429, CLIENT,  RATE,           false, "Too many requests; wait as long as retry-after says.") \
	F(CONCURRENCY_LIMITED,    "concurrency_limited",     429, CLIENT,  RATE,           false, "Too many calls at once; wait for one to end.") \
	F(APPROVALS_FULL,         "approvals_full",          429, CLIENT,  RATE,           false, "Too many calls wait for approval; wait until some are decided.") \
	F(BUDGET_EXCEEDED,        "budget_exceeded",         429, CLIENT,  QUOTA,          false, "The budget is spent; stop until it is renewed.") \
	F(BUDGET_RESERVED,        "budget_reserved",         429, CLIENT,  RATE,           false, "Calls that still run hold what is left of the budget; wait for them.") \
	F(NOT_FOUND,              "not_found",               404, CLIENT,  INVALID,        false, "There is nothing at this path; check the base URL.") \
	F(METHOD_NOT_ALLOWED,     "method_not_allowed",      405, CLIENT,  INVALID,        false, "This path does not take this method.") \
	F(UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type",  415, CLIENT,  INVALID,        false, "Send the body as application/json, without a content-encoding.") \
	F(REQUEST_TOO_LARGE,      "request_too_large",       413, CLIENT,  INVALID,        false, "The body is larger than this gateway takes; send less.") \
	F(HEADER_TOO_LARGE,       "header_too_large",        431, CLIENT,  INVALID,        false, "The header is larger than this gateway takes; send less.") \
	F(IDEMPOTENCY_IN_PROGRESS, "idempotency_in_progress", 409, CLIENT, INVALID,        false, "The call with this idempotency key still runs; wait for it.") \
	F(IDEMPOTENCY_MISMATCH,   "idempotency_mismatch",    422, CLIENT,  INVALID,        false, "This idempotency key was used with other arguments; use a new one.") \
	F(REQUEST_TIMEOUT,        "request_timeout",         408, CLIENT,  INVALID,        false, "The request did not arrive in time; send it faster.") \
	F(TARGET_TOO_LONG,        "target_too_long",         414, CLIENT,  INVALID,        false, "The request line is longer than this gateway takes.") \
	F(MISDIRECTED,            "misdirected",             421, CLIENT,  INVALID,        false, "This gateway does not answer for that host.") \
	F(UPGRADE_REQUIRED,       "upgrade_required",        426, CLIENT,  INVALID,        false, "WebSockets are not supported; use plain HTTP requests.") \
	F(ORIGIN_DENIED,          "origin_denied",           403, CLIENT,  PERMISSION,     false, "Browsers may not call this gateway from this origin.") \
	F(EXPECTATION_FAILED,     "request_invalid",         417, CLIENT,  INVALID,        false, "The only expectation that is understood is 100-continue.") \
	F(VERSION_UNSUPPORTED,    "request_invalid",         505, CLIENT,  INVALID,        false, "Only HTTP/1.0 and HTTP/1.1 are spoken here.") \
	F(OUTCOME_UNKNOWN,        "outcome_unknown",         502, UPSTREAM, SERVER,        false, "The call may have run and may not be repeated; find out before trying again.") \
	F(UPSTREAM_MALFORMED,     "upstream_malformed",      502, UPSTREAM, SERVER,        false, "The provider's answer could not be understood.") \
	F(UPSTREAM_AUTH_FAILED,   "upstream_auth_failed",    502, UPSTREAM, SERVER,        false, "The provider did not accept this gateway's credential; tell an operator.") \
	F(DESTINATION_REFUSED,    "destination_refused",     502, GATEWAY, SERVER,         false, "The provider's name leads to an address that the policy does not allow.") \
	F(UPSTREAM_TIMEOUT,       "upstream_timeout",        504, UPSTREAM, SERVER,        true,  "The provider did not answer in time.") \
	F(CIRCUIT_OPEN,           "circuit_open",            503, UPSTREAM, SERVER,        false, "The provider has been failing and is given a rest; try again later.") \
	F(UPSTREAM_UNREACHABLE,   "upstream_unreachable",    503, UPSTREAM, SERVER,        true,  "The provider could not be reached; try again later.") \
	F(UPSTREAM_CUT,           "upstream_malformed",      502, UPSTREAM, SERVER,        false, "The provider's answer broke off.") \
	F(OVERLOADED,             "overloaded",              503, GATEWAY, SERVER,         false, "This gateway is at its limits; try again later.") \
	F(SHUTTING_DOWN,          "shutting_down",           503, GATEWAY, SERVER,         false, "This gateway is stopping; another one will take the call.") \
	F(STORE_UNAVAILABLE,      "store_unavailable",       503, GATEWAY, SERVER,         false, "The store does not answer, and the policy says to stop without it.") \
	F(AUDIT_UNAVAILABLE,      "audit_unavailable",       503, GATEWAY, SERVER,         false, "Nothing can be written down, so nothing is done; tell an operator.")

enum fault {
#define F(name, code, status, blame, kind, retry, text) FAULT_##name,
	FAULTS(F)
#undef F
	FAULT_N
};

struct fault_info {
	const char *name;   /* CLIENT_GONE */
	const char *code;   /* client_gone; several faults may share one */
	uint16_t status;
	enum blame blame;
	enum fault_kind kind;
	bool retry;         /* nothing had run: another attempt may be made */
	const char *text;   /* what to do next, one sentence */
};

extern const struct fault_info fault_infos[FAULT_N];
