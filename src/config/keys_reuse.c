/* SPDX-License-Identifier: Apache-2.0 */
/* keys_reuse: how long the answer to an identical call is given again, and who shares it. */
#include "config/keys.h"

#define TTL_MIN 1000000u /* ns */

const struct directive reuse_keys[] = {
        {KEY("ttl", TIME, "how long an answer is given again"), .required = true,
                DIRECTIVE_AT(struct reuse_conf, ttl_ns), .min = TTL_MIN},
        {KEY("share", CHOICE, "who is given it; others ask anew"), .words = "user agent team",
                DIRECTIVE_AT(struct reuse_conf, share), .fallback = "user"},
        {KEY("stale_if_error", TIME, "how much longer it may stand in for an upstream that fails"),
                DIRECTIVE_AT(struct reuse_conf, stale_ns), OFF("none false")},
        {0},
};

void reuse_read(struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	struct reuse_conf *reuse = base && d->stored ? (void *)((char *)base + d->offset) : NULL;
	struct directive ttl = {.name = d->name,
	        .kind = DIRECTIVE_TIME,
	        .stored = true,
	        .width = sizeof(reuse->ttl_ns),
	        .min = TTL_MIN};

	if (n && n->kind == NODE_SCALAR)
		value_read(r, &ttl, n, reuse ? &reuse->ttl_ns : NULL);
	else if (n)
		value_read(r, d, n, reuse);
}
