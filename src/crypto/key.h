/* SPDX-License-Identifier: Apache-2.0 */
/* key: an agent's key, as `weir key new` makes it: "weir_", 43 base62 characters (256 bits), 6 of CRC-32 in base62, so that
 * a scanner of leaked secrets can tell one without asking us. */
#pragma once
#include "base/slice.h"
#include "crypto/digest.h"

#define KEY_PREFIX "weir_"
#define KEY_LEN (5 + 43 + 6)

void key_new(char ret[KEY_LEN + 1]);
bool key_has_prefix(struct slice text); /* begins like one of ours, whatever follows */
bool key_is_wellformed(struct slice text); /* and its checksum holds */
