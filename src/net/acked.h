/* SPDX-License-Identifier: Apache-2.0 */
/* acked: what the peer's kernel has acknowledged of what was written to a connection. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Whether it is known to be less than so many bytes; false where nobody counts them, as on unix
 * sockets. */
bool acked_less_than(int fd, uint64_t bytes);
