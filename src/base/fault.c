/* SPDX-License-Identifier: Apache-2.0 */
/* fault: the table of include/weir/fault.h, once as data. */
#include "weir/fault.h"

const struct fault_info fault_infos[FAULT_N] = {
#define F(name, code, status, blame, kind, retry, text)                                            \
	[FAULT_##name] = {#name, code, status, BLAME_##blame, KIND_##kind, retry, text},
        FAULTS(F)
#undef F
};
