/* SPDX-License-Identifier: Apache-2.0 */
/* health: what the health listener serves: /healthz, /readyz, /metrics, and nothing else. */
#pragma once
#include "exchange/session.h"

/* For session_gate.serve; the gate's owner is a worker. */
bool health_serve(struct session_gate *g, const struct head *head, struct buf *out, unsigned *ret_status,
	struct slice *ret_type);
