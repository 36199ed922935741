/* SPDX-License-Identifier: Apache-2.0 */
/* process: what the kernel knows about this process, for the metrics that every program has. */
#pragma once
#include <stdint.h>

struct process_facts {
	uint64_t cpu_ns;          /* user and system */
	uint64_t started_wall_ns; /* by today's clocks, so that it differs a little each time; 0:
	                             not known */
	uint64_t virtual_bytes, resident_bytes;
	uint64_t threads, open_fds, max_fds;
};

/* What cannot be read stays 0. Opens files and lists a folder; not for a worker's hot path. */
void process_read(struct process_facts *ret);
