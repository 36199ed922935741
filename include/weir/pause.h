/* SPDX-License-Identifier: Apache-2.0 */
/* pause: why a side is not read. It is read only while the set of reasons is empty, so they can be printed. */
#pragma once

enum pause_reason {
	PAUSE_SINK_FULL = 1 << 0,    /* the other side has more than it can send */
	PAUSE_POLICY_WAITS = 1 << 1, /* a verdict is pending */
	PAUSE_NOT_YET = 1 << 2,      /* nobody wants the body so far */
	PAUSE_DRAINING = 1 << 3,
};
