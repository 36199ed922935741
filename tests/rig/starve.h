/* SPDX-License-Identifier: Apache-2.0 */
/* starve: runs a scenario with no memory, then with one allocation, then two, until it gets all it
 * asks for. */
#pragma once

/* The scenario sets up, acts and cleans up, all by itself, and returns 0 or a negative errno; cut
 * short by want of memory it has to clean up too. Fails the test when the unstarved run does not
 * return 0, when a starved one returns anything but 0 or -ENOMEM, or when memory has leaked (under
 * AddressSanitizer). Returns how many allocations the scenario makes. */
long starve(int (*scenario)(void *arg), void *arg);
