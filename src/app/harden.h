/* SPDX-License-Identifier: Apache-2.0 */
/* harden: what the process gives up before it does anything. */
#pragma once

/* No new privileges, no core dump, private files, as many descriptors as the hard limit allows. */
void harden_process(void);
