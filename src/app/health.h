/* SPDX-License-Identifier: Apache-2.0 */
/* health: what the health listener serves: /healthz, /readyz, /metrics, and nothing else. */
#pragma once
#include "exchange/session.h"

extern const struct service health_service; /* the gate's owner is a worker */
