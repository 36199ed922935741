/* SPDX-License-Identifier: Apache-2.0 */
/* sentinel: who is the master? Asked of one sentinel after the other until one knows; that one then
 * tells of changes. Whoever finds that the answer does not hold any more asks again, and the next
 * one answers. */
#pragma once
#include "store/redis/redis.h"

#define SENTINEL_AGAIN (100 * NS_PER_MS)
#define SENTINEL_TIMEOUT (250 * NS_PER_MS)

struct sentinels;
/* found is told of the master at each change and after each asking, also when it is the same.
 * options, tls and place are borrowed. 0 or -ENOMEM. */
int sentinels_new(struct dialler *by, const struct redis_options *options,
        const struct redis_place *place,
        void (*found)(void *owner, struct slice host, uint16_t port), void *owner,
        struct sentinels **ret);
void sentinels_free(struct sentinels *s);
/* Soon; calling it often is no harm. */
void sentinels_ask_again(struct sentinels *s);
/* Why no master is known, as a clause; "" when one was named. */
const char *sentinels_note(const struct sentinels *s);
