/* SPDX-License-Identifier: Apache-2.0 */
/* shared_cache: answers in the store that instances share (env->answers), behind the cache of this process. A call that has
 * found none here asks there in the one question that its rates and budgets are asked in; what it brings is left there when it
 * ends. A store that cannot say, and a value that cannot be read, are a miss. What stands there opens for the deployment's keys
 * and for its own name alone, and says itself until when it may be given. */
#pragma once
#include "crypto/digest.h"
#include "exchange/caching.h"

/* Has p's call ask there, if the cache of this process has nothing for it: in its admission, where that asks about counters of
 * its agent's group, else by itself. `then` gives p's verdict, at once or after VERDICT_WAIT; it asks for the admission. */
enum verdict shared_cache_ask(struct policy *p, enum verdict (*then)(struct policy *p));
/* What the call's admission has found beside or instead of all else becomes its hit, or may stand in for it later. False: it was
 * to answer the call, and cannot be read. */
bool shared_cache_take(struct call *c);
void shared_cache_cancel(struct call *c);
/* Leaves what c's call keeps. Nobody waits for it, and it may come to nothing. */
void shared_cache_leave(struct call *c, const struct cache_content *what);

/* The same of anything that has a key. */
#define SHARED_NAME_LEN (2 * SHA256_LEN)
void shared_cache_name(const struct exchange *x, const uint8_t key[CACHE_KEY_LEN], char ret[SHARED_NAME_LEN + 1]);
/* What stands there, in value, and until when. 0, -EBADMSG: it cannot be read, -ESTALE: it is over. */
int shared_cache_read(
	const struct exchange *x, const struct reuse_conf *rule, struct slice value, struct cache_content *ret);
void shared_cache_put(const struct exchange *x, struct slice name, const struct cache_content *what);
