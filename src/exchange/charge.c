/* SPDX-License-Identifier: Apache-2.0 */
/* charge: see weir/charge.h. Being in its call's list is what "not yet settled" means. */
#include <assert.h>
#include "weir/charge.h"

void charge_take(struct charge *c, const struct charge_ops *ops, uint64_t reserved, struct list *charges)
{
	assert(!c->ops || list_is_empty(&c->link));
	c->ops = ops;
	c->reserved = reserved;
	list_init(&c->link);
	list_push(charges, &c->link);
}

void charge_settle(struct charge *c, uint64_t used)
{
	if (!c->ops || list_is_empty(&c->link))
		return;
	list_unlink(&c->link);
	c->ops->settle(c, used);
}

void charge_abandon_all(struct list *charges)
{
	struct list *node;

	while ((node = list_pop(charges))) {
		struct charge *c = container_of(node, struct charge, link);
		c->ops->abandon(c);
	}
}
